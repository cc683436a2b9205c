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

// Breaker knows which integrations' trackers fail steadily; breaker.Breaker
// does.
type Breaker interface {
	Ask(ctx context.Context, integration string) breaker.Pass
	Worked(ctx context.Context, pass breaker.Pass) breaker.Change
	Failed(ctx context.Context, pass breaker.Pass, item, kind string) breaker.Change
	Undecided(ctx context.Context, pass breaker.Pass)
}

// brokenError refuses a push whose tracker is known to fail steadily: trying it
// would only let the person wait.
type brokenError struct{ why *fault.Error }

func (e *brokenError) Error() string { return e.why.Error() }
func (e *brokenError) Unwrap() error { return e.why }

// tellBreaker bounds what is told when a run is over.
const tellBreaker = time.Second

// attempt is what a run learns of its tracker.
type attempt struct {
	pass breaker.Pass
	said judgement
	kind fault.Kind
}

// judgement is what a tracker's answers say about it.
type judgement uint8

const (
	// nothing: it was not asked, or its answer may be our own fault.
	nothing judgement = iota
	// works: it did what it was asked, or refused it like one that works.
	works
	// fails: it cannot be reached, is not in time, or says so itself.
	fails
)

// judge reads a judgement from an operation's error.
func judge(err error) judgement {
	if err == nil {
		return works
	}
	// What this plugin had no memory or no time for says nothing of the tracker.
	if fault.From(err).Side == fault.SidePlugin {
		return nothing
	}
	switch fault.KindOf(err) {
	case fault.Unavailable, fault.Timeout, fault.Intermediary:
		return fails
	case fault.Invalid, fault.Unauthorized, fault.Forbidden, fault.NotFound, fault.Gone, fault.Conflict, fault.RateLimited:
		return works
	case fault.Internal, fault.Canceled, fault.Blocked:
		return nothing
	default:
		return nothing
	}
}

// heard notes how an operation of the tracker ended.
func (r *run) heard(err error) {
	if said := judge(err); said > r.attempt.said {
		r.attempt.said, r.attempt.kind = said, fault.Internal
		if err != nil {
			r.attempt.kind = fault.KindOf(err)
		}
	}
}

// admit asks whether the tracker may be called. While its breaker is open a
// push ends at once, unless an issue of it may exist already: that one waits,
// since only the tracker can tell.
func (r *run) admit(ctx context.Context, target *targets.Target) error {
	if err := target.Ready(ctx); err != nil || r.p.Breaker == nil {
		return err
	}
	pass := r.p.Breaker.Ask(ctx, r.key.Integration)
	r.attempt = attempt{pass: pass}
	if !pass.Open {
		return nil
	}
	why := brokenFault(target.Traits().Name, pass)
	if r.mayExist() {
		return &waitError{delay: jitter(pass.Wait), why: why}
	}
	return &brokenError{why}
}

// mayExist tells whether a create was sent whose outcome is not known.
func (r *run) mayExist() bool {
	i := r.lease.Record.Intent
	return i != nil && (!i.Resolved || i.Sent > 1)
}

// brokenFault is what a person reads while a breaker is open.
func brokenFault(tracker string, pass breaker.Pass) *fault.Error {
	kind, what := fault.Unavailable, "has not been working since"
	if pass.Kind == fault.Timeout.String() {
		kind, what = fault.Timeout, "has not answered in time since"
	}
	public := fmt.Sprintf("%s %s %s UTC, so this push was not tried. Push again after %s UTC. If it stays so, tell the people who run %s.",
		tracker, what, clock(pass.Since, pass.Next), clock(pass.Next.Add(time.Minute-1), pass.Next), tracker)
	return &fault.Error{Op: "ask breaker", Kind: kind, Side: fault.SideTracker, Peer: tracker, Public: public}
}

// clock tells a time to the minute, with the day where it is another than now.
func clock(t, now time.Time) string {
	layout := "15:04"
	if t, now := t.UTC(), now.UTC(); t.YearDay() != now.YearDay() || t.Year() != now.Year() {
		layout = "2 January 15:04"
	}
	return t.UTC().Format(layout)
}

// tell passes on what the run has learnt of its tracker, also when its context
// has ended, and returns the run's error. That is a wait where the breaker is
// open now and an issue may exist: a trial is made for all, and does not count
// as this push's own.
func (r *run) tell(ctx context.Context, err error) error {
	if r.p.Breaker == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellBreaker)
	defer cancel()
	change := breaker.None
	switch a := r.attempt; a.said {
	case works:
		change = r.p.Breaker.Worked(ctx, a.pass)
	case fails:
		change = r.p.Breaker.Failed(ctx, a.pass, r.key.Entity, a.kind.String())
	case nothing:
		r.p.Breaker.Undecided(ctx, a.pass)
	}
	attrs := []any{telemetry.KeyTenant, r.key.Tenant, telemetry.KeyIntegration, r.key.Integration, telemetry.KeyTarget, r.in.Target.Type}
	switch change {
	case breaker.Opened:
		r.p.Log.WarnContext(ctx, "breaker opened: the tracker fails steadily, pushes to it end at once", attrs...)
	case breaker.Closed:
		r.p.Log.InfoContext(ctx, "breaker closed: the tracker works again", attrs...)
	case breaker.None:
	}
	if r.attempt.said != fails || !r.mayExist() {
		return err
	}
	if pass := r.p.Breaker.Ask(ctx, r.key.Integration); pass.Open {
		return &waitError{delay: jitter(pass.Wait), why: err}
	}
	return err
}
