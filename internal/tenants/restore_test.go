package tenants_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/tenants"
)

func TestRestore(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := t.Context()
		s := open(t, env, "acme", "other")
		acme := s.Tenant("acme")
		in := integration("Engineering")
		in.Version, in.CreatedAt, in.UpdatedAt = 7, time.Unix(1, 0).UTC(), time.Unix(2, 0).UTC()
		in.Reconnect = &tenants.Reconnect{Side: fault.SideTracker, Reason: "Renew the key.", Since: time.Unix(3, 0).UTC()}

		require.NoError(t, acme.Restore(ctx, in))
		got, err := s.ByID(ctx, in.ID)
		require.NoError(t, err)
		require.Equal(t, "acme", got.Tenant)
		require.EqualValues(t, 7, got.Version)
		require.Equal(t, in.CreatedAt, got.CreatedAt)
		require.Equal(t, in.UpdatedAt, got.UpdatedAt)
		require.Equal(t, in.Reconnect.Reason, got.Reconnect.Reason)
		marked, err := s.Reconnecting(ctx)
		require.NoError(t, err)
		require.Equal(t, []string{in.ID}, marked, "what waits for the credential is woken here as well")

		changed := in
		changed.Name = "Another name"
		require.NoError(t, acme.Restore(ctx, changed), "may be repeated")
		got, err = s.ByID(ctx, in.ID)
		require.NoError(t, err)
		require.Equal(t, "Engineering", got.Name, "and leaves what is there")

		require.ErrorIs(t, s.Tenant("other").Restore(ctx, in), fault.Conflict, "an id belongs to one tenant")
		holder, err := s.Holder(ctx, in.ID)
		require.NoError(t, err)
		require.Equal(t, "acme", holder)

		duplicate := integration("Engineering")
		duplicate.Version = 1
		require.ErrorIs(t, acme.Restore(ctx, duplicate), fault.Conflict, "so does a name")
		holder, err = s.Holder(ctx, duplicate.ID)
		require.NoError(t, err)
		require.Empty(t, holder, "an entry of the index that leads nowhere names nobody")

		duplicate.Name = "Duplicate"
		require.ErrorIs(t, s.Tenant("nobody").Restore(ctx, duplicate), fault.NotFound)
		duplicate.ID = "../x"
		require.ErrorIs(t, acme.Restore(ctx, duplicate), fault.Invalid)
	})
}
