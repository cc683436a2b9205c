package register_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/tenants/register"
)

// After a move the registrar has another public address.
func TestRepoint(t *testing.T) {
	w := newWorld(t, redistest.Mini(t))
	w.tenant()
	first, second := w.create("Engineering"), w.create("Support")
	require.False(t, w.reg.PointsElsewhere(first))
	report, err := w.reg.Repoint(t.Context(), "acme")
	require.NoError(t, err)
	require.Empty(t, report.Integrations, "nothing has moved")

	w.move("https://new.example.com")
	require.NoError(t, w.fake.SetEdge(w.publicURL, w.front.URL))
	require.True(t, w.reg.PointsElsewhere(first))
	probes := w.probes.Load()
	report, err = w.reg.Repoint(t.Context(), "acme")
	require.NoError(t, err)
	require.Len(t, report.Integrations, 2)
	require.Equal(t, probes+2, w.probes.Load(), "each is probed at the new address")
	for _, res := range report.Integrations {
		require.Equal(t, register.Updated, res.State)
		require.Equal(t, []string{"action"}, res.Changes)
	}
	for _, in := range w.fake.Integrations() {
		require.Contains(t, in.ActionURL, "https://new.example.com/actions/")
	}
	report, err = w.reg.Repoint(t.Context(), "acme")
	require.NoError(t, err)
	require.Empty(t, report.Integrations)

	gone := w.stored(second.ID)
	gone.ProductboardID, gone.Registered = "00000000-0000-4000-8000-000000000000", ""
	_, err = w.store.Tenant("acme").Update(t.Context(), gone)
	require.NoError(t, err)
	report, err = w.reg.Repoint(t.Context(), "acme")
	require.Error(t, err)
	require.Len(t, report.Integrations, 1)
	require.Equal(t, register.Failed, report.Integrations[0].State)
}
