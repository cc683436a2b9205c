package jobs

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/redisdb/redistest"
)

func TestAsyncQueueQueuesAllThatItTook(t *testing.T) {
	env := redistest.Mini(t)
	q := NewQueue(env.Client)
	l := NewAsyncQueue(q, quietLog)
	ctx := context.Background()
	for run := range int64(100) {
		require.NoError(t, l.Enqueue(ctx, connections.Task{Key: key("e"), Run: run}))
	}
	l.Close(ctx)
	l.Close(ctx)
	pending, _, _, err := q.Depth()
	require.NoError(t, err)
	require.Equal(t, 100, pending)
	require.Error(t, l.Enqueue(ctx, connections.Task{Key: key("e")}), "after its end")
}

func TestAsyncQueueDoesNotWaitForRedis(t *testing.T) {
	env := redistest.Mini(t)
	env.Mini.Close()
	l := NewAsyncQueue(NewQueue(env.Client), quietLog)
	refused := 0
	for run := range int64(2*asyncBuffer + asyncWorkers) {
		if l.Enqueue(context.Background(), connections.Task{Key: key("e"), Run: run}) != nil {
			refused++
		}
	}
	require.NotZero(t, refused, "it is bounded")
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	l.Close(ended)
}

// While Redis is away the log has one line for many clicks.
func TestAsyncQueueFoldsItsWarnings(t *testing.T) {
	env := redistest.Mini(t)
	env.Mini.Close()
	var out bytes.Buffer
	began := time.Now()
	l := NewAsyncQueue(NewQueue(env.Client), slog.New(slog.NewTextHandler(&out, nil)))
	for run := range int64(100) {
		require.NoError(t, l.Enqueue(t.Context(), connections.Task{Key: key("e"), Run: run}))
	}
	l.Close(t.Context()) // waits for all of them
	for range 100 {
		require.Error(t, l.Enqueue(t.Context(), connections.Task{Key: key("e")}))
	}
	most := 1 + int(time.Since(began)/(10*time.Second))
	lines := strings.Count(out.String(), "not queued")
	require.NotZero(t, lines)
	require.LessOrEqual(t, lines, most, out.String())
}
