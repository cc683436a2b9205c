package pbauth_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/outbound"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/pbauth"
)

// restarted is a process with sealing keys of these ids, the first of which
// seals.
func (r *rig) restarted(ids ...string) (*tenants.Store, *pbauth.Auth) {
	r.t.Helper()
	var ring []secret.Key
	for _, id := range ids {
		ring = append(ring, secret.Key{ID: id, Bytes: bytes.Repeat([]byte(id[:1]), secret.KeySize)})
	}
	keys, err := secret.NewKeyring(ring)
	require.NoError(r.t, err)
	out := outbound.New(&outbound.Options{Unguarded: true})
	r.t.Cleanup(out.Close)
	store := tenants.NewStore(r.env.Client, keys)
	return store, pbauth.New(r.env.Client, keys, store, out, pbauth.Addresses{App: r.server.URL, Public: public}, &pbauth.Options{Now: r.clock.Now})
}

// A rotation of the sealing keys takes sessions, short tokens and sign-ins
// under way along: afterwards the former key can be taken out.
func TestRotationOfTheSealingKeysTakesTokensAlong(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env, oauth(), "")
		r.connect()
		started, err := r.auth[0].Start(t.Context(), r.in, admin)
		require.NoError(t, err)
		session := func() string {
			doc, err := env.Client.HGet(t.Context(), "pb:{t:acme}:oauth:"+r.in.ID, "doc").Result()
			require.NoError(t, err)
			return doc
		}
		life := env.Client.PTTL(t.Context(), "pb:{t:acme}:oauth:"+r.in.ID).Val()

		// The record itself is sealed anew by a change; the tokens are not.
		both, _ := r.restarted("new", "k1")
		in, err := both.ByID(t.Context(), r.in.ID)
		require.NoError(t, err)
		_, err = both.Tenant("acme").Update(t.Context(), in)
		require.NoError(t, err)
		only, auth := r.restarted("new")
		missing, err := only.MissingKeys(t.Context())
		require.NoError(t, err)
		require.Equal(t, map[string]int{"k1": 1}, missing, "the tokens count")
		uses, err := both.KeyUses(t.Context())
		require.NoError(t, err)
		require.Equal(t, map[string]int{"k1": 1, "new": 1}, uses)

		rotated, err := both.Rotate(t.Context(), func(tenants.Rotated) {})
		require.NoError(t, err)
		require.Equal(t, tenants.Rotated{Tenants: 1, Integrations: 1, Resealed: 1, Older: map[string]int64{}}, rotated)
		require.NotContains(t, session(), "k1:")
		require.Greater(t, env.Client.PTTL(t.Context(), "pb:{t:acme}:oauth:"+r.in.ID).Val(), life/2, "it lives as long")
		missing, err = only.MissingKeys(t.Context())
		require.NoError(t, err)
		require.Empty(t, missing)

		token, err := auth.Source(r.in).Token(t.Context())
		require.NoError(t, err)
		require.False(t, token.Empty())
		_, err = auth.Source(r.in).Renew(t.Context(), token)
		require.NoError(t, err, "the refresh token works too")
		back := r.consent(started.AuthorizeURL)
		require.NoError(t, auth.Finish(t.Context(), "acme", r.in.ID, back.Get("state"), back.Get("code"), admin), "a sign-in under way")

		before := session()
		rotated, err = only.Rotate(t.Context(), func(tenants.Rotated) {})
		require.NoError(t, err)
		require.Zero(t, rotated.Resealed)
		require.Equal(t, before, session(), "a second run changes nothing")
	})
}

// A process that only refreshes tokens tells which key it seals with.
func TestATokensKeyIsMissed(t *testing.T) {
	env := redistest.Mini(t)
	r := newRig(t, env, oauth(), "")
	r.connect()
	require.NoError(t, env.Client.Del(t.Context(), "pb:keys").Err())
	_, auth := r.restarted("new", "k1")
	token, err := auth.Source(r.in).Token(t.Context())
	require.NoError(t, err)
	_, err = auth.Source(r.in).Renew(t.Context(), token)
	require.NoError(t, err)
	old, _ := r.restarted("k1")
	missing, err := old.MissingKeys(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]int{"new": 1}, missing)
}
