package jobs

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/redisdb/redistest"
)

// wakeList is a WakeList that the test fills.
type wakeList chan connections.Task

func (b wakeList) Listeners() int { return 1 }

func (b wakeList) AwaitTask(ctx context.Context, _ int, _ time.Duration) (*connections.Task, error) {
	select {
	case w := <-b:
		if w.Run < 0 {
			return nil, errors.New("Redis is away")
		}
		return &w, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestWakeListBeginsARunThatIsNotInTheQueue(t *testing.T) {
	env := redistest.Mini(t)
	b := make(wakeList)
	p := &performer{got: make(chan int64, 10), do: func(_ context.Context, _ connections.Key, run int64) error {
		if run == 1 {
			panic("a run that panics must not take the process with it")
		}
		return errors.New("not told")
	}}
	w := NewWorker(env.Client, p, WorkerOptions{Concurrency: 2, Grace: time.Second, WakeList: b, Log: quietLog})
	require.NoError(t, w.Start())
	defer w.Shutdown()
	wake := func(run int64) { // of a tenant of its own: the one before may still have its place
		b <- connections.Task{Key: connections.Key{Tenant: fmt.Sprint("tenant-", run), Integration: "i", Entity: "e"}, Run: run}
		require.Equal(t, run, <-p.got)
	}
	for run := range int64(4) {
		wake(run + 1)
	}
	b <- connections.Task{Run: -1} // Redis is away
	wake(5)                        // and back
}

func TestWakeListIsNotReadByAFullWorker(t *testing.T) {
	env := redistest.Mini(t)
	b := make(wakeList)
	release := make(chan struct{})
	p := &performer{got: make(chan int64, 10), do: func(context.Context, connections.Key, int64) error {
		<-release
		return nil
	}}
	w := NewWorker(env.Client, p, WorkerOptions{Concurrency: 1, Grace: time.Second, WakeList: b, Log: quietLog})
	require.NoError(t, w.Start())
	defer w.Shutdown()
	b <- connections.Task{Key: key("e"), Run: 1}
	require.EqualValues(t, 1, <-p.got)
	// Asynq's own are worked on all the same.
	require.NoError(t, NewQueue(env.Client).Enqueue(context.Background(), connections.Task{Key: connections.Key{Tenant: "another", Integration: "i", Entity: "e"}, Run: 2}))
	require.EqualValues(t, 2, <-p.got)
	select {
	case b <- connections.Task{Key: key("e"), Run: 3}:
		require.Fail(t, "nobody may listen")
	default:
	}
	close(release)
	b <- connections.Task{Key: key("e"), Run: 3}
	require.EqualValues(t, 3, <-p.got)
}

func TestShutdownEndsWhatTheWakeListBegan(t *testing.T) {
	env := redistest.Mini(t)
	b := make(wakeList)
	ended := make(chan struct{})
	p := &performer{got: make(chan int64, 1), do: func(ctx context.Context, _ connections.Key, _ int64) error {
		defer close(ended)
		<-ctx.Done()
		return nil
	}}
	w := NewWorker(env.Client, p, WorkerOptions{Concurrency: 1, Grace: time.Millisecond, WakeList: b, Log: quietLog})
	require.NoError(t, w.Start())
	b <- connections.Task{Key: key("e"), Run: 1}
	<-p.got
	w.Shutdown()
	select {
	case <-ended:
	default:
		require.Fail(t, "Shutdown must wait for it")
	}
}

func TestATenantHasHalfOfThePlacesAtMost(t *testing.T) {
	env := redistest.Mini(t)
	release := make(chan struct{})
	p := &performer{got: make(chan int64, 10), do: func(_ context.Context, k connections.Key, _ int64) error {
		if k.Tenant == key("e").Tenant {
			<-release
		}
		return nil
	}}
	w := start(t, env, p, time.Second) // 4 places
	defer w.Shutdown()
	defer close(release)
	q := NewQueue(env.Client)
	for run := range int64(3) {
		require.NoError(t, q.Enqueue(context.Background(), connections.Task{Key: key("e"), Run: run + 1}))
	}
	begun := <-p.got + <-p.got
	another := connections.Key{Tenant: "another", Integration: "i", Entity: "e"}
	require.NoError(t, q.Enqueue(context.Background(), connections.Task{Key: another, Run: 4}))
	require.EqualValues(t, 4, <-p.got, "the third run of the first was put back")
	release <- struct{}{}
	require.Equal(t, 1+2+3-begun, <-p.got, "and comes when there is room")
}
