package app

import (
	"context"
	"time"

	"pushbutton/internal/limits/ratelimit"
	"pushbutton/internal/targets"
)

// quota is the rate limit of one account of a tenant in a tracker.
type quota struct {
	limiter *ratelimit.Limiter
	key     string
}

// quotas returns the quotas of a tenant's accounts. Tenants share none, whatever
// credentials they use. Without a tenant, where settings are only tried, there
// is no quota.
func quotas(limiter *ratelimit.Limiter, tenant string) func(account string) targets.Quota {
	if tenant == "" {
		return nil
	}
	return func(account string) targets.Quota { return quota{limiter: limiter, key: tenant + ":" + account} }
}

func (q quota) Wait(ctx context.Context) error { return q.limiter.Wait(ctx, q.key) }

func (q quota) Limited(ctx context.Context, d time.Duration) error {
	return q.limiter.Limited(ctx, q.key, d)
}
