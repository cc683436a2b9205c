package app

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/refresh"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

func withHook(t *testing.T, a *App) tenants.Integration {
	t.Helper()
	_, err := a.tenants.CreateTenant(t.Context(), "acme")
	require.NoError(t, err)
	in, err := a.tenants.Tenant("acme").Create(t.Context(), tenants.Integration{ID: tenants.NewID(), Name: "E", ActionAuth: secret.New("Bearer x"), Target: tenants.TargetConfig{Type: "redmine"}})
	require.NoError(t, err)
	in, err = a.tenants.SetHook(t.Context(), "acme", in.ID, func(h *tenants.Hook) bool {
		h.Token, h.Secret, h.Former, h.FormerUntil = secret.New("token"), secret.New("secret"), secret.New("former"), time.Unix(1, 0).UTC()
		return true
	})
	require.NoError(t, err)
	return in
}

// What webhooks told of a deleted integration names issues, and goes with it.
func TestADeletedIntegrationLeavesNoHints(t *testing.T) {
	env := redistest.Mini(t)
	a := appWith(t, env, "a1")
	in := withHook(t, a)
	_, err := a.hints.Add(t.Context(), refresh.Hint{Tenant: "acme", Integration: in.ID, Delivery: "one", Issues: []string{"7"}})
	require.NoError(t, err)
	require.NotEmpty(t, env.Keys(t, "pb:{hooks}:*"))
	require.NoError(t, a.Registrar().Delete(t.Context(), "acme", in.ID, register.Deletion{Confirm: "E", KeepAtProductboard: true}))
	require.Empty(t, env.Keys(t, "pb:{hooks}:*"))
}

// A webhook's secrets get the new key as all others do.
func TestKeysOfWebhooksAreRotated(t *testing.T) {
	env := redistest.Mini(t)
	in := withHook(t, appWith(t, env, "a1"))
	require.NoError(t, appWith(t, env, "b2", "a1").RotateKeys(t.Context(), io.Discard))
	got, err := appWith(t, env, "b2").tenants.ByID(t.Context(), in.ID)
	require.NoError(t, err)
	require.Equal(t, in.Hook, got.Hook)
}
