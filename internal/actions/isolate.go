package actions

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/telemetry"
)

// returnTimeout is how long a run may take to return after its context has ended.
const returnTimeout = 5 * time.Second

// isolated does the run's steps in a goroutine of their own. returned is false if
// they do not return after their context has ended. The caller must then leave the
// run alone, since the goroutine still uses it. The run's lease ends meanwhile,
// which fences off whatever the goroutine would still send or record.
func (r *run) isolated(ctx context.Context) (returned bool, err error) {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- &fault.Error{Op: "perform", Kind: fault.Internal, Side: fault.SidePlugin, Err: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
			}
		}()
		done <- r.steps(ctx)
	}()
	select {
	case err := <-done:
		return true, err
	case <-ctx.Done():
	}
	patience := r.p.patience
	if patience <= 0 {
		patience = returnTimeout
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

// reportAbandoned logs and counts a run that did not return. Its slot is free for
// others, and the rescuer ends its push.
func (p *Performer) reportAbandoned(ctx context.Context, key connections.Key, step connections.Step, took time.Duration) {
	const outcome = "abandoned"
	p.log.LogAttrs(ctx, slog.LevelError, "attempt", key.LogAttr(), slog.String(telemetry.KeyStep, string(step)), slog.String(telemetry.KeyOutcome, outcome), slog.Float64(telemetry.KeyMillis, float64(took.Microseconds())/1000))
	if p.opts.Observe != nil {
		p.opts.Observe(string(step), "", outcome, took)
	}
}
