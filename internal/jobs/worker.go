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

// WakeList names runs that may begin at once to workers that listen. It is a
// hint: the queue holds each run as well. There are several listeners where
// one cannot hear of all runs. connections.Store is one.
type WakeList interface {
	Listeners() int
	AwaitTask(ctx context.Context, listener int, wait time.Duration) (*connections.Task, error)
}

// WorkerOptions sets up a Worker.
type WorkerOptions struct {
	// Concurrency is how many runs are taken from the queue at once. While
	// fewer are worked on, runs of the wake-up list are begun as well. So for a
	// moment there can be up to twice as many.
	Concurrency int
	// WakeList, if set, spares an idle worker the wait for its next look into
	// the queue.
	WakeList WakeList
	// Grace is how long Shutdown lets runs finish before it has them handed
	// back.
	Grace time.Duration
	Log   *slog.Logger
}

const (
	// pickUp is how often, in the middle, an idle worker looks into the queue;
	// Asynq varies it by half. Each look costs three commands. The wake-up list
	// is for speed; this brings whatever it did not name.
	pickUp = 50 * time.Millisecond
	// forward is how often Asynq makes scheduled tasks ready.
	forward = time.Second
	// handBack is how long a cancelled run has to hand itself back.
	handBack = 3 * time.Second
	// listenFor is how long one wait for the wake-up list takes. It bounds what
	// the wait adds to a shutdown.
	listenFor = time.Second
	// listenPause is the pause after a wait that failed.
	listenPause = time.Second
)

// Worker takes runs from the queue. Make it with NewWorker; Start it once,
// Shutdown it once.
type Worker struct {
	server    *asynq.Server
	performer Performer
	opts      WorkerOptions
	base      context.Context
	cancel    context.CancelFunc

	listening     context.Context
	stopListening context.CancelFunc
	listeners     sync.WaitGroup
	// places holds one entry for each run that is worked on, up to Concurrency.
	places chan struct{}
	// tenants bounds how many of the places one tenant has.
	tenants tenantLimit
}

// NewWorker makes a Worker on a Redis client, which stays the caller's.
func NewWorker(rdb redis.UniversalClient, performer Performer, opts WorkerOptions) *Worker {
	w := &Worker{performer: performer, opts: opts, places: make(chan struct{}, opts.Concurrency), tenants: tenantLimit{most: max(opts.Concurrency/2, 1)}}
	w.base, w.cancel = context.WithCancel(context.Background())
	w.listening, w.stopListening = context.WithCancel(w.base)
	w.server = asynq.NewServerFromRedisClient(rdb, asynq.Config{
		Concurrency:              opts.Concurrency,
		Queues:                   map[string]int{queueName: 1},
		BaseContext:              func() context.Context { return w.base },
		TaskCheckInterval:        pickUp,
		DelayedTaskCheckInterval: forward,
		ShutdownTimeout:          opts.Grace + handBack,
		IsFailure:                func(err error) bool { return !errors.Is(err, errTenantLimit) },
		RetryDelayFunc:           func(int, error, *asynq.Task) time.Duration { return time.Second },
		Logger:                   newAsynqLog(opts.Log),
		LogLevel:                 asynq.WarnLevel,
	})
	return w
}

// Start begins to take tasks, in goroutines of its own.
func (w *Worker) Start() error {
	if err := w.server.Start(asynq.HandlerFunc(w.handle)); err != nil {
		return fmt.Errorf("start worker: %w", err)
	}
	if w.opts.WakeList != nil {
		for listener := range w.opts.WakeList.Listeners() {
			w.listeners.Go(func() { w.listen(listener) })
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
	if !w.tenants.acquire(key.Tenant) {
		return errTenantLimit
	}
	defer w.tenants.release(key.Tenant)
	// A task that Asynq has delivered must not wait here, where no other
	// process can take it. It runs even where this worker is full.
	select {
	case w.places <- struct{}{}:
		defer func() { <-w.places }()
	default:
	}
	return w.performer.Perform(ctx, key, p.Run)
}

// Shutdown takes no more tasks. It lets runs finish within the grace, has the rest
// handed back to the queue, and waits for both.
func (w *Worker) Shutdown() {
	// Cancelled before Asynq gives up on them: Asynq would requeue first and
	// cancel after, and both would run.
	cancel := time.AfterFunc(w.opts.Grace, w.cancel)
	defer cancel.Stop()
	w.stopListening()
	listened := make(chan struct{})
	go func() {
		defer close(listened)
		w.listeners.Wait()
	}()
	limit := time.NewTimer(w.opts.Grace + handBack)
	defer limit.Stop()
	w.server.Shutdown()
	select {
	case <-listened:
	case <-limit.C: // as Asynq does with its own
	}
	w.cancel()
}
