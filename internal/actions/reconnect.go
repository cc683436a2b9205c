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

// Reconnects marks integrations whose credential has stopped working; tenants.Store
// is one.
type Reconnects interface {
	NeedReconnect(ctx context.Context, used tenants.Integration, side fault.Side, reason string) (bool, error)
}

// checkCredential returns a hold if the run must not send anything now: the
// integration is marked, and the step at hand needs the credential that does not
// work.
func (r *run) checkCredential() error {
	mark := r.in.Reconnect
	if mark == nil || !r.needs(mark.Side) {
		return nil
	}
	return &hold{reason: credentialRefused, err: &fault.Error{Op: "perform", Kind: fault.Unauthorized, Side: mark.Side, Public: mark.Reason}}
}

// needs reports whether the step at hand calls a side.
func (r *run) needs(side fault.Side) bool {
	rec := r.lease.Record
	if side == fault.SideProductboard {
		return rec.Step != connections.Cleanup
	}
	return rec.Step == connections.Open || rec.Step == connections.Cleanup || rec.Step == connections.Verify && rec.Recreated > 0
}

// markCredentialRefused marks the integration if a credential was refused, and returns a hold
// then. Only the first run to find out sets the mark.
func (r *run) markCredentialRefused(ctx context.Context, err error) error {
	e := fault.From(err)
	if err == nil || r.p.opts.Reconnects == nil || e.Kind != fault.Unauthorized || connections.Lost(err) {
		return err
	}
	side := e.Side
	if side != fault.SideTracker && side != fault.SideProductboard {
		return err // no peer refused anything
	}
	reason := failureOf(err).Message
	marked, merr := r.p.opts.Reconnects.NeedReconnect(ctx, r.in, side, reason)
	if merr != nil {
		return errors.Join(merr, err)
	}
	if !marked {
		return &hold{reason: credentialReplaced, err: err}
	}
	r.p.log.WarnContext(ctx, "needs reconnect", telemetry.KeyTenant, r.in.Tenant, telemetry.KeyIntegration, r.in.ID, telemetry.KeySide, string(side), telemetry.KeyReason, reason)
	if r.p.opts.NeedsReconnect != nil {
		r.p.opts.NeedsReconnect(side)
	}
	return &hold{reason: credentialRefused, err: err}
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

// Resumer wakes the pushes that waited for a credential that was repaired. Make it
// with NewResumer.
type Resumer struct {
	marks  Marks
	parked Parked
	queue  Queue
	log    *slog.Logger
}

// NewResumer makes a Resumer.
func NewResumer(marks Marks, parked Parked, queue Queue, log *slog.Logger) *Resumer {
	return &Resumer{marks: marks, parked: parked, queue: queue, log: log}
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
	ids, err := r.marks.Reconnecting(ctx)
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
	in, err := r.marks.ByID(ctx, id)
	if errors.Is(err, fault.NotFound) {
		return r.marks.Resumed(ctx, id)
	}
	if err != nil || in.Reconnect != nil {
		return err
	}
	tasks, more, err := r.parked.Wake(ctx, in.Tenant, in.ID, resumeStep)
	for _, task := range tasks {
		if qerr := r.queue.Enqueue(ctx, task); qerr != nil {
			return qerr // the rescuer queues what was not
		}
	}
	if len(tasks) > 0 {
		r.log.InfoContext(ctx, "pushes go on after a reconnect", telemetry.KeyTenant, in.Tenant, telemetry.KeyIntegration, in.ID, telemetry.KeyPushes, len(tasks))
	}
	if err != nil || more || len(tasks) > 0 || time.Since(in.UpdatedAt) < resumeSettles {
		return err
	}
	return r.marks.Resumed(ctx, id)
}
