package connections

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/targets"
)

var (
	someKey   = Key{Tenant: "acme", Integration: "abcdefghijklmnopqrstuvwxyz", Entity: "00000000-0000-4000-8000-000000000001"}
	somebody  = Person{Name: "Jane Doe", Email: "jane@example.com"}
	someIssue = targets.Issue{ID: "7", Key: "#7", URL: "https://tracker.example/issues/7", Title: "Tëst", Status: "New"}
)

func open(t *testing.T, env redistest.Env) *Store {
	t.Helper()
	return NewStore(env.Client, Timing{})
}

func begin(t *testing.T, s *Store, w *Task) *Lease {
	t.Helper()
	require.NotNil(t, w)
	l, err := s.Begin(context.Background(), w.Key, w.Run)
	require.NoError(t, err)
	require.NotNil(t, l, "the run should be there to take")
	return l
}

func push(t *testing.T, s *Store) *Task {
	t.Helper()
	_, w, err := s.Push(context.Background(), someKey, somebody)
	require.NoError(t, err)
	return w
}

// connect pushes and goes all the way to a verified connection.
func connect(t *testing.T, s *Store) {
	t.Helper()
	ctx := context.Background()
	l := begin(t, s, push(t, s))
	require.NoError(t, l.Intend(ctx))
	kept, err := l.Opened(ctx, someIssue)
	require.NoError(t, err)
	require.True(t, kept)
	w, err := l.Settled(ctx)
	require.NoError(t, err)
	l = begin(t, s, w)
	w, err = l.Verified(ctx)
	require.NoError(t, err)
	require.Nil(t, w)
}

func TestPushToConnected(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := context.Background()
		s := open(t, env)
		_, err := s.Get(ctx, someKey)
		require.ErrorIs(t, err, fault.NotFound)

		rec, w, err := s.Push(ctx, someKey, somebody)
		require.NoError(t, err)
		require.Equal(t, Progress, rec.State)
		require.EqualValues(t, 1, rec.Generation)
		require.Equal(t, somebody.Email, rec.Click.Email)
		require.Zero(t, w.Delay)

		l := begin(t, s, w)
		require.Equal(t, Open, l.Record.Step)
		require.NoError(t, l.Intend(ctx))
		require.Equal(t, 1, l.Record.Intent.Sent)
		kept, err := l.Opened(ctx, someIssue)
		require.NoError(t, err)
		require.True(t, kept)
		require.Equal(t, Settle, l.Record.Step)
		require.Nil(t, l.Record.Intent)
		require.Equal(t, someIssue, *l.Record.Issue)

		w, err = l.Settled(ctx)
		require.NoError(t, err)
		require.Equal(t, Connected, l.Record.State)
		require.Greater(t, w.Delay, 8*time.Second, "the answer to the click may still be under way")
		require.LessOrEqual(t, w.Delay, 10*time.Second)

		l = begin(t, s, w)
		require.Equal(t, Verify, l.Record.Step)
		w, err = l.Verified(ctx)
		require.NoError(t, err)
		require.Nil(t, w)

		rec, err = s.Get(ctx, someKey)
		require.NoError(t, err)
		require.Equal(t, Idle, rec.Step)
		n, err := s.Unfinished(ctx)
		require.NoError(t, err)
		require.Zero(t, n)
		events, err := s.History(ctx, someKey)
		require.NoError(t, err)
		require.NotEmpty(t, events)
		require.Equal(t, "push", events[0].What)
		require.Equal(t, "verified", events[len(events)-1].What)
	})
}

func TestPushWhileInProgressIsTheSamePush(t *testing.T) {
	env := redistest.Mini(t)
	s := open(t, env)
	first := push(t, s)
	rec, w, err := s.Push(context.Background(), someKey, Person{Name: "Somebody Else"})
	require.NoError(t, err)
	require.Nil(t, w)
	require.Equal(t, first.Run, rec.Run)
	require.Equal(t, "Jane Doe", rec.Click.Name)
}

func TestPushWhileConnectedKeepsTheIssue(t *testing.T) {
	s := open(t, redistest.Mini(t))
	connect(t, s)
	w := push(t, s)
	l := begin(t, s, w)
	require.Equal(t, someIssue, *l.Record.Issue)
	require.Equal(t, 1, l.Record.Epoch)
	require.NoError(t, l.Gone(context.Background()))
	require.Nil(t, l.Record.Issue)
	require.Equal(t, 2, l.Record.Epoch, "an issue of its own, with a marker of its own")
}

