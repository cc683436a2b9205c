package actions

import (
	"context"
	"fmt"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/limits/breaker"
	"pushbutton/internal/targets"
	"pushbutton/internal/telemetry"
)

// Breaker knows which integrations' trackers fail steadily; breaker.Breaker is one.
type Breaker interface {
	Ask(ctx context.Context, integration string) breaker.Pass
	Worked(ctx context.Context, pass breaker.Pass) breaker.Change
	Failed(ctx context.Context, pass breaker.Pass, item, kind string) breaker.Change
	Undecided(ctx context.Context, pass breaker.Pass)
}

// breakerTimeout bounds what is told to the breaker when a run is over.
const breakerTimeout = time.Second

// observation holds what a run learns of its tracker.
type observation struct {
	pass   breaker.Pass
	health health
	kind   fault.Kind
}

// health is the state of a tracker as its answers show it.
type health uint8

const (
	// healthUnknown: it was not asked, or its answer may be our own fault.
	healthUnknown health = iota
	// healthy: it did what it was asked, or refused it as one that works does.
	healthy
	// failing: it cannot be reached, is not in time, or says so itself.
	failing
)

// healthOf reads a tracker's health from an operation's error.
func healthOf(err error) health {
	if err == nil {
		return healthy
	}
	// If the plugin had no memory or no time, that says nothing about the tracker.
	if fault.From(err).Side == fault.SidePlugin {
		return healthUnknown
	}
	switch fault.KindOf(err) {
	case fault.Unavailable, fault.Timeout, fault.Intermediary:
		return failing
	case fault.Invalid, fault.Unauthorized, fault.Forbidden, fault.NotFound, fault.Gone, fault.Conflict, fault.RateLimited:
		return healthy
	case fault.Internal, fault.Canceled, fault.Blocked:
		return healthUnknown
	default:
		return healthUnknown
	}
}

// observe notes how an operation of the tracker ended.
func (r *run) observe(err error) {
	if h := healthOf(err); h > r.tracker.health {
		r.tracker.health, r.tracker.kind = h, fault.Internal
		if err != nil {
			r.tracker.kind = fault.KindOf(err)
		}
	}
}

// admit returns a hold if the tracker's breaker is open. The push ends at once then,
// unless an issue of it may exist already.
func (r *run) admit(ctx context.Context, target *targets.Target) error {
	if err := target.Ready(ctx); err != nil || r.p.opts.Breaker == nil {
		return err
	}
	pass := r.p.opts.Breaker.Ask(ctx, r.key.Integration)
	r.tracker = observation{pass: pass}
	if !pass.Open {
		return nil
	}
	return &hold{reason: trackerFailing, wait: pass.Wait, err: brokenFault(target.Traits().Name, pass)}
}

// brokenFault is the fault of a push while the breaker is open.
func brokenFault(tracker string, pass breaker.Pass) *fault.Error {
	kind, what := fault.Unavailable, "has not been working since"
	if pass.Kind == fault.Timeout.String() {
		kind, what = fault.Timeout, "has not answered in time since"
	}
	public := fmt.Sprintf("%s %s %s UTC, so this push was not tried. Push again after %s UTC. If it stays so, tell the people who run %s.",
		tracker, what, clock(pass.Since, pass.Next), clock(pass.Next.Add(time.Minute-1), pass.Next), tracker)
	return &fault.Error{Op: "ask breaker", Kind: kind, Side: fault.SideTracker, Peer: tracker, Public: public}
}

// clock formats a time to the minute, with its day unless that is today.
func clock(t, now time.Time) string {
	layout := "15:04"
	if t, now := t.UTC(), now.UTC(); t.YearDay() != now.YearDay() || t.Year() != now.Year() {
		layout = "2 January 15:04"
	}
	return t.UTC().Format(layout)
}

// tellBreaker tells the breaker what the run has learnt of its tracker, also when
// the run's context has ended. It returns err, inside a hold if the breaker is open
// now and an issue may exist. One run tries the tracker for all, and that does not
// count as a try of its own.
func (r *run) tellBreaker(ctx context.Context, err error) error {
	if r.p.opts.Breaker == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), breakerTimeout)
	defer cancel()
	change := breaker.None
	switch t := r.tracker; t.health {
	case healthy:
		change = r.p.opts.Breaker.Worked(ctx, t.pass)
	case failing:
		change = r.p.opts.Breaker.Failed(ctx, t.pass, r.key.Entity, t.kind.String())
	case healthUnknown:
		r.p.opts.Breaker.Undecided(ctx, t.pass)
	}
	attrs := []any{telemetry.KeyTenant, r.key.Tenant, telemetry.KeyIntegration, r.key.Integration, telemetry.KeyTarget, r.in.Target.Type}
	switch change {
	case breaker.Opened:
		r.p.log.WarnContext(ctx, "breaker opened: the tracker fails steadily, pushes to it end at once", attrs...)
	case breaker.Closed:
		r.p.log.InfoContext(ctx, "breaker closed: the tracker works again", attrs...)
	case breaker.None:
	}
	if r.tracker.health != failing || !mayExist(r.lease.Record) {
		return err
	}
	if pass := r.p.opts.Breaker.Ask(ctx, r.key.Integration); pass.Open {
		return &hold{reason: trackerFailing, wait: pass.Wait, err: err}
	}
	return err
}
