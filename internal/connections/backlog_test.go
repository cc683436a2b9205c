package connections

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/targets"
)

func numbered(n int) Key { return Key{"acme", "integration", fmt.Sprintf("entity-%03d", n)} }

// pushed pushes one of the numbered buttons.
func pushed(t *testing.T, s *Store, n int) *Task {
	t.Helper()
	_, w, err := s.Push(context.Background(), numbered(n), somebody)
	require.NoError(t, err)
	return w
}

func usage(t *testing.T, s *Store) Usage {
	t.Helper()
	u, err := s.Usage(context.Background(), "acme")
	require.NoError(t, err)
	return u
}

// fails ends a run of an open push in an error that Productboard was told.
func fails(t *testing.T, s *Store, w *Task) *Task {
	t.Helper()
	l := begin(t, s, w)
	require.NoError(t, l.Failed(context.Background(), Failure{Message: "no", Kind: "invalid"}))
	next, err := l.Settled(context.Background())
	require.NoError(t, err)
	return next
}

func TestRunsBeyondTheSlotsWaitInTheBacklog(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := context.Background()
		s := NewStoreWith(env.Client, Timing{}, TenantLimits{MaxInFlight: 2})
		first, second := pushed(t, s, 1), pushed(t, s, 2)
		require.NotNil(t, second)
		for n := 3; n <= 5; n++ {
			rec, w, err := s.Push(ctx, numbered(n), somebody)
			require.NoError(t, err)
			require.Nil(t, w, "it waits")
			require.Equal(t, Progress, rec.State)
		}
		require.Equal(t, Usage{InFlight: 2, Queued: 3, Connections: 5}, usage(t, s))
		other, w, err := s.Push(ctx, Key{"another", "integration", "e"}, somebody)
		require.NoError(t, err)
		require.NotNil(t, w, "another tenant's does not wait")
		require.Equal(t, Progress, other.State)

		next := fails(t, s, first)
		require.Equal(t, first.Key, next.Key)
		require.NotZero(t, next.Delay, "its reading back holds no slot meanwhile")
		require.NotNil(t, next.Next)
		require.Equal(t, numbered(3), next.Next.Key, "whoever has waited longest")
		require.Nil(t, next.Next.Next)
		require.Equal(t, Usage{InFlight: 2, Queued: 3, Connections: 5}, usage(t, s))

		// The reading back is due and finds no slot: it waits in the backlog, before
		// those who clicked after it.
		l, err := s.Begin(ctx, next.Key, next.Run)
		require.NoError(t, err)
		require.Nil(t, l)
		again := fails(t, s, second)
		require.Equal(t, numbered(1), again.Next.Key)
		require.Equal(t, next.Run+1, again.Next.Run, "a run of its own")
		l = begin(t, s, again.Next)
		require.Equal(t, Verify, l.Record.Step)
	})
}

func TestSlotsAreFreedHoweverARunEnds(t *testing.T) {
	ctx := context.Background()
	for name, end := range map[string]func(*Store, *Lease) (*Task, error){
		"requeue": func(_ *Store, l *Lease) (*Task, error) { return l.Requeue(ctx, time.Second, true, Failure{}) },
		"forget":  func(_ *Store, l *Lease) (*Task, error) { return l.Forget(ctx) },
		"unlink":  func(s *Store, l *Lease) (*Task, error) { _, w, err := s.Unlink(ctx, l.key); return w, err },
		"reset":   func(s *Store, l *Lease) (*Task, error) { _, w, err := s.Reset(ctx, l.key); return w, err },
		"deletion": func(s *Store, l *Lease) (*Task, error) {
			_, _, err := s.batch(ctx, "drop", []Key{l.key}, func(int) arguments { return arguments{} })
			return &Task{Key: numbered(2), Run: 2}, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewStoreWith(redistest.Mini(t).Client, Timing{}, TenantLimits{MaxInFlight: 1})
			l := begin(t, s, pushed(t, s, 1))
			require.Nil(t, pushed(t, s, 2))
			w, err := end(s, l)
			require.NoError(t, err)
			for ; w.Key != numbered(2); w = w.Next {
				require.NotNil(t, w.Next)
			}
			require.Equal(t, Open, begin(t, s, w).Record.Step)
			require.EqualValues(t, 1, usage(t, s).InFlight)
		})
	}
}

