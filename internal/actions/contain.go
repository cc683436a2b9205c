package actions

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
)

// comeBack is how long a run may take to come back after its context has ended.
const comeBack = 5 * time.Second

// contained does the work's steps in a goroutine of their own. came is false if
// they do not come back after their context has ended: the caller must leave the
// work alone then, since its goroutine still has it. Its lease ends meanwhile,
// which fences off whatever it would still send or record.
func (w *work) contained(ctx context.Context) (came bool, err error) {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- &fault.Error{Op: "perform", Kind: fault.Internal, Side: fault.SidePlugin, Err: fmt.Errorf("panic: %v\n%s", r, debug.Stack())}
			}
		}()
		done <- w.steps(ctx)
	}()
	select {
	case err := <-done:
		return true, err
	case <-ctx.Done():
	}
	patience := w.p.patience
	if patience <= 0 {
		patience = comeBack
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-done:
		return true, err
	case <-timer.C:
		return false, nil
	}
}

// abandoned tells of a run that did not come back. Its slot is free for others,
// and the look-out ends its push.
func (p *Performer) abandoned(ctx context.Context, key connections.Key, step connections.Step, took time.Duration) {
	const outcome = "abandoned"
	p.Log.LogAttrs(ctx, slog.LevelError, "attempt", slog.String("tenant", key.Tenant), slog.String("integration", key.Integration),
		slog.String("entity", key.Entity), slog.String("step", string(step)), slog.String("outcome", outcome), slog.Float64("ms", float64(took.Microseconds())/1000))
	if p.Observe != nil {
		p.Observe(string(step), "", outcome, took)
	}
}
