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
	// asyncWorkers is how many tasks are queued at once, asyncBuffer how many
	// may wait for that. Tasks queued at once travel together.
	asyncWorkers = 32
	asyncBuffer  = 4096
	// asyncTimeout bounds the queuing of one.
	asyncTimeout = 800 * time.Millisecond
)

var errNoRoom = errors.New("too many tasks wait to be queued; the rescuer queues this one")

// AsyncQueue queues tasks without making its caller wait: a click is answered once
// it is recorded. The rescuer finds a task that does not get through or is lost
// with the process. Make it with NewAsyncQueue; Close it once.
type AsyncQueue struct {
	queue *Queue
	fold  *telemetry.Fold
	tasks chan connections.Task
	group sync.WaitGroup
	// closing makes sure that nothing is sent after the end.
	closing sync.RWMutex
	closed  bool
}

// NewAsyncQueue starts the goroutines that queue. They end with Close.
func NewAsyncQueue(queue *Queue, log *slog.Logger) *AsyncQueue {
	l := &AsyncQueue{queue: queue, fold: telemetry.NewFold(log, "clicks"), tasks: make(chan connections.Task, asyncBuffer)}
	for range asyncWorkers {
		l.group.Go(l.run)
	}
	return l
}

// Enqueue takes a task and returns at once. An error means that the task was not
// taken, which has been logged.
func (l *AsyncQueue) Enqueue(ctx context.Context, w connections.Task) error {
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

// failed logs clicks that were not queued. While Redis is away that is every click,
// so the first is logged, and then how many more there were.
func (l *AsyncQueue) failed(ctx context.Context, err error) {
	l.fold.Say(ctx, slog.LevelWarn, "clicks recorded but not queued, the rescuer queues them: "+err.Error())
}

func (l *AsyncQueue) run() {
	for w := range l.tasks {
		// Nobody's context: the click is answered, and Close lets it finish.
		ctx, cancel := context.WithTimeout(context.Background(), asyncTimeout)
		if err := l.queue.Enqueue(ctx, w); err != nil {
			l.failed(ctx, err)
		}
		cancel()
	}
}

// Close takes nothing more and waits until what was taken is queued, or until ctx
// ends. While Redis hangs that takes a second for every 32 tasks.
func (l *AsyncQueue) Close(ctx context.Context) {
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