// A tracker that takes no calls keeps its own integration's pushes in the backlog, and
// nobody else's.
func TestPushesOfAClosedTrackerStayInTheBacklog(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := context.Background()
		s := NewStoreWith(env.Client, Timing{}, TenantLimits{MaxInFlight: 2, PushesPerSecond: 1000})
		of := func(integration string, n int) Key { return Key{"acme", integration, fmt.Sprintf("entity-%03d", n)} }
		var first []*Task
		for i, key := range []Key{of("failing", 0), of("healthy", 0), of("failing", 1), of("failing", 2), of("healthy", 1), of("healthy", 2)} {
			_, w, err := s.Push(ctx, key, somebody)
			require.NoError(t, err)
			require.Equal(t, i < 2, w != nil)
			if w != nil {
				first = append(first, w)
			}
		}
		l := begin(t, s, first[0])
		next, err := l.Limited(ctx, 2*time.Minute, time.Minute, Failure{Kind: "rate_limited"})
		require.NoError(t, err)
		require.Equal(t, 2*time.Minute, next.Delay)
		require.Equal(t, of("healthy", 1), next.Next.Key, "whoever clicked first of those whose tracker works")
		require.Nil(t, next.Next.Next)

		_, w, err := s.Push(ctx, of("failing", 3), somebody)
		require.NoError(t, err)
		require.Nil(t, w, "a click waits as well")

		last := fails(t, s, first[1])
		require.Equal(t, of("healthy", 2), last.Next.Key)
		require.Nil(t, fails(t, s, last.Next).Next, "the others stay, although a slot is free")
		require.Equal(t, Usage{InFlight: 1, Queued: 6, Connections: 7}, usage(t, s))
		_, w, err = s.Push(ctx, of("failing", 4), somebody)
		require.NoError(t, err)
		require.Nil(t, w)

		keys := env.Keys(t, "*:o:*")
		require.Len(t, keys, 1)
		require.InDelta(t, time.Minute, env.Client.PTTL(ctx, keys[0]).Val(), float64(10*time.Second), "it is forgotten by itself")
		require.NoError(t, env.Client.Del(ctx, keys...).Err())
		again := fails(t, s, next.Next)
		require.Equal(t, of("failing", 1), again.Next.Key)
		require.Equal(t, of("failing", 2), again.Next.Next.Key)
	})
}

// What only has to be told to a person goes on while the tracker takes no calls,
// and the rescuer gives no slot to what would call it.
func TestAClosedTrackerStopsOnlyItsCalls(t *testing.T) {
	ctx := context.Background()
	env := redistest.Mini(t)
	env.Advance(0)
	s := NewStoreWith(env.Client, Timing{MaxRescueAfter: time.Minute}, TenantLimits{MaxInFlight: 1})
	settled := fails(t, s, pushed(t, s, 0))
	w := pushed(t, s, 1)
	env.Advance(settled.Delay)
	l, err := s.Begin(ctx, settled.Key, settled.Run)
	require.NoError(t, err)
	require.Nil(t, l, "no slot for its reading back")
	require.Nil(t, pushed(t, s, 2))
	next, err := begin(t, s, w).Limited(ctx, time.Hour, 2*time.Minute, Failure{})
	require.NoError(t, err)
	require.Equal(t, settled.Key, next.Next.Key)
	l = begin(t, s, next.Next)
	require.Equal(t, Verify, l.Record.Step)
	_, err = l.Verified(ctx)
	require.NoError(t, err)

	env.Advance(time.Minute)
	found, _, err := s.Rescue(ctx)
	require.NoError(t, err)
	require.Empty(t, found)
	env.Advance(time.Minute)
	found, _, err = s.Rescue(ctx)
	require.NoError(t, err)
	require.Len(t, found, 1, "whoever waits is found once it is over")
	require.Equal(t, numbered(2), found[0].Key)
}

