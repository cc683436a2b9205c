package actions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/telemetry"
)

// Quarantine does a run apart from all others, in a process with a memory limit of
// its own. It does one at a time in the whole deployment.
type Quarantine interface {
	// Do has another process resume the lease of owner, and returns when that process
	// has ended. The error is ErrOccupied if another run is in quarantine. It is
	// ErrDied if the process ended by itself before the run was over. After any other
	// error the run did not begin.
	Do(ctx context.Context, key connections.Key, run int64, owner string) error
}

// The errors of a Quarantine.
var (
	ErrOccupied = errors.New("another run is in quarantine")
	ErrDied     = errors.New("the run in quarantine did not survive")
)

const (
	// quarantineAfter is how many workers have to be lost with a run, one after the
	// other, before it is done alone. After giveUpAfter it is not tried any more.
	quarantineAfter = 2
	giveUpAfter     = 3
	// quarantineWait is the time between two tries to get into quarantine.
	quarantineWait = 5 * time.Second
)

// suspect reports whether a run may be what its workers died of. Steps that only
// tell Productboard do not handle the item's text.
func suspect(rec connections.Record) bool {
	return rec.Lost >= quarantineAfter && (rec.Step == connections.Open || rec.Step == connections.Cleanup)
}

// quarantine does a suspect run alone, or gives it up. done is false if the caller
// has to do the run like any other.
func (p *Performer) quarantine(ctx context.Context, key connections.Key, lease *connections.Lease) (done bool, err error) {
	rec := lease.Record
	if rec.Lost >= giveUpAfter {
		return true, p.giveUp(ctx, key, lease)
	}
	if p.opts.Quarantine == nil {
		return false, nil
	}
	p.log.WarnContext(ctx, "workers were lost with this run: it is done alone", key.LogAttr(), telemetry.KeyRun, rec.Run, telemetry.KeyLost, rec.Lost)
	start := time.Now()
	switch err := p.opts.Quarantine.Do(ctx, key, rec.Run, rec.Owner); {
	case err == nil:
		if p.opts.Observe != nil { // it has no metrics of its own
			p.opts.Observe(string(rec.Step), "", "quarantined", time.Since(start))
		}
		return true, nil
	case errors.Is(err, ErrDied), lease.WouldBeOverdue(quarantineWait):
		return true, p.giveUp(ctx, key, lease)
	case !errors.Is(err, ErrOccupied):
		p.log.ErrorContext(ctx, "quarantine does not begin", key.LogAttr(), telemetry.KeyError, err)
	}
	task, err := lease.Postpone(ctx, quarantineWait, connections.FailureOf(&fault.Error{Op: "perform", Kind: fault.Unavailable, Side: fault.SidePlugin,
		Public: "Working on this item ended a worker twice. It waits to be worked on alone."}))
	return true, p.enqueue(ctx, task, err)
}

// giveUp ends a run that workers die of. An open push ends in an error, and orphans
// stay as they are. Another run tells Productboard.
func (p *Performer) giveUp(ctx context.Context, key connections.Key, lease *connections.Lease) error {
	p.log.ErrorContext(ctx, "attempt", key.LogAttr(), telemetry.KeyRun, lease.Record.Run,
		telemetry.KeyStep, string(lease.Record.Step), telemetry.KeyOutcome, "poisonous")
	if p.opts.Observe != nil {
		p.opts.Observe(string(lease.Record.Step), "", "poisonous", 0)
	}
	if lease.Record.Step == connections.Cleanup {
		for _, orphan := range lease.Record.Orphans {
			if err := lease.CleanedUp(ctx, orphan.Epoch); err != nil {
				return p.enqueue(ctx, nil, err)
			}
		}
		task, err := lease.Verified(ctx)
		return p.enqueue(ctx, task, err)
	}
	why := poisonous(key)
	if err := lease.Failed(ctx, why); err != nil {
		return p.enqueue(ctx, nil, err)
	}
	task, err := lease.Requeue(ctx, 0, false, why)
	return p.enqueue(ctx, task, err)
}

// enqueue queues what follows. A lost lease is no error.
func (p *Performer) enqueue(ctx context.Context, task *connections.Task, err error) error {
	if err == nil && task != nil {
		return p.queue.Enqueue(ctx, *task)
	}
	if connections.Lost(err) {
		return nil
	}
	return err
}

// poisonous returns the failure of an item that workers die of.
func poisonous(key connections.Key) connections.Failure {
	return connections.Failure{Kind: fault.Internal.String(), Side: fault.SidePlugin, Message: fmt.Sprintf(
		"Working on the item %s ended this plugin's worker %d times, so it is not tried again. Shorten its description, or tell the plugin's operator.", key.Entity, giveUpAfter)}
}
