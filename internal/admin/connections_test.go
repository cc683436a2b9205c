package admin_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin"
	"pushbutton/internal/admin/audit"
	"pushbutton/internal/admin/auth"
	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/pushes"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
)

type noQueue struct{}

func (noQueue) Enqueue(context.Context, connections.Task) error { return nil }

// oneIssue is a tracker with one issue.
type oneIssue struct{}

func (oneIssue) Resolve(_ context.Context, name string) (targets.Issue, bool, error) {
	if name != "ENG-1" && name != "https://tracker.example/ENG-1" {
		return targets.Issue{}, true, fault.New(fault.NotFound, "find", "Fake has no issue "+name+".")
	}
	return targets.Issue{ID: "1", Key: "ENG-1", URL: "https://tracker.example/ENG-1", Title: "One", Status: "Open"}, true, nil
}

func (oneIssue) Read(_ context.Context, id string) (targets.Issue, bool, error) {
	if id != "1" {
		return targets.Issue{}, true, fault.New(fault.NotFound, "read", "Fake does not show it.")
	}
	return targets.Issue{ID: "1", Key: "ENG-1", URL: "https://tracker.example/ENG-1", Title: "One", Status: "Closed", Progress: targets.Done}, true, nil
}

// pushRig is an admin API with connections.
type pushRig struct {
	*rig
	service       *pushes.Service
	in            tenants.Integration
	one           string // the integration's path
	viewer, admin string // tokens
	swept         []string
}

func newPushRig(t *testing.T, env redistest.Env) *pushRig {
	t.Helper()
	ring, err := secret.NewKeyring([]secret.Key{{ID: "k1", Bytes: bytes.Repeat([]byte("k"), secret.KeySize)}})
	require.NoError(t, err)
	p := &pushRig{}
	p.service = pushes.New(connections.NewStore(env.Client, connections.Timing{}), tenants.NewStore(env.Client, ring), noQueue{},
		func(context.Context, tenants.Integration) (pushes.Tracker, error) { return oneIssue{}, nil },
		func(_ context.Context, tenant, integration string) error {
			p.swept = append(p.swept, tenant+"/"+integration)
			return nil
		}, slog.New(slog.DiscardHandler))
	p.rig = newRig(t, env, admin.ConnectionRoutes(p.service)...)
	_, err = p.store.CreateTenant(t.Context(), "acme")
	require.NoError(t, err)
	p.in, err = p.store.Tenant("acme").Create(t.Context(), tenants.Integration{ID: tenants.NewID(), Name: "Engineering", ProductboardID: "pb"})
	require.NoError(t, err)
	p.one = "/tenants/acme/integrations/" + p.in.ID
	p.viewer, p.admin = p.token("acme", auth.Viewer), p.token("acme", auth.Admin)
	return p
}

// fails is a push that ended in an error.
func (p *pushRig) fails(entity string) {
	p.t.Helper()
	_, w, err := p.records.Push(p.t.Context(), connections.Key{Tenant: "acme", Integration: p.in.ID, Entity: entity}, connections.Person{Name: "Jane", Email: "jane@example.com"})
	require.NoError(p.t, err)
	l, err := p.records.Begin(p.t.Context(), w.Key, w.Run)
	require.NoError(p.t, err)
	require.NoError(p.t, l.Failed(p.t.Context(), connections.Failure{Kind: "unavailable", Message: "Fake is away.", Side: fault.SideTracker, Ref: "req-17"}))
	_, err = l.Settled(p.t.Context())
	require.NoError(p.t, err)
}

func (p *pushRig) ok(got reply) map[string]any {
	p.t.Helper()
	require.Equal(p.t, http.StatusOK, got.status, got.raw)
	return got.body
}

