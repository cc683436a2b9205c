package app

import (
	"context"
	"iter"
	"sync"
	"time"

	"pushbutton/internal/actions"
	"pushbutton/internal/fault"
	"pushbutton/internal/jobs"
	"pushbutton/internal/telemetry"
	"pushbutton/internal/tenants"
)

// staleTurn is the key by which processes take turns at the search for stale
// progress. staleTurnFor is how long one turn keeps the others from it: a little
// less than the time between two searches.
const (
	staleTurn    = "pb:turn:stale"
	staleTurnFor = 4*time.Minute + 30*time.Second
	// The same for what waits for credentials.
	resumeTurn    = "pb:turn:resume"
	resumeTurnFor = 2 * time.Second
	// tendEvery is how often sessions are looked at; they tell when it is time.
	tendEvery = time.Minute
)

// background runs what every process does beside its role until the context
// ends: it looks out for work that nobody finishes, whichever half is left,
// takes its turn at finding stale progress and at asking when
// credentials end, and goes on with deleting tenants.
func (a *App) background(ctx context.Context) *sync.WaitGroup {
	var group sync.WaitGroup
	rescuer := &jobs.Rescuer{Records: a.records, Queue: a.queue, Log: a.log, Observe: a.metrics.Requeued}
	group.Go(func() { rescuer.Run(ctx) })
	stale := &actions.StaleProgress{
		// Nothing is sent for a tenant that is halted. It may have moved; then its
		// buttons belong to another deployment.
		Integrations: a.working,
		Buttons:      func(in tenants.Integration) actions.Buttons { return a.peers.session(in) },
		Records:      a.records, Queue: a.queue, Log: a.log, Observe: a.metrics.StaleProgress,
		Turn: func(ctx context.Context) bool {
			return a.turn(ctx, staleTurn, staleTurnFor)
		},
	}
	group.Go(func() { stale.Run(ctx) })
	resumer := &actions.Resumer{Marks: a.tenants, Parked: a.records, Queue: a.queue, Log: a.log,
		Turn: func(ctx context.Context) bool { return a.turn(ctx, resumeTurn, resumeTurnFor) }}
	group.Go(func() { resumer.Run(ctx) })
	group.Go(func() { a.tendSessions(ctx) })
	watcher := a.expiryWatcher()
	group.Go(func() { watcher.Run(ctx) })
	deleter := a.deleter()
	group.Go(func() { deleter.Run(ctx) })
	return &group
}

// turn takes this process' turn at something that one process does at a time.
func (a *App) turn(ctx context.Context, key string, hold time.Duration) bool {
	took, err := a.rdb.SetNX(ctx, key, "", hold).Result()
	return err == nil && took
}

// tendSessions keeps OAuth sessions alive until the context ends.
func (a *App) tendSessions(ctx context.Context) {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := a.auth.Tend(ctx, func(in tenants.Integration, cause error) { a.dead(ctx, in, cause) })
		if err != nil && ctx.Err() == nil {
			a.log.WarnContext(ctx, "tend sessions", telemetry.KeyError, err)
		}
	}
}

// dead marks an integration whose session Productboard has ended.
func (a *App) dead(ctx context.Context, in tenants.Integration, cause error) {
	reason := fault.From(cause).Public
	marked, err := a.tenants.NeedReconnect(ctx, in, fault.SideProductboard, reason)
	if err != nil || !marked {
		return // the next click finds out as well
	}
	a.log.WarnContext(ctx, "needs reconnect", telemetry.KeyTenant, in.Tenant, telemetry.KeyIntegration, in.ID, telemetry.KeySide, string(fault.SideProductboard), telemetry.KeyReason, reason)
	a.needsReconnect(fault.SideProductboard)
}

func (a *App) needsReconnect(side fault.Side) { a.metrics.NeedsReconnect(string(side)) }

// integrations lists every integration of every tenant, page by page.
func (a *App) integrations(ctx context.Context) iter.Seq2[tenants.Integration, error] {
	return a.ofTenants(ctx, func(tenants.Tenant) bool { return true })
}

// working lists those of the tenants that are not halted.
func (a *App) working(ctx context.Context) iter.Seq2[tenants.Integration, error] {
	return a.ofTenants(ctx, func(t tenants.Tenant) bool { return !t.Halted() })
}

func (a *App) ofTenants(ctx context.Context, wanted func(tenants.Tenant) bool) iter.Seq2[tenants.Integration, error] {
	return func(yield func(tenants.Integration, error) bool) {
		for t, err := range a.eachTenant(ctx) {
			if err != nil {
				yield(tenants.Integration{}, err)
				return
			}
			if wanted(t) && !a.ofTenant(ctx, t.ID, yield) {
				return
			}
		}
	}
}

// TenantIDs lists every tenant's id, page by page.
func (a *App) TenantIDs(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for t, err := range a.eachTenant(ctx) {
			if !yield(t.ID, err) {
				return
			}
		}
	}
}

// eachTenant ends after an error.
func (a *App) eachTenant(ctx context.Context) iter.Seq2[tenants.Tenant, error] {
	return func(yield func(tenants.Tenant, error) bool) {
		for after := ""; ; {
			page, next, err := a.tenants.Tenants(ctx, after, tenants.MaxPage)
			if err != nil {
				yield(tenants.Tenant{}, err)
				return
			}
			for _, t := range page {
				if !yield(t, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			after = next
		}
	}
}

func (a *App) ofTenant(ctx context.Context, tenant string, yield func(tenants.Integration, error) bool) bool {
	for after := ""; ; {
		page, next, err := a.tenants.Tenant(tenant).Integrations(ctx, after, tenants.MaxPage)
		if err != nil {
			return yield(tenants.Integration{Tenant: tenant}, err)
		}
		for _, in := range page {
			if !yield(in, nil) {
				return false
			}
		}
		if next == "" {
			return true
		}
		after = next
	}
}
