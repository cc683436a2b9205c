package admin_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin"
	"pushbutton/internal/admin/auth"
	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

const publicURL = "https://push.example.com"

// integrationRig is an admin API with a simulated Productboard behind it.
type integrationRig struct {
	*rig
	fake *pbfake.Fake
	// target answers the tracker's check.
	target func(tenants.TargetConfig) error
	sweeps knownSweeps
	admin  string // a token
}

type noButtons struct{}

func (noButtons) DeleteIntegration(context.Context, string, string, func(int64)) error { return nil }

// knownSweeps are the sweeps by tenant and integration.
type knownSweeps map[string]admin.Sweep

func (s knownSweeps) Sweeps(_ context.Context, tenant string, integrations []string) ([]admin.Sweep, error) {
	var out []admin.Sweep
	for _, in := range integrations {
		out = append(out, s[tenant+"/"+in])
	}
	return out, nil
}

// lateRegistrar lets routes be made before what they need.
type lateRegistrar struct{ *register.Registrar }

func newIntegrationRig(t *testing.T, env redistest.Env) *integrationRig {
	t.Helper()
	r := &integrationRig{sweeps: knownSweeps{}, fake: pbfake.New(&pbfake.Options{Tokens: []pbfake.Token{{Value: "canary-pb"}}, RateLimit: -1})}
	t.Cleanup(r.fake.Close)
	api := httptest.NewServer(r.fake)
	t.Cleanup(api.Close)
	out := outbound.New(&outbound.Options{Unguarded: true})
	t.Cleanup(out.Close)
	client, err := pbapi.New(api.URL+"/v2", out, pbapi.NoRateLimit())
	require.NoError(t, err)
	productboard := func(in tenants.Integration) register.Session {
		return client.As(pbapi.StaticToken(in.Productboard.Token))
	}
	checkTarget := func(_ context.Context, _ string, c tenants.TargetConfig) (register.Checked, error) {
		if r.target != nil {
			return register.Checked{}, r.target(c)
		}
		return register.Checked{Caveat: "It may push twice."}, nil
	}
	opts := &register.Options{Buttons: noButtons{},
		Recipients: func(_, _ tenants.TargetConfig) (map[string]settings.Address, error) {
			return nil, nil
		},
		Preview: func(context.Context, tenants.Integration, string) (targets.Preview, error) {
			return targets.Preview{Title: "T", Text: "B", Format: text.FormatMarkdown}, nil
		},
	}
	late := &lateRegistrar{}
	r.rig = newRig(t, env, append(admin.IntegrationRoutes(late, r.sweeps), admin.ApplyRoutes(late)...)...)
	late.Registrar = register.New(r.store, publicURL, productboard, checkTarget, opts)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, err := tenants.Authenticate(req.Context(), r.store, strings.TrimPrefix(req.URL.Path, register.ActionPath), req.Header.Get("Authorization"))
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte(req.URL.Query().Get("validationToken")))
	}))
	t.Cleanup(front.Close)
	require.NoError(t, r.fake.SetEdge(publicURL, front.URL))
	_, err = r.store.CreateTenant(t.Context(), "acme")
	require.NoError(t, err)
	r.admin = r.token("acme", auth.Admin)
	return r
}

const goodIntegration = `{"name":"Engineering","buttonLabel":"Push","productboard":{"token":"canary-pb"},
	"target":{"type":"redmine","settings":{"url":"https://r.example","project":"push"},"credentials":{"apiKey":"canary-key"}}}`

