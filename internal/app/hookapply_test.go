package app

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/config"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/targets/memtarget"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

// hookRig is an App that is reached through the sandbox's edge, and counts what its
// tracker is asked about webhooks.
type hookRig struct {
	t       *testing.T
	app     *App
	box     *Sandbox
	address string
	asked   atomic.Int64
}

func newHookRig(t *testing.T) *hookRig {
	t.Helper()
	r := &hookRig{t: t}
	var handler http.Handler
	box := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		if strings.Contains(req.URL.Path, "/hooks") {
			r.asked.Add(1)
		}
		handler.ServeHTTP(rw, req)
	}))
	t.Cleanup(box.Close)
	r.address = box.URL
	r.box = NewSandbox(r.address, 1, 1)
	t.Cleanup(r.box.Close)
	handler = r.box.Handler()
	cfg, err := config.Load(config.Sources{Flags: map[string]string{
		"outbound-allow": "127.0.0.0/8", "public-url": SandboxOrigin, "productboard-api-url": r.address + "/v2",
		"encryption-keys": "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
	}})
	require.NoError(t, err)
	r.app, err = New(cfg, redistest.Mini(t).Client, slog.New(slog.DiscardHandler), "test")
	require.NoError(t, err)
	t.Cleanup(r.app.Close)
	front, err := r.app.Front()
	require.NoError(t, err)
	srv := httptest.NewServer(front)
	t.Cleanup(srv.Close)
	require.NoError(t, r.box.Productboard.SetEdge(SandboxOrigin, srv.URL))
	return r
}

// apply declares the demo's integration with a mode, and returns what the report says
// of its webhook, and how often the tracker was asked about webhooks.
func (r *hookRig) apply(mode tenants.HookMode) (said string, asked int64) {
	r.t.Helper()
	before := r.asked.Load()
	declaration := demoDeclaration(r.address)
	declaration.Tenants[0].Integrations[0].Integration.Hooks = mode
	report, err := r.app.Registrar().Apply(r.t.Context(), declaration)
	require.NoError(r.t, err)
	require.Len(r.t, report.Integrations, 1)
	return report.Integrations[0].Webhook, r.asked.Load() - before
}

func (r *hookRig) integration() tenants.Integration {
	r.t.Helper()
	var found []tenants.Integration
	for in, err := range r.app.allIntegrations(r.t.Context()) {
		require.NoError(r.t, err)
		found = append(found, in)
	}
	require.Len(r.t, found, 1)
	return found[0]
}

// hasOne requires that the tracker has the integration's webhook and no other.
func (r *hookRig) hasOne() memtarget.Hook {
	r.t.Helper()
	all := r.box.Tracker.Hooks("")
	require.Len(r.t, all, 1)
	in := r.integration()
	require.Equal(r.t, SandboxOrigin+"/hooks/"+in.ID+"/"+in.Hook.Token.Reveal(), all[0].URL)
	require.Equal(r.t, in.Hook.ID, all[0].ID)
	require.True(r.t, all[0].Active)
	return all[0]
}

// From the declaration to the tracker: exactly one webhook while one is wanted, and
// none afterwards.
func TestApplyKeepsOneWebhookAtTheTracker(t *testing.T) {
	t.Parallel()
	r := newHookRig(t)
	said, asked := r.apply(tenants.HooksAuto)
	require.Equal(t, "registered at Sandbox tracker", said)
	require.Positive(t, asked)
	first := r.hasOne()

	said, asked = r.apply(tenants.HooksAuto)
	require.Empty(t, said)
	require.Zero(t, asked, "nothing changed, so nothing is sent")
	require.Equal(t, first, r.hasOne())

	said, _ = r.apply(tenants.HooksOff)
	require.Equal(t, "removed at Sandbox tracker", said)
	require.Empty(t, r.box.Tracker.Hooks(""))
	require.Nil(t, r.integration().Hook)
	_, asked = r.apply(tenants.HooksOff)
	require.Zero(t, asked)

	r.apply(tenants.HooksAuto)
	require.NotEqual(t, first.URL, r.hasOne().URL, "another address, which nobody knows")
	in := r.integration()
	require.NoError(t, r.app.Registrar().Delete(t.Context(), in.Tenant, in.ID, register.Deletion{Confirm: in.Name}))
	require.Empty(t, r.box.Tracker.Hooks(""))
}

// The commands' service does as the keeper does, and names integrations either way.
func TestHookScope(t *testing.T) {
	t.Parallel()
	r := newHookRig(t)
	r.apply(tenants.HooksAuto)
	in := r.integration()
	scope := r.app.Hooks().Tenant(in.Tenant)
	for hook, err := range scope.List(t.Context()) {
		require.NoError(t, err)
		require.Equal(t, []string{in.ID, in.Name, "memory", "registered"}, []string{hook.ID, hook.Name, hook.Tracker, hook.State})
	}
	for _, which := range []string{in.ID, in.Name} {
		shown, err := scope.Show(t.Context(), which)
		require.NoError(t, err)
		require.Equal(t, "registered", shown.State)
	}
	before := r.integration().Hook.Secret.Reveal()
	rotated, err := scope.Rotate(t.Context(), in.Name)
	require.NoError(t, err)
	require.Equal(t, "registered", rotated.State)
	require.Empty(t, rotated.Steps, "the tracker knows")
	require.NotEqual(t, before, r.integration().Hook.Secret.Reveal())
	r.hasOne()
	asked := r.asked.Load()
	_, err = scope.Register(t.Context(), in.ID)
	require.NoError(t, err)
	require.Greater(t, r.asked.Load(), asked, "the tracker is asked in any case")
	_, err = scope.Show(t.Context(), "Nobody")
	require.ErrorContains(t, err, "neither the id nor the name")
}