// A push beyond the rate whose date comes while the tracker is closed joins the
// backlog, in place of being told so.
func TestADateThatComesWhileTheTrackerIsClosed(t *testing.T) {
	env := redistest.Mini(t)
	env.Advance(0)
	s := NewStoreWith(env.Client, Timing{}, TenantLimits{PushesPerSecond: 1})
	first := pushed(t, s, 0)
	pushed(t, s, 1)
	dated := pushed(t, s, 2)
	require.NotZero(t, dated.Delay)
	_, err := begin(t, s, first).Limited(context.Background(), time.Minute, time.Minute, Failure{})
	require.NoError(t, err)
	env.Advance(dated.Delay)
	l, err := s.Begin(context.Background(), dated.Key, dated.Run)
	require.NoError(t, err)
	require.Nil(t, l)
	require.Equal(t, Usage{InFlight: 1, Queued: 2, Connections: 3}, usage(t, s))
	require.Equal(t, []string{closedKey("acme", "integration")}, env.Keys(t, "*:o:*"))
	env.Advance(time.Minute)
	require.Empty(t, env.Keys(t, "*:o:*"))
	_, err = begin(t, s, dated).Limited(context.Background(), time.Minute, time.Minute, Failure{})
	require.NoError(t, err)
	require.NoError(t, s.DeleteIntegration(context.Background(), "acme", "integration", nil))
	require.Empty(t, env.Keys(t, "*:o:*"), "it goes with its integration")
}

func TestWhatIsTakenOverKeepsItsSlot(t *testing.T) {
	env := redistest.Mini(t)
	env.Advance(0)
	s := NewStoreWith(env.Client, Timing{}, TenantLimits{MaxInFlight: 1})
	begin(t, s, pushed(t, s, 1))
	require.Nil(t, pushed(t, s, 2))
	env.Advance(11 * time.Second)
	found, _, err := s.Rescue(context.Background())
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, numbered(1), found[0].Key)
	require.EqualValues(t, 1, usage(t, s).InFlight)
}

func TestPushesBeyondALimitAreRejected(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := context.Background()
		s := NewStoreWith(env.Client, Timing{}, TenantLimits{MaxInFlight: 1, MaxQueued: 2, MaxConnections: 4})
		for n := range 3 {
			pushed(t, s, n)
		}
		_, w, err := s.Push(ctx, numbered(3), somebody)
		require.ErrorIs(t, err, fault.RateLimited)
		require.Contains(t, fault.From(err).Public, "waiting")
		require.Nil(t, w)
		_, err = s.Get(ctx, numbered(3))
		require.ErrorIs(t, err, fault.NotFound, "nothing is recorded")
		_, _, err = s.Push(ctx, numbered(1), somebody)
		require.NoError(t, err, "the same push again")

		require.NoError(t, s.SetLimits(ctx, "acme", TenantLimits{MaxInFlight: 10}))
		pushed(t, s, 3)
		_, _, err = s.Push(ctx, numbered(4), somebody)
		require.ErrorIs(t, err, fault.RateLimited)
		require.Contains(t, fault.From(err).Public, "connections")
		require.NoError(t, s.SetLimits(ctx, "acme", TenantLimits{MaxInFlight: 10, MaxConnections: 5}))
		pushed(t, s, 4)
		require.ErrorIs(t, s.SetLimits(ctx, "acme", TenantLimits{MaxQueued: -1}), fault.Invalid)
	})
}

