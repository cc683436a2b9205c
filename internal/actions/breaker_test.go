package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/limits/breaker"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/targets/memtarget"
)

// away is a tracker that says it does not work, to everything.
func away() memtarget.Faults {
	busy := memtarget.Fault{Effect: memtarget.EffectStatus, Status: 503, RetryAfter: 1}
	return memtarget.Faults{Random: []memtarget.Chance{{On: memtarget.OpCreate, P: 1, Fault: busy}, {On: memtarget.OpFind, P: 1, Fault: busy}, {On: memtarget.OpOther, P: 1, Fault: busy}}}
}

// breakdown makes the tracker fail for other items until its breaker opens.
func (r *rig) breakdown(kind fault.Kind) {
	r.t.Helper()
	ctx := context.Background()
	fail := func(item string) breaker.Change {
		return r.breaker.Failed(ctx, r.breaker.Ask(ctx, intID), item, kind.String())
	}
	for i := range 10 {
		require.Equal(r.t, breaker.None, fail(fmt.Sprint("other-", i)))
	}
	r.advance(20 * time.Second)
	require.Equal(r.t, breaker.Opened, fail("other"))
}

func TestAPushToABrokenTrackerEndsAtOnce(t *testing.T) {
	for kind, says := range map[fault.Kind]string{
		fault.Unavailable: "Sandbox tracker has not been working since",
		fault.Timeout:     "Sandbox tracker has not answered in time since",
	} {
		t.Run(kind.String(), func(t *testing.T) {
			r := newRig(t)
			require.NoError(t, r.tracker.SetFaults(away()))
			since := r.now()
			r.breakdown(kind)
			r.click(pbapi.TriggerPush)
			require.True(t, r.step(context.Background()))
			shown := r.pb.shown()
			require.Equal(t, pbapi.StateError, shown.State, "the first run tells the person")
			require.Contains(t, shown.Message, says+" "+since.UTC().Format("15:04")+" UTC")
			require.Contains(t, shown.Message, "Push again after ")
			require.Equal(t, kind.String(), r.record().Failure.Kind)
			require.Equal(t, []string{"put"}, r.pb.calls, "Productboard is not asked for the item")
			require.Zero(t, r.asked.Load(), "neither is the tracker")
			r.quiet(pbapi.StateError)

			// After the cool-down a click tries, and tells everybody.
			require.NoError(t, r.tracker.SetFaults(memtarget.Faults{}))
			r.advance(38 * time.Second)
			r.click(pbapi.TriggerPush)
			r.quiet(pbapi.StateConnected)
			require.Len(t, r.tracker.Books(0, 10), 1)
			open, err := r.breaker.CountOpen(context.Background())
			require.NoError(t, err)
			require.Zero(t, open)
		})
	}
}

// An issue that may exist is not given up: only the tracker can tell.
func TestAPushWhoseIssueMayExistWaitsForABrokenTracker(t *testing.T) {
	hold := memtarget.Fault{Effect: memtarget.EffectReset, After: true}
	for name, recovers := range map[string]bool{"it recovers": true, "it does not": false} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			ctx := context.Background()
			require.NoError(t, r.tracker.SetFaults(memtarget.Faults{Next: []memtarget.Fault{hold}}))
			r.click(pbapi.TriggerPush)
			require.True(t, r.step(ctx))
			require.Len(t, r.tracker.Books(0, 10), 1, "the tracker made it and did not say so")
			require.NoError(t, r.tracker.SetFaults(away()))
			began := r.now()
			r.breakdown(fault.Unavailable)
			asked := r.asked.Load()
			for r.now().Sub(began) < 90*time.Second {
				require.True(t, r.step(ctx))
				require.Equal(t, connections.Progress, r.record().State)
			}
			require.LessOrEqual(t, r.asked.Load()-asked, int64(3), "one trial in each cool-down")
			require.Equal(t, 1, r.record().Attempts, "neither waiting nor a trial for all counts")
			if recovers {
				require.NoError(t, r.tracker.SetFaults(memtarget.Faults{}))
				r.quiet(pbapi.StateConnected)
			} else {
				r.quiet(pbapi.StateError)
				require.LessOrEqual(t, r.now().Sub(began), 11*time.Minute)
				require.NoError(t, r.tracker.SetFaults(memtarget.Faults{}))
				r.advance(7 * time.Minute)
				r.click(pbapi.TriggerPush)
				r.quiet(pbapi.StateConnected)
			}
			require.Len(t, r.tracker.Books(0, 10), 1, "no second issue")
		})
	}
}

// What a tracker's answers say about it.
func TestWhatOpensTheBreakerOfATracker(t *testing.T) {
	for name, c := range map[string]struct {
		fault memtarget.Fault
		open  int64
	}{
		"cannot serve":  {memtarget.Fault{Effect: memtarget.EffectStatus, Status: 503, RetryAfter: 1}, 1},
		"breaks":        {memtarget.Fault{Effect: memtarget.EffectReset}, 1},
		"500":           {memtarget.Fault{Effect: memtarget.EffectStatus, Status: 500}, 1},
		"a bad field":   {memtarget.Fault{Effect: memtarget.EffectStatus, Status: 422}, 0},
		"no permission": {memtarget.Fault{Effect: memtarget.EffectStatus, Status: 403}, 0},
		"a bad key":     {memtarget.Fault{Effect: memtarget.EffectStatus, Status: 401}, 0},
		"a rate limit":  {memtarget.Fault{Effect: memtarget.EffectStatus, Status: 429, RetryAfter: 1}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			require.NoError(t, r.tracker.SetFaults(memtarget.Faults{Random: []memtarget.Chance{{On: memtarget.OpCreate, P: 1, Fault: c.fault}}}))
			for i := range 4 {
				r.push(fmt.Sprint("item-", i))
			}
			for began := r.now(); r.now().Sub(began) < 2*time.Minute && r.step(context.Background()); { //nolint:revive // until then
			}
			open, err := r.breaker.CountOpen(context.Background())
			require.NoError(t, err)
			require.Equal(t, c.open, open)
		})
	}
}

