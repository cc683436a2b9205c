package actions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/targets"
	"pushbutton/internal/telemetry"
	"pushbutton/internal/tenants"
)

// Leases gives out the right to change a record; connections.Store does.
type Leases interface {
	Begin(ctx context.Context, key connections.Key, run int64) (*connections.Lease, error)
}

// Productboard is what a push needs of Productboard; pbapi.Session is one.
type Productboard interface {
	GetEntity(ctx context.Context, id string, fields ...string) (pbapi.Entity, error)
	GetConfiguration(ctx context.Context, entityType string) (pbapi.Configuration, error)
	GetConnection(ctx context.Context, integrationID, entityID string) (pbapi.ConnectionState, error)
	PutConnection(ctx context.Context, integrationID, entityID string, state pbapi.ConnectionState) error
}

// Peers opens the two sides of an integration.
type Peers interface {
	Productboard(in tenants.Integration) Productboard
	Target(ctx context.Context, in tenants.Integration) (*targets.Target, error)
}

// CreateTimeout bounds a create in the tracker: after it and the tracker's
// own consistency lag, an issue that cannot be found does not exist.
const CreateTimeout = 15 * time.Second

// handBackTimeout bounds what is done after the run's own context has ended.
const handBackTimeout = 2 * time.Second

// Performer does the runs of a push, in steps that a retry resumes.
type Performer struct {
	Leases       Leases
	Integrations tenants.ByID
	// Tenants tells who is suspended; nil: nobody is.
	Tenants tenants.ByTenant
	Peers   Peers
	Queue   Queue
	Log     *slog.Logger
	// Breaker, if set, keeps pushes from trackers that fail steadily.
	Breaker Breaker
	// Reconnects is told of refused credentials, and what needs them waits
	// then; nil: it fails. NeedsReconnect, if set, is told the side of each
	// integration that was marked.
	Reconnects     Reconnects
	NeedsReconnect func(side fault.Side)
	// Observe, if set, is told of every run: the step it began with, the
	// target's type, and how it ended.
	Observe func(step, target, outcome string, took time.Duration)
	// Quarantine, if set, does a run alone whose workers were lost one after the
	// other; nil: it is done like any other.
	Quarantine Quarantine
	// Duplicate, if set, is told of every duplicate that was found, by the target's
	// type.
	Duplicate func(target string)

	mapper Mapper
	// patience is how long a run may take to return after its context has
	// ended; returnTimeout if zero.
	patience time.Duration
}

// Perform does one run of a connection. It returns an error only where Redis could
// not be read or written. Then the queue, and after it the rescuer, brings the run
// back. Everything else ends in the record.
func (p *Performer) Perform(ctx context.Context, key connections.Key, run int64) error {
	lease, err := p.Leases.Begin(ctx, key, run)
	if err != nil || lease == nil {
		return err
	}
	if suspect(lease.Record) {
		done, err := p.quarantine(ctx, key, lease)
		if done || err != nil {
			return err
		}
	}
	start := time.Now()
	p.Log.DebugContext(ctx, "begin", key.LogAttr(), telemetry.KeyRun, run, telemetry.KeyStep, string(lease.Record.Step))
	kept, release := lease.Keep(ctx)
	defer release()
	r := newRun(p, key, lease)
	returned, err := r.isolated(outbound.WithFence(kept, lease.Fence))
	if !returned {
		p.reportAbandoned(ctx, key, r.began, time.Since(start))
		return nil
	}
	outcome, err := r.end(ctx, err)
	r.report(ctx, outcome, err, time.Since(start))
	if outcome == "not told" {
		return err
	}
	return nil
}

// run is one worker's turn at a record.
type run struct {
	p     *Performer
	key   connections.Key
	lease *connections.Lease
	began connections.Step
	in    tenants.Integration
	// decided is what follows a failed open that is not hopeless: another throw
	// of its delay might be past the deadline.
	decided *decision
	// attempt is what an open learns of the tracker.
	attempt attempt
}

func newRun(p *Performer, key connections.Key, lease *connections.Lease) *run {
	return &run{p: p, key: key, lease: lease, began: lease.Record.Step}
}

