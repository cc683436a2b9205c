package refresh

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/redisdb/redistest"
)

func TestStatusesInOrder(t *testing.T) {
	env := redistest.Mini(t)
	now := env.Freeze(t)
	s := NewSchedule(env.Client)
	ctx := t.Context()
	got, err := s.Statuses(ctx, "acme", nil)
	require.NoError(t, err)
	require.Empty(t, got)
	require.NoError(t, s.Now(ctx, "acme", "one"))
	claim, ok, err := s.Claim(ctx, hold)
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, s.Done(ctx, claim, period, "The tracker is away."))
	got, err = s.Statuses(ctx, "acme", []string{"none", "one"})
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Zero(t, got[0])
	require.Equal(t, "The tracker is away.", got[1].Stopped)
	require.WithinDuration(t, now, got[1].Ended, time.Millisecond)
	require.NoError(t, env.Client.HSet(ctx, progressKey, "acme/bad", "{").Err())
	got, err = s.Statuses(ctx, "acme", []string{"bad", "one"})
	require.NoError(t, err)
	require.Zero(t, got[0])
	require.NotZero(t, got[1], "a record that cannot be read hides no other")
	other, err := s.Status(ctx, "beta", "one")
	require.NoError(t, err)
	require.Zero(t, other, "it belongs to another tenant")
}

func TestBehindCountsWhatNobodySweeps(t *testing.T) {
	env := redistest.Mini(t)
	env.Freeze(t)
	s := NewSchedule(env.Client)
	ctx := t.Context()
	behind := func(want int) {
		t.Helper()
		n, err := s.Behind(ctx, period)
		require.NoError(t, err)
		require.EqualValues(t, want, n)
	}
	for _, in := range []string{"one", "two"} {
		require.NoError(t, s.Now(ctx, "acme", in))
	}
	behind(0)
	env.Advance(period)
	behind(0)
	env.Advance(time.Millisecond)
	behind(2)
	claim, ok, err := s.Claim(ctx, hold)
	require.NoError(t, err)
	require.True(t, ok)
	behind(1)
	require.NoError(t, s.Done(ctx, claim, period, ""))
	behind(1)
}
