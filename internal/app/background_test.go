package app

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/tenants"
)

// A button in progress in a workspace that has moved is another deployment's.
func TestHaltedTenantsAreNotSearched(t *testing.T) {
	a := appWith(t, redistest.Mini(t), "a1")
	for _, id := range []string{"acme", "moved"} {
		_, err := a.tenants.CreateTenant(t.Context(), id)
		require.NoError(t, err)
		_, err = a.tenants.Tenant(id).Create(t.Context(), tenants.Integration{ID: tenants.NewID(), Name: "E"})
		require.NoError(t, err)
	}
	_, err := a.tenants.Tenant("moved").Alter(t.Context(), func(t *tenants.Tenant) { t.Suspended = &tenants.Suspension{} })
	require.NoError(t, err)
	var seen, all []string
	for in, err := range a.activeIntegrations(t.Context()) {
		require.NoError(t, err)
		seen = append(seen, in.Tenant)
	}
	for in, err := range a.allIntegrations(t.Context()) {
		require.NoError(t, err)
		all = append(all, in.Tenant)
	}
	require.Equal(t, []string{"acme"}, seen)
	require.Equal(t, []string{"acme", "moved"}, all)
}