// steps goes on until the run is over or has to wait.
func (r *run) steps(ctx context.Context) error {
	in, err := r.p.Integrations.ByID(ctx, r.key.Integration)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		next, err := r.lease.Forget(ctx)
		r.enqueue(ctx, next)
		return err
	}
	if err != nil {
		return err
	}
	r.in = in
	if r.lease.Overdue() {
		if err := r.lease.Failed(ctx, r.late()); err != nil {
			return err
		}
	}
	for {
		opening := r.lease.Record.Step == connections.Open
		err := r.step(ctx)
		if !opening {
			return err
		}
		if err == nil {
			continue
		}
		if !r.hopeless(ctx, err) {
			return err
		}
		if err := r.lease.Failed(ctx, r.verdict(err)); err != nil {
			return err
		}
	}
}

// step does what the record says is next. A panic is a failure like others.
func (r *run) step(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &fault.Error{Op: "perform", Kind: fault.Internal, Side: fault.SidePlugin, Err: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	if reason, halted, err := suspended(ctx, r.p.Tenants, r.in.Tenant); err != nil {
		return err
	} else if halted {
		return &waitError{delay: suspendedWait, why: reason}
	}
	if err := r.halt(); err != nil {
		return err
	}
	defer func() { err = r.refused(ctx, err) }()
	switch step := r.lease.Record.Step; step {
	case connections.Open:
		return r.open(ctx)
	case connections.Settle:
		return r.settle(ctx)
	case connections.Verify:
		return r.verify(ctx)
	case connections.Cleanup:
		return r.cleanUp(ctx)
	case connections.Idle:
		return nil
	default:
		return &fault.Error{Op: "perform", Kind: fault.Internal, Err: fmt.Errorf("unknown step %q", step)}
	}
}

// hopeless tells whether a failed open is the end of the push, so that the
// person is told next.
func (r *run) hopeless(ctx context.Context, err error) bool {
	if connections.Lost(err) || ctx.Err() != nil {
		return false
	}
	if _, ok := parked(err); ok {
		return false
	}
	d := decide(err, r.lease.Record.Attempts)
	if d.verb == stop || r.lease.WouldBeOverdue(d.delay) {
		return true
	}
	r.decided = &d
	return false
}

// lastTried begins the sentence of a push that ran out of time.
const lastTried = "Not done within the time a push may take. Last tried: "

// late is what the person is told of a push whose run did not come back before
// its deadline.
func (r *run) late() connections.Failure {
	if why := r.lease.Record.LastFailure; why != nil && why.Message != "" {
		f := *why
		f.Message = lastTried + f.Message
		return f
	}
	return connections.Failure{Kind: fault.Timeout.String(), Side: fault.SidePlugin,
		Message: "Not done within the time a push may take: working on this item did not come to an end. Shorten its description, or ask your admin to simplify the templates in the integration's settings."}
}

// verdict is what the person is told of a hopeless failure.
func (r *run) verdict(err error) connections.Failure {
	f := failure(err)
	if decide(err, r.lease.Record.Attempts).verb != stop {
		f.Message = lastTried + f.Message
	}
	return f
}

// end does what has to follow: it hands the run back after a failure, or queues
// what comes next. It works also when the run's context has ended.
func (r *run) end(ctx context.Context, err error) (string, error) {
	switch {
	case err == nil:
		return "done", nil
	case connections.Lost(err):
		return "superseded", err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), handBackTimeout)
	defer cancel()
	if p, ok := parked(err); ok {
		next, perr := r.lease.Park(ctx, p.delay, failure(p.why))
		return r.handedBack(ctx, "parked", next, err, perr)
	}
	d := r.decide(err)
	if d.verb == stop {
		return r.stopped(ctx, err)
	}
	next, aerr := r.tryAgain(ctx, d, err)
	if d.verb == later {
		return r.handedBack(ctx, "later", next, err, aerr)
	}
	return r.handedBack(ctx, "retry", next, err, aerr)
}