func TestIntegrationsLife(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newIntegrationRig(t, env)
		must := func(status int, got reply) reply {
			t.Helper()
			require.Equal(t, status, got.status, got.raw)
			require.NotContains(t, got.raw, "canary", "no secret is given back")
			return got
		}
		got := must(http.StatusCreated, r.do(r.admin, http.MethodPost, "/tenants/acme/integrations", goodIntegration))
		path := strings.TrimPrefix(got.head.Get("Location"), admin.Base)
		id := got.body["id"].(string)
		require.Equal(t, "/tenants/acme/integrations/"+id, path)
		require.Equal(t, "active", got.body["state"])
		require.Equal(t, "It may push twice.", got.body["caveat"])
		require.Equal(t, publicURL+"/actions/"+id, got.body["actionUrl"])
		secrets := got.body["secrets"].(map[string]any)
		require.Len(t, secrets, 3)
		require.Equal(t, true, secrets["target.credentials.apiKey"].(map[string]any)["set"])
		require.NotEmpty(t, secrets["productboard.token"].(map[string]any)["lastChanged"])

		got = must(http.StatusOK, r.do(r.token("acme", auth.Viewer), http.MethodGet, path, ""))
		tag := got.head.Get("ETag")
		got = must(http.StatusOK, r.do(r.admin, http.MethodGet, "/tenants/acme/integrations", ""))
		require.Len(t, got.body["items"], 1)

		must(http.StatusPreconditionRequired, r.do(r.admin, http.MethodPatch, path, `{"buttonLabel":"Go"}`))
		must(http.StatusPreconditionFailed, r.do(r.admin, http.MethodPatch, path, `{"buttonLabel":"Go"}`, "If-Match", `"99"`))
		got = must(http.StatusOK, r.do(r.admin, http.MethodPatch, path, `{"buttonLabel":"Go","target":{"settings":{"project":null,"limit":3}}}`, "If-Match", tag))
		require.Equal(t, []any{"button label", "settings"}, got.body["changes"])
		require.Equal(t, map[string]any{"url": "https://r.example", "limit": 3.0}, got.body["target"].(map[string]any)["settings"])
		require.Equal(t, "Go", r.fake.Integrations()[0].Label)
		in, err := r.store.ByID(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, "canary-key", in.Target.Credentials["apiKey"].Reveal(), "what a patch does not name stays, secrets too")

		require.Equal(t, map[string]any{"enabled": true, "onDeleted": "show"}, got.body["refresh"])
		got = must(http.StatusOK, r.do(r.admin, http.MethodPatch, path, `{"refresh":{"onDeleted":"reset"}}`, "If-Match", "*"))
		require.Equal(t, []any{"settings"}, got.body["changes"])
		must(http.StatusOK, r.do(r.admin, http.MethodPatch, path, `{"refresh":{"enabled":false}}`, "If-Match", "*"))
		got = must(http.StatusOK, r.do(r.admin, http.MethodGet, path, ""))
		require.Equal(t, map[string]any{"enabled": false, "onDeleted": "reset"}, got.body["refresh"])
		got = must(http.StatusOK, r.do(r.admin, http.MethodPatch, path, `{"refresh":null}`, "If-Match", "*"))
		require.Equal(t, map[string]any{"enabled": true, "onDeleted": "show"}, got.body["refresh"])

		require.Equal(t, "auto", got.body["hooks"])
		got = must(http.StatusOK, r.do(r.admin, http.MethodPatch, path, `{"hooks":"manual"}`, "If-Match", "*"))
		require.Equal(t, []any{"settings"}, got.body["changes"])
		require.Equal(t, "manual", got.body["hooks"])
		got = must(http.StatusOK, r.do(r.admin, http.MethodPatch, path, `{"hooks":null}`, "If-Match", "*"))
		require.Equal(t, "auto", got.body["hooks"])

		got = must(http.StatusOK, r.do(r.admin, http.MethodPost, path+"/disable", ""))
		require.Equal(t, "disabled", got.body["state"])
		got = must(http.StatusOK, r.do(r.admin, http.MethodPost, path+"/enable", ""))
		require.Equal(t, "active", got.body["state"])
		got = must(http.StatusOK, r.do(r.admin, http.MethodPost, path+"/rotate-action-secret", ""))
		require.NotContains(t, got.body, "rotating")
		got = must(http.StatusOK, r.do(r.admin, http.MethodPost, path+"/check", ""))
		require.Equal(t, true, got.body["ok"])
		got = must(http.StatusOK, r.do(r.token("acme", auth.Viewer), http.MethodPost, path+"/preview", `{"entity":"6f1f5a0e-6d0b-4b0e-9b5e-3c1d8f0a7e42"}`))
		require.Equal(t, map[string]any{"title": "T", "body": "B", "format": "markdown", "labels": []any{}, "fields": []any{}, "warnings": []any{}}, got.body)

		got = must(http.StatusUnprocessableEntity, r.do(r.admin, http.MethodDelete, path+"?confirm=other", ""))
		_, fields := got.problem()
		require.Equal(t, []string{"query.confirm"}, fields)
		require.Len(t, r.fake.Integrations(), 1)
		must(http.StatusNoContent, r.do(r.admin, http.MethodDelete, path+"?confirm=Engineering", ""))
		require.Empty(t, r.fake.Integrations())
		must(http.StatusNotFound, r.do(r.admin, http.MethodGet, path, ""))
		must(http.StatusNotFound, r.do(r.admin, http.MethodDelete, path+"?confirm=Engineering", ""))
	})
}

