package jobs

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/redisdb/redistest"
)

var quietLog = slog.New(slog.NewTextHandler(io.Discard, nil))

func key(n string) connections.Key {
	return connections.Key{Tenant: "tenant", Integration: "abcdefghijklmnopqrstuvwxyz", Entity: n}
}

// performer reports every run it is given and does what the test says.
type performer struct {
	got chan int64
	do  func(ctx context.Context, key connections.Key, run int64) error
}

func (p *performer) Perform(ctx context.Context, k connections.Key, run int64) error {
	p.got <- run
	if p.do != nil {
		return p.do(ctx, k, run)
	}
	return nil
}

func start(t *testing.T, env redistest.Env, p *performer, grace time.Duration) *Worker {
	t.Helper()
	w := NewWorker(env.Client, p, WorkerOptions{Concurrency: 4, Grace: grace, Log: quietLog})
	require.NoError(t, w.Start())
	return w
}

func TestQueueToWorker(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := context.Background()
		q := NewQueue(env.Client)
		task := connections.Task{Key: key("e"), Run: 7}
		require.NoError(t, q.Enqueue(ctx, task))
		require.NoError(t, q.Enqueue(ctx, task), "queued already is as good")
		pending, _, _, err := q.Depth()
		require.NoError(t, err)
		require.Equal(t, 1, pending)

		p := &performer{got: make(chan int64, 10)}
		w := start(t, env, p, time.Second)
		require.EqualValues(t, 7, <-p.got)
		w.Shutdown()
		require.Empty(t, p.got, "once")
	})
}

func TestDelayedTaskIsNeverEarly(t *testing.T) {
	env := redistest.Mini(t)
	q := NewQueue(env.Client)
	for i, delay := range []time.Duration{time.Millisecond, 999 * time.Millisecond, 1500 * time.Millisecond, 2 * time.Second} {
		task := connections.Task{Key: key("e"), Run: int64(i), Delay: delay}
		due := time.Now().Add(delay)
		require.NoError(t, q.Enqueue(context.Background(), task))
		info, err := q.inspector.GetTaskInfo(queueName, taskID(task))
		require.NoError(t, err)
		require.False(t, info.NextProcessAt.Before(due), "%s: %s is before %s", delay, info.NextProcessAt, due)
		require.WithinDuration(t, due, info.NextProcessAt, 1100*time.Millisecond)
	}
}

func TestShutdownCancelsWhatDoesNotFinish(t *testing.T) {
	env := redistest.Mini(t)
	p := &performer{got: make(chan int64, 1), do: func(ctx context.Context, _ connections.Key, _ int64) error {
		<-ctx.Done()
		return nil
	}}
	w := start(t, env, p, time.Millisecond)
	q := NewQueue(env.Client)
	require.NoError(t, q.Enqueue(context.Background(), connections.Task{Key: key("e"), Run: 1}))
	<-p.got
	w.Shutdown() // returns, although the run would wait for ever
	pending, scheduled, _, err := q.Depth()
	require.NoError(t, err)
	require.Zero(t, pending+scheduled, "the run ended by itself: it had time to hand itself back")
}

func TestRescuerQueuesWhatWasLost(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := context.Background()
		store := connections.NewStore(env.Client, connections.Timing{RescueAfter: time.Millisecond, MaxRescueAfter: time.Millisecond})
		q := NewQueue(env.Client)
		var reasons []string
		rescuer := &Rescuer{Records: store, Queue: q, Log: quietLog, Observe: func(r string) { reasons = append(reasons, r) }}

		// Recorded, but the process died before it queued the work.
		_, task, err := store.Push(ctx, key("lost"), connections.Person{})
		require.NoError(t, err)
		eventually(t, func() bool {
			require.NoError(t, rescuer.Rescue(ctx))
			pending, _, _, err := q.Depth()
			require.NoError(t, err)
			return pending == 1
		})
		require.Empty(t, reasons, "the same run: nobody had it")

		// Asynq holds the task as taken, but whoever took it never began.
		p := &performer{got: make(chan int64, 10), do: func(ctx context.Context, _ connections.Key, run int64) error {
			if run == task.Run {
				<-ctx.Done()
			}
			return nil
		}}
		w := start(t, env, p, time.Millisecond)
		defer w.Shutdown()
		require.Equal(t, task.Run, <-p.got)
		eventually(t, func() bool {
			require.NoError(t, rescuer.Rescue(ctx))
			return len(reasons) > 0
		})
		require.Equal(t, "lost", reasons[0])
		require.Equal(t, task.Run+1, <-p.got, "a new run, which fences the old one off")
	})
}

func eventually(t *testing.T, f func() bool) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-deadline.C:
			require.Fail(t, "it never happened")
		case <-tick.C:
		}
	}
}

func TestAsynqLogIsFolded(t *testing.T) {
	var out bytes.Buffer
	l := newAsynqLog(slog.New(slog.NewTextHandler(&out, nil)))
	for range 1000 {
		l.Error("cannot reach redis: dial tcp: connection refused")
	}
	l.Warn("something ", "else")
	l.Info("not said")
	require.Equal(t, 2, strings.Count(out.String(), "\n"))
	require.Contains(t, out.String(), "something else")
}
