package background

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEveryKeepsItsPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		started := time.Now()
		var calls []time.Time
		Every(ctx, time.Minute, nil, func(context.Context) { calls = append(calls, time.Now()) })
		require.Equal(t, time.Hour, time.Since(started), "it ends with its context")
		require.Equal(t, started, calls[0], "the first call is at once")
		for i, at := range calls[1:] {
			require.LessOrEqual(t, at.Sub(calls[i]), time.Minute)
			require.Greater(t, at.Sub(calls[i]), 57*time.Second)
		}
	})
}

func TestASlowCallIsFollowedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 58*time.Minute)
		defer cancel()
		calls := 0
		Every(ctx, time.Minute, nil, func(context.Context) {
			calls++
			time.Sleep(6 * time.Minute) //nolint:forbidigo // the time of a synctest bubble
		})
		require.Equal(t, 10, calls)
	})
}

// Processes that share a task run it about once a period together, and each
// alone does not miss its turn.
func TestProcessesTakeTurns(t *testing.T) {
	for _, processes := range []int{1, 5} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			var mu sync.Mutex
			var held time.Time
			turn := func(_ context.Context, hold time.Duration) bool {
				mu.Lock()
				defer mu.Unlock()
				if time.Now().Before(held) {
					return false
				}
				held = time.Now().Add(hold)
				return true
			}
			var calls []time.Time
			var group sync.WaitGroup
			for range processes {
				group.Go(func() {
					Every(ctx, time.Minute, turn, func(context.Context) {
						mu.Lock()
						defer mu.Unlock()
						calls = append(calls, time.Now())
					})
				})
			}
			group.Wait()
			require.Greater(t, len(calls), 58)
			for i, at := range calls[1:] {
				require.LessOrEqual(t, at.Sub(calls[i]), time.Minute, "%d processes", processes)
				require.GreaterOrEqual(t, at.Sub(calls[i]), 54*time.Second, "%d processes", processes)
			}
		})
	}
}