// tryAgain hands the run back for another try. While the tracker takes no calls the
// others of its integration stay in the backlog.
func (r *run) tryAgain(ctx context.Context, d decision, why error) (*connections.Task, error) {
	if e := fault.From(why); d.verb == later && e.Kind == fault.RateLimited && e.Side == fault.SideTracker {
		return r.lease.Limited(ctx, d.delay, limitOf(why, maxLimitWait), failure(why))
	}
	if e := fault.From(why); d.verb == retry && e.Side == fault.SideTracker && targets.MayBeCharacters(why) {
		return r.lease.RequeueBMPOnly(ctx, d.delay, failure(why))
	}
	return r.lease.Requeue(ctx, d.delay, d.verb == retry, failure(why))
}

// handedBack queues what was handed back; failed is why that could not be
// recorded.
func (r *run) handedBack(ctx context.Context, outcome string, next *connections.Task, err, failed error) (string, error) {
	switch {
	case connections.Lost(failed):
		return "superseded", err
	case failed != nil:
		return "not told", errors.Join(err, failed)
	}
	r.enqueue(ctx, next)
	return outcome, err
}

func (r *run) decide(err error) decision {
	if r.decided != nil {
		return *r.decided
	}
	rec := r.lease.Record
	switch rec.Step {
	case connections.Settle, connections.Verify:
		if time.Duration(r.lease.Now-max(rec.Click.At, rec.LastClick))*time.Millisecond > tellFor {
			return decision{verb: stop}
		}
		return decideTelling(err, rec.Attempts)
	case connections.Open, connections.Cleanup, connections.Idle:
		return decide(err, rec.Attempts)
	default:
		return decide(err, rec.Attempts)
	}
}

// stopped ends what can go no further: an open that had no time left to say so
// itself, or a result that Productboard does not want to hear.
func (r *run) stopped(ctx context.Context, err error) (string, error) {
	var next *connections.Task
	var terr error
	switch r.lease.Record.Step {
	case connections.Open:
		if terr = r.lease.Failed(ctx, failure(err)); terr == nil {
			next, terr = r.lease.Requeue(ctx, 0, false, failure(err))
		}
	case connections.Settle:
		next, terr = r.lease.Settled(ctx)
	case connections.Verify, connections.Cleanup, connections.Idle:
		next, terr = r.lease.Verified(ctx)
	}
	if connections.Lost(terr) {
		return "superseded", err
	}
	if terr != nil {
		return "not told", errors.Join(err, terr)
	}
	r.enqueue(ctx, next)
	return "given up", err
}

// enqueue queues what comes next. A failure is only logged: the rescuer
// queues what was not.
func (r *run) enqueue(ctx context.Context, next *connections.Task) {
	if next == nil {
		return
	}
	if err := r.p.Queue.Enqueue(ctx, *next); err != nil {
		r.p.Log.WarnContext(ctx, "run recorded but not queued", r.key.LogAttr(), telemetry.KeyError, err)
	}
}

// report writes the one line per run.
func (r *run) report(ctx context.Context, outcome string, err error, took time.Duration) {
	rec := r.lease.Record
	level := slog.LevelInfo
	attrs := []slog.Attr{
		r.key.LogAttr(),
		slog.String(telemetry.KeyTarget, r.in.Target.Type), slog.Int64(telemetry.KeyGeneration, rec.Generation), slog.Int64(telemetry.KeyRun, rec.Run),
		slog.String(telemetry.KeyStep, string(r.began)), slog.String(telemetry.KeyOutcome, outcome), slog.String(telemetry.KeyState, string(rec.State)),
		slog.Float64(telemetry.KeyMillis, float64(took.Microseconds())/1000),
	}
	if rec.Issue != nil {
		attrs = append(attrs, slog.String(telemetry.KeyIssue, rec.Issue.Key))
	}
	if rec.Failure != nil {
		attrs = append(attrs, slog.String(telemetry.KeyFailure, rec.Failure.Kind))
	}
	if err != nil {
		level = slog.LevelWarn
		attrs = append(attrs, slog.Int(telemetry.KeyAttempts, rec.Attempts), slog.Any(telemetry.KeyError, err))
	}
	r.p.Log.LogAttrs(ctx, level, "attempt", attrs...)
	if r.p.Observe != nil {
		r.p.Observe(string(r.began), r.in.Target.Type, outcome, took)
	}
}
