package refresh

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/redisdb"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/memtarget"
	"pushbutton/internal/tenants"
)

const (
	integration = "abcdefghijklmnopqrstuvwxyz"
	period      = 5 * time.Minute
)

// rig is an integration with connected buttons, and its tracker.
type rig struct {
	t        *testing.T
	env      redistest.Env
	store    *connections.Store
	schedule *Schedule
	tracker  *memtarget.Tracker
	target   *targets.Target
	open     func(quota targets.Quota) *targets.Target
	asked    atomic.Int64
	in       tenants.Integration
	gone     bool
	marked   string
	tasks    []connections.Task
	paused   time.Duration
	issues   []targets.Issue
}

func newRig(t *testing.T, buttons int) *rig {
	t.Helper()
	r := &rig{t: t, env: redistest.Mini(t), in: tenants.Integration{ID: integration, Tenant: "acme", Target: tenants.TargetConfig{Type: "memory"}}}
	now := r.env.Freeze(t)
	r.store = connections.NewStoreWith(r.env.Client, connections.Timing{}, connections.TenantLimits{MaxInFlight: 10_000, PushesPerSecond: 1_000_000})
	r.schedule = NewSchedule(r.env.Client)
	r.tracker = memtarget.NewTracker(memtarget.Options{})
	r.tracker.AddProject("demo", secret.New("tracker-key"))
	api := r.tracker.API()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.asked.Add(1)
		api.ServeHTTP(w, req)
	}))
	t.Cleanup(srv.Close)
	client := outbound.New(&outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	t.Cleanup(client.Close)
	r.open = func(quota targets.Quota) *targets.Target {
		deps := targets.Deps{HTTP: client}
		if quota != nil {
			deps.Quota = func(string) targets.Quota { return quota }
		}
		target, err := memtarget.Kind().Open(map[string]any{"url": srv.URL, "project": "demo"}, map[string]secret.String{"apiKey": secret.New("tracker-key")}, deps)
		require.NoError(t, err)
		return target
	}
	r.target = r.open(nil)
	var entries []connections.Entry
	for n := range buttons {
		item := targets.Item{ID: strconv.Itoa(n), Name: fmt.Sprintf("Item %d", n)}
		draft, err := r.target.DraftContext(t.Context(), targets.NewMarker(integration, item.ID, 1), item)
		require.NoError(t, err)
		issue, err := r.target.Create(t.Context(), draft)
		require.NoError(t, err)
		r.issues = append(r.issues, issue)
		entries = append(entries, connections.Entry{Key: r.key(n), Changed: now, Record: connections.Record{State: connections.Connected,
			Generation: 1, Epoch: 1, Run: 1, Issue: &issue}})
	}
	require.NoError(t, r.store.Import(t.Context(), entries))
	require.NoError(t, r.schedule.Register(t.Context(), "acme", []string{integration}, period))
	r.asked.Store(0)
	return r
}

func (r *rig) key(n int) connections.Key {
	return connections.Key{Tenant: "acme", Integration: integration, Entity: fmt.Sprintf("00000000-0000-4000-8000-%012d", n)}
}

func (r *rig) sweeper() *Sweeper {
	s := New(r.schedule, r, r, r, r.store, r, r, period, slog.New(slog.DiscardHandler), nil)
	s.pause = func(ctx context.Context, d time.Duration) error { r.paused += d; return ctx.Err() }
	return s
}

// sweep lets a period pass, and everything due be read.
func (r *rig) sweep() {
	r.t.Helper()
	r.env.Advance(period)
	r.sweeper().Step(r.t.Context())
}

func (r *rig) record(n int) connections.Record {
	r.t.Helper()
	rec, err := r.store.Get(r.t.Context(), r.key(n))
	require.NoError(r.t, err)
	return rec
}

