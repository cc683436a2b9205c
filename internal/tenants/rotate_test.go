package tenants_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

func with(t *testing.T, env redistest.Env, keys ...string) *tenants.Store {
	t.Helper()
	return tenants.NewStore(env.Client, keyring(t, keys...))
}

func silent(tenants.Rotated) {}

// fill makes n integrations in each tenant, sealed by s.
func fill(t *testing.T, s *tenants.Store, n int, names ...string) (created []tenants.Integration) {
	t.Helper()
	for _, name := range names {
		_, err := s.CreateTenant(t.Context(), name)
		require.NoError(t, err)
		for i := range n {
			in, err := s.Tenant(name).Create(t.Context(), integration(fmt.Sprintf("Column %d", i)))
			require.NoError(t, err)
			created = append(created, in)
		}
	}
	return created
}

func TestRotateSealsEverythingWithTheFirstKey(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		created := fill(t, with(t, env, "k1"), 70, "acme", "globex")
		rotating := with(t, env, "k2", "k1")
		var reports []tenants.Rotated
		r, err := rotating.Rotate(t.Context(), func(r tenants.Rotated) { reports = append(reports, r) })
		require.NoError(t, err)
		require.Equal(t, tenants.Rotated{Tenants: 2, Integrations: 140, Resealed: 140, Older: map[string]int64{}}, r)
		require.NotEmpty(t, reports)

		newer := with(t, env, "k2")
		for _, want := range created {
			got, err := newer.ByID(t.Context(), want.ID)
			require.NoError(t, err)
			require.Equal(t, want, got, "neither content nor version changes")
		}
		uses, err := newer.KeyUses(t.Context())
		require.NoError(t, err)
		require.Equal(t, map[string]int{"k2": 140}, uses)

		dump := func() string {
			all, err := env.Client.HGetAll(t.Context(), "pb:{t:acme}:integrations").Result()
			require.NoError(t, err)
			return fmt.Sprint(all)
		}
		before := dump()
		again, err := rotating.Rotate(t.Context(), silent)
		require.NoError(t, err)
		require.Zero(t, again.Resealed)
		require.Equal(t, before, dump(), "a second run changes nothing")
	})
}

// A rotation that is stopped in the middle goes on where it was.
func TestRotateCanBeStopped(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		fill(t, with(t, env, "k1"), 3, "a", "b", "c")
		rotating := with(t, env, "k2", "k1")
		ctx, stop := context.WithCancel(t.Context())
		_, err := rotating.Rotate(ctx, func(r tenants.Rotated) {
			if r.Tenants == 1 {
				stop()
			}
		})
		require.Error(t, err)
		uses, err := rotating.KeyUses(t.Context())
		require.NoError(t, err)
		require.Equal(t, map[string]int{"k2": 3, "k1": 6}, uses)
		r, err := rotating.Rotate(t.Context(), silent)
		require.NoError(t, err)
		require.EqualValues(t, 6, r.Resealed)
	})
}

// Updates that run at the same time are neither lost nor undone.
func TestRotateLosesNoUpdate(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		old := with(t, env, "k1", "k2")
		created := fill(t, old, 20, "acme")
		const updates = 10
		var group sync.WaitGroup
		for _, in := range created {
			group.Go(func() {
				for i := range updates {
					in.Productboard.Token = secret.New(fmt.Sprintf("token-%d", i))
					updated, err := old.Tenant("acme").Update(t.Context(), in)
					if err != nil { // a rotation does not even count as a change
						t.Errorf("update %d of %s: %v", i, in.ID, err)
						return
					}
					in = updated
				}
			})
		}
		rotating := with(t, env, "k2", "k1")
		for range 5 {
			_, err := rotating.Rotate(t.Context(), silent)
			require.NoError(t, err)
		}
		group.Wait()
		r, err := rotating.Rotate(t.Context(), silent)
		require.NoError(t, err)
		require.Empty(t, r.Older)
		newer := with(t, env, "k2")
		for _, in := range created {
			got, err := newer.ByID(t.Context(), in.ID)
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf("token-%d", updates-1), got.Productboard.Token.Reveal())
			require.EqualValues(t, 1+updates, got.Version)
		}
	})
}

func TestRotateTellsWhatItCannotOpen(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		fill(t, with(t, env, "lost"), 30, "acme")
		fill(t, with(t, env, "k1"), 1, "globex")
		r, err := with(t, env, "k2", "k1").Rotate(t.Context(), silent)
		require.NoError(t, err)
		require.EqualValues(t, 1, r.Resealed)
		require.Equal(t, map[string]int64{"lost": 30}, r.Older)
		require.EqualValues(t, 30, r.BrokenCount)
		require.Len(t, r.Broken, 20)
		require.ErrorIs(t, r.Broken[0], secret.ErrUnknownKey)
		require.NotContains(t, fmt.Sprint(r.Broken), "canary")
	})
}

func TestMissingKeys(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		missing, err := with(t, env, "k1").MissingKeys(t.Context())
		require.NoError(t, err)
		require.Empty(t, missing, "nothing is stored")

		fill(t, with(t, env, "k1"), 2, "acme")
		missing, err = with(t, env, "k2").MissingKeys(t.Context())
		require.NoError(t, err)
		require.Equal(t, map[string]int{"k1": 2}, missing)

		rotating := with(t, env, "k2", "k1")
		missing, err = rotating.MissingKeys(t.Context())
		require.NoError(t, err)
		require.Empty(t, missing)
		_, err = rotating.Rotate(t.Context(), silent)
		require.NoError(t, err)
		missing, err = with(t, env, "k2").MissingKeys(t.Context())
		require.NoError(t, err)
		require.Empty(t, missing, "nothing is sealed with k1 any more")
		require.Equal(t, []string{"k1", "k2"}, indexed(t, env), "but a write that was announced may be under way")
	})
}

func indexed(t *testing.T, env redistest.Env) []string {
	t.Helper()
	ids, err := env.Client.ZRange(t.Context(), "pb:keys", 0, -1).Result()
	require.NoError(t, err)
	return ids
}

// The index forgets a key only long after it was last announced.
func TestAKeyOutOfUseIsForgotten(t *testing.T) {
	env := redistest.Mini(t)
	env.Advance(0)
	fill(t, with(t, env, "k1"), 1, "acme")
	_, err := with(t, env, "k2", "k1").Rotate(t.Context(), silent)
	require.NoError(t, err)
	env.Advance(11 * 60e9)
	_, err = with(t, env, "k2").MissingKeys(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"k2"}, indexed(t, env))
}

// While the index cannot be written nothing is sealed.
func TestNothingIsSealedUnannounced(t *testing.T) {
	env := redistest.Mini(t)
	s := with(t, env, "k1")
	_, err := s.CreateTenant(t.Context(), "acme")
	require.NoError(t, err)
	require.NoError(t, env.Client.Set(t.Context(), "pb:keys", "not a set", 0).Err())
	_, err = s.Tenant("acme").Create(t.Context(), integration("Engineering"))
	require.Error(t, err)
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	require.Zero(t, env.Client.HLen(t.Context(), "pb:{t:acme}:integrations").Val())
	require.NotContains(t, err.Error(), "canary")
}
