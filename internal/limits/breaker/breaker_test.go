package breaker

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/redisdb/redistest"
)

const integration = "abcdefghijklmnopqrstuvwxyz"

// rig is a process whose time is Redis' own.
type rig struct {
	*Breaker
	env redistest.Env
	now time.Time
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{env: redistest.Mini(t)}
	r.now = r.env.Freeze(t)
	r.Breaker = New(r.env.Client, &Options{Failures: 4, Over: 10 * time.Second, Now: func() time.Time { return r.now }, Random: func() float64 { return 0 }})
	return r
}

func (r *rig) advance(d time.Duration) {
	r.now = r.now.Add(d)
	r.env.Advance(d)
}

func (r *rig) fail(item string) Change {
	ctx := context.Background()
	return r.Failed(ctx, r.Ask(ctx, integration), item, "timeout")
}

// open makes it open.
func (r *rig) open(t *testing.T) {
	t.Helper()
	r.fail("a")
	r.fail("b")
	r.fail("a")
	r.advance(10 * time.Second)
	require.Equal(t, Opened, r.fail("a"))
}

func TestWhatOpensABreaker(t *testing.T) {
	type step struct {
		after  time.Duration
		item   string // "": it worked
		change Change
	}
	second := time.Second
	for name, c := range map[string]struct {
		steps []step
		open  bool
	}{
		"failures of two items over some time": {[]step{{0, "a", None}, {0, "b", None}, {9 * second, "a", None}, {second, "a", Opened}}, true},
		"one item alone":                       {[]step{{0, "a", None}, {5 * second, "a", None}, {5 * second, "a", None}, {second, "a", None}, {second, "a", None}}, false},
		"many at once":                         {[]step{{0, "a", None}, {0, "b", None}, {0, "c", None}, {0, "d", None}, {9 * second, "e", None}}, false},
		"too few":                              {[]step{{0, "a", None}, {10 * second, "b", None}, {10 * second, "c", None}}, false},
		"a success between":                    {[]step{{0, "a", None}, {0, "b", None}, {9 * second, "c", None}, {0, "", None}, {second, "a", None}}, false},
		"forgotten meanwhile":                  {[]step{{0, "a", None}, {0, "b", None}, {0, "c", None}, {2 * time.Hour, "d", None}}, false},
		"a second item at last":                {[]step{{0, "a", None}, {9 * second, "a", None}, {second, "a", None}, {0, "a", None}, {0, "b", Opened}, {0, "c", None}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			r, ctx := newRig(t), context.Background()
			for i, s := range c.steps {
				r.advance(s.after)
				var got Change
				if s.item == "" {
					got = r.Worked(ctx, r.Ask(ctx, integration))
				} else {
					got = r.fail(s.item)
				}
				require.Equal(t, s.change, got, "step %d", i)
			}
			require.Equal(t, c.open, r.Ask(ctx, integration).Open)
			require.False(t, r.Ask(ctx, "another").Open, "each integration by itself")
			n, err := r.CountOpen(ctx)
			require.NoError(t, err)
			require.Equal(t, map[bool]int64{true: 1}[c.open], n)
		})
	}
}

func TestABreakersLife(t *testing.T) {
	r, ctx := newRig(t), context.Background()
	began := r.now
	r.open(t)

	pass := r.Ask(ctx, integration)
	require.True(t, pass.Open)
	require.Equal(t, "timeout", pass.Kind)
	require.Equal(t, began.UnixMilli(), pass.Since.UnixMilli(), "since the first failure")
	require.Equal(t, 30*time.Second, pass.Wait)
	require.Equal(t, r.now.Add(30*time.Second).UnixMilli(), pass.Next.UnixMilli())

	// Each trial that fails doubles the wait, up to five minutes.
	for _, wait := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 5 * time.Minute, 5 * time.Minute} {
		r.advance(pass.Wait)
		trial := r.Ask(ctx, integration)
		require.False(t, trial.Open)
		require.NotEmpty(t, trial.Trial)
		require.Equal(t, began.UnixMilli(), trial.Since.UnixMilli())
		require.True(t, r.Ask(ctx, integration).Open, "one at a time")
		require.Equal(t, None, r.Failed(ctx, trial, "z", "unavailable"))
		r.advance(time.Second) // what is believed ends
		pass = r.Ask(ctx, integration)
		require.True(t, pass.Open)
		require.Equal(t, "unavailable", pass.Kind)
		require.Equal(t, wait-time.Second, pass.Wait)
	}

	// One that says nothing leaves the trial to the next.
	r.advance(pass.Wait)
	r.Undecided(ctx, r.Ask(ctx, integration))
	r.advance(time.Second)
	trial := r.Ask(ctx, integration)
	require.NotEmpty(t, trial.Trial)

	// One that dies keeps the others out for a minute.
	r.advance(time.Minute - time.Second)
	require.True(t, r.Ask(ctx, integration).Open)
	r.advance(time.Second)
	late := trial
	trial = r.Ask(ctx, integration)
	require.NotEmpty(t, trial.Trial)
	require.Equal(t, None, r.Failed(ctx, late, "z", "timeout"), "a trial that was over changes nothing")

	require.Equal(t, Closed, r.Worked(ctx, trial))
	pass = r.Ask(ctx, integration)
	require.False(t, pass.Open)
	require.Empty(t, pass.Trial)
	require.Equal(t, None, r.Worked(ctx, pass), "once")
	n, err := r.CountOpen(ctx)
	require.NoError(t, err)
	require.Zero(t, n)
	require.Equal(t, None, r.fail("a"), "the count begins anew")
}

