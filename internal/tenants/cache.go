package tenants

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"pushbutton/internal/fault"
)

// CacheOptions bounds a Cache. The zero value of each field means its
// default.
type CacheOptions struct {
	// TTL is how long an integration is served without asking Redis, and so
	// how late another process' change may be seen; default 5 s.
	TTL time.Duration
	// Brief is the TTL of what is about to change: ids that do not exist, and
	// stale integrations while Redis cannot be asked; default 500 ms. One
	// whose create call at Productboard is under way is read each time.
	Brief time.Duration
	// Stale is how long after being read an integration is still served while
	// Redis cannot be asked; default 1 min.
	Stale time.Duration
	// Max bounds the integrations kept, and apart from them the ids that do
	// not exist; default 10,000. A record takes some kilobytes at most.
	Max int
	// LoadTimeout bounds one read from Redis; default 500 ms: while Redis hangs
	// a click still has to be rejected within 2 s in all.
	LoadTimeout time.Duration
	// Now is the clock; default time.Now.
	Now func() time.Time
}

func (options *CacheOptions) withDefaults() CacheOptions {
	o := CacheOptions{}
	if options != nil {
		o = *options
	}
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&o.TTL, 5*time.Second)
	set(&o.Brief, 500*time.Millisecond)
	set(&o.Stale, time.Minute)
	set(&o.LoadTimeout, 500*time.Millisecond)
	if o.Max <= 0 {
		o.Max = 10_000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Cache answers ByID and Tenant for incoming clicks, mostly without Redis. A
// change made through the same Store is seen at once, one of another process
// within TTL. It is safe for concurrent use. What it returns is shared: treat
// the maps in it as read-only.
type Cache struct {
	store  *Store
	opts   CacheOptions
	flight singleflight.Group

	mu      sync.Mutex
	changes uint64 // counts invalidations, so that an older read is not kept
	known   *lru[cached]
	// unknown is apart, so that guesses of ids cannot push out the known.
	unknown *lru[time.Time]
	// owners remembers whose an integration is, which never changes: a known
	// integration is refreshed in one round trip.
	owners *lru[string]
	// customers are tenants by their id.
	customers *lru[cachedTenant]
}

type cached struct {
	integration Integration
	read        time.Time
	failed      time.Time // when it last could not be read again
	refreshed   time.Time // when it was last read because of a doubt
}

// NewCache makes a Cache over a store. options may be nil.
func NewCache(store *Store, options *CacheOptions) *Cache {
	opts := options.withDefaults()
	c := &Cache{store: store, opts: opts,
		known: newLRU[cached](opts.Max), unknown: newLRU[time.Time](opts.Max), owners: newLRU[string](10 * opts.Max),
		customers: newLRU[cachedTenant](opts.Max)}
	store.watch(watcher{integration: c.forget, tenant: c.forgetTenant})
	return c
}

// ByID finds an integration: from memory, or with at most two round trips.
// Many callers at once cost one read.
func (c *Cache) ByID(ctx context.Context, id string) (Integration, error) {
	if !ValidIntegrationID(id) {
		return Integration{}, notFound("find integration", "The integration")
	}
	if in, ok, err := c.fresh(id); ok {
		return in, err
	}
	return c.read(ctx, id)
}

// Refresh reads an integration whose remembered state is in doubt, since a
// caller shows a secret that may be newer. Anybody can cause such doubt, so
// Redis is read once per Brief and integration. Otherwise it returns what ByID
// does.
func (c *Cache) Refresh(ctx context.Context, id string) (Integration, error) {
	now := c.opts.Now()
	c.mu.Lock()
	entry, ok := c.known.get(id)
	doubt := ok && now.Sub(entry.refreshed) >= c.opts.Brief
	if doubt {
		entry.refreshed = now
		c.known.put(id, entry)
	}
	c.mu.Unlock()
	if !doubt {
		return c.ByID(ctx, id)
	}
	return c.read(ctx, id)
}

// read asks Redis, once for all who ask at the same time.
func (c *Cache) read(ctx context.Context, id string) (Integration, error) {
	// The read outlives a caller who gives up: others may wait for it too.
	result := c.flight.DoChan(id, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.opts.LoadTimeout)
		defer cancel()
		return c.load(ctx, id)
	})
	select {
	case r := <-result:
		if r.Err != nil {
			return Integration{}, r.Err
		}
		return r.Val.(Integration), nil
	case <-ctx.Done():
		return Integration{}, fault.Wrap(fault.Canceled, "find integration", context.Cause(ctx))
	}
}

// fresh answers from memory alone.
func (c *Cache) fresh(id string) (in Integration, ok bool, err error) {
	now := c.opts.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if entry, ok := c.known.get(id); ok {
		ttl := c.opts.TTL
		if entry.integration.ProductboardID == "" {
			ttl = 0 // its first click may follow the probe at once
		}
		stale := now.Sub(entry.failed) < c.opts.Brief && now.Sub(entry.read) < c.opts.Stale
		if stale || now.Sub(entry.read) < ttl {
			return entry.integration, true, nil
		}
	}
	if read, ok := c.unknown.get(id); ok && now.Sub(read) < c.opts.Brief {
		return Integration{}, true, notFound("find integration", "The integration")
	}
	return Integration{}, false, nil
}

// load asks Redis. While that fails, what was read before is good enough.
func (c *Cache) load(ctx context.Context, id string) (Integration, error) {
	c.mu.Lock()
	changes := c.changes
	owner, owned := c.owners.get(id)
	c.mu.Unlock()
	read := c.opts.Now()

	var err error
	if !owned {
		owner, err = c.store.owner(ctx, id)
	}
	var in Integration
	if err == nil {
		in, err = c.store.Tenant(owner).Integration(ctx, id)
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	current := changes == c.changes
	switch {
	case err == nil:
		c.owners.put(id, owner)
		if current {
			before, _ := c.known.get(id)
			c.known.put(id, cached{integration: in, read: read, refreshed: before.refreshed})
			c.unknown.remove(id)
		}
	case errors.Is(err, fault.NotFound):
		c.known.remove(id)
		if current {
			c.unknown.put(id, read)
		}
	default:
		if entry, ok := c.known.get(id); ok && read.Sub(entry.read) < c.opts.Stale {
			entry.failed = c.opts.Now()
			c.known.put(id, entry)
			return entry.integration, nil
		}
	}
	return in, err
}

// forget drops what is known of an integration that was changed.
func (c *Cache) forget(id string) {
	c.mu.Lock()
	c.changes++
	c.known.remove(id)
	c.unknown.remove(id)
	c.mu.Unlock()
	c.flight.Forget(id)
}