func TestOnlyOneWorkerHoldsARun(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := context.Background()
		s := open(t, env)
		w := push(t, s)
		l := begin(t, s, w)
		other, err := s.Begin(ctx, w.Key, w.Run)
		require.NoError(t, err)
		require.Nil(t, other, "the run is taken")
		stale, err := s.Begin(ctx, w.Key, w.Run-1)
		require.NoError(t, err)
		require.Nil(t, stale, "an older run is over")
		require.NoError(t, l.Intend(ctx))
	})
}

func TestSilentWorkerIsTakenOverAndFenced(t *testing.T) {
	env := redistest.Mini(t)
	ctx := context.Background()
	s := open(t, env)
	env.Advance(0)
	frozen := begin(t, s, push(t, s))
	require.NoError(t, frozen.Intend(ctx))

	env.Advance(9 * time.Second)
	found, _, err := s.Rescue(ctx)
	require.NoError(t, err)
	require.Empty(t, found, "the lease still holds")

	env.Advance(2 * time.Second)
	found, _, err = s.Rescue(ctx)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.True(t, found[0].TakenOver)
	again, _, err := s.Rescue(ctx)
	require.NoError(t, err)
	require.Empty(t, again, "found by one pass only")

	l := begin(t, s, &found[0].Task)
	require.NotNil(t, l.Record.Intent, "the new worker knows that a create may have been sent")
	require.False(t, l.Record.Intent.Resolved)
	require.Equal(t, 11*time.Second, l.SinceIntent())

	for name, change := range map[string]func() error{
		"intend":      func() error { return frozen.Intend(ctx) },
		"opened":      func() error { _, err := frozen.Opened(ctx, someIssue); return err },
		"failed":      func() error { return frozen.Failed(ctx, Failure{}) },
		"settled":     func() error { _, err := frozen.Settled(ctx); return err },
		"verified":    func() error { _, err := frozen.Verified(ctx); return err },
		"hand_back":   func() error { _, err := frozen.Requeue(ctx, 0, true, Failure{}); return err },
		"gone":        func() error { return frozen.Gone(ctx) },
		"not_created": func() error { return frozen.NotCreated(ctx) },
		"forget":      func() error { _, err := frozen.Forget(ctx); return err },
		"cleaned_up":  func() error { return frozen.CleanedUp(ctx, 1) },
	} {
		require.ErrorIs(t, change(), ErrLost, name)
	}
	require.NoError(t, l.Intend(ctx))
	require.Equal(t, 2, l.Record.Recreated, "a second create was sent for the same issue")
}

func TestPendingRunIsCheckedLessAndLess(t *testing.T) {
	env := redistest.Mini(t)
	ctx := context.Background()
	s := open(t, env)
	env.Advance(0)
	w := push(t, s)
	checks := 0
	for range 120 { // two minutes
		env.Advance(time.Second)
		found, _, err := s.Rescue(ctx)
		require.NoError(t, err)
		for _, f := range found {
			require.False(t, f.TakenOver)
			require.Equal(t, w.Run, f.Run, "a waiting run stays the same: its task may still be in the queue")
			checks++
		}
	}
	require.Equal(t, 4, checks, "after 8, 24, 56 and 120 seconds")

	next, err := s.Requeue(ctx, *w)
	require.NoError(t, err)
	require.Equal(t, w.Run+1, next.Run)
	old, err := s.Begin(ctx, w.Key, w.Run)
	require.NoError(t, err)
	require.Nil(t, old, "the lost task does nothing if it turns up")
	gone, err := s.Requeue(ctx, *w)
	require.NoError(t, err)
	require.Nil(t, gone)
}