func TestConnectionsLife(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		p := newPushRig(t, env)
		p.fails("e-1")
		p.fails("e-2")
		list := func(query string) []any {
			return p.ok(p.do(p.viewer, http.MethodGet, "/tenants/acme/connections"+query, ""))["items"].([]any)
		}
		require.Len(t, list(""), 2)
		require.Len(t, list("?state=error&kind=unavailable&integration=Engineering&to=2999-01-01T00:00:00Z"), 2)
		require.Empty(t, list("?state=connected"))
		first := p.ok(p.do(p.viewer, http.MethodGet, "/tenants/acme/connections?limit=1", ""))
		require.Equal(t, "e-2", first["items"].([]any)[0].(map[string]any)["entity"], "the newest change first")
		rest := p.ok(p.do(p.viewer, http.MethodGet, "/tenants/acme/connections?limit=1&cursor="+url.QueryEscape(first["next"].(string)), ""))
		require.Equal(t, "e-1", rest["items"].([]any)[0].(map[string]any)["entity"])
		require.NotContains(t, rest, "next")

		button := p.one + "/connections/e-1"
		got := p.ok(p.do(p.viewer, http.MethodGet, button, ""))
		require.Equal(t, "error", got["state"])
		require.Equal(t, map[string]any{"name": "Jane", "email": "jane@example.com"}, got["clickedBy"])
		require.Equal(t, map[string]any{"kind": "unavailable", "message": "Fake is away.", "side": "tracker", "reference": "req-17"}, got["failure"])
		var failed map[string]any
		for _, e := range got["timeline"].([]any) {
			if e := e.(map[string]any); e["what"] == "failed" {
				failed = e
			}
		}
		require.Equal(t, "open", failed["step"])
		require.Equal(t, "unavailable", failed["outcome"])
		require.Equal(t, "tracker", failed["side"])
		require.Equal(t, "req-17", failed["reference"])

		require.Equal(t, "progress", p.ok(p.do(p.admin, http.MethodPost, button+"/retry", ""))["state"])
		key := []string{"Idempotency-Key", "once"}
		done := p.do(p.admin, http.MethodPost, "/tenants/acme/connections/retry", `{"kind":"unavailable"}`, key...)
		require.EqualValues(t, 1, p.ok(done)["retried"], "e-1 is under way already")
		second := p.do(p.admin, http.MethodPost, "/tenants/acme/connections/retry", `{"kind":"unavailable"}`, key...)
		require.Equal(t, done.raw, second.raw)
		require.Equal(t, "true", second.head.Get("Idempotency-Replayed"))
		require.EqualValues(t, 0, p.ok(p.do(p.admin, http.MethodPost, "/tenants/acme/connections/retry", `{}`))["retried"])

		require.Equal(t, "initial", p.ok(p.do(p.admin, http.MethodPost, button+"/reset", ""))["state"])
		linked := p.ok(p.do(p.admin, http.MethodPost, button+"/link", `{"issue":"https://tracker.example/ENG-1"}`))
		require.Equal(t, "ENG-1", linked["issue"].(map[string]any)["key"])
		require.Len(t, list("?text=eng-1"), 1)
		require.Equal(t, "initial", p.ok(p.do(p.admin, http.MethodPost, button+"/unlink", ""))["state"])

		entries, _, err := p.log.List(t.Context(), "acme", audit.Query{Limit: 50})
		require.NoError(t, err)
		var ops []string
		for _, e := range entries {
			ops = append(ops, e.Operation+" "+e.Outcome)
			if e.Operation == "linkConnection" {
				require.Equal(t, button+"/link", e.Path)
				require.Equal(t, p.in.ID, e.Integration)
			}
		}
		require.Equal(t, []string{"unlinkConnection ok", "linkConnection ok", "resetConnection ok", "retryConnections ok", "retryConnections ok", "retryConnection ok"}, ops)
	})
}

func TestConnectionsAreRefreshed(t *testing.T) {
	p := newPushRig(t, redistest.Mini(t))
	key := connections.Key{Tenant: "acme", Integration: p.in.ID, Entity: "e-1"}
	require.NoError(t, p.records.Import(t.Context(), []connections.Entry{{Key: key, Record: connections.Record{State: connections.Connected, Generation: 1, Epoch: 1,
		Issue: &targets.Issue{ID: "1", Key: "ENG-1", URL: "https://tracker.example/ENG-1", Title: "One", Status: "Open"}}}}))
	got := p.ok(p.do(p.admin, http.MethodPost, p.one+"/connections/e-1/refresh", ""))
	require.Equal(t, "present", got["verdict"])
	require.Equal(t, true, got["changed"])
	require.Equal(t, "The button now shows the issue as it is.", got["message"])
	require.Equal(t, "Closed", got["connection"].(map[string]any)["issue"].(map[string]any)["status"])

	require.Equal(t, http.StatusForbidden, p.do(p.viewer, http.MethodPost, p.one+"/refresh", "").status)
	require.Empty(t, p.swept)
	require.Equal(t, http.StatusNoContent, p.do(p.admin, http.MethodPost, p.one+"/refresh", "").status)
	require.Equal(t, []string{"acme/" + p.in.ID}, p.swept)
}

