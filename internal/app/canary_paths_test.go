package app

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/config"
	"pushbutton/internal/admin/auth"
	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/pushes"
	"pushbutton/internal/richtext"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/catalog"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

// echo answers with everything that it was sent, in every form and in every
// place where a tracker's or Productboard's answer has text.
func echo(w http.ResponseWriter, r *http.Request, status int, shape string) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	var said []string
	for name, values := range r.Header {
		if name == "Authorization" || strings.Contains(strings.ToLower(name), "key") || strings.Contains(strings.ToLower(name), "token") {
			v := values[0]
			said = append(said, v, base64.StdEncoding.EncodeToString([]byte(v)), hex.EncodeToString([]byte(v)), url.QueryEscape(v))
			if _, plain, ok := r.BasicAuth(); ok {
				said = append(said, plain)
			}
		}
	}
	said = append(said, r.URL.String(), string(body))
	text := strings.Join(said, " ")
	for _, h := range []string{"X-Request-Id", "X-Arequestid", "X-Github-Request-Id", "Www-Authenticate", "Retry-After", "Location"} {
		w.Header().Set(h, strings.NewReplacer("\n", " ", "\r", " ").Replace(text[:min(len(text), 2000)]))
	}
	one := map[string]any{"message": text, "detail": text, "title": text, "code": text, "help": text, "resource": text, "field": text, "id": text, "source": map[string]any{"pointer": text}}
	all := map[string]any{"id": text, "message": text, "error": text, "error_description": text, "errorMessages": []string{text}, "Message": text, "typeKey": text}
	switch shape {
	case "objects":
		all["errors"] = []any{one}
	case "strings":
		all["errors"] = []string{text}
	case "map":
		all["errors"] = map[string]any{"project": text, text: text}
	case "text":
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(all)
}

// canaryRig is a whole plugin in this process with a secret in every place
// that takes one.
type canaryRig struct {
	t        *testing.T
	c        *canaries
	out      *sink // everything that anybody can read
	app      *App
	box      *Sandbox
	mini     *miniredis.Miniredis
	address  string
	adminKey secret.String
	// productboard and tracker, if set, answer with an echo of this status.
	productboard, tracker atomic.Int64
	// tokens, if set, is how the token endpoint answers: 200 gives tokens, all
	// else is an echo.
	tokens atomic.Int64
}

func newCanaryRig(t *testing.T) *canaryRig {
	t.Helper()
	r := &canaryRig{t: t, c: &canaries{forms: map[string]string{}}, out: &sink{}}
	r.mini = miniredis.NewMiniRedis()
	redisPassword := r.c.plant("Redis password")
	r.mini.RequireAuth(redisPassword)
	require.NoError(t, r.mini.Start())
	t.Cleanup(r.mini.Close)
	// Its times to live do not pass by themselves, and turns are taken by them.
	ended := make(chan struct{})
	t.Cleanup(func() { close(ended) })
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
				r.mini.FastForward(100 * time.Millisecond)
			}
		}
	}()

	egress := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("X-Echo", req.Header.Get("Proxy-Authorization"))
		http.Error(w, "refused: "+req.Header.Get("Proxy-Authorization"), http.StatusProxyAuthRequired)
	}))
	t.Cleanup(egress.Close)

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r.address = "http://" + ln.Addr().String()
	r.box = NewSandbox(r.address, devItems, 1)
	t.Cleanup(r.box.Close)
	require.NoError(t, r.box.Productboard.SetEdge(SandboxOrigin, r.address))

	admin := r.c.plantRaw("admin JWT key", 48)
	r.adminKey = secret.New(string(admin))
	proxy := &url.URL{Scheme: "http", User: url.UserPassword("egress", r.c.plant("proxy password")), Host: egress.Listener.Addr().String()}
	cfg, err := config.Load(config.Sources{Defaults: map[string]string{
		"PLUGIN_LISTEN": "127.0.0.1:0", "PLUGIN_OPS_LISTEN": "127.0.0.1:0", "PLUGIN_DRAIN_DELAY": "0s", "PLUGIN_SHUTDOWN_TIMEOUT": "2s",
		"PLUGIN_PUBLIC_URL": SandboxOrigin, "PLUGIN_PRODUCTBOARD_API_URL": r.address + "/v2", "PLUGIN_PRODUCTBOARD_APP_URL": r.address, "PLUGIN_OUTBOUND_ALLOW": "127.0.0.0/8",
		"PLUGIN_REDIS_URL":              "redis://:" + url.QueryEscape(redisPassword) + "@" + r.mini.Addr(),
		"PLUGIN_ENCRYPTION_KEYS":        "k1:" + base64.StdEncoding.EncodeToString(r.c.plantRaw("encryption key", secret.KeySize)),
		"PLUGIN_GITHUB_APP_HOOK_SECRET": r.c.plant("GitHub App's webhook secret"),
		"PLUGIN_OUTBOUND_PROXY":         proxy.String(), "PLUGIN_ADMIN_JWT_KEY": base64.StdEncoding.EncodeToString(admin),
	}})
	require.NoError(t, err)
	r.out.add("%v %+v %#v", cfg, cfg, cfg)
	r.run(cfg, ln)
	return r
}

