package refresh

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/redisdb/redistest"
)

func hint(delivery string, issues ...string) Hint {
	return Hint{Tenant: "acme", Integration: integration, Delivery: delivery, Issues: issues}
}

func add(t *testing.T, h *Hints, hint Hint) Added {
	t.Helper()
	added, err := h.Add(t.Context(), hint)
	require.NoError(t, err)
	return added
}

// claimed takes hints that must be due, and idle makes sure that none are.
func claimed(t *testing.T, h *Hints) HintClaim {
	t.Helper()
	claim, ok, err := h.Claim(t.Context(), hold)
	require.NoError(t, err)
	require.True(t, ok, "hints are due")
	return claim
}

func idle(t *testing.T, h *Hints) {
	t.Helper()
	claim, ok, err := h.Claim(t.Context(), hold)
	require.NoError(t, err)
	require.False(t, ok, "%+v", claim)
}

func eachHints(t *testing.T, f func(t *testing.T, env redistest.Env, h *Hints)) {
	t.Helper()
	redistest.Each(t, func(t *testing.T, env redistest.Env) { f(t, env, NewHints(env.Client)) })
}

func TestAThousandEventsAreOneReading(t *testing.T) {
	t.Parallel()
	eachHints(t, func(t *testing.T, env redistest.Env, h *Hints) {
		require.Equal(t, Added{New: 1}, add(t, h, hint("first", "7")))
		for n := range 1000 {
			require.Equal(t, Added{}, add(t, h, hint(strconv.Itoa(n), "7")))
		}
		env.Advance(2 * time.Second)
		claim := claimed(t, h)
		require.Equal(t, []string{"7"}, claim.Issues)
		require.Equal(t, "acme", claim.Tenant)
		require.Equal(t, integration, claim.Integration)
		require.False(t, claim.All)
		idle(t, h)
		require.NoError(t, h.Done(t.Context(), claim))
		env.Advance(time.Minute)
		idle(t, h)
	})
}

func TestAReplayIsDropped(t *testing.T) {
	t.Parallel()
	h := NewHints(redistest.Mini(t).Client)
	require.Equal(t, Added{New: 1}, add(t, h, hint("one", "7")))
	require.Equal(t, Added{Replay: true}, add(t, h, hint("one", "8")))
	other := hint("one", "8")
	other.Integration = "another"
	require.Equal(t, Added{New: 1}, add(t, h, other), "each integration has deliveries of its own")
	require.Equal(t, Added{}, add(t, h, hint("", "7")))
	require.Equal(t, Added{}, add(t, h, hint("", "7")), "without an id nothing is a replay")
}

func TestDeliveriesAreForgotten(t *testing.T) {
	t.Parallel()
	env := redistest.Mini(t)
	env.Freeze(t)
	h := NewHints(env.Client)
	add(t, h, hint("one", "7"))
	env.Advance(24*time.Hour - time.Second)
	require.True(t, add(t, h, hint("one", "7")).Replay)
	env.Advance(2 * time.Second)
	require.False(t, add(t, h, hint("one", "7")).Replay)
	for n := range 2000 {
		env.Advance(time.Millisecond)
		add(t, h, hint(fmt.Sprint("more ", n), "7"))
	}
	require.False(t, add(t, h, hint("one", "7")).Replay, "the oldest go first")
	require.True(t, add(t, h, hint("more 1999", "7")).Replay)
}

// An event that comes while its issue is read has the issue read once more.
func TestAnEventMeanwhileIsReadAgain(t *testing.T) {
	t.Parallel()
	eachHints(t, func(t *testing.T, env redistest.Env, h *Hints) {
		add(t, h, hint("one", "7", "8"))
		env.Advance(2 * time.Second)
		claim := claimed(t, h)
		require.ElementsMatch(t, []string{"7", "8"}, claim.Issues)
		require.Equal(t, Added{New: 1}, add(t, h, hint("two", "8", "9")))
		require.NoError(t, h.Done(t.Context(), claim))
		idle(t, h)
		env.Advance(3 * time.Second)
		claim = claimed(t, h)
		require.ElementsMatch(t, []string{"8", "9"}, claim.Issues)
		require.NoError(t, h.Done(t.Context(), claim))
		env.Advance(time.Minute)
		idle(t, h)
	})
}

// A worker that dies loses no hint, and one that stood still changes nothing.
func TestALostClaimOfHintsChangesNothing(t *testing.T) {
	t.Parallel()
	eachHints(t, func(t *testing.T, env redistest.Env, h *Hints) {
		ctx := t.Context()
		add(t, h, hint("one", "7"))
		env.Advance(2 * time.Second)
		old := claimed(t, h)
		require.False(t, h.Renew(ctx, old, hold))
		env.Advance(hold + time.Second)
		current := claimed(t, h)
		require.Equal(t, []string{"7"}, current.Issues)
		require.True(t, h.Renew(ctx, old, hold))
		require.NoError(t, h.Done(ctx, old))
		require.NoError(t, h.Later(ctx, old, 0))
		require.False(t, h.Renew(ctx, current, hold))
		require.NoError(t, h.Later(ctx, current, time.Minute))
		add(t, h, hint("two", "7"))
		env.Advance(30 * time.Second)
		idle(t, h)
		env.Advance(31 * time.Second)
		require.Equal(t, []string{"7"}, claimed(t, h).Issues)
	})
}

