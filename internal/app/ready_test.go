package app

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"pushbutton/config"
	"pushbutton/internal/redisdb/redistest"
)

// A Redis that answers and takes no writes takes no clicks: /readyz says so,
// and says ready again by itself.
func TestReadyWantsARedisThatTakesWrites(t *testing.T) {
	rdb, ok := redistest.Real(t).Client.(*redis.Client)
	require.True(t, ok)
	cfg, err := config.Load(config.Sources{Flags: map[string]string{"encryption-keys": "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}})
	require.NoError(t, err)
	a, err := New(cfg, rdb, silent, "test")
	require.NoError(t, err)
	defer a.Close()
	require.NoError(t, a.ready(t.Context()))

	require.NoError(t, rdb.ConfigSet(t.Context(), "maxmemory", "1").Err())
	require.ErrorContains(t, a.ready(t.Context()), "redis takes no writes: OOM")
	require.NoError(t, rdb.ConfigSet(t.Context(), "maxmemory", "0").Err())
	require.NoError(t, a.ready(t.Context()))

	require.NoError(t, rdb.ReplicaOf(t.Context(), "127.0.0.1", "1").Err())
	require.ErrorContains(t, a.ready(t.Context()), "redis takes no writes: READONLY")
	require.NoError(t, rdb.ReplicaOf(t.Context(), "NO", "ONE").Err())
	require.NoError(t, a.ready(t.Context()))

	require.NoError(t, rdb.ConfigSet(t.Context(), "min-replicas-to-write", "1").Err())
	require.ErrorContains(t, a.ready(t.Context()), "redis takes no writes: NOREPLICAS")
}