// settle does the runs that a sweep queued.
func (r *rig) settle() {
	r.t.Helper()
	for len(r.tasks) > 0 {
		task := r.tasks[0]
		r.tasks = r.tasks[1:]
		lease, err := r.store.Begin(r.t.Context(), task.Key, task.Run)
		require.NoError(r.t, err)
		next, err := lease.Settled(r.t.Context())
		require.NoError(r.t, err)
		lease, err = r.store.Begin(r.t.Context(), next.Key, next.Run)
		require.NoError(r.t, err)
		next, err = lease.Verified(r.t.Context())
		require.NoError(r.t, err)
		require.Nil(r.t, next)
	}
}

func (r *rig) status() Status {
	r.t.Helper()
	status, err := r.schedule.Status(r.t.Context(), "acme", integration)
	require.NoError(r.t, err)
	return status
}

func (r *rig) ByID(_ context.Context, id string) (tenants.Integration, error) {
	if r.gone || id != integration {
		return tenants.Integration{}, fault.New(fault.NotFound, "find integration", "")
	}
	return r.in, nil
}

func (r *rig) Tenant(_ context.Context, id string) (tenants.Tenant, error) {
	return tenants.Tenant{ID: id}, nil
}

func (r *rig) Target(context.Context, tenants.Integration) (*targets.Target, error) {
	return r.target, nil
}

func (r *rig) Enqueue(_ context.Context, task connections.Task) error {
	r.tasks = append(r.tasks, task)
	return nil
}

func (r *rig) NeedReconnect(_ context.Context, _ tenants.Integration, _ fault.Side, reason string) (bool, error) {
	r.marked = reason
	return true, nil
}

func TestASweepBringsWhatChanged(t *testing.T) {
	r := newRig(t, 30)
	r.sweep()
	require.Empty(t, r.tasks, "what is equal is not set")
	limit := int64(r.target.ReadManyLimit())
	require.LessOrEqual(t, r.asked.Load(), (30+limit-1)/limit)
	require.NotZero(t, r.status().Ended)

	require.NoError(t, r.tracker.SetStatus(r.issues[7].ID, memtarget.StatusDone))
	r.sweep()
	require.Len(t, r.tasks, 1)
	require.Equal(t, memtarget.StatusDone, r.record(7).Issue.Status)
	require.Equal(t, connections.Settle, r.record(7).Step)
	r.settle()
	r.sweep()
	require.Empty(t, r.tasks)
}

func TestASweepFindsADeletion(t *testing.T) {
	r := newRig(t, 2)
	require.NoError(t, r.tracker.Delete(r.issues[1].ID))
	r.sweep()
	require.Empty(t, r.tasks, "one reading is no proof")
	r.sweep()
	require.Empty(t, r.tasks, "two readings five minutes apart are not either")
	r.sweep()
	require.Len(t, r.tasks, 1)
	require.True(t, r.record(1).Deleted())
	require.False(t, r.record(0).Deleted())
	r.settle()
	require.Len(t, r.tracker.Issues("demo", 0), 1, "nobody makes another one")
}

// A sweep treats each issue of a batch by what became of it.
func TestASweepTellsFatesApart(t *testing.T) {
	r := newRig(t, 5)
	r.sweep()
	require.NoError(t, r.tracker.Rename(r.issues[0].ID, "Another name"))
	require.NoError(t, r.tracker.Move(r.issues[1].ID, "archive"))
	require.NoError(t, r.tracker.SetTrashed(r.issues[2].ID, true))
	require.NoError(t, r.tracker.SetHidden(r.issues[3].ID, true))
	for range 4 {
		r.sweep()
		r.settle()
	}
	require.Equal(t, "Another name", r.record(0).Issue.Title)
	require.Equal(t, "ARCHIVE-1", r.record(1).Issue.Key)
	require.True(t, r.record(2).Deleted())
	require.Equal(t, "hidden", r.record(3).Missing.Verdict)
	require.False(t, r.record(3).Deleted(), "a lost permission is no deletion")
	require.Empty(t, r.status().Stopped)

	require.NoError(t, r.tracker.SetTrashed(r.issues[2].ID, false))
	require.NoError(t, r.tracker.SetHidden(r.issues[3].ID, false))
	// A button that says Deleted is read once a day at the least.
	r.env.Advance(25 * time.Hour)
	r.sweep()
	r.settle()
	for n := range 5 {
		require.Nil(t, r.record(n).Missing, n)
	}
}

