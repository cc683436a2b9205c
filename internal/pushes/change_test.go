package pushes_test

import (
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/pushes"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/tenants"
)

func cursorOf(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func TestGetTellsTheTimeline(t *testing.T) {
	r := newRig(t, redistest.Mini(t), connections.TenantLimits{})
	in, foreign := r.integration("acme", "Alpha"), r.integration("other", "Alpha")
	r.fails(in, "e-1", "unavailable", "Fake is away.")
	r.fails(foreign, "e-1", "unavailable", "Fake is away.")
	got, err := r.scope.Get(t.Context(), in.ID, "e-1")
	require.NoError(t, err)
	require.Equal(t, "Alpha", got.Integration)
	require.Equal(t, connections.Failed, got.State)
	require.Equal(t, "jane@example.com", got.By.Email)
	require.False(t, got.Changed.IsZero())
	require.NotEmpty(t, got.Marker)
	i := slices.IndexFunc(got.Timeline, func(e connections.Event) bool { return e.What == "failed" })
	require.GreaterOrEqual(t, i, 0)
	require.Equal(t, "unavailable", got.Timeline[i].Outcome)
	require.Equal(t, "req-e-1", got.Timeline[i].Ref)
	for _, who := range [][2]string{{in.ID, "e-2"}, {foreign.ID, "e-1"}, {"none", "e-1"}, {in.ID, "a/b"}} {
		_, err := r.scope.Get(t.Context(), who[0], who[1])
		require.ErrorIs(t, err, fault.NotFound, "%v", who)
	}
}

func TestRetryIsAClick(t *testing.T) {
	r := newRig(t, redistest.Mini(t), connections.TenantLimits{})
	in := r.integration("acme", "Alpha")
	_, err := r.scope.Retry(t.Context(), in.ID, "e-1")
	require.ErrorIs(t, err, fault.NotFound, "nobody has pushed it")
	r.fails(in, "e-1", "unavailable", "Fake is away.")
	got, err := r.scope.Retry(t.Context(), in.ID, "e-1")
	require.NoError(t, err)
	require.Equal(t, connections.Progress, got.State)
	require.Equal(t, "Jane", got.By.Name, "who clicked stays the one who did")
	require.Len(t, r.queue.runs, 1)
	again, err := r.scope.Retry(t.Context(), in.ID, "e-1")
	require.NoError(t, err)
	require.Equal(t, got.State, again.State)
	require.Len(t, r.queue.runs, 1, "it is under way already")

	r.connects(in, "e-2", r.tracker.issues["#7"])
	before, err := r.scope.Get(t.Context(), in.ID, "e-2")
	require.NoError(t, err)
	after, err := r.scope.Retry(t.Context(), in.ID, "e-2")
	require.NoError(t, err)
	require.Equal(t, before.Marker, after.Marker, "the same issue is wanted")
	require.Equal(t, "#7", after.Issue.Key)
}

// What the queue does not take is recorded, and the rescuer queues it.
func TestRetryIsDoneThoughTheQueueIsAway(t *testing.T) {
	r := newRig(t, redistest.Mini(t), connections.TenantLimits{})
	in := r.integration("acme", "Alpha")
	r.fails(in, "e-1", "unavailable", "Fake is away.")
	r.queue.err = errors.New("away")
	got, err := r.scope.Retry(t.Context(), in.ID, "e-1")
	require.NoError(t, err)
	require.Equal(t, connections.Progress, got.State)
}

func TestRetryIsRefusedAsAClickIs(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*tenants.Integration)
		kind   fault.Kind
	}{
		"disabled":       {func(in *tenants.Integration) { in.Disabled = true }, fault.Conflict},
		"not registered": {func(in *tenants.Integration) { in.ProductboardID = "" }, fault.Conflict},
		"being deleted":  {func(in *tenants.Integration) { in.Deleting = time.Now() }, fault.Conflict},
		"needs a reconnect": {func(in *tenants.Integration) {
			in.Reconnect = &tenants.Reconnect{Side: fault.SideTracker, Reason: "The token was revoked."}
		}, fault.Unauthorized},
		"a suspended tenant": {nil, fault.Conflict},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, redistest.Mini(t), connections.TenantLimits{})
			in := r.integration("acme", "Alpha")
			r.fails(in, "e-1", "unavailable", "Fake is away.")
			if c.change != nil {
				r.alter(in, c.change)
			} else {
				_, err := r.store.Tenant("acme").Alter(t.Context(), func(t *tenants.Tenant) { t.Suspended = &tenants.Suspension{} })
				require.NoError(t, err)
			}
			_, err := r.scope.Retry(t.Context(), in.ID, "e-1")
			require.ErrorIs(t, err, c.kind)
			done, err := r.scope.RetryFailed(t.Context(), pushes.Query{})
			require.NoError(t, err)
			require.Zero(t, done.Retried)
			require.Len(t, done.Skipped, 1)
			require.ErrorIs(t, done.Skipped[0].Err, c.kind)
			require.Empty(t, done.Next)
			got, err := r.scope.Get(t.Context(), in.ID, "e-1")
			require.NoError(t, err)
			require.Equal(t, connections.Failed, got.State, "nothing was changed")
			require.Empty(t, r.queue.runs)
		})
	}
}