func TestUnlinkInFlight(t *testing.T) {
	env := redistest.Mini(t)
	ctx := context.Background()
	s := open(t, env)
	l := begin(t, s, push(t, s))
	require.NoError(t, l.Intend(ctx))

	rec, w, err := s.Unlink(ctx, someKey)
	require.NoError(t, err)
	require.Equal(t, Initial, rec.State)
	require.Equal(t, 2, rec.Epoch, "the next push gets an issue of its own")
	require.NotZero(t, w.Delay, "a write of the old push may still be under way")

	kept, err := l.Opened(ctx, someIssue)
	require.ErrorIs(t, err, ErrLost)
	require.True(t, kept, "the record keeps the late issue to treat it")

	env.Advance(10 * time.Second)
	v := begin(t, s, w)
	require.Equal(t, Verify, v.Record.Step)
	w, err = v.Verified(ctx)
	require.NoError(t, err)
	require.NotNil(t, w, "the late issue is still to be treated")
	v = begin(t, s, w)
	require.Equal(t, Cleanup, v.Record.Step)
	require.Len(t, v.Record.Orphans, 1)
	require.Equal(t, someIssue, *v.Record.Orphans[0].Issue)
	require.NoError(t, v.CleanedUp(ctx, v.Record.Orphans[0].Epoch))
	w, err = v.Verified(ctx)
	require.NoError(t, err)
	require.Nil(t, w)
	n, err := s.Unfinished(ctx)
	require.NoError(t, err)
	require.Zero(t, n)
}

// A worker that was fenced off may have sent a PUT: the button is read back
// soon, and once more when that can no longer arrive.
func TestUnlinkReadsBackUntilNothingCanArrive(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		arrange func(t *testing.T, env redistest.Env, s *Store)
		last    time.Duration
	}{
		"nobody at it": {func(t *testing.T, _ redistest.Env, s *Store) { connect(t, s) }, 10 * time.Second},
		// Until its lease ends by its own clock (10 s) it may send, and a call
		// ends after 20 s.
		"while Productboard is told": {func(t *testing.T, _ redistest.Env, s *Store) {
			l := begin(t, s, push(t, s))
			_, err := l.Opened(ctx, someIssue)
			require.NoError(t, err)
		}, 32 * time.Second},
		"after telling failed": {func(t *testing.T, _ redistest.Env, s *Store) {
			l := begin(t, s, push(t, s))
			_, err := l.Opened(ctx, someIssue)
			require.NoError(t, err)
			_, err = l.Requeue(ctx, 0, true, Failure{Kind: "timeout"})
			require.NoError(t, err)
		}, 32 * time.Second},
		"after the queue delivered the same run twice": {func(t *testing.T, env redistest.Env, s *Store) {
			w := push(t, s)
			_, err := begin(t, s, w).Opened(ctx, someIssue)
			require.NoError(t, err)
			env.Advance(s.Timing().Lease) // the rescuer has not come yet
			_, err = begin(t, s, w).Settled(ctx)
			require.NoError(t, err)
		}, 32 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			env := redistest.Mini(t)
			env.Advance(0)
			s := open(t, env)
			c.arrange(t, env, s)
			_, w, err := s.Unlink(ctx, someKey)
			require.NoError(t, err)
			require.Equal(t, time.Second, w.Delay)
			env.Advance(w.Delay)
			again, err := begin(t, s, w).Verified(ctx)
			require.NoError(t, err)
			require.Equal(t, c.last-time.Second, again.Delay)
			env.Advance(again.Delay)
			l := begin(t, s, again)
			require.Equal(t, Verify, l.Record.Step)
			_, err = l.Verified(ctx)
			require.NoError(t, err)
			require.NotEqual(t, Verify, l.Record.Step)
		})
	}
}

func TestLateIssueThatNobodyWaitsForIsTheCallers(t *testing.T) {
	env := redistest.Mini(t)
	ctx := context.Background()
	s := open(t, env)
	l := begin(t, s, push(t, s))
	_, _, err := s.Unlink(ctx, someKey) // before any create was intended
	require.NoError(t, err)
	kept, err := l.Opened(ctx, someIssue)
	require.ErrorIs(t, err, ErrLost)
	require.False(t, kept)
	require.ErrorIs(t, l.Intend(ctx), ErrLost, "a create may no longer be sent")
}

// The Redis client sends a command again if its reply was lost: the worker then
// hears of its own change, and must not take the issue for nobody's.
func TestOpenedIsRecordedTwice(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := context.Background()
		s := open(t, env)
		l := begin(t, s, push(t, s))
		require.NoError(t, l.Intend(ctx))
		for range 2 {
			kept, err := l.Opened(ctx, someIssue)
			require.NoError(t, err)
			require.True(t, kept)
			require.Equal(t, Settle, l.Record.Step)
		}
		next, err := l.Settled(ctx)
		require.NoError(t, err)
		require.NotNil(t, next)
	})
}

