package app

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/limits/ratelimit"
	"pushbutton/internal/pbapi"
)

// sharedLimit shares what an access token may ask of Productboard. Calls that nobody
// waits for get half of it, so that a click finds room although thousands of
// buttons change.
type sharedLimit struct{ all, background pbapi.RateLimiter }

func newSharedLimit(rdb redis.UniversalClient) sharedLimit {
	return sharedLimit{all: ratelimit.New(rdb, "pb", productboardRate, productboardBurst),
		background: ratelimit.New(rdb, "pb-background", productboardRate/2, productboardBurst/2)}
}

// Wait implements pbapi.RateLimiter. A call in the background waits for its turn
// among its like first. So it never takes a place in the queue that it does not
// use yet.
func (l sharedLimit) Wait(ctx context.Context, key string) error {
	if pbapi.IsInBackground(ctx) {
		if err := l.background.Wait(ctx, key); err != nil {
			return err
		}
	}
	return l.all.Wait(ctx, key)
}

// Limited implements pbapi.RateLimiter.
func (l sharedLimit) Limited(ctx context.Context, key string, d time.Duration) error {
	return l.all.Limited(ctx, key, d)
}