func TestRetryFailedGoesThroughAllOnce(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env, connections.TenantLimits{MaxInFlight: 100, PushesPerSecond: 1000})
		a, b := r.integration("acme", "Alpha"), r.integration("acme", "Beta")
		for i := range 7 {
			r.fails(a, "a-"+strconv.Itoa(i), "unauthorized", "Refused.")
			r.fails(b, "b-"+strconv.Itoa(i), "unavailable", "Away.")
		}
		r.connects(a, "fine", r.tracker.issues["#7"])
		q := pushes.Query{Filter: pushes.Filter{Kind: "unauthorized", State: connections.Connected}, Limit: 3}
		var counts []int
		for {
			done, err := r.scope.RetryFailed(t.Context(), q)
			require.NoError(t, err)
			counts = append(counts, done.Retried)
			// Whatever fails again at once is not retried for ever.
			for _, w := range r.queue.runs[len(r.queue.runs)-done.Retried:] {
				l, err := r.records.Begin(t.Context(), w.Key, w.Run)
				require.NoError(t, err)
				require.NoError(t, l.Failed(t.Context(), connections.Failure{Kind: "unauthorized", Message: "Refused."}))
				r.settle(l)
			}
			if q.Cursor = done.Next; q.Cursor == "" {
				break
			}
		}
		total := 0
		for _, n := range counts {
			require.LessOrEqual(t, n, 3)
			total += n
		}
		require.Equal(t, 7, total, "%v", counts)
	})
}

func TestRetryFailedTwiceRetriesOnce(t *testing.T) {
	r := newRig(t, redistest.Mini(t), connections.TenantLimits{})
	in := r.integration("acme", "Alpha")
	for i := range 3 {
		r.fails(in, "e-"+strconv.Itoa(i), "unavailable", "Away.")
	}
	first, err := r.scope.RetryFailed(t.Context(), pushes.Query{})
	require.NoError(t, err)
	require.Equal(t, 3, first.Retried)
	second, err := r.scope.RetryFailed(t.Context(), pushes.Query{})
	require.NoError(t, err)
	require.Zero(t, second.Retried)
	require.Len(t, r.queue.runs, 3)
}

// A tenant whose backlog is full is retried as far as there is room; the rest is
// where the cursor says.
func TestRetryFailedStopsWhereTheLineIsFull(t *testing.T) {
	r := newRig(t, redistest.Mini(t), connections.TenantLimits{MaxInFlight: 1, MaxQueued: 2, PushesPerSecond: 1000})
	in := r.integration("acme", "Alpha")
	for i := range 5 {
		r.fails(in, "e-"+strconv.Itoa(i), "unavailable", "Away.")
	}
	first, err := r.scope.RetryFailed(t.Context(), pushes.Query{})
	require.NoError(t, err)
	require.Equal(t, 3, first.Retried, "one is queued, two wait in the backlog")
	require.NotEmpty(t, first.Next)
	_, err = r.scope.RetryFailed(t.Context(), pushes.Query{Cursor: first.Next})
	require.ErrorIs(t, err, fault.RateLimited)
}