// Whoever took the run over finds the issue by its marker, as long as nobody
// has unlinked it.
func TestLateIssueOfAPushThatStandsIsNotTheCallers(t *testing.T) {
	env := redistest.Mini(t)
	ctx := context.Background()
	s := open(t, env)
	env.Advance(0)
	frozen := begin(t, s, push(t, s))
	require.NoError(t, frozen.Intend(ctx))
	env.Advance(11 * time.Second)
	found, _, err := s.Rescue(ctx)
	require.NoError(t, err)
	require.Len(t, found, 1)
	kept, err := frozen.Opened(ctx, someIssue)
	require.ErrorIs(t, err, ErrLost)
	require.True(t, kept, "the run that follows sees to it")
	l := begin(t, s, &found[0].Task)
	_, err = l.Opened(ctx, someIssue)
	require.NoError(t, err)
	kept, err = frozen.Opened(ctx, someIssue)
	require.ErrorIs(t, err, ErrLost)
	require.True(t, kept, "it is the issue that is connected")
}

func TestErrorDismissAndRetry(t *testing.T) {
	env := redistest.Mini(t)
	ctx := context.Background()
	s := open(t, env)
	l := begin(t, s, push(t, s))
	require.NoError(t, l.Intend(ctx))
	require.NoError(t, l.Failed(ctx, Failure{Message: "Redmine is away.", Kind: "unavailable"}))
	_, err := l.Settled(ctx)
	require.NoError(t, err)
	require.Equal(t, Failed, l.Record.State)
	page, err := s.List(ctx, someKey.Tenant, Query{Integration: someKey.Integration, State: Failed})
	require.NoError(t, err)
	require.Len(t, page.Entries, 1)
	require.Equal(t, someKey, page.Entries[0].Key)

	rec, _, err := s.Dismiss(ctx, someKey)
	require.NoError(t, err)
	require.Equal(t, Initial, rec.State)
	require.Equal(t, 1, rec.Epoch)
	require.NotNil(t, rec.Intent, "the create may have happened: the next push looks first")
	page, err = s.List(ctx, someKey.Tenant, Query{Integration: someKey.Integration, State: Failed})
	require.NoError(t, err)
	require.Empty(t, page.Entries)

	rec, w, err := s.Dismiss(ctx, someKey)
	require.NoError(t, err)
	require.Nil(t, w)
	require.Equal(t, Initial, rec.State)

	l = begin(t, s, push(t, s))
	require.NotNil(t, l.Record.Intent)
	require.Nil(t, l.Record.Failure)
}

func TestDismissNeverStopsAPush(t *testing.T) {
	s := open(t, redistest.Mini(t))
	w := push(t, s)
	rec, dismissed, err := s.Dismiss(context.Background(), someKey)
	require.NoError(t, err)
	require.Nil(t, dismissed)
	require.Equal(t, Progress, rec.State)
	begin(t, s, w)
}

func TestClicksOnNothingLeaveNothing(t *testing.T) {
	ctx := context.Background()
	env := redistest.Mini(t)
	s := open(t, env)
	for _, click := range []func(context.Context, Key) (Record, *Task, error){s.Unlink, s.Dismiss} {
		rec, w, err := click(ctx, someKey)
		require.NoError(t, err)
		require.Nil(t, w)
		require.Equal(t, Initial, rec.State)
	}
	require.Empty(t, env.Mini.Keys())
}

func TestKeepRenewsAndEndsWithTheLease(t *testing.T) {
	env := redistest.Mini(t)
	ctx := context.Background()
	s := NewStore(env.Client, Timing{Lease: 60 * time.Millisecond})
	l := begin(t, s, push(t, s))
	kept, stop := l.Keep(ctx)
	defer stop()
	_, _, err := s.Unlink(ctx, someKey)
	require.NoError(t, err)
	<-kept.Done() // the next renewal finds that the run is over
	require.ErrorIs(t, context.Cause(kept), ErrLost)
}

func TestFenceClosesWhenRenewalsFail(t *testing.T) {
	env := redistest.Mini(t)
	s := NewStore(env.Client, Timing{Lease: 60 * time.Millisecond})
	l := begin(t, s, push(t, s))
	require.NoError(t, l.Fence())
	env.Mini.Close()
	kept, stop := l.Keep(context.Background())
	defer stop()
	<-kept.Done()
	require.ErrorIs(t, l.Fence(), ErrLost)
}
