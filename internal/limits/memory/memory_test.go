package memory

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
)

const mib = 1 << 20

func begin(t *testing.T, b *Budget, tenant string) (context.Context, func()) {
	t.Helper()
	return b.Begin(t.Context(), tenant)
}

func requireRefused(t *testing.T, err error, why ...any) {
	t.Helper()
	require.ErrorIs(t, err, fault.Unavailable, why...)
	require.Equal(t, retryAfter, fault.From(err).RetryAfter)
	require.Equal(t, fault.SidePlugin, fault.From(err).Side)
	require.NotEmpty(t, fault.From(err).Public)
}

func TestSmallWorkIsFree(t *testing.T) {
	b := NewBudget(4 * mib)
	full, end := begin(t, b, "greedy")
	require.NoError(t, Take(full, Free+4*mib))
	defer end()
	small, endSmall := begin(t, b, "small")
	defer endSmall()
	for range 4 {
		require.NoError(t, Take(small, Free/4), "whatever others have")
	}
	require.NoError(t, Take(t.Context(), 1<<40), "nothing is counted without a Hold")
}

// A tenant that has its half waits, and others go on; what is more than half of
// all runs alone.
func TestHalfForATenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(8 * mib)
		one, endOne := begin(t, b, "a")
		require.NoError(t, Take(one, Free+3*mib))
		two, endTwo := begin(t, b, "a")
		start := time.Now()
		requireRefused(t, Take(two, Free+2*mib))
		require.Equal(t, maxWait, time.Since(start), "it waits its time")
		endTwo()
		other, endOther := begin(t, b, "b")
		require.NoError(t, Take(other, Free+4*mib), "another tenant's half")
		endOther()

		got := make(chan error, 1)
		waiting, endWaiting := begin(t, b, "a")
		go func() { got <- Take(waiting, Free+2*mib) }()
		synctest.Wait()
		require.Empty(t, got)
		endOne()
		require.NoError(t, <-got, "it begins when the first has ended")
		endWaiting()

		large, endLarge := begin(t, b, "a")
		require.NoError(t, Take(large, Free+100*mib), "larger than all there is: alone")
		blocked, endBlocked := begin(t, b, "b")
		requireRefused(t, Take(blocked, Free+1))
		endLarge()
		require.NoError(t, Take(blocked, Free+1))
		endBlocked()
		require.Empty(t, b.tenants, "nothing is kept of those who have nothing")
		require.True(t, b.whole.TryAcquire(b.total), "everything was given back")
	})
}

// Whoever has some is not made to wait for more: two could wait for each other.
func TestMoreIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(8 * mib)
		one, endOne := begin(t, b, "a")
		two, endTwo := begin(t, b, "b")
		require.NoError(t, Take(one, Free+3*mib))
		require.NoError(t, Take(two, Free+4*mib))
		start := time.Now()
		requireRefused(t, Take(one, 2*mib))
		require.Zero(t, time.Since(start))
		require.NoError(t, Take(one, mib))
		Give(two, 2*mib)
		requireRefused(t, Take(one, mib), "its half is its half")
		third, endThird := begin(t, b, "c")
		require.NoError(t, Take(third, Free+2*mib), "what was given back")
		endThird()
		endTwo()
		endOne()
		require.True(t, b.whole.TryAcquire(b.total))
	})
}

func TestTheContextEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(2 * mib)
		one, end := begin(t, b, "a")
		require.NoError(t, Take(one, Free+2*mib))
		defer end()
		two, endTwo := begin(t, b, "b")
		defer endTwo()
		ctx, cancel := context.WithCancelCause(two)
		cancel(errors.New("the client went away"))
		start := time.Now()
		err := Take(ctx, Free+mib)
		requireRefused(t, err)
		require.ErrorContains(t, err, "the client went away")
		require.Zero(t, time.Since(start))
	})
}

func TestTheEndTellsWhatWasHeld(t *testing.T) {
	b := NewBudget(8 * mib)
	var told []int64
	note := func(taken int64) { told = append(told, taken) }
	AtEnd(t.Context(), note)
	small, end := begin(t, b, "a")
	AtEnd(small, note)
	require.NoError(t, Take(small, Free))
	end()
	large, end := begin(t, b, "a")
	AtEnd(large, note)
	require.NoError(t, Take(large, Free+3*mib))
	Give(large, mib)
	require.Len(t, told, 1)
	end()
	require.Equal(t, []int64{0, 2 * mib}, told)
	require.Equal(t, int64(8*mib), b.Total())
}

func TestGivingBackWhatWasFree(t *testing.T) {
	b := NewBudget(2 * mib)
	ctx, end := begin(t, b, "a")
	require.NoError(t, Take(ctx, Free/2))
	Give(ctx, Free/2)
	require.NoError(t, Take(ctx, Free+mib))
	Give(ctx, mib+Free)
	require.Empty(t, b.tenants)
	end()
	Give(ctx, mib)
	require.NoError(t, Take(ctx, mib), "what comes after the end is nobody's")
	require.True(t, b.whole.TryAcquire(b.total))
}
