package app

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"pushbutton/config"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
)

func realRedis(t *testing.T) *redis.Client {
	t.Helper()
	client, ok := redistest.Real(t).Client.(*redis.Client)
	require.True(t, ok)
	return client
}

// startChild starts the Redis that `plugin serve` brings, in a folder whose
// socket path is short enough.
func startChild(t *testing.T, dir string) *childRedis {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("no redis-server on the PATH")
	}
	child, err := startRedis(context.Background(), dir, silent, usualChildTiming())
	require.NoError(t, err)
	return child
}

func TestOldRedis(t *testing.T) {
	for version, want := range map[string]bool{"6.0.16": true, "5.0.7": true, "6.2.0": false, "7.0.15": false, "8.2": false, "": false, "unknown": false} {
		require.Equal(t, want, old(version), version)
	}
}

func TestEveryConnectionSpeaksRESP2(t *testing.T) {
	for _, address := range []string{"redis://127.0.0.1:1", "unix:///nowhere/redis.sock", "redis+sentinel://127.0.0.1:1/main"} {
		rdb, err := OpenRedis(config.Config{RedisURL: secret.New(address)})
		require.NoError(t, err, address)
		one, ok := rdb.(*redis.Client)
		require.True(t, ok, address)
		require.Equal(t, 2, one.Options().Protocol, address)
		require.NoError(t, rdb.Close())
	}
}

func TestToolsFindTheRedisOfServe(t *testing.T) {
	dir := t.TempDir()
	_, err := runningChild(dir)
	require.ErrorContains(t, err, "PLUGIN_REDIS_URL is empty")
	child := startChild(t, dir)
	defer child.Stop()
	url, err := runningChild(dir)
	require.NoError(t, err)
	require.Equal(t, child.url, url)
	_, err = os.Stat(dir)
	require.NoError(t, err)
}
