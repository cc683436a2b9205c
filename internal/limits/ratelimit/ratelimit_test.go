package ratelimit

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb/redistest"
)

func TestLimiter(t *testing.T) {
	ctx := context.Background()
	env := redistest.Mini(t)
	env.Advance(0) // from here on time stands still
	p := New(env.Client, "test", 13, 3)

	for range 3 {
		require.NoError(t, p.Wait(ctx, "a"), "the burst goes through at once")
	}
	for range 20 { // book the two seconds that callers wait at most
		_, err := p.run(ctx, "a")
		require.NoError(t, err)
	}
	err := p.Wait(ctx, "a")
	require.ErrorIs(t, err, fault.RateLimited)
	require.InDelta(t, 2100*time.Millisecond, fault.From(err).RetryAfter, float64(time.Millisecond))
	require.NoError(t, p.Wait(ctx, "b"), "another credential is not slowed down")

	env.Advance(3 * time.Second)
	require.NoError(t, p.Wait(ctx, "a"), "time gives the calls back")

	require.NoError(t, p.Limited(ctx, "a", 30*time.Second))
	err = p.Wait(ctx, "a")
	require.ErrorIs(t, err, fault.RateLimited)
	require.InDelta(t, 30*time.Second, fault.From(err).RetryAfter, float64(time.Millisecond))
	env.Advance(31 * time.Second)
	require.NoError(t, p.Wait(ctx, "a"))
}

func TestMemoryKnowsOnlyWhatItWasTold(t *testing.T) {
	ctx := context.Background()
	env := redistest.Mini(t)
	env.Advance(0)
	m, other := NewBackoff(env.Client, "target"), NewBackoff(env.Client, "target")
	for range 1000 {
		require.NoError(t, m.Wait(ctx, "a"))
	}
	require.Empty(t, env.Mini.Keys(), "nothing is written while no limit was told")

	require.NoError(t, m.Limited(ctx, "a", 40*time.Second))
	require.NoError(t, m.Limited(ctx, "a", time.Second), "a shorter one does not end a longer one")
	for i := range 1000 {
		err := other.Wait(ctx, "a")
		require.ErrorIs(t, err, fault.RateLimited, "every process knows it")
		require.ErrorIs(t, err, ErrReservation)
		require.InDelta(t, 40*time.Second+time.Duration(i)*backoffSpacing, fault.From(err).RetryAfter, float64(time.Millisecond), "each at a time of its own")
	}
	require.NoError(t, other.Wait(ctx, "b"))
	env.Advance(41 * time.Second)
	require.NoError(t, other.Wait(ctx, "a"), "whoever comes when the block is over")
	env.Advance(100 * time.Second)
	require.Empty(t, env.Mini.Keys(), "what is over is forgotten")

	require.NoError(t, m.Limited(ctx, "a", time.Minute))
	m.spacing = 20 * time.Minute
	var last time.Duration
	for range 5 {
		last = fault.From(m.Wait(ctx, "a")).RetryAfter
		require.LessOrEqual(t, last, MaxReservation)
	}
	require.Equal(t, MaxReservation, last, "nobody is sent away for longer")
}

func TestLimiterKeepsToItsLimitInAnySecond(t *testing.T) {
	env := redistest.Mini(t)
	env.Advance(0)
	const limit = 50
	p := New(env.Client, "test", limit, 10)
	within := 0
	for { // the first second after a rest has the burst and the steady flow
		wait, err := p.run(t.Context(), "a")
		require.NoError(t, err)
		if time.Duration(wait)*time.Microsecond >= time.Second {
			break
		}
		within++
	}
	require.LessOrEqual(t, within, limit)
	require.Greater(t, within, limit*9/10, "what is allowed is used")
}

func TestLimiterWithoutRedis(t *testing.T) {
	env := redistest.Mini(t)
	p := New(env.Client, "test", 13, 3)
	env.Mini.Close()
	require.NoError(t, p.Wait(context.Background(), "a"), "the peer still refuses what is too much")
	require.Error(t, p.Limited(context.Background(), "a", time.Second))
}

func TestLimiterEndsWithItsContext(t *testing.T) {
	env := redistest.Mini(t)
	env.Advance(0)
	p := New(env.Client, "test", 2, 1)
	ctx, cancel := context.WithCancel(context.Background())
	require.NoError(t, p.Wait(ctx, "a"))
	cancel()
	require.ErrorIs(t, p.Wait(ctx, "a"), fault.Canceled)
}

func TestGateRefusesAtOnceAndBooksNothing(t *testing.T) {
	env := redistest.Mini(t)
	env.Advance(0)
	g := NewGate(env.Client, "gate", 10, 5)
	for range 5 {
		require.NoError(t, g.Wait(t.Context(), "a"))
	}
	for range 100 {
		err := g.Wait(t.Context(), "a")
		require.ErrorIs(t, err, fault.RateLimited)
		require.InDelta(t, 200*time.Millisecond, fault.From(err).RetryAfter, float64(time.Millisecond), "no matter how often it asked")
	}
	require.NoError(t, g.Wait(t.Context(), "b"))
	env.Advance(200 * time.Millisecond)
	require.NoError(t, g.Wait(t.Context(), "a"))
	require.ErrorIs(t, g.Wait(t.Context(), "a"), fault.RateLimited)
}
