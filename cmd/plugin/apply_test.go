package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/config"
	"pushbutton/internal/admin/auth"
	"pushbutton/internal/app"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants/register"
)

// running is a whole plugin with its admin API, a simulated Productboard and a
// tracker.
type running struct {
	t       *testing.T
	app     *app.App
	address string
	key     auth.SharedKey
}

func startPlugin(t *testing.T) *running {
	t.Helper()
	raw := strings.Repeat("s", auth.MinSharedKey)
	cfg, err := config.Load(config.Sources{Defaults: map[string]string{
		"PLUGIN_ADMIN_JWT_KEY": base64.StdEncoding.EncodeToString([]byte(raw)),
		"PLUGIN_OPS_LISTEN":    "127.0.0.1:0", "PLUGIN_DRAIN_DELAY": "0s", "PLUGIN_SHUTDOWN_TIMEOUT": "2s",
	}})
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &running{t: t, address: "http://" + ln.Addr().String()}
	r.key, err = auth.NewSharedKey(secret.New(raw))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- app.Dev{Config: cfg, Listener: ln, Log: slog.New(slog.DiscardHandler), Version: "test", Ready: func(string) { close(ready) },
			Declare: func(a *app.App) (register.Declaration, error) { r.app = a; return register.Declaration{}, nil }}.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		require.NoError(t, err)
	}
	return r
}

func (r *running) token(tenant string, role auth.Role) string {
	r.t.Helper()
	token, _, err := r.key.Mint(auth.Grant{Subject: "jane", Tenant: tenant, Roles: []auth.Role{role}, Life: time.Hour}, time.Now())
	require.NoError(r.t, err)
	return token
}

