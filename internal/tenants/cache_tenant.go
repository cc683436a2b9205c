package tenants

import (
	"context"
	"errors"
	"time"

	"pushbutton/internal/fault"
)

// cachedTenant is a tenant, or that there is none of its id.
type cachedTenant struct {
	tenant  Tenant
	missing bool
	read    time.Time
	failed  time.Time // when it last could not be read again
}

func (e cachedTenant) answer() (Tenant, error) {
	if e.missing {
		return Tenant{}, notFound("get tenant", "The tenant")
	}
	return e.tenant, nil
}

// Tenant finds a tenant as ByID finds an integration: from memory, or with
// one round trip. A missing one is fault.NotFound.
func (c *Cache) Tenant(ctx context.Context, id string) (Tenant, error) {
	if !ValidTenantID(id) {
		return Tenant{}, notFound("get tenant", "The tenant")
	}
	if entry, ok := c.freshTenant(id); ok {
		return entry.answer()
	}
	// The slash keeps tenants apart from integrations: no id holds one.
	result := c.flight.DoChan("tenant/"+id, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.opts.LoadTimeout)
		defer cancel()
		return c.loadTenant(ctx, id)
	})
	select {
	case r := <-result:
		if r.Err != nil {
			return Tenant{}, r.Err
		}
		return r.Val.(Tenant), nil
	case <-ctx.Done():
		return Tenant{}, fault.Wrap(fault.Canceled, "get tenant", context.Cause(ctx))
	}
}

func (c *Cache) freshTenant(id string) (cachedTenant, bool) {
	now := c.opts.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, ok := c.customers.get(id)
	if !ok {
		return entry, false
	}
	ttl := c.opts.TTL
	if entry.missing {
		ttl = c.opts.Brief
	}
	stale := now.Sub(entry.failed) < c.opts.Brief && now.Sub(entry.read) < c.opts.Stale
	return entry, stale || now.Sub(entry.read) < ttl
}

func (c *Cache) loadTenant(ctx context.Context, id string) (Tenant, error) {
	c.mu.Lock()
	changes := c.changes
	c.mu.Unlock()
	read := c.opts.Now()
	t, err := c.store.Tenant(id).Get(ctx)

	c.mu.Lock()
	defer c.mu.Unlock()
	current := changes == c.changes
	switch {
	case err == nil, errors.Is(err, fault.NotFound):
		if current {
			c.customers.put(id, cachedTenant{tenant: t, missing: err != nil, read: read})
		}
	default:
		if entry, ok := c.customers.get(id); ok && !entry.missing && read.Sub(entry.read) < c.opts.Stale {
			entry.failed = c.opts.Now()
			c.customers.put(id, entry)
			return entry.answer()
		}
	}
	return t, err
}

// forgetTenant drops what is known of a tenant that was changed.
func (c *Cache) forgetTenant(id string) {
	c.mu.Lock()
	c.changes++
	c.customers.remove(id)
	c.mu.Unlock()
	c.flight.Forget("tenant/" + id)
}