// push clicks the button of another item; what the rig's Productboard shows is
// that of the latest.
func (r *rig) push(entity string) {
	r.t.Helper()
	key := r.key()
	key.Entity = entity
	_, task, err := r.store.Push(context.Background(), key, connections.Person{})
	require.NoError(r.t, err)
	if task != nil { // otherwise it waits for a slot
		require.NoError(r.t, r.Enqueue(context.Background(), *task))
	}
}

func TestWaitingPushesDoNotEachCollectARateLimit(t *testing.T) {
	r := newRig(t)
	ctx := context.Background()
	limit := memtarget.Fault{Effect: memtarget.EffectStatus, Status: 429, RetryAfter: 60}
	require.NoError(t, r.tracker.SetFaults(memtarget.Faults{Next: []memtarget.Fault{limit}}))
	const pushes = 50
	require.NoError(t, r.store.SetLimits(ctx, r.key().Tenant, connections.TenantLimits{MaxInFlight: 2 * pushes, PushesPerSecond: pushes}))
	for i := range pushes {
		r.push(fmt.Sprint("item-", i))
	}
	for range pushes {
		require.True(t, r.step(ctx))
	}
	require.EqualValues(t, 1, r.asked.Load(), "the first is told, the others know")
	require.Equal(t, []string{"entity"}, r.pb.calls, "and ask Productboard for nothing")
	for i := range pushes {
		key := r.key()
		key.Entity = fmt.Sprint("item-", i)
		rec, err := r.store.Get(ctx, key)
		require.NoError(t, err)
		require.Equal(t, connections.Progress, rec.State)
		require.Zero(t, rec.Attempts, "waiting is no attempt")
		require.Equal(t, fault.RateLimited.String(), rec.LastFailure.Kind)
	}
	for range 10 * pushes { // they share one button here, and set it again and again
		r.step(ctx)
	}
	require.Len(t, r.tracker.Books(0, 100), pushes)
}

// While a tracker takes no calls the backlog behind it stands still, whoever clicked
// first stays first, and all of it moves again once the time is over.
func TestALineStandsStillWhileItsTrackerTakesNoCalls(t *testing.T) {
	r := newRig(t)
	ctx := context.Background()
	const pushes, slots = 30, 2
	runs := map[string]int{}
	r.perform.opts.Observe = func(step, _, outcome string, _ time.Duration) { runs[step+" "+outcome]++ }
	require.NoError(t, r.tracker.SetFaults(memtarget.Faults{Next: []memtarget.Fault{{Effect: memtarget.EffectStatus, Status: 429, RetryAfter: 60}}}))
	require.NoError(t, r.store.SetLimits(ctx, r.key().Tenant, connections.TenantLimits{MaxInFlight: slots, PushesPerSecond: pushes}))
	for i := range pushes - 1 {
		r.push(fmt.Sprintf("item-%02d", i))
		r.advance(time.Millisecond)
	}
	begun := r.now()
	for range slots {
		require.True(t, r.step(ctx))
	}
	r.push(fmt.Sprintf("item-%02d", pushes-1))
	require.Len(t, r.queue, slots, "no other run begins only to be told to wait")
	usage, err := r.store.Usage(ctx, r.key().Tenant)
	require.NoError(t, err)
	require.Zero(t, usage.InFlight)
	require.EqualValues(t, pushes, usage.Queued)

	require.True(t, r.step(ctx))
	require.GreaterOrEqual(t, r.now().Sub(begun), time.Minute)
	for range 10 * pushes {
		r.step(ctx)
	}
	require.Equal(t, slots, runs["open later"])
	books := r.tracker.Books(0, 100)
	require.Len(t, books, pushes)
	var clicked, opened []string
	for i := range pushes {
		key := r.key()
		key.Entity = fmt.Sprintf("item-%02d", i)
		clicked = append(clicked, string(connections.MarkerFor(key, 1)))
	}
	for _, b := range books {
		if !slices.Contains(clicked[:slots], b.Marker) { // these have a time of their own
			opened = append(opened, b.Marker)
		}
	}
	require.Equal(t, clicked[slots:], opened)
}

func TestHealthOfATracker(t *testing.T) {
	require.Equal(t, healthy, healthOf(nil))
	for _, kind := range fault.Kinds() {
		switch got := healthOf(&fault.Error{Kind: kind}); kind {
		case fault.Unavailable, fault.Timeout, fault.Intermediary:
			require.Equal(t, failing, got, kind)
		case fault.Internal, fault.Canceled, fault.Blocked:
			require.Equal(t, healthUnknown, got, "%s is no answer of the tracker", kind)
		default:
			require.Equal(t, healthy, got, kind)
		}
	}
	require.Equal(t, healthUnknown, healthOf(&fault.Error{Kind: fault.Unavailable, Side: fault.SidePlugin}), "no memory here, say")
	r := &run{}
	r.observe(nil)
	r.observe(fmt.Errorf("x: %w", &fault.Error{Kind: fault.Timeout, Err: errors.New("y")}))
	r.observe(nil)
	require.Equal(t, failing, r.tracker.health, "a failure outweighs what went right before and after")
	require.Equal(t, fault.Timeout, r.tracker.kind)
}