func (r *canaryRig) run(cfg config.Config, ln net.Listener) {
	behind := r.box.Handler()
	extra := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case strings.HasPrefix(req.URL.Path, "/v2/") && r.productboard.Load() > 0:
			echo(w, req, int(r.productboard.Load()), "objects")
		case strings.HasPrefix(req.URL.Path, "/oauth2/"):
			r.tokenEndpoint(w, req)
		case strings.HasPrefix(req.URL.Path, trackerPath+"/api/") && r.tracker.Load() > 0:
			echo(w, req, int(r.tracker.Load()), "objects")
		default:
			behind.ServeHTTP(w, req)
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan *App, 1), make(chan error, 1)
	go func() {
		ended <- Program{Config: cfg, Roles: Roles{API: true, Worker: true}, Log: r.out.logger(), Version: "test", Listener: ln, Embedded: true, Extra: extra,
			Started: func(_ context.Context, a *App, _ string) error { ready <- a; return nil }}.Run(ctx)
	}()
	r.t.Cleanup(func() {
		cancel()
		require.NoError(r.t, <-ended)
	})
	select {
	case r.app = <-ready:
	case err := <-ended:
		ended <- err
		require.NoError(r.t, err)
	}
}

// tell writes down an error as anybody may see it.
func (r *canaryRig) tell(what string, err error) {
	if err == nil {
		return
	}
	e := fault.From(err)
	r.out.add("%s: %s | %v | %+v | %s | %s | %s", what, err, err, e, e.Public, e.Ref, advice(err))
	r.out.logger().Error(what, "err", err, "fault", e)
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		r.out.add("%s", inner)
	}
}

