package redistest_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/redisdb/redisurl"
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

func TestClusterIsSpreadOverItsNodes(t *testing.T) {
	env := redistest.Cluster(t)
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		require.NoError(t, env.Client.Set(t.Context(), key, "v", 0).Err())
	}
	cluster := env.Client.(*redis.ClusterClient)
	var mu sync.Mutex
	var sizes []int64
	require.NoError(t, cluster.ForEachMaster(t.Context(), func(ctx context.Context, node *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		sizes = append(sizes, node.DBSize(ctx).Val())
		return nil
	}))
	require.Len(t, sizes, 3)
	require.NotContains(t, sizes, int64(8), "no node has all of it")
}

func TestSentinelsReplaceAMaster(t *testing.T) {
	w := redistest.Watch(t)
	address, err := redisurl.Parse(w.URL)
	require.NoError(t, err)
	c := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: address.Master, SentinelAddrs: address.Hosts})
	defer func() { require.NoError(t, c.Close()) }()
	require.NoError(t, c.Set(t.Context(), "k", "v", 0).Err())
	require.EqualValues(t, 1, c.Wait(t.Context(), 1, 5*time.Second).Val(), "the replica has it")
	w.Link.Silence()
	require.NoError(t, c.Set(t.Context(), "lost", "v", 0).Err())
	w.Master.Kill()
	w.Link.Cut()
	require.Eventually(t, func() bool { return c.Set(t.Context(), "k2", "v", 0).Err() == nil }, 30*time.Second, 20*time.Millisecond)
	require.Equal(t, "v", c.Get(t.Context(), "k").Val())
	require.ErrorIs(t, c.Get(t.Context(), "lost").Err(), redis.Nil, "what was on the way is lost")
}
