package admin_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin"
	"pushbutton/internal/admin/admintest"
	"pushbutton/internal/admin/auth"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/tenants"
)

// subject is a rig's API with two tenants.
func (r *rig) subject() admintest.Subject {
	r.t.Helper()
	place := func(tenant string) admintest.Place {
		_, err := r.store.CreateTenant(r.t.Context(), tenant)
		require.NoError(r.t, err)
		in, err := r.store.Tenant(tenant).Create(r.t.Context(), tenants.Integration{ID: tenants.NewID(), Name: "Engineering"})
		require.NoError(r.t, err)
		return admintest.Place{Tenant: tenant, Params: map[string]string{"integration": in.ID, "token": "jti-of-nobody", "entity": "e-1"}}
	}
	return admintest.Subject{
		Handler: r.api, Base: admin.Base, Document: r.api.Document(), Registered: r.api.Registered(),
		Token: r.token, Own: place("acme"), Other: place("other"), Open: []string{"getDocument", "whoami"},
		Snapshot: func(tenant string) string { return snapshot(r, tenant) },
	}
}

func snapshot(r *rig, tenant string) string {
	r.t.Helper()
	keys := r.env.Client.Keys(r.t.Context(), "*{t:"+tenant+"}*").Val()
	slices.Sort(keys)
	var b strings.Builder
	for _, key := range keys {
		if !strings.Contains(key, ":audit") {
			fmt.Fprintln(&b, key, r.env.Client.Dump(r.t.Context(), key).Val())
		}
	}
	return b.String()
}

func TestWalk(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	s := r.subject()
	require.NotEmpty(t, s.Snapshot("other"))
	require.Empty(t, admintest.Walk(t.Context(), s))
}

// The walk is worth something only if it finds what a mistake would leave
// open.
func TestWalkFindsWhatIsUnguarded(t *testing.T) {
	type ok struct {
		Name string `json:"name"`
	}
	var r *rig
	mistake := func(method, path string, role auth.Role, f func(context.Context, *admin.Call) error) admin.Route {
		return admin.Handle(admin.Route{Method: method, Path: path, Operation: "mistake", Summary: "A mistake", Tag: "Test", Role: role, Status: http.StatusOK},
			func(ctx context.Context, c *admin.Call, _, _ admin.None) (ok, error) { return ok{"x"}, f(ctx, c) })
	}
	nothing := func(context.Context, *admin.Call) error { return nil }
	for name, c := range map[string]struct {
		route     *admin.Route
		unguarded string
		found     string
	}{
		"any token will do":          {route: new(mistake(http.MethodGet, "/secrets", "", nothing)), found: "GET /secrets answers 200 to the role viewer"},
		"a viewer changes something": {route: new(mistake(http.MethodPost, "/tenants/{tenant}/x", auth.Viewer, nothing)), found: "POST /tenants/{tenant}/x answers 200 to the role viewer"},
		"past the frame":             {unguarded: "/tenants/{tenant}/x", found: "GET /admin/v1/tenants/{tenant}/x is served and not in the document"},
		"an id that is not the tenant's": {route: new(mistake(http.MethodGet, "/tenants/{tenant}/integrations/{integration}/x", auth.Viewer, func(ctx context.Context, c *admin.Call) error {
			_, err := r.store.ByID(ctx, c.Param("integration"))
			return err
		})), found: "answers 200 to the role viewer for another tenant's integration"},
		"a change of somebody else's": {route: new(mistake(http.MethodPost, "/tenants/{tenant}/x", auth.Admin, func(ctx context.Context, _ *admin.Call) error {
			_, err := r.store.Tenant("other").Alter(ctx, func(t *tenants.Tenant) { t.Name = "taken" })
			return err
		})), found: "something of the other tenant was changed"},
		"a handler that panics": {route: new(mistake(http.MethodGet, "/tenants/{tenant}/x", auth.Viewer, func(context.Context, *admin.Call) error { panic("x") })), found: "GET /tenants/{tenant}/x fails: 500"},
	} {
		t.Run(name, func(t *testing.T) {
			var extra []admin.Route
			if c.route != nil {
				extra = append(extra, *c.route)
			}
			r = newRig(t, redistest.Mini(t), extra...)
			if c.unguarded != "" {
				r.api.Unguarded(http.MethodGet, c.unguarded)
			}
			found := admintest.Walk(t.Context(), r.subject())
			require.Contains(t, strings.Join(found, "\n"), c.found)
		})
	}
	t.Run("in the document and not served", func(t *testing.T) {
		r := newRig(t, redistest.Mini(t))
		s := r.subject()
		s.Document = []byte(strings.Replace(string(s.Document), `"/whoami"`, `"/whoareyou"`, 1))
		found := strings.Join(admintest.Walk(t.Context(), s), "\n")
		require.Contains(t, found, "GET /admin/v1/whoareyou is in the document and is not served")
		require.Contains(t, found, "GET /admin/v1/whoami is served and not in the document")
	})
}

// A table of routes that is wrong is refused before anything is served.
func TestWrongTables(t *testing.T) {
	nothing := func(context.Context, *admin.Call, admin.None, admin.None) (admin.None, error) {
		return admin.None{}, nil
	}
	good := admin.Route{Method: http.MethodGet, Path: "/tenants/{tenant}/x", Operation: "x", Summary: "X", Tag: "Test", Role: auth.Viewer}
	for name, change := range map[string]func(*admin.Route){
		"no role in a tenant":     func(r *admin.Route) { r.Role = "" },
		"a tenant's role outside": func(r *admin.Route) { r.Path = "/x" },
		"an unknown role":         func(r *admin.Route) { r.Role = "root" },
		"an unknown parameter":    func(r *admin.Route) { r.Path += "/{thing}" },
		"a tenant elsewhere":      func(r *admin.Route) { r.Path = "/x/{tenant}" },
		"gone for a viewer":       func(r *admin.Route) { r.Gone = true },
		"no summary":              func(r *admin.Route) { r.Summary = "" },
		"there already":           func(r *admin.Route) { r.Operation = "whoami" },
	} {
		t.Run(name, func(t *testing.T) {
			route := good
			change(&route)
			_, err := admin.New(nil, nil, nil, nil, append(admin.TokenRoutes(nil), admin.Handle(route, nothing)), nil)
			require.Error(t, err)
		})
	}
	_, err := admin.New(nil, nil, nil, nil, []admin.Route{admin.Handle(good, nothing)}, nil)
	require.NoError(t, err)
}
