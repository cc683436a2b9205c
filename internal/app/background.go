package app

import (
	"context"
	"iter"
	"log/slog"
	"sync"
	"time"

	"pushbutton/internal/actions"
	"pushbutton/internal/admin/deletion"
	"pushbutton/internal/app/background"
	"pushbutton/internal/fault"
	"pushbutton/internal/hooks/keeper"
	"pushbutton/internal/jobs"
	"pushbutton/internal/refresh"
	"pushbutton/internal/telemetry"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/expiry"
)

// tendEvery is how often a process looks for sessions to renew.
const tendEvery = time.Minute

// background runs what every process does beside its role, until the context
// ends. It rescues runs that do not move on, deletes tenants and renews
// sessions. It takes its turn at five more tasks: stale progress, repaired
// credentials, credentials that end, webhooks, and the list of what is swept. A worker
// sweeps as well.
func (a *App) background(ctx context.Context, roles Roles) *sync.WaitGroup {
	var group sync.WaitGroup
	every := func(period time.Duration, turn background.Turn, f func(ctx context.Context)) {
		group.Go(func() { background.Every(ctx, period, turn, f) })
	}
	rescuer := &jobs.Rescuer{Records: a.records, Queue: a.queue, Log: a.log, Observe: a.metrics.Requeued}
	every(jobs.RescueEvery, nil, a.logged("rescue failed", rescuer.Rescue))
	buttons := func(in tenants.Integration) actions.Buttons { return a.peers.session(in) }
	// Nothing is sent for a tenant that is halted. It may have moved; then its
	// buttons belong to another deployment.
	stale := actions.NewStaleProgress(a.activeIntegrations, buttons, a.records, a.queue, a.log, &actions.StaleProgressOptions{Observe: a.metrics.StaleProgress})
	every(actions.StaleEvery, a.turn("stale"), stale.Search)
	resumer := actions.NewResumer(a.tenants, a.records, a.queue, a.log)
	every(actions.ResumeEvery, a.turn("resume"), a.logged("resume what waits for credentials", resumer.Step))
	every(tendEvery, nil, a.logged("tend sessions", func(ctx context.Context) error {
		return a.auth.Tend(ctx, func(in tenants.Integration, cause error) { a.sessionEnded(ctx, in, cause) })
	}))
	every(expiry.Every, a.turn("expiry"), a.expiryWatcher().Pass)
	every(keeper.TendEvery, a.turn("hooks"), a.logged("look after webhooks", a.keeper.Tend))
	every(deletion.LookEvery, nil, a.logged("tenant deletions", a.deleter().Look))
	every(min(registerEvery, a.cfg.Refresh), a.turn("sweeps"), a.logged("register for sweeps", a.registerSweeps))
	if roles.Worker {
		a.readers(every)
	}
	return &group
}

// readers runs what reads issues back: sweepers, and followers of webhooks.
func (a *App) readers(every func(period time.Duration, turn background.Turn, f func(ctx context.Context))) {
	// While Redis is away, each of them finds out twice a second.
	log := slog.New(telemetry.NewFoldHandler(a.log.Handler(), func(r slog.Record) (string, bool) {
		return r.Message, r.Message == refresh.SweepFailed || r.Message == refresh.NotFollowed
	}))
	opts := refresh.Options{Read: a.metrics.Read, Changed: a.metrics.Refreshed, Hinted: a.metrics.Hinted, NeedsReconnect: a.needsReconnect,
		Breaker: a.breaker, Memory: a.memory, Webhooks: a.hints}
	sweeper := refresh.New(a.sweeps, a.cache, a.cache, a.peers, a.records, a.queue, a.tenants, a.cfg.Refresh, log, &opts)
	for range sweepers {
		every(refresh.LookEvery, nil, sweeper.Step)
	}
	opts.Read = a.metrics.Followed
	follower := refresh.NewFollower(a.hints, a.sweeps, a.cache, a.cache, a.peers, a.records, a.queue, a.tenants, log, &opts)
	for range followers {
		every(refresh.FollowEvery, nil, follower.Step)
	}
}

const (
	// registerEvery is how often new integrations are added to the sweeps.
	registerEvery = time.Minute
	// sweepers is how many integrations one worker process sweeps at once. Each
	// waits for its tracker most of the time.
	sweepers = 8
	// followers is for how many integrations one worker process reads what webhooks
	// name.
	followers = 4
)

// registerSweeps makes sure that every integration is swept. Those that are gone,
// or switched off, leave by themselves.
func (a *App) registerSweeps(ctx context.Context) error {
	tenant, ids := "", []string{}
	register := func() error {
		err := a.sweeps.Register(ctx, tenant, ids, a.cfg.Refresh)
		ids = ids[:0]
		return err
	}
	for in, err := range a.activeIntegrations(ctx) {
		if err != nil {
			return err
		}
		if in.Tenant != tenant || len(ids) == tenants.MaxPage {
			if err := register(); err != nil {
				return err
			}
			tenant = in.Tenant
		}
		if !in.Disabled && !in.Refresh.Off && in.Deleting.IsZero() {
			ids = append(ids, in.ID)
		}
	}
	return register()
}

// logged logs the errors of a task, but not that its context ended.
func (a *App) logged(message string, f func(ctx context.Context) error) func(ctx context.Context) {
	return func(ctx context.Context) {
		if err := f(ctx); err != nil && ctx.Err() == nil {
			a.log.WarnContext(ctx, message, telemetry.KeyError, err)
		}
	}
}

// turn returns the turns at a task that one process does at a time.
func (a *App) turn(task string) background.Turn {
	return func(ctx context.Context, hold time.Duration) bool { return a.claim(ctx, "pb:turn:"+task, hold) }
}

// claim takes a key for some time, and reports whether nobody else has it.
func (a *App) claim(ctx context.Context, key string, hold time.Duration) bool {
	took, err := a.rdb.SetNX(ctx, key, "", hold).Result()
	return err == nil && took
}

// sessionEnded marks an integration whose session Productboard has ended.
func (a *App) sessionEnded(ctx context.Context, in tenants.Integration, cause error) {
	reason := fault.From(cause).Public
	marked, err := a.tenants.NeedReconnect(ctx, in, fault.SideProductboard, reason)
	if err != nil || !marked {
		return // the next click finds out as well
	}
	a.log.WarnContext(ctx, "needs reconnect", telemetry.KeyTenant, in.Tenant, telemetry.KeyIntegration, in.ID, telemetry.KeySide, string(fault.SideProductboard), telemetry.KeyReason, reason)
	a.needsReconnect(fault.SideProductboard)
}

func (a *App) needsReconnect(side fault.Side) { a.metrics.NeedsReconnect(string(side)) }

// allIntegrations lists every integration of every tenant, page by page.
func (a *App) allIntegrations(ctx context.Context) iter.Seq2[tenants.Integration, error] {
	return a.ofTenants(ctx, func(tenants.Tenant) bool { return true })
}

// activeIntegrations lists those of the tenants that are not halted.
func (a *App) activeIntegrations(ctx context.Context) iter.Seq2[tenants.Integration, error] {
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