func TestHigherLimitHandsOutWhatWaits(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := context.Background()
		s := NewStoreWith(env.Client, Timing{}, TenantLimits{MaxInFlight: 1})
		for n := range 10 {
			pushed(t, s, n)
		}
		require.NoError(t, s.SetLimits(ctx, "acme", TenantLimits{MaxInFlight: 8}))
		require.Equal(t, Usage{InFlight: 8, Queued: 2, Connections: 10}, usage(t, s))
		found, _, err := s.Rescue(ctx)
		require.NoError(t, err)
		require.Len(t, found, 7, "the rescuer queues them")
		require.NoError(t, s.SetLimits(ctx, "acme", TenantLimits{}))
		fails(t, s, &found[0].Task)
		require.Equal(t, Usage{InFlight: 7, Queued: 3, Connections: 10}, usage(t, s), "nobody follows before the limit is kept again")
	})
}

func TestPushesBeyondTheRateBeginLater(t *testing.T) {
	env := redistest.Mini(t)
	env.Advance(0)
	s := NewStoreWith(env.Client, Timing{}, TenantLimits{PushesPerSecond: 2})
	var delays []time.Duration
	for n := range 5 {
		delays = append(delays, pushed(t, s, n).Delay)
	}
	require.Equal(t, []time.Duration{0, 0, 0, 500 * time.Millisecond, time.Second}, delays)
	env.Advance(10 * time.Second)
	require.Zero(t, pushed(t, s, 5).Delay)
}

func TestPushThatWaitsTooLongEndsInAnError(t *testing.T) {
	ctx := context.Background()
	env := redistest.Mini(t)
	env.Advance(0)
	s := NewStoreWith(env.Client, Timing{MaxRescueAfter: time.Hour}, TenantLimits{MaxInFlight: 4})
	for n := range 4 {
		begin(t, s, pushed(t, s, n)).renewed.Store(0)
	}
	for n := 4; n < 7; n++ {
		require.Nil(t, pushed(t, s, n))
	}
	env.Advance(10 * time.Minute)
	found, _, err := s.Rescue(ctx)
	require.NoError(t, err)
	var overdue []Stalled
	for _, f := range found {
		if f.Overdue {
			overdue = append(overdue, f)
		}
	}
	require.Len(t, overdue, 1, "one slot beyond the four that slow runs hold")
	l := begin(t, s, &overdue[0].Task)
	require.Equal(t, Settle, l.Record.Step)
	require.Contains(t, Button(l.Record).Message, "too many pushes were waiting")
	next, err := l.Settled(ctx)
	require.NoError(t, err)
	require.Equal(t, Failed, l.Record.State)
	require.NotNil(t, next.Next, "the next one that is overdue follows on that slot")
	require.Equal(t, Settle, begin(t, s, next.Next).Record.Step)
	require.EqualValues(t, 5, usage(t, s).InFlight)
}

// A delayed run whose task was lost gets its slot from the rescuer.
func TestLostDelayedRunGetsItsSlot(t *testing.T) {
	ctx := context.Background()
	env := redistest.Mini(t)
	env.Advance(0)
	s := open(t, env)
	w := fails(t, s, pushed(t, s, 1))
	env.Advance(w.Delay + 8*time.Second)
	found, _, err := s.Rescue(ctx)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, w.Run, found[0].Run)
	require.Equal(t, Usage{InFlight: 1, Connections: 1}, usage(t, s))
}

