package actions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
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

// Productboard is the part of its API that a push needs; pbapi.Session implements it.
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

// Performer does the runs of a push, in steps that a retry resumes. Make it with
// NewPerformer.
type Performer struct {
	leases       Leases
	integrations tenants.ByID
	tenants      tenants.ByTenant
	peers        Peers
	queue        Queue
	log          *slog.Logger
	opts         PerformerOptions

	mapper Mapper
	// patience is how long a run may take to return after its context has
	// ended; returnTimeout if zero.
	patience time.Duration
}

// PerformerOptions holds what a Performer can do without.
type PerformerOptions struct {
	// Breaker keeps pushes from trackers that fail steadily.
	Breaker Breaker
	// Reconnects marks integrations whose credential was refused, and what needs
	// it waits then. Without it the push fails. NeedsReconnect is told the side of
	// each integration that was marked.
	Reconnects     Reconnects
	NeedsReconnect func(side fault.Side)
	// Observe is told of every run: the step it began with, the target's type, and
	// how it ended.
	Observe func(step, target, outcome string, took time.Duration)
	// Quarantine does a run alone whose workers were lost one after the other.
	// Without it the run is done like any other.
	Quarantine Quarantine
	// Duplicate is told of every duplicate that was found, by the target's type.
	Duplicate func(target string)
}

// NewPerformer makes a Performer. opts may be nil.
func NewPerformer(leases Leases, integrations tenants.ByID, owners tenants.ByTenant, peers Peers, queue Queue, log *slog.Logger, opts *PerformerOptions) *Performer {
	p := &Performer{leases: leases, integrations: integrations, tenants: owners, peers: peers, queue: queue, log: log}
	if opts != nil {
		p.opts = *opts
	}
	return p
}

// Perform does one run of a connection. It returns an error only where Redis could
// not be read or written. Then the queue, and after it the rescuer, brings the run
// back. Everything else ends in the record.
func (p *Performer) Perform(ctx context.Context, key connections.Key, run int64) error {
	lease, err := p.leases.Begin(ctx, key, run)
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
	p.log.DebugContext(ctx, "begin", key.LogAttr(), telemetry.KeyRun, run, telemetry.KeyStep, string(lease.Record.Step))
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
	if outcome == outcomeNotRecorded {
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
	// roll spreads the run's delays; see situation.
	roll float64
	// tracker is what an open learns of the tracker.
	tracker observation
}

func newRun(p *Performer, key connections.Key, lease *connections.Lease) *run {
	return &run{p: p, key: key, lease: lease, began: beginning(lease.Record), roll: rand.Float64()} //nolint:gosec // nothing to guess
}

// refreshing is the step of a run that brings a change of the issue to a button
// that is connected. Logs and metrics have it apart, since it is no push.
const refreshing connections.Step = "refresh"

// beginning is the step that a run begins with, as logs and metrics name it.
func beginning(rec connections.Record) connections.Step {
	if rec.State == connections.Connected && rec.Step == connections.Settle {
		return refreshing
	}
	return rec.Step
}

// steps goes on until the run is over or has to wait.
func (r *run) steps(ctx context.Context) error {
	in, err := r.p.integrations.ByID(ctx, r.key.Integration)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		task, err := r.lease.Forget(ctx)
		r.enqueue(ctx, task)
		return err
	}
	if err != nil {
		return err
	}
	r.in = in
	if r.lease.Overdue() {
		if err := r.lease.Failed(ctx, overdueFailure(r.lease.Record.LastFailure)); err != nil {
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
		live := ctx.Err() == nil
		o := next(err, r.situation(live))
		if o.verb != fail || !live {
			return err
		}
		if err := r.lease.Failed(ctx, o.failure); err != nil {
			return err
		}
	}
}

// step does what the record says is next. A panic is a failure like any other.
func (r *run) step(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &fault.Error{Op: "perform", Kind: fault.Internal, Side: fault.SidePlugin, Err: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	if err := checkSuspended(ctx, r.p.tenants, r.in.Tenant); err != nil {
		return err
	}
	if err := r.checkCredential(); err != nil {
		return err
	}
	defer func() { err = r.markCredentialRefused(ctx, err) }()
	switch step := r.lease.Record.Step; step {
	case connections.Open:
		return r.open(ctx)
	case connections.Settle:
		if r.began == refreshing {
			ctx = pbapi.InBackground(ctx)
		}
		return r.settle(ctx)
	case connections.Verify:
		return r.verify(pbapi.InBackground(ctx)) // the button shows it already
	case connections.Cleanup:
		return r.cleanUp(ctx)
	case connections.Idle:
		return nil
	default:
		return &fault.Error{Op: "perform", Kind: fault.Internal, Err: fmt.Errorf("unknown step %q", step)}
	}
}

// situation is where the run stands now. live says whether it can go on itself.
func (r *run) situation(live bool) situation {
	return situation{Record: r.lease.Record, now: r.lease.Now, live: live, roll: r.roll}
}

// outcomeNotRecorded is how a run ends whose outcome could not be recorded.
const outcomeNotRecorded = "not told"

// end does what has to follow: it hands the run back after a failure, or queues
// what comes next. It works also when the run's context has ended.
func (r *run) end(ctx context.Context, err error) (string, error) {
	o := next(err, r.situation(false))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), handBackTimeout)
	defer cancel()
	var task *connections.Task
	var failed error
	switch o.verb {
	case done, superseded:
		return o.verb.String(), err
	case retry, later:
		task, failed = r.handBack(ctx, o)
	case park:
		task, failed = r.lease.Park(ctx, o.delay, o.failure)
	case fail:
		task, failed = r.giveUp(ctx, o.failure)
	}
	switch {
	case connections.Lost(failed):
		return superseded.String(), err
	case failed != nil:
		return outcomeNotRecorded, errors.Join(err, failed)
	}
	r.enqueue(ctx, task)
	return o.verb.String(), err
}

