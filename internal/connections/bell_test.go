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

func TestBellTellsOfRunsThatMayBegin(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := context.Background()
		s := NewStore(env.Client, Timing{})
		caller := 0 // of several, the one that hears of this tenant
		for !slices.Contains(s.bells(caller), tagOf("tenant")+"bell") {
			caller++
		}
		_, work, err := s.Push(ctx, Key{"tenant", "integration", "entity"}, Person{})
		require.NoError(t, err)
		_, again, err := s.Push(ctx, Key{"tenant", "integration", "entity"}, Person{})
		require.NoError(t, err)
		require.Nil(t, again, "a second push changes nothing, and rings no bell")
		rung, err := s.Ring(ctx, caller, time.Minute)
		require.NoError(t, err)
		require.Equal(t, work, rung)

		// What has to wait rings no bell: the next one told of is the other.
		_, _, err = s.Unlink(ctx, Key{"tenant", "integration", "entity"})
		require.NoError(t, err)
		_, work, err = s.Push(ctx, Key{"tenant", "integration", "other"}, Person{})
		require.NoError(t, err)
		rung, err = s.Ring(ctx, caller, time.Minute)
		require.NoError(t, err)
		require.Equal(t, work, rung)

		rung, err = s.Ring(ctx, caller, time.Second)
		require.NoError(t, err)
		require.Nil(t, rung, "nothing more")
	})
}

func TestBellIsBoundedAndKeepsTheOldest(t *testing.T) {
	ctx := context.Background()
	env := redistest.Mini(t)
	s := NewStore(env.Client, Timing{})
	require.NoError(t, s.SetLimits(ctx, "tenant", Limits{InFlight: 2 * maxBell, PerSecond: 2 * maxBell}))
	for i := range maxBell + 3 {
		_, _, err := s.Push(ctx, Key{"tenant", "integration", strconv.Itoa(i)}, Person{})
		require.NoError(t, err)
	}
	n, err := env.Client.LLen(ctx, tagOf("tenant")+"bell").Result()
	require.NoError(t, err)
	require.EqualValues(t, maxBell, n)
	rung, err := s.Ring(ctx, 0, time.Minute)
	require.NoError(t, err)
	require.Equal(t, "0", rung.Key.Entity)
}

func TestBellRefusesWhatItCannotRead(t *testing.T) {
	ctx := context.Background()
	env := redistest.Mini(t)
	s := NewStore(env.Client, Timing{})
	for _, bad := range []string{"", "no key#1", "t/a:b", "t/a:b#", "t/a:b#x", "a:b#1", "t/a/b:c#1"} {
		require.NoError(t, env.Client.RPush(ctx, bellKey(3), bad).Err())
		_, err := s.Ring(ctx, 0, time.Minute)
		require.Error(t, err, bad)
	}
}