func TestIntegrationsSayWhenTheirIssuesWereRead(t *testing.T) {
	r := newIntegrationRig(t, redistest.Mini(t))
	ids := map[string]string{}
	for _, name := range []string{"Engineering", "Support"} {
		got := r.do(r.admin, http.MethodPost, "/tenants/acme/integrations", strings.Replace(goodIntegration, "Engineering", name, 1))
		require.Equal(t, http.StatusCreated, got.status, got.raw)
		ids[name] = got.body["id"].(string)
	}
	r.sweeps["acme/"+ids["Support"]] = admin.Sweep{Ended: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Stopped: "Redmine cannot be reached."}
	want := map[string]any{"enabled": true, "onDeleted": "show", "lastSweep": "2026-01-02T03:04:05Z", "stopped": "Redmine cannot be reached."}

	got := r.do(r.admin, http.MethodGet, "/tenants/acme/integrations/"+ids["Support"], "")
	require.Equal(t, want, got.body["refresh"], got.raw)
	items := r.do(r.admin, http.MethodGet, "/tenants/acme/integrations", "").body["items"].([]any)
	require.Len(t, items, 2)
	require.Equal(t, map[string]any{"enabled": true, "onDeleted": "show"}, items[0].(map[string]any)["refresh"], "there was no sweep yet")
	require.Equal(t, want, items[1].(map[string]any)["refresh"])
	got = r.do(r.admin, http.MethodPatch, "/tenants/acme/integrations/"+ids["Support"], `{"refresh":{"lastSweep":"2026-01-02T03:04:05Z"}}`, "If-Match", "*")
	require.Equal(t, http.StatusUnprocessableEntity, got.status, "it cannot be set")
}

// Every wrong field is named by its path in the body, whoever found it wrong.
func TestIntegrationFieldsAreNamed(t *testing.T) {
	r := newIntegrationRig(t, redistest.Mini(t))
	r.target = func(c tenants.TargetConfig) error {
		if c.Settings["project"] == "push" {
			return nil
		}
		return settings.FieldErrors{{Path: "settings.project", Message: "is required"}, {Path: "credentials.apiKey", Message: "is odd"}}
	}
	created := r.do(r.admin, http.MethodPost, "/tenants/acme/integrations", goodIntegration)
	require.Equal(t, http.StatusCreated, created.status, created.raw)
	path := "/tenants/acme/integrations/" + created.body["id"].(string)
	change := func(from, to string) string {
		body := strings.Replace(strings.Replace(goodIntegration, "Engineering", "Support", 1), from, to, 1)
		require.Contains(t, goodIntegration, from)
		return body
	}
	for name, tc := range map[string]struct {
		method, path, body, problem string
		fields                      []string
	}{
		"schema":          {http.MethodPost, "/tenants/acme/integrations", change(`"buttonLabel":"Push"`, `"buttonLabel":"much too long","answer":"v3","type":"x","colour":1`), "validation", []string{"answer", "buttonLabel", "colour", "type"}},
		"refresh":         {http.MethodPost, "/tenants/acme/integrations", change(`"buttonLabel":"Push"`, `"buttonLabel":"Push","refresh":{"enabled":1,"onDeleted":"hide","often":true}`), "validation", []string{"refresh.enabled", "refresh.often", "refresh.onDeleted"}},
		"hooks":           {http.MethodPatch, path, `{"hooks":"on"}`, "validation", []string{"hooks"}},
		"refresh patched": {http.MethodPatch, path, `{"refresh":{"onDeleted":"hide"}}`, "validation", []string{"refresh.onDeleted"}},
		"blank":           {http.MethodPost, "/tenants/acme/integrations", change(`"buttonLabel":"Push"`, `"buttonLabel":" "`), "validation", []string{"buttonLabel"}},
		"no credential":   {http.MethodPost, "/tenants/acme/integrations", change(`{"token":"canary-pb"}`, `{}`), "validation", []string{"productboard"}},
		"two credentials": {http.MethodPost, "/tenants/acme/integrations", change(`"canary-pb"}`, `"canary-pb","oauth":{"clientId":"c"}}`), "validation", []string{"productboard"}},
		"a bad key":       {http.MethodPost, "/tenants/acme/integrations", change(`{"token":"canary-pb"}`, `{"jwt":{"clientId":"c","subject":"u","privateKey":"canary"}}`), "validation", []string{"productboard.jwt.privateKey"}},
		"the tracker's":   {http.MethodPost, "/tenants/acme/integrations", change(`,"project":"push"`, ``), "validation", []string{"target.settings.project", "target.credentials.apiKey"}},
		"a refused token": {http.MethodPost, "/tenants/acme/integrations", change(`canary-pb`, `canary-no`), "unauthorized", []string{"productboard.token"}},
		"both sides": {http.MethodPost, "/tenants/acme/integrations", change(`canary-pb"},
	"target":{"type":"redmine","settings":{"url":"https://r.example","project":"push"`, `canary-no"},"target":{"type":"redmine","settings":{"url":"https://r.example"`),
			"unauthorized", []string{"target.settings.project", "target.credentials.apiKey", "productboard.token"}},
		"a taken name":      {http.MethodPost, "/tenants/acme/integrations", goodIntegration, "conflict", []string{"name"}},
		"another tracker":   {http.MethodPatch, path, `{"target":{"type":"jira"}}`, "validation", []string{"target.type"}},
		"a required one":    {http.MethodPatch, path, `{"name":null}`, "validation", []string{"name"}},
		"two by a patch":    {http.MethodPatch, path, `{"productboard":{"oauth":{"clientId":"c"}}}`, "validation", []string{"productboard"}},
		"an unknown column": {http.MethodPost, "/tenants/acme/integrations/import", strings.Replace(goodIntegration, `"name":"Engineering","buttonLabel":"Push"`, `"productboardId":"6f1f5a0e-6d0b-4b0e-9b5e-3c1d8f0a7e42"`, 1), "not-found", []string{"productboardId"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := r.do(r.admin, tc.method, tc.path, tc.body, "If-Match", "*")
			problem, fields := got.problem()
			require.Equal(t, tc.problem, problem, got.raw)
			require.ElementsMatch(t, tc.fields, fields, got.raw)
			require.NotContains(t, got.raw, "canary")
		})
	}
	require.Len(t, r.fake.Integrations(), 1)
}