func TestADeletionMayResetTheButton(t *testing.T) {
	r := newRig(t, 1)
	r.in.Refresh.ResetDeleted = true
	require.NoError(t, r.tracker.Delete(r.issues[0].ID))
	for range 3 {
		r.sweep()
	}
	require.Equal(t, connections.Initial, r.record(0).State)
}

func TestARefusedCredentialEndsTheSweep(t *testing.T) {
	r := newRig(t, 12)
	r.tracker.RemoveKey("demo", secret.New("tracker-key"))
	for range 4 {
		r.sweep()
	}
	require.Empty(t, r.tasks)
	require.NotEmpty(t, r.marked)
	require.Equal(t, r.marked, r.status().Stopped)
	require.LessOrEqual(t, r.asked.Load(), int64(4*4), "nobody asks for each issue with a key that is refused")
	require.Nil(t, r.record(0).Missing)
}

func TestIssuesThatAreAllHiddenAreALostPlace(t *testing.T) {
	r := newRig(t, 12)
	r.tracker.AddProject("elsewhere", secret.New("tracker-key"))
	r.tracker.RemoveKey("demo", secret.New("tracker-key"))
	for range 4 {
		r.sweep()
	}
	require.Empty(t, r.tasks)
	require.Contains(t, r.status().Stopped, "rights")
	require.Nil(t, r.record(3).Missing)
	r.tracker.AddProject("demo", secret.New("tracker-key"))
	r.sweep()
	require.Empty(t, r.status().Stopped)
}

func TestNobodySweepsForNothing(t *testing.T) {
	for name, change := range map[string]func(r *rig){
		"disabled":     func(r *rig) { r.in.Disabled = true },
		"switched off": func(r *rig) { r.in.Refresh.Off = true },
		"deleted":      func(r *rig) { r.gone = true },
		"to reconnect": func(r *rig) { r.in.Reconnect = &tenants.Reconnect{} },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 1)
			change(r)
			r.sweep()
			require.Zero(t, r.asked.Load())
		})
	}
}

// A sweep that is cut short is gone on with where it was, and by one process at
// a time.
func TestASweepIsResumed(t *testing.T) {
	r := newRig(t, 3)
	var entries []connections.Entry
	for n := 3; n < 1500; n++ {
		issue := r.issues[n%3]
		entries = append(entries, connections.Entry{Key: r.key(n), Changed: time.Now(), Record: connections.Record{State: connections.Connected,
			Generation: 1, Epoch: 1, Run: 1, Issue: &issue}})
	}
	require.NoError(t, r.store.Import(t.Context(), entries))
	r.env.Advance(period)
	ctx, cancel := context.WithCancel(t.Context())
	first := r.sweeper()
	pages := 0
	first.pause = func(ctx context.Context, _ time.Duration) error {
		if pages++; pages == 6 {
			cancel() // as if it were killed
		}
		return ctx.Err()
	}
	first.Step(ctx)
	require.Equal(t, 6, pages)
	require.Zero(t, r.status().Ended)

	second := r.sweeper()
	later := 0
	second.pause = func(context.Context, time.Duration) error { later++; return nil }
	second.Step(t.Context())
	require.Zero(t, later, "it still belongs to the first")
	r.env.Advance(hold)
	second.Step(t.Context())
	require.NotZero(t, r.status().Ended)
	require.Less(t, later, 15+2, "it does not begin anew")
}

