package jobs

import (
	"context"
	"log/slog"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/telemetry"
)

// Records are what the rescuer asks; connections.Store is one.
type Records interface {
	Rescue(ctx context.Context) (found []connections.Stalled, more bool, err error)
	Requeue(ctx context.Context, w connections.Task) (*connections.Task, error)
}

const (
	// RescueEvery is the pause between two passes of a process. With a lease of
	// 10 s a silent worker's runs are taken over within 12 s.
	RescueEvery = 2 * time.Second
	// rescueTimeout bounds one pass.
	rescueTimeout = 10 * time.Second
)

// Rescuer finds runs that do not move on, whoever was to move them, and queues
// them again. Every process runs one, and they share the work.
type Rescuer struct {
	Records Records
	Queue   *Queue
	Log     *slog.Logger
	// Observe, if set, gets the reason for every run that was queued again:
	// "taken over" from a silent worker, "lost" by the queue, or "overdue" in
	// its tenant's backlog.
	Observe func(reason string)
}

// Rescue treats everything that is due now.
func (l *Rescuer) Rescue(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, rescueTimeout)
	defer cancel()
	for more := true; more; {
		found, again, err := l.Records.Rescue(ctx)
		for _, f := range found {
			if err := l.treat(ctx, f); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
		more = again
	}
	return nil
}

func (l *Rescuer) treat(ctx context.Context, f connections.Stalled) error {
	if f.Unreadable {
		l.Log.ErrorContext(ctx, "a record is unreadable and nobody works on it: plugin doctor says what to do", f.Key.LogAttr())
		return nil
	}
	if f.TakenOver || f.Overdue {
		reason := "taken over"
		if f.Overdue {
			reason = "overdue"
		}
		l.note(ctx, f.Key, reason)
		return l.Queue.Enqueue(ctx, f.Task)
	}
	pending, err := l.Queue.ensure(ctx, f.Task)
	if err != nil || pending {
		return err
	}
	task, err := l.Records.Requeue(ctx, f.Task)
	if err != nil || task == nil {
		return err
	}
	l.note(ctx, f.Key, "lost")
	return l.Queue.Enqueue(ctx, *task)
}

func (l *Rescuer) note(ctx context.Context, key connections.Key, reason string) {
	l.Log.WarnContext(ctx, "run queued again", key.LogAttr(), telemetry.KeyReason, reason)
	if l.Observe != nil {
		l.Observe(reason)
	}
}
