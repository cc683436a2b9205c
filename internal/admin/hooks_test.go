package admin_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin"
	"pushbutton/internal/admin/audit"
	"pushbutton/internal/admin/auth"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

// handHooks are webhooks that an admin sets up.
type handHooks struct{}

func (handHooks) Hook(_ context.Context, in tenants.Integration) (admin.Hook, error) {
	return admin.Hook{Mode: string(in.HookMode()), State: "manual", LastEvent: time.Unix(0, 0).UTC()}, nil
}

func (h handHooks) RegisterHook(ctx context.Context, in tenants.Integration) (admin.HookChanged, error) {
	hook, err := h.Hook(ctx, in)
	return admin.HookChanged{Hook: hook}, err
}

func (h handHooks) RotateHook(ctx context.Context, in tenants.Integration) (admin.HookChanged, error) {
	hook, err := h.Hook(ctx, in)
	return admin.HookChanged{Hook: hook, Steps: []string{"Send it to https://push.example.com/hooks/x/token with the secret s."}}, err
}

func TestHooks(t *testing.T) {
	t.Parallel()
	r := newRig(t, redistest.Mini(t), admin.HookRoutes(handHooks{})...)
	_, err := r.store.CreateTenant(t.Context(), "acme")
	require.NoError(t, err)
	in, err := r.store.Tenant("acme").Create(t.Context(), tenants.Integration{ID: tenants.NewID(), Name: "Engineering", Type: "com.example.x", ButtonLabel: "Push",
		ActionAuth: tenants.NewActionAuth(), Productboard: tenants.APIToken(secret.New("token")), Target: tenants.TargetConfig{Type: "redmine"}})
	require.NoError(t, err)
	viewer, boss := r.token("acme", auth.Viewer), r.token("acme", auth.Admin)
	path := "/tenants/acme/integrations/" + in.ID + "/hook"

	got := r.do(viewer, http.MethodGet, path, "")
	require.Equal(t, http.StatusOK, got.status, got.raw)
	require.Equal(t, map[string]any{"mode": "auto", "state": "manual", "lastEvent": "1970-01-01T00:00:00Z", "missedSweeps": 0.0}, got.body)
	for _, verb := range []string{"/register", "/rotate"} {
		require.Equal(t, http.StatusForbidden, r.do(viewer, http.MethodPost, path+verb, "").status, "a viewer sees no address and no secret")
		got := r.do(boss, http.MethodPost, path+verb, "")
		require.Equal(t, http.StatusOK, got.status, got.raw)
		require.Equal(t, verb == "/rotate", got.body["steps"] != nil)
	}
	require.Equal(t, http.StatusNotFound, r.do(boss, http.MethodGet, "/tenants/acme/integrations/"+tenants.NewID()+"/hook", "").status)

	entries, _, err := r.log.List(t.Context(), "acme", audit.Query{Limit: 10})
	require.NoError(t, err)
	var operations []string
	for _, e := range entries {
		operations = append(operations, e.Operation)
	}
	require.Equal(t, []string{"rotateHook", "registerHook"}, operations)
}
