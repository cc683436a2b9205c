package main

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	canaryDB  = 1 // apart from the plugin's
	canaryKey = "chaos:canary"
	// canaryEvery is how often it writes, canaryFor how long before the kill.
	canaryEvery = 2 * time.Millisecond
	canaryFor   = 100 * time.Millisecond
)

// canary writes the time to Redis again and again until Redis is killed, and
// tells afterwards how much of what had been acknowledged is gone. With
// everysec Redis holds writes back while an earlier fsync is under way, and
// loses them when it is killed: such a run says nothing about the plugin.
type canary struct {
	client *redis.Client
	acked  time.Time
	stop   context.CancelFunc
	ended  chan struct{}
}

// startCanary starts one and lets it write for a while.
func (w *world) startCanary(ctx context.Context) (*canary, error) {
	cctx, stop := context.WithCancel(ctx)
	c := &canary{client: w.redis.Client(canaryDB), stop: stop, ended: make(chan struct{})}
	go c.write(cctx)
	return c, pause(ctx, canaryFor)
}

func (c *canary) write(ctx context.Context) {
	defer close(c.ended)
	tick := time.NewTicker(canaryEvery)
	defer tick.Stop()
	for {
		now := time.Now()
		if c.client.Set(ctx, canaryKey, now.UnixMilli(), 0).Err() != nil {
			return // killed
		}
		c.acked = now
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// silence ends it, as soon as Redis was killed: its client would go on trying
// until Redis is back.
func (c *canary) silence() {
	c.stop()
	<-c.ended
}

// lost returns, once Redis is back, how much of the acknowledged time it forgot.
func (c *canary) lost(ctx context.Context) (time.Duration, error) {
	defer func() { _ = c.client.Close() }()
	kept, err := c.client.Get(ctx, canaryKey).Int64()
	if err != nil && err != redis.Nil { //nolint:errorlint // never wrapped
		return 0, err
	}
	return max(time.Duration(c.acked.UnixMilli()-kept)*time.Millisecond, 0), nil
}