func TestResetAndUnlink(t *testing.T) {
	r := newRig(t, redistest.Mini(t), connections.TenantLimits{})
	in, foreign := r.integration("acme", "Alpha"), r.integration("other", "Alpha")
	r.connects(in, "e-1", r.tracker.issues["#7"])
	r.connects(in, "e-2", r.tracker.issues["#7"])
	got, err := r.scope.Reset(t.Context(), in.ID, "e-1")
	require.NoError(t, err)
	require.Equal(t, connections.Initial, got.State)
	require.Nil(t, got.Issue)
	rec, err := r.records.Get(t.Context(), got.Key)
	require.NoError(t, err)
	require.Empty(t, rec.Orphans, "the issue is left alone")

	got, err = r.scope.Unlink(t.Context(), in.ID, "e-2")
	require.NoError(t, err)
	require.Equal(t, connections.Initial, got.State)
	rec, err = r.records.Get(t.Context(), got.Key)
	require.NoError(t, err)
	require.Len(t, rec.Orphans, 1, "the worker treats it as the integration says")
	require.Len(t, r.queue.runs, 2)

	_, err = r.scope.Unlink(t.Context(), in.ID, "e-3")
	require.ErrorIs(t, err, fault.NotFound)
	got, err = r.scope.Reset(t.Context(), in.ID, "e-3")
	require.NoError(t, err, "whatever Productboard shows is set right")
	require.Equal(t, connections.Initial, got.State)
	for name, do := range map[string]func(pushes.Scope) error{
		"reset":  func(s pushes.Scope) error { _, err := s.Reset(t.Context(), foreign.ID, "e-1"); return err },
		"unlink": func(s pushes.Scope) error { _, err := s.Unlink(t.Context(), foreign.ID, "e-1"); return err },
		"retry":  func(s pushes.Scope) error { _, err := s.Retry(t.Context(), foreign.ID, "e-1"); return err },
		"link":   func(s pushes.Scope) error { _, err := s.Link(t.Context(), foreign.ID, "e-1", "#7"); return err },
		"entity": func(s pushes.Scope) error { _, err := s.Reset(t.Context(), in.ID, "a/b"); return err },
	} {
		require.ErrorIs(t, do(r.scope), fault.NotFound, name)
	}
	page, err := r.service.Tenant("other").List(t.Context(), pushes.Query{})
	require.NoError(t, err)
	require.Empty(t, page.Pushes, "nothing of the other tenant was touched")
}

func TestLink(t *testing.T) {
	r := newRig(t, redistest.Mini(t), connections.TenantLimits{})
	in := r.integration("acme", "Alpha")
	got, err := r.scope.Link(t.Context(), in.ID, "e-1", "#7")
	require.NoError(t, err)
	require.Equal(t, "#7", got.Issue.Key)
	require.Equal(t, connections.Settle, got.Step, "Productboard is told next")
	require.True(t, got.Clicked.IsZero(), "nobody has pushed it")
	require.Len(t, r.queue.runs, 1)

	_, err = r.scope.Link(t.Context(), in.ID, "e-2", "#8")
	var wrong *pushes.FieldError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, pushes.FieldIssue, wrong.Field)
	require.Contains(t, wrong.Message(), "#8")
	_, err = r.scope.Get(t.Context(), in.ID, "e-2")
	require.ErrorIs(t, err, fault.NotFound, "nothing was recorded")

	r.tracker.err = fault.New(fault.Unavailable, "find", "Fake is away.")
	_, err = r.scope.Link(t.Context(), in.ID, "e-2", "#7")
	require.ErrorIs(t, err, fault.Unavailable)
	require.NotErrorAs(t, err, &wrong)
	r.tracker.err, r.tracker.none = nil, true
	_, err = r.scope.Link(t.Context(), in.ID, "e-2", "#7")
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, pushes.FieldIssue, wrong.Field)
	require.ErrorAs(t, r.service.LinkNew(t.Context(), in, "e-2", "#7"), &wrong)
	r.tracker.none = false
	require.NoError(t, r.service.LinkNew(t.Context(), in, "e-2", "#7"))
}
