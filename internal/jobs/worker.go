package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pushbutton/internal/connections"
)

// Performer does the work of a run; actions.Performer is one.
type Performer interface {
	Perform(ctx context.Context, key connections.Key, run int64) error
}

// Bell tells a waiting worker of a run that may begin at once; it is a hint,
// and the queue holds the run as well. There are several callers where one
// cannot hear of all. connections.Store is one.
type Bell interface {
	Bells() int
	Ring(ctx context.Context, caller int, wait time.Duration) (*connections.Work, error)
}

// WorkerOptions sets up a Worker.
type WorkerOptions struct {
	// Concurrency is how many runs are taken from the queue at once. While
	// fewer are worked on, runs that the bell tells of are begun as well, so
	// that for a moment there can be up to twice as many.
	Concurrency int
	// Bell, if set, spares an idle worker the wait for its next look into the
	// queue.
	Bell Bell
	// Grace is how long Shutdown lets runs finish before it has them handed
	// back.
	Grace time.Duration
	Log   *slog.Logger
}

const (
	// pickUp is how often, in the middle, an idle worker looks into the queue;
	// Asynq varies it by half. Three commands each time: the bell is for
	// speed, this for whatever it did not tell.
	pickUp = 50 * time.Millisecond
	// forward is how often Asynq makes scheduled tasks ready.
	forward = time.Second
	// handBack is how long a cancelled run has to hand its work back.
	handBack = 3 * time.Second
	// listenFor is how long one wait for the bell takes: it bounds what it
	// adds to a shutdown.
	listenFor = time.Second
	// listenAgain is the pause after a wait that failed.
	listenAgain = time.Second
)

// Worker takes runs from the queue. Make it with NewWorker; Start it once,
// Shutdown it once.
type Worker struct {
	server    *asynq.Server
	performer Performer
	opts      WorkerOptions
	base      context.Context
	cancel    context.CancelFunc

	listening context.Context
	deafen    context.CancelFunc
	listener  sync.WaitGroup
	// slots holds one entry for each run that is worked on, as far as it goes.
	slots chan struct{}
	// shares bounds what of it one tenant may have.
	shares shares
}

// NewWorker makes a Worker on a Redis client, which stays the caller's.
func NewWorker(rdb redis.UniversalClient, performer Performer, opts WorkerOptions) *Worker {
	w := &Worker{performer: performer, opts: opts, slots: make(chan struct{}, opts.Concurrency), shares: shares{most: max(opts.Concurrency/2, 1)}}
	w.base, w.cancel = context.WithCancel(context.Background())
	w.listening, w.deafen = context.WithCancel(w.base)
	w.server = asynq.NewServerFromRedisClient(rdb, asynq.Config{
		Concurrency:              opts.Concurrency,
		Queues:                   map[string]int{queueName: 1},
		BaseContext:              func() context.Context { return w.base },
		TaskCheckInterval:        pickUp,
		DelayedTaskCheckInterval: forward,
		ShutdownTimeout:          opts.Grace + handBack,
		IsFailure:                func(err error) bool { return !errors.Is(err, errShare) },
		RetryDelayFunc:           func(int, error, *asynq.Task) time.Duration { return time.Second },
		Logger:                   newAsynqLog(opts.Log),
		LogLevel:                 asynq.WarnLevel,
	})
	return w
}

// Start begins to take work, in goroutines of its own.
func (w *Worker) Start() error {
	if err := w.server.Start(asynq.HandlerFunc(w.handle)); err != nil {
		return fmt.Errorf("start worker: %w", err)
	}
	if w.opts.Bell != nil {
		for caller := range w.opts.Bell.Bells() {
			w.listener.Go(func() { w.listen(caller) })
		}
	}
	return nil
}

func (w *Worker) handle(ctx context.Context, task *asynq.Task) error {
	var p payload
	if err := json.Unmarshal(task.Payload(), &p); err != nil {
		return fmt.Errorf("task payload: %w: %w", err, asynq.SkipRetry)
	}
	key, err := connections.ParseKey(p.Key)
	if err != nil {
		return fmt.Errorf("task payload: %w: %w", err, asynq.SkipRetry)
	}
	if !w.shares.enter(key.Tenant) {
		return errShare
	}
	defer w.shares.leave(key.Tenant)
	// What Asynq has handed out must not wait here, where no other process
	// can take it: without a free slot it runs all the same.
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	default:
	}
	return w.performer.Perform(ctx, key, p.Run)
}

// Shutdown takes no more work, lets what runs finish within the grace, has
// the rest handed back to the queue, and waits for both.
func (w *Worker) Shutdown() {
	// Cancelled before Asynq gives up on them: Asynq would requeue first and
	// cancel after, and both would run.
	cancel := time.AfterFunc(w.opts.Grace, w.cancel)
	defer cancel.Stop()
	w.deafen()
	rung := make(chan struct{})
	go func() {
		defer close(rung)
		w.listener.Wait()
	}()
	limit := time.NewTimer(w.opts.Grace + handBack)
	defer limit.Stop()
	w.server.Shutdown()
	select {
	case <-rung:
	case <-limit.C: // as Asynq does with its own
	}
	w.cancel()
}
