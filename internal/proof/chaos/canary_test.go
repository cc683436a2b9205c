package main

import (
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/proof/e2e/fixture"
)

// A Redis that has every write on disk forgets nothing, and the canary ends
// although its client would go on trying until Redis is back.
func TestCanary(t *testing.T) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("no redis-server on the PATH")
	}
	s, err := fixture.New(fixture.Options{Plugin: "/bin/true"})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close(false)) }()
	w := &world{fixture: s}
	w.redis, err = s.Redis(t.Context(), "always")
	require.NoError(t, err)
	require.NoError(t, w.strikeRedis(t.Context(), event{Kind: killRedis, Down: 50 * time.Millisecond}))
	require.Zero(t, w.redisLost)
	require.Empty(t, w.failures)
	require.Len(t, w.happened, 1)

	c, err := w.startCanary(t.Context())
	require.NoError(t, err)
	w.redis.Kill()
	c.silence()
	require.NoError(t, w.redis.Start(t.Context()))
	c.acked = c.acked.Add(time.Second) // as if that had been acknowledged
	lost, err := c.lost(t.Context())
	require.NoError(t, err)
	require.Equal(t, time.Second, lost.Round(time.Second))
}
