package refresh

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/limits/breaker"
	"pushbutton/internal/limits/memory"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/targets/memtarget"
	"pushbutton/internal/tenants"
)

// followRig is a rig whose tracker sends webhooks.
type followRig struct {
	*rig
	hints    *Hints
	outcomes map[string]int
	opts     Options
}

func newFollowRig(t *testing.T, buttons int) *followRig {
	t.Helper()
	f := &followRig{rig: newRig(t, buttons), outcomes: map[string]int{}}
	f.hints = NewHints(f.env.Client)
	f.in.Hook = &tenants.Hook{Registered: time.Now()}
	f.opts.Hinted = func(outcome string, n int) { f.outcomes[outcome] += n }
	return f
}

func (f *followRig) hint(buttons ...int) {
	f.t.Helper()
	var issues []string
	for _, n := range buttons {
		issues = append(issues, f.issues[n].ID)
	}
	add(f.t, f.hints, hint("", issues...))
}

// follow lets some time pass, and what is due be read.
func (f *followRig) follow(after time.Duration) {
	f.t.Helper()
	f.env.Advance(after)
	follower := NewFollower(f.hints, f.schedule, f, f, f, f.store, f, f, slog.New(slog.DiscardHandler), &f.opts)
	follower.pause = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	follower.Step(f.t.Context())
}

func (f *followRig) waiting() int {
	f.t.Helper()
	all, err := f.hints.Health(f.t.Context(), "acme", []string{integration})
	require.NoError(f.t, err)
	return int(all[0].Waiting)
}

func TestAHintIsFollowed(t *testing.T) {
	t.Parallel()
	f := newFollowRig(t, 5)
	require.NoError(t, f.tracker.SetStatus(f.issues[2].ID, memtarget.StatusDone))
	for range 10 {
		f.hint(2)
	}
	f.follow(2 * time.Second)
	require.Len(t, f.tasks, 1)
	require.Equal(t, memtarget.StatusDone, f.record(2).Issue.Status)
	require.EqualValues(t, 1, f.asked.Load(), "ten events are one reading")
	require.Zero(t, f.waiting())
	require.Equal(t, map[string]int{hintRead: 1}, f.outcomes)
}

func TestAHintThatNoButtonShowsIsDropped(t *testing.T) {
	t.Parallel()
	f := newFollowRig(t, 1)
	add(t, f.hints, hint("", "999999"))
	f.follow(2 * time.Second)
	require.Zero(t, f.asked.Load())
	require.Zero(t, f.waiting())
	require.Equal(t, map[string]int{hintUnknown: 1}, f.outcomes)
}

// A button whose run is under way keeps its hint until it is at rest, for a minute
// at most.
func TestAHintWaitsForTheRunUnderWay(t *testing.T) {
	t.Parallel()
	f := newFollowRig(t, 1)
	require.NoError(t, f.tracker.SetStatus(f.issues[0].ID, memtarget.StatusDone))
	f.sweep()
	require.Len(t, f.tasks, 1, "a run is under way")
	asked := f.asked.Load()
	f.hint(0)
	f.follow(2 * time.Second)
	require.Equal(t, 1, f.waiting())
	require.Equal(t, asked, f.asked.Load())
	f.settle()
	f.follow(3 * time.Second)
	require.Zero(t, f.waiting())
	require.Equal(t, asked+1, f.asked.Load())

	require.NoError(t, f.tracker.Rename(f.issues[0].ID, "Another name"))
	f.sweep()
	f.hint(0)
	f.follow(2 * time.Second)
	require.Equal(t, 1, f.waiting())
	f.follow(time.Minute)
	require.Zero(t, f.waiting())
}

func TestHintsNobodyWants(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change  func(f *followRig)
		waiting int
	}{
		"disabled":     {func(f *followRig) { f.in.Disabled = true }, 0},
		"switched off": {func(f *followRig) { f.in.Refresh.Off = true }, 0},
		"deleted":      {func(f *followRig) { f.gone = true }, 0},
		"deleting":     {func(f *followRig) { f.in.Deleting = time.Now() }, 0},
		"to reconnect": {func(f *followRig) { f.in.Reconnect = &tenants.Reconnect{} }, 1},
		"rate limit":   {func(f *followRig) { f.target = f.open(limited{}) }, 1},
		"breaker open": {func(f *followRig) { f.opts.Breaker = &fakeBreaker{pass: breaker.Pass{Open: true, Wait: time.Second}} }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFollowRig(t, 1)
			c.change(f)
			f.hint(0)
			f.follow(2 * time.Second)
			require.Zero(t, f.asked.Load())
			require.Equal(t, c.waiting, f.waiting())
		})
	}
}

