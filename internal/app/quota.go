package app

import (
	"context"
	"time"

	"pushbutton/internal/limits/ratelimit"
	"pushbutton/internal/targets"
)

// quota is what is remembered of the rate limits of one account of a tenant in
// a tracker.
type quota struct {
	memory *ratelimit.Limiter
	key    string
}

// quotas gives a tenant's; tenants share none, whatever credentials they use.
// Without a tenant, where settings are only tried, nothing is remembered.
func quotas(memory *ratelimit.Limiter, tenant string) func(account string) targets.Quota {
	if tenant == "" {
		return nil
	}
	return func(account string) targets.Quota { return quota{memory: memory, key: tenant + ":" + account} }
}

func (q quota) Wait(ctx context.Context) error { return q.memory.Wait(ctx, q.key) }

func (q quota) Limited(ctx context.Context, d time.Duration) error {
	return q.memory.Limited(ctx, q.key, d)
}