func TestListGoesThroughAllInOrder(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := context.Background()
		s := NewStoreWith(env.Client, Timing{}, TenantLimits{MaxInFlight: 100, PushesPerSecond: 1000})
		const n = 57
		for i := range n {
			w := pushed(t, s, i)
			if i%3 == 0 {
				fails(t, s, w)
			}
		}
		for _, state := range []State{"", Progress, Failed} {
			var got []Entry
			seen := map[string]bool{}
			for q := (Query{Integration: "integration", State: state, Limit: 5}); ; {
				page, err := s.List(ctx, "acme", q)
				require.NoError(t, err)
				require.LessOrEqual(t, len(page.Entries), 5)
				for _, e := range page.Entries {
					require.False(t, seen[e.Key.Entity])
					seen[e.Key.Entity] = true
					got = append(got, e)
				}
				if q.Cursor = page.Next; q.Cursor == "" {
					break
				}
			}
			require.Len(t, got, map[State]int{"": n, Progress: 38, Failed: 19}[state])
			for i := range got[1:] {
				require.False(t, got[i].Changed.Before(got[i+1].Changed))
			}
			half := got[len(got)/2].Changed
			newer, err := s.List(ctx, "acme", Query{Integration: "integration", State: state, From: half})
			require.NoError(t, err)
			older, err := s.List(ctx, "acme", Query{Integration: "integration", State: state, To: half})
			require.NoError(t, err)
			require.Equal(t, got, append(newer.Entries, older.Entries...))
		}
		page, err := s.List(ctx, "another", Query{Integration: "integration"})
		require.NoError(t, err)
		require.Empty(t, page.Entries, "another tenant's")
		for _, bad := range []Query{{}, {Integration: "a/b"}, {Integration: "i", State: "x"}, {Integration: "i", Cursor: "?"}, {Integration: "i", Cursor: "eDp5"}} {
			_, err := s.List(ctx, "acme", bad)
			require.ErrorIs(t, err, fault.Invalid, "%+v", bad)
		}
	})
}

func TestDeleteExportImport(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := context.Background()
		s := NewStoreWith(env.Client, Timing{}, TenantLimits{PushesPerSecond: 1000})
		const n = 450
		for i := range n {
			w := pushed(t, s, i)
			if i < 10 {
				fails(t, s, w)
			}
		}
		collect := func() (all []Entry) {
			for e, err := range s.Export(ctx, "acme", "integration") {
				require.NoError(t, err)
				all = append(all, e)
			}
			return all
		}
		all := collect()
		require.Len(t, all, n)
		var done []int64
		require.NoError(t, s.DeleteIntegration(ctx, "acme", "integration", func(d int64) { done = append(done, d) }))
		require.EqualValues(t, n, done[len(done)-1])
		require.NoError(t, s.ForgetTenant(ctx, "acme"))
		require.Empty(t, env.Keys(t, "*acme*"), "nothing is left of it")
		left, err := s.Unfinished(ctx)
		require.NoError(t, err)
		require.Zero(t, left)

		require.NoError(t, s.Import(ctx, all))
		require.NoError(t, s.Import(ctx, all), "may be repeated")
		require.EqualValues(t, n, usage(t, s).Connections)
		require.EqualValues(t, n, usage(t, s).Queued, "what was under way is taken up")
		back := collect()
		require.Len(t, back, n)
		byEntity := map[string]Entry{}
		for _, e := range back {
			byEntity[e.Key.Entity] = e
		}
		for _, e := range all {
			b := byEntity[e.Key.Entity]
			require.Equal(t, e.Changed, b.Changed)
			require.Equal(t, e.Record.State, b.Record.State)
			require.Equal(t, e.Record.Click, b.Record.Click)
			require.Equal(t, e.Record.Run+1, b.Record.Run)
		}
		found, _, err := s.Rescue(ctx)
		require.NoError(t, err)
		require.Len(t, found, 20, "as many as there are slots")
		require.ErrorIs(t, s.Import(ctx, []Entry{{Key: Key{"a", "b", "c/d"}}}), fault.Invalid)
	})
}

// Whoever had it where it was exported may have told Productboard something
// that is still under way.
func TestAnImportedButtonIsReadBackLate(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := context.Background()
		s := NewStore(env.Client, Timing{})
		now := env.Client.Time(ctx).Val().UnixMilli()
		exported := Record{State: Progress, Generation: 1, Epoch: 1, Run: 3, Step: Settle, Owner: "a worker there", LeaseEnd: now + 5000,
			Issue: &targets.Issue{ID: "7"}, Click: Click{At: now}}
		require.NoError(t, s.Import(ctx, []Entry{{Key: numbered(1), Record: exported}}))
		rec, err := s.Get(ctx, numbered(1))
		require.NoError(t, err)
		require.Empty(t, rec.Owner)
		require.GreaterOrEqual(t, rec.ReadBack, now+s.Timing().SendWindow.Milliseconds())
	})
}

