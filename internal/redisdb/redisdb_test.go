package redisdb

import (
	"context"
	"errors"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
)

func TestEveryConnectionSpeaksRESP2(t *testing.T) {
	for _, address := range []string{"redis://127.0.0.1:1", "unix:///nowhere/redis.sock", "redis+sentinel://127.0.0.1:1/main"} {
		rdb, err := Open(secret.New(address), nil)
		require.NoError(t, err, address)
		one, ok := rdb.(*redis.Client)
		require.True(t, ok, address)
		require.Equal(t, 2, one.Options().Protocol, address)
		require.NoError(t, rdb.Close())
	}
}

func TestRedisIsToBlame(t *testing.T) {
	require.NoError(t, Fault("op", nil))
	err := fault.From(Fault("op", errors.New("refused")))
	require.Equal(t, fault.Unavailable, err.Kind)
	require.Equal(t, fault.SidePlugin, err.Side)
	require.Equal(t, "Redis", err.Peer)
	require.ErrorIs(t, Fault("op", context.Canceled), fault.Canceled)
}
