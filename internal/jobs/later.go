package jobs

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/telemetry"
)

const (
	// laterWorkers is how many tasks are queued at once, laterBuffer how many
	// may wait for that. Those at once travel together.
	laterWorkers = 32
	laterBuffer  = 4096
	// laterTimeout bounds the queuing of one.
	laterTimeout = 800 * time.Millisecond
)

var errNoRoom = errors.New("too much waits to be queued; the rescuer queues it")

// Later queues tasks without having its caller wait: a click is answered once
// it is recorded. What does not get through, or is lost with the process, the
// rescuer finds. Make it with NewLater; Close it once.
type Later struct {
	queue *Queue
	fold  *telemetry.Fold
	tasks chan connections.Task
	group sync.WaitGroup
	// closing makes sure that nothing is sent after the end.
	closing sync.RWMutex
	closed  bool
}

// NewLater starts what queues, in goroutines that end with Close.
func NewLater(queue *Queue, log *slog.Logger) *Later {
	l := &Later{queue: queue, fold: telemetry.NewFold(log, "clicks"), tasks: make(chan connections.Task, laterBuffer)}
	for range laterWorkers {
		l.group.Go(l.run)
	}
	return l
}

// Enqueue takes a task and returns at once; its error says that it was not
// taken, which has been logged.
func (l *Later) Enqueue(ctx context.Context, w connections.Task) error {
	l.closing.RLock()
	defer l.closing.RUnlock()
	if !l.closed {
		select {
		case l.tasks <- w:
			return nil
		default:
		}
	}
	l.failed(ctx, errNoRoom)
	return errNoRoom
}

// failed tells of clicks that were not queued: while Redis is away that is
// every one, so it is told of the first, and then how many more there were.
func (l *Later) failed(ctx context.Context, err error) {
	l.fold.Say(ctx, slog.LevelWarn, "clicks recorded but not queued, the rescuer queues them: "+err.Error())
}

func (l *Later) run() {
	for w := range l.tasks {
		// Nobody's context: the click is answered, and Close lets it finish.
		ctx, cancel := context.WithTimeout(context.Background(), laterTimeout)
		if err := l.queue.Enqueue(ctx, w); err != nil {
			l.failed(ctx, err)
		}
		cancel()
	}
}

// Close takes nothing more and waits until what was taken is queued. While
// Redis hangs that takes a second for every 32 of them, ctx at most.
func (l *Later) Close(ctx context.Context) {
	l.closing.Lock()
	if !l.closed {
		l.closed = true
		close(l.tasks)
	}
	l.closing.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.group.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
