package redisdb

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/redisdb/redistest"
)

func realRedis(t *testing.T) *redis.Client {
	t.Helper()
	client, ok := redistest.Real(t).Client.(*redis.Client)
	require.True(t, ok)
	return client
}

func TestOldRedis(t *testing.T) {
	for version, want := range map[string]bool{"6.0.16": true, "5.0.7": true, "6.2.0": false, "7.0.15": false, "8.2": false, "": false, "unknown": false} {
		require.Equal(t, want, old(version), version)
	}
}

func TestServeRefusesWhatLosesClicks(t *testing.T) {
	for problem, ask := range map[string][]string{
		"appendonly is no":                {"appendonly", "no"},
		"maxmemory-policy is allkeys-lru": {"maxmemory-policy", "allkeys-lru"},
	} {
		t.Run(problem, func(t *testing.T) {
			env := realRedis(t)
			require.NoError(t, env.ConfigSet(context.Background(), ask[0], ask[1]).Err())
			_, err := RequireDurable(context.Background(), env, false)
			require.ErrorContains(t, err, problem)
			require.ErrorContains(t, err, "PLUGIN_ALLOW_VOLATILE_REDIS")
			d, err := RequireDurable(context.Background(), env, true)
			require.NoError(t, err)
			require.NotEmpty(t, d.Problems)
		})
	}
}
