package redistest_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/redistest"
)

func TestEachGivesAnEmptyRedisOfItsOwn(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		size, err := env.Client.DBSize(t.Context()).Result()
		require.NoError(t, err)
		require.Zero(t, size)
		require.NoError(t, env.Client.Set(t.Context(), "k", "v", 0).Err())

		opts, err := redis.ParseURL(env.URL)
		require.NoError(t, err)
		other := redis.NewClient(opts)
		defer func() { require.NoError(t, other.Close()) }()
		require.Equal(t, "v", other.Get(t.Context(), "k").Val(), "the URL leads to the same server")
	})
}

func TestRealKeepsAnAppendOnlyFile(t *testing.T) {
	env := redistest.Real(t)
	require.Nil(t, env.Mini)
	got, err := env.Client.ConfigGet(t.Context(), "appendonly").Result()
	require.NoError(t, err)
	require.Equal(t, "yes", got["appendonly"])
}

func TestAdvanceMovesTimeAndExpiry(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		before, err := env.Client.Time(t.Context()).Result()
		require.NoError(t, err)
		require.NoError(t, env.Client.Set(t.Context(), "k", "v", time.Minute).Err())
		env.Advance(2 * time.Minute)
		require.NotNil(t, env.Mini, "only miniredis gets here")
		after, err := env.Client.Time(t.Context()).Result()
		require.NoError(t, err)
		require.GreaterOrEqual(t, after.Sub(before), 2*time.Minute-time.Millisecond)
		require.ErrorIs(t, env.Client.Get(t.Context(), "k").Err(), redis.Nil)
	})
}
