package app

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin"
	"pushbutton/internal/admin/admintest"
	"pushbutton/internal/admin/auth"
	"pushbutton/internal/connections"
	"pushbutton/internal/tenants"
)

// openToAll are the operations that any valid token may use; viewersToo those
// that change nothing although their method is not GET. Whoever adds a route
// that is open decides so here as well.
func openToAll() []string  { return []string{"getDocument", "whoami"} }
func viewersToo() []string { return []string{"previewIssue"} }

// Every route of the whole program with every role, in the own tenant and in
// another one.
func TestAdminWalk(t *testing.T) {
	a, key := adminApp(t)
	handler, err := a.adminAPI(silent)
	require.NoError(t, err)
	api, ok := handler.(*admin.API)
	require.True(t, ok)
	place := func(id string) admintest.Place {
		_, err := a.tenants.CreateTenant(t.Context(), id)
		require.NoError(t, err)
		in, err := a.tenants.Tenant(id).Create(t.Context(), tenants.Integration{ID: tenants.NewID(), Name: "Engineering", Target: tenants.TargetConfig{Type: "memory"}})
		require.NoError(t, err)
		_, _, err = a.records.Push(t.Context(), connections.Key{Tenant: id, Integration: in.ID, Entity: "e-1"}, connections.Person{Name: "Jane"})
		require.NoError(t, err)
		return admintest.Place{Tenant: id, Params: map[string]string{"integration": in.ID, "token": "jti-of-nobody", "entity": "e-1"}}
	}
	found := admintest.Walk(t.Context(), admintest.Subject{
		Handler: api, Base: admin.Base, Document: api.Document(), Registered: api.Registered(),
		Own: place("acme"), Other: place("other"), Open: openToAll(), Viewers: viewersToo(),
		Token: func(tenant string, role auth.Role) string {
			token, _, err := key.Mint(auth.Grant{Subject: "jane", Tenant: tenant, Roles: []auth.Role{role}, Life: time.Hour}, time.Now())
			require.NoError(t, err)
			return token
		},
		Snapshot: func(tenant string) string {
			keys := append(a.rdb.Keys(t.Context(), "*{t:"+tenant+"}*").Val(), a.rdb.Keys(t.Context(), "*:[chx]:"+tenant+"/*").Val()...)
			slices.Sort(keys)
			var b strings.Builder
			for _, k := range keys {
				if !strings.Contains(k, ":audit") {
					fmt.Fprintln(&b, k, a.rdb.Dump(t.Context(), k).Val())
				}
			}
			return b.String()
		},
	})
	require.Empty(t, found)
	var doc struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	require.NoError(t, json.Unmarshal(api.Document(), &doc))
	n := 0
	for _, p := range doc.Paths {
		n += len(p)
	}
	t.Logf("%d operations walked", n)
}
