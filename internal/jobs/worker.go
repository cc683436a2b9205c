package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pushbutton/internal/connections"
)

// Performer does the work of a run; actions.Performer is one.
type Performer interface {
	Perform(ctx context.Context, key connections.Key, run int64) error
}

// WorkerOptions sets up a Worker.
type WorkerOptions struct {
	// Concurrency is how many runs are worked on at once.
	Concurrency int
	// Grace is how long Shutdown lets runs finish before it has them handed
	// back.
	Grace time.Duration
	Log   *slog.Logger
}

const (
	// pickUp is how often an idle worker asks for work: Asynq has no other
	// way to learn of it, and a person waits.
	pickUp = 20 * time.Millisecond
	// forward is how often Asynq makes scheduled tasks ready.
	forward = time.Second
	// handBack is how long a cancelled run has to hand its work back.
	handBack = 3 * time.Second
)

// Worker takes runs from the queue. Make it with NewWorker; Start it once,
// Shutdown it once.
type Worker struct {
	server    *asynq.Server
	performer Performer
	opts      WorkerOptions
	base      context.Context
	cancel    context.CancelFunc
}

// NewWorker makes a Worker on a Redis client, which stays the caller's.
func NewWorker(rdb redis.UniversalClient, performer Performer, opts WorkerOptions) *Worker {
	w := &Worker{performer: performer, opts: opts}
	w.base, w.cancel = context.WithCancel(context.Background())
	w.server = asynq.NewServerFromRedisClient(rdb, asynq.Config{
		Concurrency:              opts.Concurrency,
		Queues:                   map[string]int{queueName: 1},
		BaseContext:              func() context.Context { return w.base },
		TaskCheckInterval:        pickUp,
		DelayedTaskCheckInterval: forward,
		ShutdownTimeout:          opts.Grace + handBack,
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
	return w.performer.Perform(ctx, key, p.Run)
}

// Shutdown takes no more work, lets what runs finish within the grace, has
// the rest handed back to the queue, and waits for both.
func (w *Worker) Shutdown() {
	// Cancelled before Asynq gives up on them: Asynq would requeue first and
	// cancel after, and both would run.
	cancel := time.AfterFunc(w.opts.Grace, w.cancel)
	defer cancel.Stop()
	w.server.Shutdown()
	w.cancel()
}