func TestTooManyHintsAskForEverything(t *testing.T) {
	t.Parallel()
	env := redistest.Mini(t)
	env.Freeze(t)
	h := NewHints(env.Client)
	for n := range 21 {
		var issues []string
		for i := range 100 {
			issues = append(issues, strconv.Itoa(n*100+i))
		}
		added := add(t, h, hint(strconv.Itoa(n), issues...))
		require.Equal(t, n == 20, added.Dropped > 0)
	}
	env.Advance(2 * time.Second)
	claim := claimed(t, h)
	require.True(t, claim.All)
	require.Len(t, claim.Issues, 100)
	require.NoError(t, h.Done(t.Context(), claim))
	read := len(claim.Issues)
	for range 19 {
		env.Advance(2 * time.Second)
		claim = claimed(t, h)
		require.False(t, claim.All)
		read += len(claim.Issues)
		require.NoError(t, h.Done(t.Context(), claim))
	}
	require.Equal(t, 2000, read)
	env.Advance(time.Minute)
	idle(t, h)
}

// What cannot be read is forgotten, so it blocks no other integration.
func TestUnreadableHintsBlockNoOther(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"q", "r", "s", "d", "e", "m"} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			env := redistest.Mini(t)
			env.Freeze(t)
			h := NewHints(env.Client)
			ctx := t.Context()
			add(t, h, hint("one", "7"))
			other := hint("one", "8")
			other.Tenant, other.Integration = "other", "another"
			env.Advance(time.Millisecond)
			add(t, h, other)
			require.NoError(t, env.Client.Set(ctx, hintsTag+key+":acme/"+integration, "?", 0).Err())
			_, err := h.Health(ctx, "acme", []string{integration})
			require.NoError(t, err)
			env.Advance(2 * time.Second)
			var got []HintClaim
			for range 2 {
				claim := claimed(t, h)
				require.NoError(t, h.Done(ctx, claim))
				got = append(got, claim)
				env.Advance(2 * time.Second)
			}
			require.Contains(t, []string{got[0].Integration, got[1].Integration}, "another")
			require.Equal(t, Added{New: 1}, add(t, h, hint("two", "7")))
		})
	}
}

func TestForgottenHints(t *testing.T) {
	t.Parallel()
	eachHints(t, func(t *testing.T, env redistest.Env, h *Hints) {
		add(t, h, hint("one", "7"))
		require.NoError(t, h.Found(t.Context(), "acme", integration, []string{"8"}, 30*time.Second))
		require.NoError(t, h.Forget(t.Context(), "acme", integration))
		require.Empty(t, env.Keys(t, hintsTag+"*"))
		env.Advance(2 * time.Second)
		idle(t, h)
	})
}

// A tenant with many integrations does not keep the others waiting.
func TestHintsAreSharedByTenants(t *testing.T) {
	t.Parallel()
	env := redistest.Mini(t)
	env.Freeze(t)
	h := NewHints(env.Client)
	for n := range 300 {
		add(t, h, Hint{Tenant: "large", Integration: strconv.Itoa(n), Issues: []string{"1"}})
	}
	env.Advance(time.Millisecond)
	add(t, h, Hint{Tenant: "small", Integration: "one", Issues: []string{"1"}})
	env.Advance(2 * time.Second)
	require.Equal(t, "large", claimed(t, h).Tenant)
	require.Equal(t, "small", claimed(t, h).Tenant)
	require.Equal(t, "large", claimed(t, h).Tenant)
}

func TestHealthOfAWebhook(t *testing.T) {
	t.Parallel()
	env := redistest.Mini(t)
	now := env.Freeze(t)
	h := NewHints(env.Client)
	ctx := t.Context()
	health := func() Health {
		t.Helper()
		all, err := h.Health(ctx, "acme", []string{"another", integration})
		require.NoError(t, err)
		require.Zero(t, all[0])
		return all[1]
	}
	sweep := func(found ...string) {
		t.Helper()
		require.NoError(t, h.Found(ctx, "acme", integration, found, 30*time.Second))
		require.NoError(t, h.Swept(ctx, "acme", integration, 30*time.Second))
		env.Advance(period)
	}
	require.Zero(t, health())
	add(t, h, hint("", "7", "8"))
	require.Equal(t, Health{LastEvent: now.Truncate(time.Millisecond), Waiting: 2}, health())

	sweep("7")
	sweep()
	require.Zero(t, health().MissedSweeps, "a webhook told of it")
	require.NoError(t, h.Found(ctx, "acme", integration, []string{"9"}, 30*time.Second))
	env.Advance(10 * time.Second)
	add(t, h, hint("", "9"))
	sweep()
	sweep()
	require.Zero(t, health().MissedSweeps, "a webhook told of it a little later")

	for n := range Silent {
		require.False(t, health().Silent())
		sweep(strconv.Itoa(10 + n))
	}
	sweep()
	require.True(t, health().Silent())
	require.EqualValues(t, Silent, health().Missed)
	sweep()
	require.True(t, health().Silent(), "nothing happened, so nothing is proved")
	add(t, h, hint("", "7"))
	sweep()
	require.Zero(t, health().MissedSweeps)
	require.EqualValues(t, Silent, health().Missed)
}

func TestTheCountOfSilentWebhooksIsShared(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		h := NewHints(env.Client)
		count := func() int64 {
			n, err := NewHints(env.Client).CountSilent(t.Context())
			require.NoError(t, err)
			return n
		}
		require.Zero(t, count(), "nobody has counted")
		require.NoError(t, h.SetSilent(t.Context(), 7))
		require.EqualValues(t, 7, count())
		left, err := env.Client.PTTL(t.Context(), silentKey).Result()
		require.NoError(t, err)
		require.Positive(t, left)
		require.NoError(t, env.Client.Set(t.Context(), silentKey, "canary", 0).Err())
		require.Zero(t, count())
	})
}
