package tenants_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

func TestAuthenticateWhileTheSecretIsReplaced(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := open(t, env, "acme")
		for name, tc := range map[string]struct {
			former tenants.FormerAuth
			old    bool
		}{
			"none":            {tenants.FormerAuth{}, false},
			"under way":       {tenants.FormerAuth{Value: secret.New("Bearer old")}, true},
			"just replaced":   {tenants.FormerAuth{Value: secret.New("Bearer old"), Until: time.Now().Add(time.Hour)}, true},
			"replaced before": {tenants.FormerAuth{Value: secret.New("Bearer old"), Until: time.Now().Add(-time.Hour)}, false},
			"empty":           {tenants.FormerAuth{Until: time.Now().Add(time.Hour)}, false},
		} {
			want := integration(name)
			want.Former = tc.former
			in, err := s.Tenant("acme").Create(t.Context(), want)
			require.NoError(t, err)
			_, err = tenants.Authenticate(t.Context(), s, in.ID, "Bearer canary-auth")
			require.NoError(t, err, name)
			_, err = tenants.Authenticate(t.Context(), s, in.ID, "Bearer old")
			require.Equal(t, tc.old, err == nil, name)
			_, err = tenants.Authenticate(t.Context(), s, in.ID, "")
			require.ErrorIs(t, err, fault.Unauthorized, name)
		}
	})
}

// Another process has stored a new secret, and Productboard uses it at once:
// what this process remembers is too old to refuse it.
func TestAuthenticateReadsAgainBeforeItRefuses(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env)
		r.read(t)
		in := r.in
		in.Former.Value, in.ActionAuth = in.ActionAuth, secret.New("Bearer new")
		_, err := r.other.Tenant("acme").Update(t.Context(), in)
		require.NoError(t, err)
		for _, auth := range []string{"Bearer new", "Bearer canary-auth"} {
			_, err = tenants.Authenticate(t.Context(), r.cache, in.ID, auth)
			require.NoError(t, err)
		}
		require.Zero(t, r.trips(func() {
			for range 100 {
				_, err := tenants.Authenticate(t.Context(), r.cache, in.ID, "Bearer guess")
				require.ErrorIs(t, err, fault.Unauthorized)
			}
		}), "guesses do not read again and again")
		r.clock.advance(time.Second)
		require.Equal(t, 1, r.trips(func() {
			for range 100 {
				_, err := tenants.Authenticate(t.Context(), r.cache, in.ID, "Bearer guess")
				require.ErrorIs(t, err, fault.Unauthorized)
			}
		}), "but now and then they do")
	})
}
