package actions

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/telemetry"
	"pushbutton/internal/tenants"
)

// Reconnects is told of credentials that have stopped working; tenants.Store
// is one.
type Reconnects interface {
	NeedReconnect(ctx context.Context, used tenants.Integration, side fault.Side, reason string) (bool, error)
}

const (
	// parkFor is how long a push waits for a credential before somebody looks
	// whether it still has to: the Resumer wakes it long before that.
	parkFor = 15 * time.Minute
	// parkBriefly is for a credential that was replaced while this run used the
	// former one.
	parkBriefly = 5 * time.Second
	// parkMost is how long after its click an issue is still opened. After that
	// the person is told why not; if Productboard is the side that is down,
	// nobody can be told before it is repaired.
	parkMost = 24 * time.Hour
)

// parkError is a step that has to wait for a credential.
type parkError struct {
	delay time.Duration
	why   error
}

func (e *parkError) Error() string { return "waits for a credential: " + e.why.Error() }
func (e *parkError) Unwrap() error { return e.why }

func parked(err error) (*parkError, bool) {
	var p *parkError
	ok := errors.As(err, &p)
	return p, ok
}

// halt is why the run must not send anything now: the integration is marked,
// and the step at hand needs the credential that does not work.
func (r *run) halt() error {
	mark := r.in.Reconnect
	if mark == nil || !r.needs(mark.Side) {
		return nil
	}
	return r.park(mark.Side, parkFor, &fault.Error{Op: "perform", Kind: fault.Unauthorized, Side: mark.Side, Public: mark.Reason})
}

func (r *run) park(side fault.Side, delay time.Duration, why error) error {
	rec := r.lease.Record
	late := time.Duration(r.lease.Now-rec.Click.At)*time.Millisecond > parkMost
	if late && rec.Step == connections.Open && side == fault.SideTracker {
		return why // ends the push, and the person is told
	}
	return &parkError{delay: jitter(delay), why: why}
}

// needs tells whether the step at hand calls a side.
func (r *run) needs(side fault.Side) bool {
	rec := r.lease.Record
	if side == fault.SideProductboard {
		return rec.Step != connections.Cleanup
	}
	return rec.Step == connections.Open || rec.Step == connections.Cleanup || rec.Step == connections.Verify && rec.Recreated > 0
}

// refused marks the integration if a credential was refused, which only the
// first to find out does, and has the run wait then.
func (r *run) refused(ctx context.Context, err error) error {
	e := fault.From(err)
	if err == nil || r.p.Reconnects == nil || e.Kind != fault.Unauthorized || connections.Lost(err) {
		return err
	}
	if _, ok := parked(err); ok {
		return err
	}
	side := e.Side
	if side != fault.SideTracker && side != fault.SideProductboard {
		return err // nothing was refused by anybody
	}
	reason := failure(err).Message
	marked, merr := r.p.Reconnects.NeedReconnect(ctx, r.in, side, reason)
	if merr != nil {
		return errors.Join(merr, err)
	}
	if !marked {
		return r.park(side, parkBriefly, err)
	}
	r.p.Log.WarnContext(ctx, "needs reconnect", telemetry.KeyTenant, r.in.Tenant, telemetry.KeyIntegration, r.in.ID, telemetry.KeySide, string(side), telemetry.KeyReason, reason)
	if r.p.NeedsReconnect != nil {
		r.p.NeedsReconnect(side)
	}
	return r.park(side, parkFor, err)
}

// Marks lists the integrations that were marked; tenants.Store does.
type Marks interface {
	ByID(ctx context.Context, id string) (tenants.Integration, error)
	Reconnecting(ctx context.Context) ([]string, error)
	Resumed(ctx context.Context, integration string) error
}

// Parked wakes pushes that wait for a credential; connections.Store does.
type Parked interface {
	Wake(ctx context.Context, tenant, integration string, limit int) (tasks []connections.Task, more bool, err error)
}

// Resumer lets go on what waited for a credential that was repaired.
type Resumer struct {
	Marks  Marks
	Parked Parked
	Queue  Queue
	Log    *slog.Logger
}

const (
	// ResumeEvery is the time between two looks.
	ResumeEvery = 3 * time.Second
	// resumeStep bounds how many pushes of one integration go on at a time.
	resumeStep = 200
	// resumeSettles is how long after a change some process may still take the
	// integration for marked, and park its run.
	resumeSettles = 10 * time.Second
)

// Step looks at every marked integration once.
func (r *Resumer) Step(ctx context.Context) error {
	ids, err := r.Marks.Reconnecting(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range ids {
		if err := r.resume(ctx, id); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (r *Resumer) resume(ctx context.Context, id string) error {
	in, err := r.Marks.ByID(ctx, id)
	if errors.Is(err, fault.NotFound) {
		return r.Marks.Resumed(ctx, id)
	}
	if err != nil || in.Reconnect != nil {
		return err
	}
	tasks, more, err := r.Parked.Wake(ctx, in.Tenant, in.ID, resumeStep)
	for _, task := range tasks {
		if qerr := r.Queue.Enqueue(ctx, task); qerr != nil {
			return qerr // the rescuer queues what was not
		}
	}
	if len(tasks) > 0 {
		r.Log.InfoContext(ctx, "pushes go on after a reconnect", telemetry.KeyTenant, in.Tenant, telemetry.KeyIntegration, in.ID, telemetry.KeyPushes, len(tasks))
	}
	if err != nil || more || len(tasks) > 0 || time.Since(in.UpdatedAt) < resumeSettles {
		return err
	}
	return r.Marks.Resumed(ctx, id)
}
