package connections

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/redisdb/redistest"
)

// Workers that fall silent are counted until one reports, whoever notices.
func TestLostWorkersAreCounted(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := context.Background()
		s := NewStore(env.Client, Timing{Lease: 30 * time.Millisecond})
		w := push(t, s)
		begin(t, s, w)
		env.Advance(time.Second)
		found, _, err := s.Rescue(ctx)
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, 1, recordOf(t, s).Lost, "the rescuer takes over")

		first := begin(t, s, &found[0].Task)
		env.Advance(time.Second)
		second := begin(t, s, &found[0].Task)
		require.Equal(t, 2, second.Record.Lost, "the queue delivered it once more")
		again, err := s.Resume(ctx, someKey, second.Record.Run, second.Record.Owner)
		require.NoError(t, err)
		require.Equal(t, 2, again.Record.Lost, "the same owner")
		require.ErrorIs(t, first.Intend(ctx), ErrLost)

		w, err = second.Postpone(ctx, 0, Failure{Message: "later"})
		require.NoError(t, err)
		require.Equal(t, 2, recordOf(t, s).Lost, "nothing was tried")
		l := begin(t, s, w)
		_, err = l.Requeue(ctx, 0, true, Failure{Message: "failed"})
		require.NoError(t, err)
		require.Zero(t, recordOf(t, s).Lost, "it lived to say that it failed")
	})
}

func recordOf(t *testing.T, s *Store) Record {
	t.Helper()
	rec, err := s.Get(context.Background(), someKey)
	require.NoError(t, err)
	return rec
}

// A lease is not renewed for ever: a run that does not end loses it some time
// after its push's deadline.
func TestNoLeaseOutlivesItsDeadline(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := NewStore(env.Client, Timing{Lease: 30 * time.Millisecond, Deadline: time.Millisecond})
		l := begin(t, s, push(t, s))
		require.False(t, l.Overdue(), "just begun")
		kept, stop := l.Keep(context.Background())
		defer stop()
		env.Advance(overrun + time.Second)
		<-kept.Done()
		// On a machine that is busy the lease may be lost before it is renewed.
		cause := context.Cause(kept)
		require.True(t, errors.Is(cause, ErrOverdue) || Lost(cause), cause)
	})
}

// Whoever writes records cuts their texts; the script holds a bound all the
// same, since one hash holds the records of a whole integration.
func TestNoTransitionTakesMegabytes(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := context.Background()
		s := open(t, env)
		l := begin(t, s, push(t, s))
		require.NoError(t, l.Intend(ctx))
		before := recordOf(t, s)
		issue := someIssue
		issue.Title = strings.Repeat("x", maxArguments)
		kept, err := l.Opened(ctx, issue)
		require.ErrorContains(t, err, "more than 16384")
		require.False(t, kept)
		require.Equal(t, before, recordOf(t, s))
	})
}