// file writes a declaration of two integrations; change is pairs of texts.
func (r *running) file(tenant string, change ...string) string {
	r.t.Helper()
	text := strings.NewReplacer("TENANT", tenant, "ADDRESS", r.address).Replace(`tenants:
  - id: TENANT
    integrations:
      - name: Engineering TENANT
        button: { label: Push }
        productboard: { token: "env:PB_TOKEN" }
        target:
          type: memory
          settings: { url: "ADDRESS/tracker", project: demo }
          credentials: { apiKey: "env:TRACKER_KEY" }
      - name: Support TENANT
        enabled: false
        onUnlink: close
        button: { label: Push }
        productboard: { token: "env:PB_TOKEN" }
        target:
          type: memory
          settings: { url: "ADDRESS/tracker", project: demo }
          credentials: { apiKey: "env:TRACKER_KEY" }
`)
	for i := 0; i < len(change); i += 2 {
		require.Contains(r.t, text, change[i])
		text = strings.Replace(text, change[i], change[i+1], 1)
	}
	path := filepath.Join(r.t.TempDir(), "plugin.yaml")
	require.NoError(r.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func testEnvironment(more ...string) environment {
	vars := map[string]string{"PB_TOKEN": app.SandboxToken, "TRACKER_KEY": app.SandboxTrackerKey}
	for i := 0; i < len(more); i += 2 {
		vars[more[i]] = more[i+1]
	}
	return environment{lookup: func(name string) (string, bool) { v, ok := vars[name]; return v, ok }, all: func() []string { return nil }}
}

// over applies a file through the server.
func (r *running) over(token, file string, more ...string) (code int, out, errs string) {
	var stdout, stderr bytes.Buffer
	code = run(r.t.Context(), []string{"apply", "--server", r.address, "-f", file}, testEnvironment(append(more, "PLUGIN_ADMIN_TOKEN", token)...), &stdout, &stderr)
	for _, text := range []string{stdout.String(), stderr.String()} {
		require.NotContains(r.t, text, token)
		require.NotContains(r.t, text, app.SandboxTrackerKey)
	}
	return code, stdout.String(), stderr.String()
}

// direct applies a file on Redis, by what the command does once it is there.
func (r *running) direct(file string, more ...string) (out, errs string) {
	var stdout, stderr bytes.Buffer
	inv := &invocation{env: testEnvironment(more...), stdout: &stdout, stderr: &stderr}
	_ = inv.apply(r.t.Context(), r.app.Registrar(), r.app.ValidTarget, file, false)
	return stdout.String(), stderr.String()
}

// Both ways do the same and say the same, and each finds nothing to do after
// the other.
func TestApplyOverAServerIsApplyOnRedis(t *testing.T) {
	r := startPlugin(t)
	operator := r.token("", auth.Operator)
	anonymous := func(out, tenant string) string {
		return regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|[a-z2-7]{26}`).ReplaceAllString(strings.ReplaceAll(out, tenant, "T"), "ID")
	}
	near, far := r.file("near"), r.file("far")
	here, errs := r.direct(near)
	require.Empty(t, errs)
	code, there, errs := r.over(operator, far)
	require.Equal(t, exitOK, code, errs)
	require.Empty(t, errs)
	require.Equal(t, anonymous(here, "near"), anonymous(there, "far"))
	require.Equal(t, 2, strings.Count(there, ": created\n"), there)

	for _, file := range []string{near, far, near} {
		here, errs := r.direct(file)
		require.Empty(t, errs)
		code, there, errs := r.over(operator, file)
		require.Equal(t, exitOK, code, errs)
		require.Equal(t, here, there)
		require.Equal(t, 2, strings.Count(there, ": unchanged\n"), there)
	}

	changed := r.file("far", "label: Push", "label: Go", "project: demo }", `project: demo, labels: ["a"] }`)
	code, there, errs = r.over(r.token("far", auth.Admin), changed)
	require.Equal(t, exitOK, code, errs)
	require.Contains(t, there, "far/Engineering far: updated (button label, settings)\n")
	require.Contains(t, there, "far/Support far: unchanged\n")
	here, errs = r.direct(changed)
	require.Empty(t, errs)
	require.Equal(t, 2, strings.Count(here, ": unchanged\n"), here)

	here, _ = r.direct(r.file("far", "Engineering", "Delivery"))
	require.Contains(t, here, "far/Delivery far: created\n")
	code, there, _ = r.over(operator, changed)
	require.Equal(t, exitOK, code)
	require.Contains(t, there, "far/Delivery far: not declared\n")
}

// A mistake is told by its place in the file, and nothing is written.
func TestApplyOverAServerNamesTheFieldInTheFile(t *testing.T) {
	r := startPlugin(t)
	operator := r.token("", auth.Operator)
	for name, tc := range map[string]struct {
		change []string
		env    []string
		want   string
	}{
		"a missing setting":  {[]string{", project: demo }", " }"}, nil, ":9:11: tenants[0].integrations[0].target.settings.project: "},
		"an unknown tracker": {[]string{"type: memory", "type: memo"}, nil, ":8:11: tenants[0].integrations[0].target.type: "},
		"a refused token":    {nil, []string{"PB_TOKEN", "no-such-token"}, ":6:25: tenants[0].integrations[0].productboard.token: "},
		"before the server":  {[]string{"label: Push", "label: much too long"}, nil, ":5:19: tenants[0].integrations[0].button.label: has 13 characters, at most 10"},
	} {
		t.Run(name, func(t *testing.T) {
			file := r.file("acme", tc.change...)
			code, _, errs := r.over(operator, file, tc.env...)
			require.Equal(t, exitFailure, code)
			require.Contains(t, errs, file+tc.want)
			_, here := r.direct(file, tc.env...)
			require.Contains(t, here, file+tc.want)
		})
	}
	code, out, errs := r.over(operator, r.file("acme"))
	require.Equal(t, exitOK, code, errs)
	require.Equal(t, 2, strings.Count(out, ": created\n"), "nothing was there yet")
}

func TestApplyOverAServerSaysWhatToDo(t *testing.T) {
	r := startPlugin(t)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	page := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(page.Close)
	var leaked []string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		leaked = append(leaked, req.Header.Get("Authorization"))
	}))
	t.Cleanup(other.Close)
	moved := httptest.NewServer(http.RedirectHandler(other.URL+"/x", http.StatusTemporaryRedirect))
	t.Cleanup(moved.Close)
	operator, file := r.token("", auth.Operator), r.file("acme")
	for name, tc := range map[string]struct {
		server, token string
		code          int
		want          []string
	}{
		"a wrong token":     {r.address, operator + "x", exitFailure, []string{"does not take the token", "plugin token", "PLUGIN_ADMIN_TOKEN"}},
		"a tenant's":        {r.address, r.token("acme", auth.Admin), exitFailure, []string{"plugin token --role operator"}},
		"another tenant's":  {r.address, r.token("other", auth.Admin), exitFailure, []string{"an admin's token is good for its own tenant alone"}},
		"no token":          {r.address, "", exitUsage, []string{"PLUGIN_ADMIN_TOKEN (--token): is required"}},
		"a missing file":    {r.address, "file:/no/such/file", exitUsage, []string{"PLUGIN_ADMIN_TOKEN (--token): the file cannot be read"}},
		"two lines":         {r.address, "a b", exitUsage, []string{"the token is empty or is none"}},
		"nobody there":      {gone.URL, operator, exitFailure, []string{gone.URL + " cannot be reached", "connection refused", "Check --server"}},
		"something else":    {page.URL, operator, exitFailure, []string{"is not this plugin's admin API", "status 404", "PLUGIN_ADMIN_JWT_KEY"}},
		"a redirect":        {moved.URL, operator, exitFailure, []string{"it redirects to " + other.URL, "the token was not sent"}},
		"http to elsewhere": {"http://push.example.com", operator, exitUsage, []string{"must start with https://"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := run(t.Context(), []string{"apply", "--server", tc.server, "-f", file}, testEnvironment("PLUGIN_ADMIN_TOKEN", tc.token), &out, &errs)
			require.Equal(t, tc.code, code, errs.String())
			require.Empty(t, out.String())
			for _, want := range tc.want {
				require.Contains(t, errs.String(), want)
			}
			require.NotContains(t, errs.String(), operator)
		})
	}
	require.Empty(t, leaked)
}

func TestATokenMayStandInAFile(t *testing.T) {
	r := startPlugin(t)
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte(r.token("", auth.Operator)+"\n"), 0o600))
	var out, errs bytes.Buffer
	require.Equal(t, exitOK, run(t.Context(), []string{"apply", "--server", r.address + "/", "--token", "file:" + path, "-f", r.file("acme")}, testEnvironment(), &out, &errs), errs.String())
	require.Equal(t, exitUsage, run(t.Context(), []string{"apply", "--token", "x", "-f", "x.yaml"}, testEnvironment(), &out, &errs))
	require.Contains(t, errs.String(), "--server")
}
