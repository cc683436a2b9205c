package auth_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin/auth"
	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb/redistest"
)

// Whoever holds a stolen token can revoke many others, and still be revoked.
func TestNobodyFillsTheListAlone(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := auth.NewRevocationStore(env.Client)
		revoked := 0
		var err error
		for ; err == nil && revoked <= auth.MaxRevoked; revoked++ {
			err = s.Revoke(t.Context(), "acme", fmt.Sprint("made-up-", revoked), "thief", time.Hour)
		}
		require.ErrorIs(t, err, fault.Conflict)
		require.Contains(t, fault.From(err).Public, "Ask somebody else")
		require.Less(t, revoked, auth.MaxRevoked/5)
		require.NoError(t, s.Revoke(t.Context(), "acme", "made-up-1", "thief", time.Hour), "what is revoked may be so again")
		require.NoError(t, s.Revoke(t.Context(), "acme", "stolen", "jane", time.Hour))
		gone, err := s.Revoked(t.Context(), "acme", "stolen")
		require.NoError(t, err)
		require.True(t, gone)
		require.NoError(t, s.Revoke(t.Context(), "other", "x", "thief", time.Hour), "each tenant has its own")
	})
}

// A revocation is remembered for a day at least, whatever end the caller names.
func TestARevocationLasts(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := auth.NewRevocationStore(env.Client)
		for _, left := range []time.Duration{-time.Hour, 0, time.Second} {
			require.NoError(t, s.Revoke(t.Context(), "acme", fmt.Sprint(left), "jane", left))
		}
		list, err := s.List(t.Context(), "acme", 0, 10)
		require.NoError(t, err)
		require.Len(t, list, 3)
		for _, r := range list {
			require.True(t, r.Until.After(time.Now().Add(auth.LeastKept)), r.TokenID)
		}
		require.Greater(t, env.Client.TTL(t.Context(), "pb:{t:acme}:revoked").Val(), auth.LeastKept)
	})
}