func TestALostClaimChangesNothing(t *testing.T) {
	r := newRig(t, 1)
	r.env.Advance(period)
	ctx := t.Context()
	old, ok, err := r.schedule.Claim(ctx, hold)
	require.NoError(t, err)
	require.True(t, ok)
	_, ok, err = r.schedule.Claim(ctx, hold)
	require.NoError(t, err)
	require.False(t, ok)
	r.env.Advance(hold)
	current, ok, err := r.schedule.Claim(ctx, hold)
	require.NoError(t, err)
	require.True(t, ok)
	require.False(t, r.schedule.Save(ctx, old, hold))
	require.NoError(t, r.schedule.Done(ctx, old, period, "old"))
	require.NoError(t, r.schedule.Remove(ctx, old))
	require.True(t, r.schedule.Save(ctx, current, hold))
	require.NoError(t, r.schedule.Done(ctx, current, period, ""))
	require.Empty(t, r.status().Stopped)
}

func TestASweepOnDemand(t *testing.T) {
	r := newRig(t, 1)
	r.sweep()
	require.NoError(t, r.tracker.SetStatus(r.issues[0].ID, memtarget.StatusDone))
	require.NoError(t, r.schedule.Now(t.Context(), "acme", integration))
	r.sweeper().Step(t.Context())
	require.Len(t, r.tasks, 1)
}

// Where the tracker reads one at a time, half of the time is left to others.
func TestASweepLeavesHalfOfTheTime(t *testing.T) {
	r := newRig(t, 3)
	began := time.Now()
	r.sweep()
	require.Positive(t, r.paused)
	require.LessOrEqual(t, r.paused, time.Since(began))
}

func TestIssuesThatAreDoneAreReadLessOften(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := &Sweeper{period: period}
	reads := func(age time.Duration, progress targets.Progress, over time.Duration) int {
		n := 0
		last := time.Time{}
		for at := start; at.Before(start.Add(over)); at = at.Add(period) {
			e := connections.Entry{Key: connections.Key{Entity: "e"}, Changed: start.Add(-age),
				Record: connections.Record{State: connections.Connected, Issue: &targets.Issue{ID: "1", Progress: progress}}}
			n += len(s.due([]connections.Entry{e}, Claim{Started: at, Last: last}))
			last = at
		}
		return n
	}
	const day = 24 * time.Hour
	sweeps := int(day / period)
	require.Equal(t, sweeps, reads(100*day, targets.Open, day))
	require.Equal(t, sweeps, reads(day, targets.Done, day), "it has changed lately")
	require.InDelta(t, 9, reads(10*day, targets.Done, day), 1, "every 160 minutes after ten days")
	for entity := range 20 {
		last, read := start, start
		for at := start.Add(period); at.Before(start.Add(60 * day)); at = at.Add(period) {
			e := connections.Entry{Key: connections.Key{Entity: strconv.Itoa(entity)}, Changed: start.Add(-4 * day),
				Record: connections.Record{State: connections.Connected, Issue: &targets.Issue{ID: "1", Progress: targets.Done}}}
			if len(s.due([]connections.Entry{e}, Claim{Started: at, Last: last})) == 1 {
				read = at
			}
			require.Less(t, at.Sub(read), min(at.Sub(e.Changed)/share, day)+period, "none waits for longer")
			last = at
		}
	}
	var phases []bool
	for n := range 40 {
		e := connections.Entry{Key: connections.Key{Entity: strconv.Itoa(n)}, Changed: start.Add(-1000 * day),
			Record: connections.Record{State: connections.Connected, Issue: &targets.Issue{ID: "1", Progress: targets.Done}}}
		phases = append(phases, len(s.due([]connections.Entry{e}, Claim{Started: start.Add(day / 2), Last: start})) == 1)
	}
	require.Contains(t, phases, true, "they are spread")
	require.Contains(t, phases, false, "they are spread")
}

// Redis that cannot be used ends the step, and loses nothing.
func TestRedisAway(t *testing.T) {
	r := newRig(t, 1)
	r.env.Advance(period)
	s := r.sweeper()
	s.records = brokenRecords{r.store}
	s.Step(t.Context())
	require.Zero(t, r.status().Ended)
}

type brokenRecords struct{ *connections.Store }

func (brokenRecords) Scan(context.Context, string, string, uint64) ([]connections.Entry, uint64, error) {
	return nil, 0, errors.New("no Redis")
}

