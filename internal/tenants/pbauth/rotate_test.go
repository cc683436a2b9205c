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
func (w *world) restarted(ids ...string) (*tenants.Store, *pbauth.Auth) {
	w.t.Helper()
	var ring []secret.Key
	for _, id := range ids {
		ring = append(ring, secret.Key{ID: id, Bytes: bytes.Repeat([]byte(id[:1]), secret.KeySize)})
	}
	keys, err := secret.NewKeyring(ring)
	require.NoError(w.t, err)
	out := outbound.New(outbound.Options{Unguarded: true})
	w.t.Cleanup(out.Close)
	store := tenants.NewStore(w.env.Client, keys)
	return store, pbauth.New(w.env.Client, keys, store, out, pbauth.Addresses{App: w.server.URL, Public: public}, &pbauth.Options{Now: w.clock.Now})
}

// A rotation of the sealing keys takes sessions, short tokens and sign-ins
// under way along: afterwards the former key can be taken out.
func TestRotationOfTheSealingKeysTakesTokensAlong(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		w := newWorld(t, env, oauth(), "")
		w.connect()
		started, err := w.auth[0].Start(t.Context(), w.in, admin)
		require.NoError(t, err)
		session := func() string {
			doc, err := env.Client.HGet(t.Context(), "pb:{t:acme}:oauth:"+w.in.ID, "doc").Result()
			require.NoError(t, err)
			return doc
		}
		life := env.Client.PTTL(t.Context(), "pb:{t:acme}:oauth:"+w.in.ID).Val()

		// The record itself is sealed anew by a change; the tokens are not.
		both, _ := w.restarted("new", "k1")
		in, err := both.ByID(t.Context(), w.in.ID)
		require.NoError(t, err)
		_, err = both.Tenant("acme").Update(t.Context(), in)
		require.NoError(t, err)
		only, auth := w.restarted("new")
		missing, err := only.MissingKeys(t.Context())
		require.NoError(t, err)
		require.Equal(t, map[string]int{"k1": 1}, missing, "the tokens count")
		uses, err := both.KeyUses(t.Context())
		require.NoError(t, err)
		require.Equal(t, map[string]int{"k1": 1, "new": 1}, uses)

		r, err := both.Rotate(t.Context(), func(tenants.Rotated) {})
		require.NoError(t, err)
		require.Equal(t, tenants.Rotated{Tenants: 1, Integrations: 1, Resealed: 1, Older: map[string]int64{}}, r)
		require.NotContains(t, session(), "k1:")
		require.Greater(t, env.Client.PTTL(t.Context(), "pb:{t:acme}:oauth:"+w.in.ID).Val(), life/2, "it lives as long")
		missing, err = only.MissingKeys(t.Context())
		require.NoError(t, err)
		require.Empty(t, missing)

		token, err := auth.Source(w.in).Token(t.Context())
		require.NoError(t, err)
		require.False(t, token.Empty())
		_, err = auth.Source(w.in).Renew(t.Context(), token)
		require.NoError(t, err, "the refresh token works too")
		back := w.consent(started.AuthorizeURL)
		require.NoError(t, auth.Finish(t.Context(), "acme", w.in.ID, back.Get("state"), back.Get("code"), admin), "a sign-in under way")

		before := session()
		r, err = only.Rotate(t.Context(), func(tenants.Rotated) {})
		require.NoError(t, err)
		require.Zero(t, r.Resealed)
		require.Equal(t, before, session(), "a second run changes nothing")
	})
}

// A process that only refreshes tokens tells which key it seals with.
func TestATokensKeyIsMissed(t *testing.T) {
	env := redistest.Mini(t)
	w := newWorld(t, env, oauth(), "")
	w.connect()
	require.NoError(t, env.Client.Del(t.Context(), "pb:keys").Err())
	_, auth := w.restarted("new", "k1")
	token, err := auth.Source(w.in).Token(t.Context())
	require.NoError(t, err)
	_, err = auth.Source(w.in).Renew(t.Context(), token)
	require.NoError(t, err)
	old, _ := w.restarted("k1")
	missing, err := old.MissingKeys(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]int{"new": 1}, missing)
}
