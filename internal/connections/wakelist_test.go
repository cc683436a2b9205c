package connections

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/redisdb/redistest"
)

func TestWakeListNamesRunsThatMayBegin(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := context.Background()
		s := NewStore(env.Client, Timing{})
		listener := 0 // of several, the one that hears of this tenant
		for !slices.Contains(s.wakeLists(listener), tagOf("tenant")+"wake") {
			listener++
		}
		_, task, err := s.Push(ctx, Key{"tenant", "integration", "entity"}, Person{})
		require.NoError(t, err)
		_, again, err := s.Push(ctx, Key{"tenant", "integration", "entity"}, Person{})
		require.NoError(t, err)
		require.Nil(t, again, "a second push changes nothing, and wakes nobody")
		got, err := s.AwaitTask(ctx, listener, time.Minute)
		require.NoError(t, err)
		require.Equal(t, task, got)

		// A run that has to wait wakes nobody: the next one is the other's.
		_, _, err = s.Unlink(ctx, Key{"tenant", "integration", "entity"})
		require.NoError(t, err)
		_, task, err = s.Push(ctx, Key{"tenant", "integration", "other"}, Person{})
		require.NoError(t, err)
		got, err = s.AwaitTask(ctx, listener, time.Minute)
		require.NoError(t, err)
		require.Equal(t, task, got)

		got, err = s.AwaitTask(ctx, listener, time.Second)
		require.NoError(t, err)
		require.Nil(t, got, "nothing more")
	})
}

func TestWakeListIsBoundedAndKeepsTheOldest(t *testing.T) {
	ctx := context.Background()
	env := redistest.Mini(t)
	s := NewStore(env.Client, Timing{})
	require.NoError(t, s.SetLimits(ctx, "tenant", TenantLimits{MaxInFlight: 2 * maxWakeList, PushesPerSecond: 2 * maxWakeList}))
	for i := range maxWakeList + 3 {
		_, _, err := s.Push(ctx, Key{"tenant", "integration", strconv.Itoa(i)}, Person{})
		require.NoError(t, err)
	}
	n, err := env.Client.LLen(ctx, tagOf("tenant")+"wake").Result()
	require.NoError(t, err)
	require.EqualValues(t, maxWakeList, n)
	got, err := s.AwaitTask(ctx, 0, time.Minute)
	require.NoError(t, err)
	require.Equal(t, "0", got.Key.Entity)
}

func TestWakeListRejectsWhatItCannotRead(t *testing.T) {
	ctx := context.Background()
	env := redistest.Mini(t)
	s := NewStore(env.Client, Timing{})
	for _, bad := range []string{"", "no key#1", "t/a:b", "t/a:b#", "t/a:b#x", "a:b#1", "t/a/b:c#1"} {
		require.NoError(t, env.Client.RPush(ctx, wakeKey(3), bad).Err())
		_, err := s.AwaitTask(ctx, 0, time.Minute)
		require.Error(t, err, bad)
	}
}
