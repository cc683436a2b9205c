package actions

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/pushes"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

// One refused tracker credential has one side, whichever way it is found out.
func TestARefusedTrackerCredentialHasOneSide(t *testing.T) {
	mark := &tenants.Reconnect{Side: fault.SideTracker, Reason: "The token was revoked. Renew it."}
	for name, found := range map[string]func(t *testing.T) fault.Side{
		"a push that fails": func(t *testing.T) fault.Side {
			r := newRig(t)
			r.settings("wrong-key", "demo", 0)
			r.click(pbapi.TriggerPush)
			require.True(t, r.step(t.Context()))
			return r.record().Failure.Side
		},
		"its timeline": func(t *testing.T) fault.Side {
			r := newRig(t)
			r.settings("wrong-key", "demo", 0)
			r.click(pbapi.TriggerPush)
			require.True(t, r.step(t.Context()))
			events, err := r.store.History(t.Context(), r.key())
			require.NoError(t, err)
			for _, e := range events {
				if e.Outcome == fault.Unauthorized.String() {
					return e.Side
				}
			}
			return ""
		},
		"a push that waits": func(t *testing.T) fault.Side {
			r, _, _ := reconnecting(t)
			r.settings("wrong-key", "demo", 0)
			r.click(pbapi.TriggerPush)
			require.True(t, r.step(t.Context()))
			return r.record().LastFailure.Side
		},
		"a push that began before the mark": func(t *testing.T) fault.Side {
			r, _, _ := reconnecting(t)
			r.click(pbapi.TriggerPush)
			r.in.Reconnect = mark
			require.True(t, r.step(t.Context()))
			return r.record().LastFailure.Side
		},
		"a click while marked": func(t *testing.T) fault.Side {
			r, _, _ := reconnecting(t)
			r.in.Reconnect = mark
			r.click(pbapi.TriggerPush)
			return r.record().Failure.Side
		},
		"a retry while marked": func(t *testing.T) fault.Side {
			r := newRig(t)
			r.settings("wrong-key", "demo", 0)
			r.click(pbapi.TriggerPush)
			require.True(t, r.step(t.Context()))
			_, err := scope(t, r, mark).Retry(t.Context(), intID, entityID)
			require.ErrorIs(t, err, fault.Unauthorized)
			return fault.From(err).Side
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, fault.SideTracker, found(t))
		})
	}
}

// scope is what people see of the rig's pushes while its integration is marked.
func scope(t *testing.T, r *rig, mark *tenants.Reconnect) pushes.Scope {
	t.Helper()
	ring, err := secret.NewKeyring([]secret.Key{{ID: "k1", Bytes: bytes.Repeat([]byte("k"), secret.KeySize)}})
	require.NoError(t, err)
	store := tenants.NewStore(r.env.Client, ring)
	_, err = store.CreateTenant(t.Context(), r.in.Tenant)
	require.NoError(t, err)
	in := r.in
	in.Name, in.Reconnect = "Sandbox", mark
	_, err = store.Tenant(in.Tenant).Create(t.Context(), in)
	require.NoError(t, err)
	service := pushes.New(r.store, store, r, nil, nil, slog.New(slog.DiscardHandler))
	return service.Tenant(in.Tenant)
}
