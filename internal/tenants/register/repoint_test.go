package register_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/tenants/register"
)

// After a move the registrar has another public address.
func TestRepoint(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	r.tenant()
	first, second := r.create("Engineering"), r.create("Support")
	require.False(t, r.reg.PointsElsewhere(first))
	report, err := r.reg.Repoint(t.Context(), "acme")
	require.NoError(t, err)
	require.Empty(t, report.Integrations, "nothing has moved")

	r.move("https://new.example.com")
	require.NoError(t, r.fake.SetEdge(r.publicURL, r.front.URL))
	require.True(t, r.reg.PointsElsewhere(first))
	probes := r.probes.Load()
	report, err = r.reg.Repoint(t.Context(), "acme")
	require.NoError(t, err)
	require.Len(t, report.Integrations, 2)
	require.Equal(t, probes+2, r.probes.Load(), "each is probed at the new address")
	for _, res := range report.Integrations {
		require.Equal(t, register.Updated, res.State)
		require.Equal(t, []string{"action"}, res.Changes)
	}
	for _, in := range r.fake.Integrations() {
		require.Contains(t, in.ActionURL, "https://new.example.com/actions/")
	}
	report, err = r.reg.Repoint(t.Context(), "acme")
	require.NoError(t, err)
	require.Empty(t, report.Integrations)

	gone := r.stored(second.ID)
	gone.ProductboardID, gone.Registered = "00000000-0000-4000-8000-000000000000", ""
	_, err = r.store.Tenant("acme").Update(t.Context(), gone)
	require.NoError(t, err)
	report, err = r.reg.Repoint(t.Context(), "acme")
	require.Error(t, err)
	require.Len(t, report.Integrations, 1)
	require.Equal(t, register.Failed, report.Integrations[0].State)
}
