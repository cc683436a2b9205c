// Package jobs is the only room that knows Asynq: it queues runs, serves them to
// a worker, and rescues runs that nobody finishes.
//
// Asynq carries; the record decides. A task only names run N of a connection.
// The record says whether there is something to do, whether to try again, and
// when. So a task that Asynq delivers twice, late, or after its worker died does
// no harm. The Rescuer queues again what Asynq loses.
//
// What must not live here: what a run does (actions), the record
// (connections).
package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
)

const (
	// queueName is the one queue; taskType the one kind of task.
	queueName = "push"
	taskType  = "push"
	// maxRetry only matters for tasks whose worker died: Asynq delivers them
	// again, and they find that their run is over. It must not run out, since
	// Asynq would keep the task as a dead one.
	maxRetry = 1000
	// taskTimeout is a last resort; every step has its own limit.
	taskTimeout = 10 * time.Minute
)

// payload is the content of a task.
type payload struct {
	Key string `json:"k"`
	Run int64  `json:"r"`
}

// Queue puts runs into Asynq. It is safe for concurrent use.
type Queue struct {
	client    *asynq.Client
	inspector *asynq.Inspector
}

// NewQueue makes a Queue on a Redis client, which stays the caller's to
// close. The client must bound its own calls: Asynq does not.
func NewQueue(rdb redis.UniversalClient) *Queue {
	return &Queue{client: asynq.NewClientFromRedisClient(rdb), inspector: asynq.NewInspectorFromRedisClient(rdb)}
}

func taskID(w connections.Task) string { return fmt.Sprintf("push:%s#%d", w.Key, w.Run) }

// Enqueue queues a run, and those that came with it. A run that is queued
// already is no error: that is what a lost reply, or a second caller, looks
// like.
func (q *Queue) Enqueue(ctx context.Context, w connections.Task) error {
	var errs []error
	for next := &w; next != nil; next = next.Next {
		if err := q.enqueue(ctx, *next); err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (q *Queue) enqueue(ctx context.Context, w connections.Task) error {
	body, err := json.Marshal(payload{Key: w.Key.String(), Run: w.Run})
	if err != nil {
		return fault.Wrap(fault.Internal, "encode task", err)
	}
	opts := []asynq.Option{asynq.Queue(queueName), asynq.TaskID(taskID(w)), asynq.MaxRetry(maxRetry), asynq.Timeout(taskTimeout)}
	if w.Delay > 0 {
		opts = append(opts, asynq.ProcessAt(wholeSecond(time.Now().Add(w.Delay))))
	}
	_, err = q.client.EnqueueContext(ctx, asynq.NewTask(taskType, body), opts...)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, asynq.ErrTaskIDConflict):
		return err
	default:
		return redisdb.Fault("queue run", err)
	}
}

// wholeSecond rounds up: Asynq drops what is less than a second, and a run
// that begins too early finds that it has to wait.
func wholeSecond(t time.Time) time.Time { return t.Add(time.Second - 1).Truncate(time.Second) }

// ensure makes sure that a run is in the queue. pending is false where Asynq holds
// the task but will not deliver it soon: the worker that took it died before it
// could begin.
func (q *Queue) ensure(ctx context.Context, w connections.Task) (pending bool, err error) {
	err = q.enqueue(ctx, w)
	if !errors.Is(err, asynq.ErrTaskIDConflict) {
		return true, err
	}
	info, err := q.inspector.GetTaskInfo(queueName, taskID(w))
	if errors.Is(err, asynq.ErrTaskNotFound) || errors.Is(err, asynq.ErrQueueNotFound) {
		return true, nil // it was delivered in this very moment
	}
	if err != nil {
		return true, fault.Wrap(fault.Unavailable, "look at task", err)
	}
	return slices.Contains([]asynq.TaskState{asynq.TaskStatePending, asynq.TaskStateScheduled, asynq.TaskStateRetry}, info.State), nil
}

// Depth returns how many tasks are pending, how many are scheduled for later, and
// how long the oldest pending one has waited.
func (q *Queue) Depth() (pending, scheduled int, oldest time.Duration, err error) {
	names, err := q.inspector.Queues()
	if err != nil {
		return 0, 0, 0, fault.Wrap(fault.Unavailable, "look at queues", err)
	}
	if !slices.Contains(names, queueName) {
		return 0, 0, 0, nil // nothing was ever queued
	}
	info, err := q.inspector.GetQueueInfo(queueName)
	if err != nil {
		return 0, 0, 0, fault.Wrap(fault.Unavailable, "look at queue", err)
	}
	return info.Pending, info.Scheduled, info.Latency, nil
}