// dueAt is when the integration's sweep is due, or its claim ends.
func (r *rig) dueAt() time.Time {
	r.t.Helper()
	score, err := r.env.Client.ZScore(r.t.Context(), dueKey, "acme/"+integration).Result()
	require.NoError(r.t, err)
	return time.UnixMilli(int64(score))
}

func (r *rig) now() time.Time {
	r.t.Helper()
	now, err := r.env.Client.Time(r.t.Context()).Result()
	require.NoError(r.t, err)
	return now
}

// A page of a slow tracker takes longer than a claim holds.
func TestASlowPageKeepsItsClaim(t *testing.T) {
	r := newRig(t, 12)
	r.env.Advance(period)
	s := r.sweeper()
	s.renewEvery = time.Millisecond
	s.pause = func(ctx context.Context, _ time.Duration) error {
		for range 3 {
			r.env.Advance(hold / 2)
			now := r.now().Truncate(time.Millisecond)
			require.Eventually(t, func() bool { return !r.dueAt().Before(now.Add(hold)) }, 10*time.Second, time.Millisecond)
		}
		_, ok, err := r.schedule.Claim(ctx, hold)
		require.NoError(t, err)
		require.False(t, ok, "another process has nothing to do")
		return ctx.Err()
	}
	s.Step(t.Context())
	require.NotZero(t, r.status().Ended)
}

// A process that stood still for longer than its claim ends its sweep.
func TestALostClaimEndsTheSweep(t *testing.T) {
	r := newRig(t, 1)
	r.env.Advance(period)
	s := r.sweeper()
	s.renewEvery = time.Millisecond
	s.pause = func(ctx context.Context, _ time.Duration) error {
		name := "acme/" + integration
		require.NoError(t, r.env.Client.HSet(ctx, progressKey, name, `{"o":"another","c":"0","s":1}`).Err())
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Second):
			t.Error("the sweep goes on")
		}
		return ctx.Err()
	}
	claim, ok, err := r.schedule.Claim(t.Context(), hold)
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, s.sweep(t.Context(), claim))
	require.Zero(t, r.status().Ended)
}

func TestASweepKeepsToTheRateLimit(t *testing.T) {
	r := newRig(t, 12)
	r.target = r.open(limited{})
	r.sweep()
	require.Zero(t, r.asked.Load())
	require.NotEmpty(t, r.status().Stopped)
}

// limited is the quota of an account that a push has used up.
type limited struct{}

func (limited) Wait(context.Context) error {
	return &fault.Error{Op: "rate limit", Kind: fault.RateLimited, RetryAfter: time.Minute}
}
func (limited) Limited(context.Context, time.Duration) error { return nil }

// A tracker that takes so many calls and no more is not asked for the same issues
// each time.
func TestAStoppedSweepGoesOn(t *testing.T) {
	r := newRig(t, 10)
	for _, issue := range r.issues {
		require.NoError(t, r.tracker.SetStatus(issue.ID, memtarget.StatusDone))
	}
	for range 5 {
		r.env.Advance(period)
		r.target = r.open(&budget{left: 1})
		s := r.sweeper()
		s.records = paged{r.store, 2}
		s.Step(t.Context())
		r.settle()
	}
	for n := range 10 {
		require.Equal(t, memtarget.StatusDone, r.record(n).Issue.Status)
	}
}

// budget lets so many calls pass.
type budget struct{ left int }

func (b *budget) Wait(ctx context.Context) error {
	if b.left--; b.left < 0 {
		return limited{}.Wait(ctx)
	}
	return nil
}
func (*budget) Limited(context.Context, time.Duration) error { return nil }

// paged has pages of so many connections: the Redis of these tests has one page.
type paged struct {
	*connections.Store
	size int
}

func (p paged) Scan(ctx context.Context, tenant, integration string, cursor uint64) ([]connections.Entry, uint64, error) {
	all, _, err := p.Store.Scan(ctx, tenant, integration, 0)
	slices.SortFunc(all, func(a, b connections.Entry) int { return strings.Compare(a.Key.Entity, b.Key.Entity) })
	end := min(int(cursor)+p.size, len(all))
	next := uint64(end)
	if end == len(all) {
		next = 0
	}
	return all[cursor:end], next, err
}

