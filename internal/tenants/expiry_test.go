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

// The end of a credential belongs to that very credential, and the count of
// those that end soon follows.
func TestExpiryGoesWithTheCredential(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := open(t, env, "acme")
		acme := s.Tenant("acme")
		at := time.Date(2026, 12, 10, 12, 0, 0, 0, time.UTC)
		read := func(id string) tenants.Integration {
			in, err := acme.Integration(t.Context(), id)
			require.NoError(t, err)
			return in
		}
		counts := func(want int64) {
			t.Helper()
			n, err := s.Expiring(t.Context(), at.Add(time.Minute))
			require.NoError(t, err)
			require.Equal(t, want, n)
		}
		used, err := acme.Create(t.Context(), integration("Engineering"))
		require.NoError(t, err)
		set := func(used tenants.Integration, side fault.Side, at time.Time) bool {
			t.Helper()
			set, err := s.SetExpiry(t.Context(), used, side, at)
			require.NoError(t, err)
			return set
		}
		require.True(t, set(used, fault.SideTracker, at))
		require.False(t, set(used, fault.SideTracker, at), "known already")
		require.Equal(t, used.Version+1, read(used.ID).Version)
		require.Equal(t, at, read(used.ID).Expires[fault.SideTracker].At)
		counts(1)
		n, err := s.Expiring(t.Context(), at)
		require.NoError(t, err)
		require.Zero(t, n, "not before")

		// Another change leaves it, the credential of the other side too.
		in := read(used.ID)
		in.ButtonLabel, in.Productboard.Token = "Go", secret.New("canary-other")
		_, err = acme.Update(t.Context(), in)
		require.NoError(t, err)
		counts(1)

		// Another credential has no end that is known, and what was asked with
		// the former one does not count for it.
		in = read(used.ID)
		in.Target.Credentials["apiKey"] = secret.New("canary-new")
		_, err = acme.Update(t.Context(), in)
		require.NoError(t, err)
		require.Empty(t, read(used.ID).Expires)
		counts(0)
		require.False(t, set(used, fault.SideTracker, at))
		counts(0)

		// Both sides; one that has no end any more; a deletion.
		in = read(used.ID)
		require.True(t, set(in, fault.SideTracker, at))
		require.True(t, set(in, fault.SideProductboard, at.Add(-time.Hour)))
		counts(2)
		require.True(t, set(in, fault.SideProductboard, time.Time{}))
		counts(1)
		in = read(used.ID)
		require.NoError(t, acme.Delete(t.Context(), in.ID, in.Version))
		counts(0)
	})
}

// An entry that a crash left behind goes when the end is next asked for.
func TestExpiryMendsItsIndex(t *testing.T) {
	env := redistest.Mini(t)
	s := open(t, env, "acme")
	in, err := s.Tenant("acme").Create(t.Context(), integration("Engineering"))
	require.NoError(t, err)
	_, err = env.Mini.ZAdd("pb:expiry", 1, in.ID+"/tracker")
	require.NoError(t, err)
	_, err = s.SetExpiry(t.Context(), in, fault.SideTracker, time.Time{})
	require.NoError(t, err)
	n, err := s.Expiring(t.Context(), time.Now())
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestExpirySoon(t *testing.T) {
	at := time.Date(2026, 12, 15, 0, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		at, now time.Time
		want    bool
	}{
		"no end":            {time.Time{}, at, false},
		"15 days ahead":     {at, at.Add(-15 * 24 * time.Hour), false},
		"a second too soon": {at, at.Add(-14*24*time.Hour - time.Second), false},
		"14 days ahead":     {at, at.Add(-14 * 24 * time.Hour), true},
		"it has ended":      {at, at.Add(time.Hour), true},
	} {
		require.Equal(t, tc.want, tenants.Expiry{At: tc.at}.Soon(tc.now), name)
	}
}