func TestDroppedHintsSweepEverything(t *testing.T) {
	t.Parallel()
	f := newFollowRig(t, 1)
	f.sweep()
	require.NoError(t, f.env.Client.HSet(t.Context(), hintsTag+"s:acme/"+integration, "all", "1").Err())
	f.hint(0)
	f.follow(2 * time.Second)
	claim, ok, err := f.schedule.Claim(t.Context(), hold)
	require.NoError(t, err)
	require.True(t, ok)
	require.True(t, claim.Last.IsZero(), "done issues are read too")
}

// Three sweeps in a row that find what no webhook told are a dead webhook.
func TestSweepsSeeADeadWebhook(t *testing.T) {
	t.Parallel()
	f := newFollowRig(t, 1)
	f.opts.Webhooks = f.hints
	sweep := func() {
		f.env.Advance(period)
		s := New(f.schedule, f, f, f, f.store, f, f, period, slog.New(slog.DiscardHandler), &f.opts)
		s.pause = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
		s.Step(t.Context())
		f.settle()
	}
	silent := func() bool {
		all, err := f.hints.Health(t.Context(), "acme", []string{integration})
		require.NoError(t, err)
		return all[0].Silent()
	}
	for _, name := range []string{"one", "two", "three"} {
		require.False(t, silent())
		require.NoError(t, f.tracker.Rename(f.issues[0].ID, name))
		sweep()
	}
	sweep()
	require.True(t, silent())
	f.hint(0)
	sweep()
	require.False(t, silent())
}

// A reading ends the trial that it was, and closes no breaker.
func TestReadingsAskTheBreaker(t *testing.T) {
	t.Parallel()
	f := newFollowRig(t, 1)
	b := &fakeBreaker{pass: breaker.Pass{Trial: "it"}}
	f.opts.Breaker, f.opts.Memory = b, memory.NewBudget(1<<20)
	f.hint(0)
	f.follow(2 * time.Second)
	require.Equal(t, []string{"ask", "undecided"}, b.told)
}

type fakeBreaker struct {
	pass breaker.Pass
	told []string
}

func (b *fakeBreaker) Ask(context.Context, string) breaker.Pass {
	b.told = append(b.told, "ask")
	return b.pass
}

func (b *fakeBreaker) Failed(context.Context, breaker.Pass, string, string) breaker.Change {
	b.told = append(b.told, "failed")
	return breaker.None
}

func (b *fakeBreaker) Undecided(context.Context, breaker.Pass) { b.told = append(b.told, "undecided") }

// A progress that cannot be read begins anew, and stops nobody else.
func TestAnUnreadableProgressBeginsAnew(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{"?", "7", "null", `{"s":"x"}`, `{"c":7}`, `{"s":null}`} {
		t.Run(doc, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 1)
			require.NoError(t, r.env.Client.HSet(t.Context(), progressKey, "acme/"+integration, doc).Err())
			r.sweep()
			require.NotZero(t, r.status().Ended)
		})
	}
}

// A tenant with many integrations does not keep the sweeps of others waiting.
func TestSweepsAreSharedByTenants(t *testing.T) {
	t.Parallel()
	env := redistest.Mini(t)
	env.Freeze(t)
	s := NewSchedule(env.Client)
	ctx := t.Context()
	var many []string
	for n := range 900 {
		many = append(many, "in"+string(rune('a'+n%26))+time.Duration(n).String())
	}
	require.NoError(t, s.Register(ctx, "large", many, time.Second))
	env.Advance(2 * time.Second)
	require.NoError(t, s.Register(ctx, "small", []string{"one"}, time.Millisecond))
	env.Advance(2 * time.Second)
	var got []string
	for range 3 {
		claim, ok, err := s.Claim(ctx, hold)
		require.NoError(t, err)
		require.True(t, ok)
		got = append(got, claim.Tenant)
	}
	require.Equal(t, []string{"large", "small"}, got[:2])
}