func TestASuccessThatWasUnderWayClosesIt(t *testing.T) {
	r, ctx := newRig(t), context.Background()
	early := r.Ask(ctx, integration)
	r.open(t)
	require.Equal(t, Closed, r.Worked(ctx, early))
}

func TestAnUnusedBreakerIsForgotten(t *testing.T) {
	r, ctx := newRig(t), context.Background()
	r.open(t)
	keys, err := r.env.Client.Keys(ctx, "pb:breaker:*").Result()
	require.NoError(t, err)
	require.Len(t, keys, 1)
	r.advance(time.Hour + time.Second)
	keys, err = r.env.Client.Keys(ctx, "pb:breaker:*").Result()
	require.NoError(t, err)
	require.Empty(t, keys)
	n, err := r.CountOpen(ctx)
	require.NoError(t, err)
	require.Zero(t, n)
}

// While a tracker works a push asks Redis once a second at most, and writes
// nothing.
func TestWhatABreakerCosts(t *testing.T) {
	r, ctx := newRig(t), context.Background()
	r.Worked(ctx, r.Ask(ctx, integration)) // connects
	r.advance(time.Second)
	before := r.env.Mini.CommandCount()
	for range 100 {
		r.Worked(ctx, r.Ask(ctx, integration))
	}
	require.LessOrEqual(t, r.env.Mini.CommandCount()-before, 3, "the script and what it calls")
	require.Empty(t, r.env.Mini.Keys())
}

func TestABreakerWithoutRedis(t *testing.T) {
	r, ctx := newRig(t), context.Background()
	r.env.Mini.Close()
	pass := r.Ask(ctx, integration)
	require.False(t, pass.Open, "pushes have limits of their own")
	require.Equal(t, None, r.Failed(ctx, pass, "a", "timeout"))
	require.Equal(t, None, r.Worked(ctx, pass))
	_, err := r.CountOpen(ctx)
	require.Error(t, err)
}

func TestWhatAProcessRemembersIsBounded(t *testing.T) {
	r := newRig(t)
	for i := range maxMemos + 5 {
		r.remember(string(rune(i)), memo{})
	}
	require.LessOrEqual(t, len(r.memos), maxMemos)
}

// Of many processes that see the cool-down's end at once, one tries.
func TestOneTrialOfManyProcesses(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := context.Background()
		opts := &Options{Failures: 2, Over: time.Nanosecond, CoolDown: time.Millisecond, Believe: time.Nanosecond, Random: func() float64 { return 0 }}
		first := New(env.Client, opts)
		first.Failed(ctx, Pass{Integration: integration}, "a", "timeout")
		require.Equal(t, Opened, first.Failed(ctx, Pass{Integration: integration}, "b", "timeout"))
		for round := range 5 {
			trials := make(chan Pass, 32)
			deadline := time.Now().Add(10 * time.Second)
			for len(trials) == 0 { // until the cool-down is over
				require.True(t, time.Now().Before(deadline))
				var group sync.WaitGroup
				for range cap(trials) {
					group.Go(func() {
						if p := New(env.Client, opts).Ask(ctx, integration); p.Trial != "" {
							trials <- p
						}
					})
				}
				group.Wait()
			}
			require.Len(t, trials, 1, "round %d", round)
			require.Equal(t, None, first.Failed(ctx, <-trials, "a", "timeout"))
		}
	})
}