// handBack hands the run back for another try. While the tracker takes no calls the
// others of its integration stay in the backlog.
func (r *run) handBack(ctx context.Context, o outcome) (*connections.Task, error) {
	switch {
	case o.closed > 0:
		return r.lease.Limited(ctx, o.delay, o.closed, o.failure)
	case o.bmpOnly:
		return r.lease.RequeueBMPOnly(ctx, o.delay, o.failure)
	default:
		return r.lease.Requeue(ctx, o.delay, o.verb == retry, o.failure)
	}
}

// giveUp ends what can go no further: an open that had no time left to say so
// itself, or a result that Productboard does not accept.
func (r *run) giveUp(ctx context.Context, why connections.Failure) (*connections.Task, error) {
	switch r.lease.Record.Step {
	case connections.Open:
		if err := r.lease.Failed(ctx, why); err != nil {
			return nil, err
		}
		return r.lease.Requeue(ctx, 0, false, why)
	case connections.Settle:
		return r.lease.Settled(ctx)
	case connections.Verify, connections.Cleanup, connections.Idle:
		return r.lease.Unverified(ctx)
	default:
		return nil, nil //nolint:nilnil // a step that this version does not know
	}
}

// enqueue queues what comes next. A failure is only logged: the rescuer queues the
// task within seconds.
func (r *run) enqueue(ctx context.Context, task *connections.Task) {
	if task == nil {
		return
	}
	if err := r.p.queue.Enqueue(ctx, *task); err != nil {
		r.p.log.WarnContext(ctx, "run recorded but not queued", r.key.LogAttr(), telemetry.KeyError, err)
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
	r.p.log.LogAttrs(ctx, level, "attempt", attrs...)
	if r.p.opts.Observe != nil {
		r.p.opts.Observe(string(r.began), r.in.Target.Type, outcome, took)
	}
}