func TestLinkAndReset(t *testing.T) {
	ctx := context.Background()
	s := open(t, redistest.Mini(t))
	other := targets.Issue{ID: "8", Key: "#8"}
	_, _, err := s.Link(ctx, someKey, targets.Issue{})
	require.ErrorIs(t, err, fault.Invalid)
	_, w, err := s.Link(ctx, someKey, someIssue)
	require.NoError(t, err)
	l := begin(t, s, w)
	require.Equal(t, Settle, l.Record.Step)
	require.Equal(t, "connected", string(Button(l.Record).State))
	_, err = l.Settled(ctx)
	require.NoError(t, err)
	require.Equal(t, Connected, l.Record.State)

	_, w, err = s.Link(ctx, someKey, other)
	require.NoError(t, err)
	l = begin(t, s, w)
	require.Empty(t, l.Record.Orphans, "the one it showed is left alone")
	require.Equal(t, other, *l.Record.Issue)
	_, err = l.Settled(ctx)
	require.NoError(t, err)

	rec, w, err := s.Reset(ctx, someKey)
	require.NoError(t, err)
	require.Equal(t, Initial, rec.State)
	require.Nil(t, rec.Issue)
	require.Empty(t, rec.Orphans)
	require.Equal(t, Verify, begin(t, s, w).Record.Step)
	require.Greater(t, rec.Epoch, 1, "the next push gets an issue of its own")

	_, w, err = s.Reset(ctx, Key{"acme", "integration", "unknown"})
	require.NoError(t, err)
	require.NotNil(t, w, "whatever the button shows is set right")
}

func TestRetryTouchesOnlyWhatFailed(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := context.Background()
		s := NewStoreWith(env.Client, Timing{}, TenantLimits{MaxInFlight: 1})
		retry := func(key Key, want bool, state State) *Task {
			t.Helper()
			began, w, err := s.Retry(ctx, key, somebody)
			require.NoError(t, err)
			require.Equal(t, want, began)
			rec, err := s.Get(ctx, key)
			if state == "" {
				require.ErrorIs(t, err, fault.NotFound)
				return w
			}
			require.NoError(t, err)
			require.Equal(t, state, rec.State)
			return w
		}
		require.Nil(t, retry(someKey, false, ""), "nothing is recorded for a button that was never pushed")
		fails(t, s, push(t, s))
		fails(t, s, pushed(t, s, 1))
		require.NotNil(t, retry(someKey, true, Progress))
		require.Nil(t, retry(someKey, false, Progress), "it is under way already")
		require.Nil(t, retry(numbered(1), true, Progress), "it waits for the tenant's only slot")
		_, _, err := s.Unlink(ctx, someKey)
		require.NoError(t, err)
		require.Nil(t, retry(someKey, false, Initial), "what was unlinked meanwhile stays so")
	})
}

// A list can be gone on with after any of its entries.
func TestListGoesOnAfterAnEntry(t *testing.T) {
	ctx := context.Background()
	s := open(t, redistest.Mini(t))
	for i := range 6 {
		pushed(t, s, i)
	}
	all, err := s.List(ctx, "acme", Query{Integration: "integration"})
	require.NoError(t, err)
	require.Len(t, all.Entries, 6)
	for i, e := range all.Entries {
		rest, err := s.List(ctx, "acme", Query{Integration: "integration", Cursor: e.After()})
		require.NoError(t, err)
		require.Len(t, rest.Entries, len(all.Entries[i+1:]))
		one, err := s.Entry(ctx, e.Key)
		require.NoError(t, err)
		require.Equal(t, e, one)
	}
}