// quiet fails if anything that was written so far holds a secret.
func (r *canaryRig) quiet(step string) {
	r.t.Helper()
	metrics := httptest.NewRecorder()
	r.app.metrics.Handler().ServeHTTP(metrics, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	var buttons strings.Builder
	for _, in := range r.integrations() {
		for _, c := range r.box.Productboard.Connections(in.ProductboardID) {
			fmt.Fprintf(&buttons, "%+v\n", c)
		}
	}
	for where, text := range map[string]string{
		"logs, errors and replies": r.out.String(), "metrics": metrics.Body.String(), "buttons": buttons.String(), "Redis": dump(r.t, r.app.rdb),
	} {
		if found := r.c.found(text); len(found) > 0 {
			for form, name := range r.c.forms {
				if at := strings.Index(text, form); at >= 0 {
					r.t.Logf("%s: ...%s", name, text[max(0, at-300):min(len(text), at+200)])
					break
				}
			}
			r.t.Errorf("%s: in %s: %v", step, where, found)
		}
	}
}

func (r *canaryRig) integrations() []tenants.Integration {
	var all []tenants.Integration
	for in, err := range r.app.allIntegrations(context.Background()) {
		require.NoError(r.t, err)
		all = append(all, in)
	}
	return all
}

func TestNoSecretIsSeenAnywhere(t *testing.T) {
	r := newCanaryRig(t)
	r.everyTracker()
	r.quiet("every tracker, failing in every way")
	r.egressProxy()
	r.quiet("a proxy that refuses")
	r.pushes()
	r.quiet("pushes, refused by both sides")
	r.webhooks()
	r.quiet("webhooks, of the tracker and of strangers")
	r.authorisations()
	r.quiet("OAuth and signed assertions, refused and echoed")
	r.adminAPI()
	r.quiet("the admin API")
	require.Greater(t, r.c.number, 20)
}

// everyTracker opens every kind with each of its credentials, at a server
// that echoes them, and does everything that a driver can.
func (r *canaryRig) everyTracker() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		parts := strings.SplitN(strings.TrimPrefix(req.URL.Path, "/"), "/", 3)
		var status int
		if len(parts) < 2 || parts[0] == "hang" {
			_, _ = io.Copy(io.Discard, req.Body) // only then the caller's end is noticed
			<-req.Context().Done()
			return
		}
		_, _ = fmt.Sscan(parts[0], &status)
		echo(w, req, status, parts[1])
	}))
	defer server.Close()
	for _, kind := range catalog.Kinds() {
		covered := map[string]bool{}
		var refused error
		for _, credentials := range r.credentials(kind) {
			opened := false
			for _, at := range []string{"401/objects", "403/map", "404/strings", "422/objects", "422/map", "422/strings", "429/objects", "500/text", "200/objects", "hang/x"} {
				target, err := kind.Open(r.settings(kind, credentials, server.URL+"/"+at), credentials, targets.Deps{HTTP: r.app.trHTTP, Timeout: 150 * time.Millisecond, CheckTimeout: 150 * time.Millisecond})
				r.tell("open "+kind.Type, err)
				if err != nil {
					refused = err
					continue
				}
				opened = true
				r.everything(target, strings.HasPrefix(at, "hang"))
			}
			for name := range credentials {
				covered[name] = covered[name] || opened
			}
		}
		for _, f := range kind.Credentials {
			if f.Name != settings.AnyName {
				assert.True(r.t, covered[f.Name], "%s.%s was never planted; last refusal: %v", kind.Type, f.Name, refused)
			}
		}
		require.NotEmpty(r.t, covered, kind.Type)
		r.hooks(kind)
	}
}

// credentials plants a kind's: the required ones with each of the others in
// turn, since many exclude each other.
func (r *canaryRig) credentials(kind targets.Kind) []map[string]secret.String {
	plant := func(f settings.Field) secret.String {
		name := kind.Type + "." + f.Name
		if f.Multiline {
			return secret.New(r.c.plantKey(r.t, name))
		}
		return secret.New(r.c.plant(name))
	}
	if kind.Type == "http" {
		return []map[string]secret.String{{"key": secret.New(r.c.plant("http.key"))}}
	}
	required := map[string]secret.String{}
	var others []settings.Field
	for _, f := range kind.Credentials {
		if f.Required {
			required[f.Name] = plant(f)
		} else {
			others = append(others, f)
		}
	}
	if len(others) == 0 {
		return []map[string]secret.String{required}
	}
	var out []map[string]secret.String
	for _, f := range others {
		one := map[string]secret.String{f.Name: plant(f)}
		maps.Copy(one, required)
		out = append(out, one)
	}
	return out
}

