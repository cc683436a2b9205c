package keeper

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
	"pushbutton/internal/tenants"
)

const (
	// holdFor is how long a claim lasts that nobody gave back, and workLimit how long
	// the work under it may take, so that nobody works without one.
	holdFor   = 2 * time.Minute
	workLimit = 90 * time.Second
	// waitFor is how long an admin's request waits for a claim, and lookEvery how
	// often it looks.
	waitFor   = 10 * time.Second
	lookEvery = 50 * time.Millisecond
)

// releaseClaim removes the claim KEYS[1], unless another than ARGV[1] has it by now.
const releaseClaim = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`

// Claims have all processes work on an integration's webhook one after the other.
// Two at once would make two webhooks, or leave the tracker with a secret that was
// replaced. It is safe for concurrent use.
type Claims struct {
	rdb     redis.UniversalClient
	release *redis.Script
}

// NewClaims makes Claims.
func NewClaims(rdb redis.UniversalClient) *Claims {
	return &Claims{rdb: rdb, release: redis.NewScript(releaseClaim)}
}

// take takes the claim of an integration; ok is false where somebody has it. end
// gives it back.
func (c *Claims) take(ctx context.Context, integration string) (end func(), ok bool, err error) {
	key, owner := "pb:{hooks}:claim:"+integration, rand.Text()
	ok, err = c.rdb.SetNX(ctx, key, owner, holdFor).Result()
	if err != nil {
		return nil, false, redisdb.Fault("claim webhook", err)
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeLimit)
		defer cancel()
		_ = c.release.Run(ctx, c.rdb, []string{key}, owner).Err() // else it ends by itself
	}, ok, nil
}

// errBusy says that somebody else works on the webhook.
var errBusy = fault.New(fault.Conflict, "claim webhook", "The webhook is being changed at the moment. Try again in a minute.")

// claim waits for the claim of an integration. The error is errBusy where that takes
// longer than wait.
func (k *Keeper) claim(ctx context.Context, in tenants.Integration, wait time.Duration) (end func(), err error) {
	if k.opts.Claims == nil {
		return func() {}, nil
	}
	until := time.Now().Add(wait)
	for {
		end, ok, err := k.opts.Claims.take(ctx, in.ID)
		if err != nil || ok {
			return end, err
		}
		if time.Now().After(until) {
			return nil, errBusy
		}
		timer := time.NewTimer(lookEvery)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// work is something that is done to an integration's webhook.
type work func(ctx context.Context, in tenants.Integration) (Outcome, error)

// alone does work while nobody else does any on the same webhook. It is given the
// integration as it is stored by then: what the caller has may be of before.
func (k *Keeper) alone(ctx context.Context, in tenants.Integration, wait time.Duration, do work) (Outcome, error) {
	end, err := k.claim(ctx, in, wait)
	if err != nil {
		return Outcome{State: Pending, Integration: in}, err
	}
	defer end()
	ctx, cancel := context.WithTimeout(ctx, workLimit)
	defer cancel()
	now, err := k.store.SetHook(ctx, in.Tenant, in.ID, func(*tenants.Hook) bool { return false })
	if err != nil {
		return Outcome{State: Pending, Integration: in}, err
	}
	return do(ctx, now)
}