func TestLinkAndResetKeepWithinTheLimit(t *testing.T) {
	ctx := context.Background()
	s := NewStoreWith(redistest.Mini(t).Client, Timing{}, TenantLimits{MaxConnections: 1})
	_, _, err := s.Link(ctx, someKey, someIssue)
	require.NoError(t, err)
	other := Key{"acme", "integration", "other"}
	_, _, err = s.Link(ctx, other, someIssue)
	require.ErrorIs(t, err, fault.RateLimited)
	_, _, err = s.Reset(ctx, other)
	require.ErrorIs(t, err, fault.RateLimited)
	_, _, err = s.Reset(ctx, someKey)
	require.NoError(t, err, "it is there already")
	require.EqualValues(t, 1, usage(t, s).Connections)
}

func TestTimelineHasEveryAttempt(t *testing.T) {
	ctx := context.Background()
	env := redistest.Mini(t)
	env.Advance(0)
	s := open(t, env)
	l := begin(t, s, push(t, s))
	env.Advance(20 * time.Millisecond)
	require.NoError(t, l.Intend(ctx))
	env.Advance(300 * time.Millisecond)
	w, err := l.Requeue(ctx, time.Second, true, Failure{Message: "Redmine\tis\naway.", Kind: "unavailable", Side: fault.SideTracker, Ref: "req-17"})
	require.NoError(t, err)
	env.Advance(w.Delay)
	l = begin(t, s, w)
	env.Advance(50 * time.Millisecond)
	_, err = l.Opened(ctx, someIssue)
	require.NoError(t, err)
	env.Advance(70 * time.Millisecond)
	_, err = l.Settled(ctx)
	require.NoError(t, err)
	events, err := s.History(ctx, someKey)
	require.NoError(t, err)
	type entry struct {
		What, Outcome string
		Side          fault.Side
		Ref           string
		Step          Step
		Took          time.Duration
		State         State
	}
	var got []entry
	for _, e := range events {
		got = append(got, entry{e.What, e.Outcome, e.Side, e.Ref, e.Step, e.Took, e.State})
	}
	ms := time.Millisecond
	require.Equal(t, []entry{
		{"push", "", "", "", "", 0, Progress},
		{"begin open", "", "", "", Open, 0, Progress},
		{"create sent", "ok", "", "", Open, 20 * ms, Progress},
		{"handed back", "unavailable", fault.SideTracker, "req-17", Open, 300 * ms, Progress},
		{"begin open", "", "", "", Open, 0, Progress},
		{"opened", "ok", "", "", Open, 50 * ms, Progress},
		{"settled", "ok", "", "", Settle, 70 * ms, Connected},
	}, got)
	require.Equal(t, "unavailable: Redmine is away.", events[3].Note)
	require.Equal(t, someIssue.Key, events[5].Note)
}

func TestHistoryIsBoundedAndExpires(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := context.Background()
		s := open(t, env)
		connect(t, s)
		for range 2 * historyLength {
			push(t, s)
		}
		events, err := s.History(ctx, someKey)
		require.NoError(t, err)
		require.Len(t, events, historyLength)
		_, w, err := s.Reset(ctx, someKey)
		require.NoError(t, err)
		for w != nil {
			w, err = begin(t, s, w).Verified(ctx)
			require.NoError(t, err)
			if env.Mini == nil {
				break // its time cannot be moved to the last reading
			}
			env.Advance(time.Minute)
		}
		if env.Mini != nil {
			left, err := env.Client.PTTL(ctx, historyKey(someKey)).Result()
			require.NoError(t, err)
			require.Greater(t, left, 6*24*time.Hour)
		}
	})
}

func TestEventsThatCannotBeRead(t *testing.T) {
	for i, line := range []string{"x\tpush", "1\tpush\tx", "1\tpush\t1\t1\tp\topen\tx"} {
		_, err := parseEvent(line)
		require.Error(t, err, strconv.Itoa(i))
	}
	e, err := parseEvent("")
	require.NoError(t, err)
	require.Zero(t, e)
}
