package jobs

import (
	"context"
	"log/slog"
	"time"

	"pushbutton/internal/connections"
)

// Records is what the look-out asks; connections.Store is one.
type Records interface {
	Look(ctx context.Context) (found []connections.Found, more bool, err error)
	Requeue(ctx context.Context, w connections.Work) (*connections.Work, error)
}

const (
	// lookEvery is how often a process looks. With a lease of 10 s a silent
	// worker's runs are taken over within 12 s.
	lookEvery = 2 * time.Second
	// lookTimeout bounds one look.
	lookTimeout = 10 * time.Second
)

// Lookout finds runs that do not move on, whoever was to move them, and
// queues them again. Every process runs one; they do not get in each other's
// way.
type Lookout struct {
	Records Records
	Queue   *Queue
	Log     *slog.Logger
	// Observe, if set, is told of every run that was queued again: "taken
	// over" from a silent worker, "lost" by the queue, or "overdue" in its
	// tenant's line.
	Observe func(reason string)
}

// Run looks until the context ends.
func (l *Lookout) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := l.look(ctx); err != nil && ctx.Err() == nil {
			l.Log.WarnContext(ctx, "look-out", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look treats everything that is due now.
func (l *Lookout) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	for more := true; more; {
		found, again, err := l.Records.Look(ctx)
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

func (l *Lookout) treat(ctx context.Context, f connections.Found) error {
	if f.Aside {
		l.Log.ErrorContext(ctx, "a record cannot be read and was set aside; nobody works on it: plugin doctor says what to do", "connection", f.Key.String())
		return nil
	}
	if f.TakenOver || f.Overdue {
		reason := "taken over"
		if f.Overdue {
			reason = "overdue"
		}
		l.note(ctx, f.Key, reason)
		return l.Queue.Enqueue(ctx, f.Work)
	}
	waiting, err := l.Queue.ensure(ctx, f.Work)
	if err != nil || waiting {
		return err
	}
	work, err := l.Records.Requeue(ctx, f.Work)
	if err != nil || work == nil {
		return err
	}
	l.note(ctx, f.Key, "lost")
	return l.Queue.Enqueue(ctx, *work)
}

func (l *Lookout) note(ctx context.Context, key connections.Key, reason string) {
	l.Log.WarnContext(ctx, "run queued again", "connection", key.String(), "reason", reason)
	if l.Observe != nil {
		l.Observe(reason)
	}
}
