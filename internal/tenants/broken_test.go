package tenants_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

// A tenant's document that cannot be read is left out of lists and named; it
// hides nothing of others, and is back when it is mended.
func TestABrokenTenantHidesNoOther(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := open(t, env, "a", "b", "c", "d")
		var reports []string
		s.OnBroken(func(_ context.Context, b tenants.Broken) { reports = append(reports, b.String()) })
		_, err := s.Tenant("b").Create(t.Context(), integration("Engineering"))
		require.NoError(t, err)
		key := "pb:{t:b}:tenant"
		good := env.Client.Get(t.Context(), key).Val()
		ids := func() (out []string) {
			for after := ""; ; {
				page, next, err := s.Tenants(t.Context(), after, 2)
				require.NoError(t, err)
				for _, one := range page {
					out = append(out, one.ID)
				}
				if after = next; next == "" {
					return out
				}
			}
		}
		for _, text := range []string{"canary", "", "null", "[]", "{}", `{"id":5}`} {
			reports = nil
			require.NoError(t, env.Client.Set(t.Context(), key, text, 0).Err())
			require.Equal(t, []string{"a", "c", "d"}, ids(), "%q", text)
			require.Equal(t, []string{"a", "c", "d"}, ids())
			require.Equal(t, []string{"b"}, reports, "once")
			broken, err := s.Broken(t.Context())
			require.NoError(t, err)
			require.Len(t, broken, 1)
			require.Equal(t, "b", broken[0].String())
			require.False(t, broken[0].Since.IsZero())
			_, err = s.Tenant("b").Get(t.Context())
			require.ErrorIs(t, err, tenants.ErrBroken)
			require.Contains(t, fault.From(err).Public, "plugin doctor")
			// Its integrations count for a rotation of keys all the same.
			uses, err := s.KeyUses(t.Context())
			require.NoError(t, err)
			require.Equal(t, map[string]int{"k1": 1}, uses)

			require.NoError(t, env.Client.Set(t.Context(), key, good, 0).Err())
			broken, err = s.Broken(t.Context())
			require.NoError(t, err)
			require.Empty(t, broken)
			require.Equal(t, []string{"a", "b", "c", "d"}, ids())
		}
		require.NoError(t, env.Client.Del(t.Context(), key).Err())
		require.NoError(t, env.Client.HSet(t.Context(), key, "x", "y").Err())
		require.Equal(t, []string{"a", "c", "d"}, ids(), "a key of another type")

		both := tenants.NewStore(env.Client, keyring(t, "k2", "k1"))
		rotated, err := both.Rotate(t.Context(), func(tenants.Rotated) {})
		require.NoError(t, err, "a rotation goes on to the end")
		require.EqualValues(t, 1, rotated.Resealed)
	})
}

// So is an integration; whatever must leave nothing out is told.
func TestABrokenIntegrationHidesNoOther(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := open(t, env, "acme")
		acme := s.Tenant("acme")
		var created []tenants.Integration
		for _, name := range []string{"a", "b", "c"} {
			in, err := acme.Create(t.Context(), integration(name))
			require.NoError(t, err)
			created = append(created, in)
		}
		require.NoError(t, acme.Whole(t.Context()))
		key := "pb:{t:acme}:integrations"
		good := env.Client.HGet(t.Context(), key, created[1].ID).Val()
		for _, text := range []string{"canary", "", "null", "{}", `{"id":5}`} {
			require.NoError(t, env.Client.HSet(t.Context(), key, created[1].ID, text).Err())
			page, next, err := acme.Integrations(t.Context(), "", 0)
			require.NoError(t, err, "%q", text)
			require.Empty(t, next)
			require.Equal(t, []tenants.Integration{created[0], created[2]}, page)
			broken, err := s.Broken(t.Context())
			require.NoError(t, err)
			require.Equal(t, "acme/"+created[1].ID, broken[0].String())
			err = acme.Whole(t.Context())
			require.ErrorIs(t, err, tenants.ErrBroken)
			require.Contains(t, fault.From(err).Public, created[1].ID)
			_, err = acme.Integration(t.Context(), created[1].ID)
			require.ErrorIs(t, err, tenants.ErrBroken)
		}
		require.NoError(t, env.Client.HSet(t.Context(), key, created[1].ID, good).Err())
		require.NoError(t, acme.Whole(t.Context()))
		broken, err := s.Broken(t.Context())
		require.NoError(t, err)
		require.Empty(t, broken)

		// What another key has sealed cannot be opened, and is named as well.
		ring, err := secret.NewKeyring([]secret.Key{{ID: "k2", Bytes: make([]byte, secret.KeySize)}})
		require.NoError(t, err)
		other := tenants.NewStore(env.Client, ring)
		page, _, err := other.Tenant("acme").Integrations(t.Context(), "", 0)
		require.NoError(t, err)
		require.Empty(t, page)
		broken, err = other.Broken(t.Context())
		require.NoError(t, err)
		require.Len(t, broken, 3)
	})
}