// settings are a kind's examples where they are needed.
func (r *canaryRig) settings(kind targets.Kind, credentials map[string]secret.String, server string) map[string]any {
	if kind.Type == "http" {
		auth := map[string]any{"X-Api-Key": `{{secret "key"}}`, "Authorization": `Basic {{base64 (printf "u:%s" (secret "key"))}}`}
		at := func(path string) map[string]any {
			return map[string]any{"url": server + path + `?key={{secret "key"}}`}
		}
		return map[string]any{"headers": auth, "create": at("/issues"), "read": at("/issues/{{.ID}}"), "issue": map[string]any{"id": "$.id", "status": "$.message"}}
	}
	out := map[string]any{}
	for _, f := range kind.Settings {
		if f.Required || f.Usual {
			out[f.Name] = f.Example
		}
	}
	for _, f := range kind.Settings {
		if f.Name == "url" {
			out["url"] = server
		}
	}
	switch {
	case kind.Type == "jira" && !credentials["personalAccessToken"].Empty():
		out["edition"] = "datacenter"
		delete(out, "email")
	case kind.Type == "jira" && !credentials["accessToken"].Empty():
		delete(out, "email")
		out["gatewayUrl"], out["cloudId"] = server, "11223344-a1b2-3b33-c444-def123456789"
	case kind.Type == "github" && !credentials["privateKey"].Empty():
		out["appId"], out["installationId"] = "123456", "12345678"
	}
	return out
}

// everything does all that a target can, and returns what came of it.
func (r *canaryRig) everything(target *targets.Target, once bool) {
	ctx := r.t.Context()
	draft := targets.Draft{Marker: "pb-0123456789abcdef", Title: "x", Description: richtext.Paragraph(richtext.Text("x")), Link: "https://example.com/x"}
	told := func(op string, v any, err error) {
		r.out.add("%s %+v", op, v)
		r.tell(target.Type()+" "+op, err)
	}
	told("check", nil, target.Check(ctx))
	if once {
		return
	}
	found, err := target.Find(ctx, draft.Marker)
	told("find", found, err)
	made, err := target.Create(ctx, draft)
	told("create", made, err)
	read, _, err := target.Read(ctx, "1")
	told("read", read, err)
	updated, _, err := target.Update(ctx, "1", draft)
	told("update", updated, err)
	_, err = target.Comment(ctx, "1", "x")
	told("comment", nil, err)
	_, err = target.Close(ctx, "1")
	told("close", nil, err)
	all, _, err := target.FindAll(ctx, draft.Marker)
	told("find all", all, err)
}

// egressProxy reaches for a public address through a proxy that echoes its
// credentials.
func (r *canaryRig) egressProxy() {
	_, err := r.app.trHTTP.Send(r.t.Context(), outbound.Call{Op: "read", Method: http.MethodGet, URL: "https://93.184.216.34/"})
	require.ErrorIs(r.t, err, fault.Unavailable)
	r.tell("proxy", err)
}

