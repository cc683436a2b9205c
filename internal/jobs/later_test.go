package jobs

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/redistest"
)

func TestLaterQueuesAllThatItTook(t *testing.T) {
	env := redistest.Mini(t)
	q := NewQueue(env.Client)
	l := NewLater(q, quietLog)
	ctx := context.Background()
	for run := range int64(100) {
		require.NoError(t, l.Enqueue(ctx, connections.Work{Key: key("e"), Run: run}))
	}
	l.Close(ctx)
	l.Close(ctx)
	pending, _, _, err := q.Waiting()
	require.NoError(t, err)
	require.Equal(t, 100, pending)
	require.Error(t, l.Enqueue(ctx, connections.Work{Key: key("e")}), "after its end")
}

func TestLaterDoesNotWaitForRedis(t *testing.T) {
	env := redistest.Mini(t)
	env.Mini.Close()
	l := NewLater(NewQueue(env.Client), quietLog)
	refused := 0
	for run := range int64(2*laterBuffer + laterWorkers) {
		if l.Enqueue(context.Background(), connections.Work{Key: key("e"), Run: run}) != nil {
			refused++
		}
	}
	require.NotZero(t, refused, "it is bounded")
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	l.Close(ended)
}
