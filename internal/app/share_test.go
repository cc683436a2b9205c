package app

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/pbapi"
)

type countingLimiter struct {
	waits, limits int
	err           error
}

func (l *countingLimiter) Wait(context.Context, string) error {
	l.waits++
	return l.err
}

func (l *countingLimiter) Limited(context.Context, string, time.Duration) error {
	l.limits++
	return nil
}

// A call in the background that has no turn yet takes no place before a click.
func TestCallsInTheBackgroundWaitAmongThemselvesFirst(t *testing.T) {
	t.Parallel()
	later := errors.New("later")
	all, background := &countingLimiter{}, &countingLimiter{err: later}
	b := sharedLimit{all: all, background: background}
	require.ErrorIs(t, b.Wait(pbapi.InBackground(t.Context()), "token"), later)
	require.Zero(t, all.waits)
	require.NoError(t, b.Wait(t.Context(), "token"))
	require.Equal(t, 1, background.waits)
	background.err = nil
	require.NoError(t, b.Wait(pbapi.InBackground(t.Context()), "token"))
	require.Equal(t, 2, all.waits, "what has its turn counts in the whole")
	require.NoError(t, b.Limited(t.Context(), "token", time.Minute))
	require.Equal(t, 1, all.limits, "a refusal of Productboard holds everyone back")
}