// pushes registers an integration, pushes, and pushes again while either side
// refuses and echoes.
func (r *canaryRig) pushes() {
	ctx := r.t.Context()
	token, key := r.c.plant("Productboard token"), r.c.plant("tracker key")
	r.box.Productboard.AddToken(pbfake.Token{Value: token})
	r.box.Tracker.AddProject("canary", secret.New(key))
	declared := register.Declaration{Tenants: []register.DesiredTenant{{ID: "demo", Integrations: []register.Desired{{Integration: tenants.Integration{
		Name: "Engineering", ButtonLabel: "Push", Productboard: tenants.APIToken(secret.New(token)), Answer: tenants.AnswerV2, OnUnlink: tenants.UnlinkComment,
		Target: tenants.TargetConfig{Type: "memory", Settings: map[string]any{"url": r.address + trackerPath, "project": "canary"},
			Credentials: map[string]secret.String{"apiKey": secret.New(key)}},
	}}}}}}
	apply := func(step string) {
		report, err := r.app.Registrar().Apply(ctx, declared)
		r.out.add("%s: %+v %v", step, report, report)
		for _, one := range report.Integrations {
			r.tell(step, one.Err)
		}
		r.tell(step, err)
	}
	for _, status := range []int64{401, 422, 500, 200} {
		r.tracker.Store(status)
		apply("apply, tracker refuses")
		r.tracker.Store(0)
		r.productboard.Store(status)
		apply("apply, Productboard refuses")
		r.productboard.Store(0)
	}
	apply("apply")
	in := r.integrations()[0]
	r.c.watch("action secret", strings.TrimPrefix(in.ActionAuth.Reveal(), "Bearer "))
	r.out.add("%v %+v %#v", in, in, in)

	var b shownBoard
	fetch(r.t, http.MethodGet, r.address+"/sandbox/api/board", nil, &b)
	click := func(i int) {
		fetch(r.t, http.MethodPost, r.address+"/sandbox/api/clicks", map[string]string{"integrationId": in.ProductboardID, "entityId": b.Entities[i].ID, "trigger": "button.push"}, nil)
	}
	shows := func(i int, states ...string) func() bool {
		return func() bool {
			s := r.box.Productboard.State(in.ProductboardID, b.Entities[i].ID).Name
			return slices.Contains(states, s)
		}
	}
	click(0)
	require.Eventually(r.t, shows(0, "connected"), 20*time.Second, 20*time.Millisecond)
	// A refused credential has the push wait; it goes on once it works again.
	repaired := func(side fault.Side, answer func(int64)) {
		marked := func() bool { return r.integrations()[0].Reconnect != nil }
		require.Eventually(r.t, marked, 60*time.Second, 20*time.Millisecond, "%s says 401", side)
		answer(0)
		_, err := r.app.tenants.Reconnected(ctx, in.Tenant, in.ID, side)
		require.NoError(r.t, err)
	}
	for i, status := range []int64{401, 403, 422} {
		r.tracker.Store(status)
		click(1 + i)
		if status == 401 {
			repaired(fault.SideTracker, r.tracker.Store)
			require.Eventually(r.t, shows(1+i, "connected"), 60*time.Second, 20*time.Millisecond)
			continue
		}
		require.Eventually(r.t, shows(1+i, "error"), 60*time.Second, 20*time.Millisecond, "tracker says %d", status)
	}
	r.tracker.Store(0)
	for i, status := range []int64{401, 422, 500} {
		before := r.out.String()
		r.productboard.Store(status)
		click(5 + i)
		require.Eventually(r.t, func() bool { return strings.Contains(r.out.String()[len(before):], b.Entities[5+i].ID) }, 60*time.Second, 20*time.Millisecond)
		if status == 401 {
			repaired(fault.SideProductboard, r.productboard.Store)
		}
	}
	r.productboard.Store(0)
	// Somebody who is not Productboard, and says what Productboard would.
	for _, auth := range []string{"", "Bearer " + r.c.plant("a guessed action secret")} {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.address+"/actions/"+in.ID, strings.NewReader(`{"data":{}}`))
		require.NoError(r.t, err)
		req.Header.Set("Authorization", auth)
		r.ask(req)
	}
	var told strings.Builder
	r.tell("doctor", r.app.Doctor(ctx, &told))
	for id, err := range r.app.TenantIDs(ctx) {
		require.NoError(r.t, err)
		page, err := r.app.Pushes().Tenant(id).List(ctx, pushes.Query{})
		r.tell("list", err)
		raw, err := json.Marshal(page)
		require.NoError(r.t, err)
		told.Write(raw)
		for _, p := range page.Pushes {
			detail, err := r.app.Pushes().Tenant(id).Get(ctx, p.Key.Integration, p.Key.Entity)
			r.tell("show", err)
			raw, err := json.Marshal(detail)
			require.NoError(r.t, err)
			told.Write(raw)
		}
	}
	r.out.add("%s", told.String())
}

// ask sends a request and writes down the reply.
func (r *canaryRig) ask(req *http.Request) (status int, body []byte) {
	resp, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	require.NoError(r.t, err)
	r.out.add("%s %s: %d %v %s", req.Method, req.URL.Path, resp.StatusCode, resp.Header, body)
	return resp.StatusCode, body
}