// A large integration lets those go first that are due.
func TestALargeIntegrationLetsOthersGoFirst(t *testing.T) {
	r := newRig(t, 3)
	require.NoError(t, r.schedule.Register(t.Context(), "acme", []string{"another"}, period))
	r.env.Advance(period)
	s := r.sweeper()
	s.turn = 0
	s.records = paged{r.store, 1}
	for range 2 {
		claim, ok, err := r.schedule.Claim(t.Context(), hold)
		require.NoError(t, err)
		require.True(t, ok)
		if claim.Integration == "another" {
			require.NoError(t, r.schedule.Release(t.Context(), claim))
			r.env.Advance(time.Millisecond)
			continue
		}
		require.NoError(t, s.sweep(t.Context(), claim))
		require.Zero(t, r.status().Ended)
		r.env.Advance(time.Millisecond)
		next, ok, err := r.schedule.Claim(t.Context(), hold)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, "another", next.Integration)
		large, ok, err := r.schedule.Claim(t.Context(), hold)
		require.NoError(t, err)
		require.True(t, ok)
		require.NotZero(t, large.Cursor, "it goes on where it was")
		return
	}
	t.Fatal("the large one had no turn")
}

// A sweep that is asked for while another one is under way reads everything too.
func TestASweepOnDemandMeanwhile(t *testing.T) {
	r := newRig(t, 1)
	r.sweep()
	r.env.Advance(period)
	ctx := t.Context()
	for name, end := range map[string]func(c Claim) error{
		"ended":   func(c Claim) error { return r.schedule.Done(ctx, c, period, "") },
		"stopped": func(c Claim) error { c.Cursor = 7; return r.schedule.Stop(ctx, c, period, "rate limit") },
	} {
		claim, ok, err := r.schedule.Claim(ctx, hold)
		require.NoError(t, err)
		require.True(t, ok)
		require.False(t, claim.Last.IsZero())
		require.NoError(t, r.schedule.Now(ctx, "acme", integration))
		require.NoError(t, end(claim))
		claim, ok, err = r.schedule.Claim(ctx, hold)
		require.NoError(t, err)
		require.True(t, ok, name)
		require.Zero(t, claim.Last, name)
		require.Zero(t, claim.Cursor, name)
		require.NoError(t, r.schedule.Done(ctx, claim, period, ""))
		r.env.Advance(period)
	}
}

// A sweep that has stopped begins at once, and anew, where one is asked for.
func TestASweepOnDemandAfterAStop(t *testing.T) {
	r := newRig(t, 1)
	r.env.Advance(period)
	ctx := t.Context()
	claim, ok, err := r.schedule.Claim(ctx, hold)
	require.NoError(t, err)
	require.True(t, ok)
	claim.Cursor = 7
	require.NoError(t, r.schedule.Stop(ctx, claim, period, "rate limit"))
	_, ok, err = r.schedule.Claim(ctx, hold)
	require.NoError(t, err)
	require.False(t, ok)
	require.NoError(t, r.schedule.Now(ctx, "acme", integration))
	claim, ok, err = r.schedule.Claim(ctx, hold)
	require.NoError(t, err)
	require.True(t, ok)
	require.Zero(t, claim.Cursor)
}

// A record that cannot take its reading stops no other.
func TestOneBrokenRecordStopsNoOther(t *testing.T) {
	r := newRig(t, 12)
	r.env.Advance(period)
	s := r.sweeper()
	s.records = brokenRecord{r.store}
	s.Step(t.Context())
	require.NotZero(t, r.status().Ended)
}

type brokenRecord struct{ *connections.Store }

func (brokenRecord) Observe(context.Context, []connections.Reading, bool) ([]*connections.Task, error) {
	return nil, errors.Join(redisdb.Fault("record observed", answer("ERR user_script")))
}

type answer string

func (a answer) Error() string { return string(a) }
func (answer) RedisError()     {}