func TestIntegrationIsImported(t *testing.T) {
	r := newIntegrationRig(t, redistest.Mini(t))
	created := r.do(r.admin, http.MethodPost, "/tenants/acme/integrations", goodIntegration)
	require.Equal(t, http.StatusCreated, created.status, created.raw)
	theirs := r.fake.Integrations()[0]
	// Another deployment's record of it, as far as this one is concerned.
	in, err := r.store.ByID(t.Context(), created.body["id"].(string))
	require.NoError(t, err)
	require.NoError(t, r.store.Tenant("acme").Delete(t.Context(), in.ID, in.Version))
	r.fake.Seed(1)
	require.True(t, r.fake.SetState(theirs.ID, r.fake.Entities()[0].ID, pbfake.State{Name: "progress"}))

	got := r.do(r.admin, http.MethodPost, "/tenants/acme/integrations/import", `{"productboardId":"`+theirs.ID+`","answer":"v1","refresh":{"onDeleted":"reset"},"productboard":{"token":"canary-pb"},
		"target":{"type":"redmine","settings":{"project":"push"},"credentials":{"apiKey":"canary-key"}}}`)
	require.Equal(t, http.StatusCreated, got.status, got.raw)
	require.Equal(t, "Engineering", got.body["name"])
	require.Equal(t, "v1", got.body["answer"])
	require.Equal(t, map[string]any{"enabled": true, "onDeleted": "reset"}, got.body["refresh"])
	require.Equal(t, map[string]any{"connected": 0.0, "progress": 1.0, "error": 0.0, "linked": 0.0}, got.body["buttons"])
	require.Equal(t, publicURL+"/actions/"+got.body["id"].(string), r.fake.Integrations()[0].ActionURL)
	require.NotContains(t, got.raw, "canary")
}

func TestIntegrationNeedsReconnect(t *testing.T) {
	r := newIntegrationRig(t, redistest.Mini(t))
	created := r.do(r.admin, http.MethodPost, "/tenants/acme/integrations", goodIntegration)
	in, err := r.store.ByID(t.Context(), created.body["id"].(string))
	require.NoError(t, err)
	_, err = r.store.NeedReconnect(t.Context(), in, fault.SideProductboard, "Jane must renew it.")
	require.NoError(t, err)
	r.fake.RevokeToken("canary-pb")
	r.fake.AddToken(pbfake.Token{Value: "canary-new"})
	path := "/tenants/acme/integrations/" + in.ID
	got := r.do(r.admin, http.MethodGet, path, "")
	require.Equal(t, "needs_reconnect", got.body["state"])
	require.Equal(t, "Jane must renew it.", got.body["reconnect"].(map[string]any)["reason"])
	got = r.do(r.admin, http.MethodPost, path+"/check", "")
	require.Equal(t, false, got.body["ok"])
	got = r.do(r.admin, http.MethodPost, path+"/rotate-action-secret", "")
	name, _ := got.problem()
	require.Equal(t, "conflict", name)
	got = r.do(r.admin, http.MethodPatch, path, `{"productboard":{"token":"canary-new"}}`, "If-Match", "*")
	require.Equal(t, http.StatusOK, got.status, got.raw)
	require.Equal(t, "active", got.body["state"])
}