func TestConnectionsNameWhatIsWrong(t *testing.T) {
	p := newPushRig(t, redistest.Mini(t))
	p.fails("e-1")
	foreign, err := p.store.CreateTenant(t.Context(), "other")
	require.NoError(t, err)
	hidden, err := p.store.Tenant(foreign.ID).Create(t.Context(), tenants.Integration{ID: tenants.NewID(), Name: "Hidden", ProductboardID: "pb-2"})
	require.NoError(t, err)
	button := p.one + "/connections/e-1"
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		sort               string
		fields             []string
	}{
		"state":                        {http.MethodGet, "/tenants/acme/connections?state=done", "", 422, "validation", []string{"query.state"}},
		"cursor":                       {http.MethodGet, "/tenants/acme/connections?cursor=x", "", 422, "validation", []string{"query.cursor"}},
		"times":                        {http.MethodGet, "/tenants/acme/connections?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "", 422, "validation", []string{"query.to"}},
		"unknown integration":          {http.MethodGet, "/tenants/acme/connections?integration=none", "", 422, "validation", []string{"query.integration"}},
		"another tenant's integration": {http.MethodGet, "/tenants/acme/connections?integration=" + hidden.ID, "", 422, "validation", []string{"query.integration"}},
		"in the body":                  {http.MethodPost, "/tenants/acme/connections/retry", `{"integration":"none"}`, 422, "validation", []string{"integration"}},
		"unknown issue":                {http.MethodPost, button + "/link", `{"issue":"ENG-2"}`, 422, "validation", []string{"issue"}},
		"no issue":                     {http.MethodPost, button + "/link", `{}`, 422, "validation", []string{"issue"}},
		"nobody's button":              {http.MethodGet, p.one + "/connections/e-9", "", 404, "not-found", nil},
		"nobody's button to retry":     {http.MethodPost, p.one + "/connections/e-9/retry", "", 404, "not-found", nil},
		"nobody's button to refresh":   {http.MethodPost, p.one + "/connections/e-9/refresh", "", 404, "not-found", nil},
		"an error to refresh":          {http.MethodPost, button + "/refresh", "", 409, "conflict", nil},
		"another tenant's to refresh":  {http.MethodPost, "/tenants/acme/integrations/" + hidden.ID + "/refresh", "", 404, "not-found", nil},
		"refresh by name":              {http.MethodPost, "/tenants/acme/integrations/Engineering/refresh", "", 404, "not-found", nil},
		"no such name":                 {http.MethodPost, p.one + "/connections/a%2Fb/reset", "", 404, "not-found", nil},
		"another tenant's to reset":    {http.MethodPost, "/tenants/acme/integrations/" + hidden.ID + "/connections/e-1/reset", "", 404, "not-found", nil},
		"another tenant's to link":     {http.MethodPost, "/tenants/acme/integrations/" + hidden.ID + "/connections/e-1/link", `{"issue":"ENG-1"}`, 404, "not-found", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := p.do(p.admin, c.method, c.path, c.body)
			require.Equal(t, c.status, got.status, got.raw)
			sort, fields := got.problem()
			require.Equal(t, c.sort, sort)
			require.Equal(t, c.fields, fields)
		})
	}
	for _, do := range []string{"/retry", "/reset", "/unlink", "/refresh"} {
		require.Equal(t, http.StatusForbidden, p.do(p.viewer, http.MethodPost, button+do, "").status)
	}
	in, err := p.store.Tenant("acme").Integration(t.Context(), p.in.ID)
	require.NoError(t, err)
	in.Reconnect = &tenants.Reconnect{Side: fault.SideTracker, Reason: "The token was revoked."}
	_, err = p.store.Tenant("acme").Update(t.Context(), in)
	require.NoError(t, err)
	got := p.do(p.admin, http.MethodPost, button+"/retry", "")
	require.Equal(t, http.StatusFailedDependency, got.status, got.raw)
	require.Equal(t, "The token was revoked.", got.body["detail"])
	all := p.ok(p.do(p.admin, http.MethodPost, "/tenants/acme/connections/retry", `{}`))
	require.EqualValues(t, 0, all["retried"])
	require.Equal(t, "The token was revoked.", all["skipped"].([]any)[0].(map[string]any)["reason"])
}