// adminAPI calls every operation of the API's document, reading with a good
// token, and writing what cannot be right with a secret in every field.
func (r *canaryRig) adminAPI() {
	key, err := auth.NewSharedKey(r.adminKey)
	require.NoError(r.t, err)
	token, _, err := key.Mint(auth.Grant{Subject: "jane", Roles: []auth.Role{auth.Operator}, Life: time.Hour}, time.Now())
	require.NoError(r.t, err)
	r.c.watch("admin token", token[strings.LastIndexByte(token, '.')+1:])
	const base = "/admin/v1"
	send := func(method, path, token, body string) (int, []byte) {
		req, err := http.NewRequestWithContext(r.t.Context(), method, r.address+base+path, strings.NewReader(body))
		require.NoError(r.t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("If-Match", "*")
		return r.ask(req)
	}
	status, raw := send(http.MethodGet, "/openapi.json", token, "")
	require.Equal(r.t, http.StatusOK, status)
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	require.NoError(r.t, json.Unmarshal(raw, &document))
	require.Greater(r.t, len(document.Paths), 3)
	in := r.integrations()[0]
	fill := strings.NewReplacer("{tenant}", "demo", "{integration}", in.ID, "{entity}", "e", "{id}", in.ID, "{token}", "t", base, "")
	body := func(field string) string {
		v := r.c.plant("a field of a body")
		whole, _ := json.Marshal(map[string]any{"name": "x", field: v, "productboard": map[string]any{"token": v, "clientSecret": v, "privateKey": v, "kind": "x"},
			"target": map[string]any{"type": "redmine", "settings": map[string]any{"url": "https://x", "nonsense": 1}, "credentials": map[string]any{"apiKey": v, "nonsense": v}}})
		return string(whole)
	}
	for path, operations := range document.Paths {
		for method := range operations {
			method, at := strings.ToUpper(method), fill.Replace(path)
			send(method, at, r.c.plant("a wrong admin token"), "")
			switch method {
			case http.MethodGet:
				send(method, at, token, "")
			case http.MethodDelete:
				// Refused for what it confirms, so that nothing is gone before the
				// rest was asked.
				send(method, at+"?confirm="+url.QueryEscape(r.c.plant("a parameter")), token, "")
			default:
				send(method, at, token, body("token"))
				send(method, at, token, body("secret")[1:])
			}
		}
	}
}

// A driver that panics with a credential in its hands, and one whose error is
// made of it.
func TestPanicsShowNoCredential(t *testing.T) {
	c := &canaries{forms: map[string]string{}}
	token := c.plant("token")
	out := &sink{}
	for name, do := range map[string]func(){
		"a text": func() { panic("bad token " + token) },
		"an error": func() {
			panic(fmt.Errorf("bad header %q", "Basic "+base64.StdEncoding.EncodeToString([]byte("u:"+token))))
		},
		"a value": func() { panic(struct{ token secret.String }{secret.New(token)}) },
		"config": func() {
			panic(fmt.Sprintf("%+v", targets.Config{Credentials: map[string]secret.String{"t": secret.New(token)}}))
		},
	} {
		kind := targets.Kind{Type: "k", Title: "K", Credentials: []settings.Field{{Name: "token", Secret: true}},
			New: func(targets.Config, targets.Deps) (targets.Driver, error) { return panicking{do}, nil }}
		target, err := kind.Open(nil, map[string]secret.String{"token": secret.New(token)}, targets.Deps{})
		require.NoError(t, err)
		err = target.Check(t.Context())
		require.Error(t, err)
		out.logger().Error(name, "err", err, "public", fault.From(err).Public)
		out.add("%+v", err)
		require.Empty(t, c.found(out.String()), name)
	}
}

type panicking struct{ do func() }

func (p panicking) Check(context.Context) error { p.do(); return nil }
func (p panicking) Find(context.Context, targets.Marker) (*targets.Issue, error) {
	p.do()
	return nil, nil
}
func (p panicking) Create(context.Context, targets.Draft) (targets.Issue, error) {
	p.do()
	return targets.Issue{}, nil
}
func (p panicking) Traits() targets.Traits { return targets.Traits{Name: "K"} }
