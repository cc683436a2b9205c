package actions

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/limits/breaker"
	"pushbutton/internal/limits/ratelimit"
	"pushbutton/internal/outbound"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/memtarget"
	"pushbutton/internal/tenants"
)

const (
	entityID = "00000000-0000-4000-8000-000000000001"
	pbID     = "00000000-0000-4000-8000-00000000000a"
	intID    = "abcdefghijklmnopqrstuvwxyz"
)

// rig is a whole push in one process, with its own time: Redis' clock moves
// only when the rig lets it.
type rig struct {
	t       *testing.T
	env     redistest.Env
	mu      sync.Mutex
	clock   time.Time
	store   *connections.Store
	in      tenants.Integration
	inGone  bool
	pb      *fakeProductboard
	tracker *memtarget.Tracker
	url     string
	asked   atomic.Int64 // requests that reached the tracker
	limits  *ratelimit.Limiter
	breaker *breaker.Breaker
	queue   []scheduled
	target  func() (*targets.Target, error)
	perform *Performer
	receive *Receiver
}

type scheduled struct {
	connections.Task
	at time.Time
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, env: redistest.Mini(t)}
	r.clock = r.env.Freeze(t)
	r.store = connections.NewStore(r.env.Client, connections.Timing{})
	r.tracker = memtarget.NewTracker(memtarget.Options{Now: r.now})
	r.tracker.AddProject("demo", secret.New("tracker-key"))
	api := r.tracker.API()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.asked.Add(1)
		api.ServeHTTP(w, req)
	}))
	t.Cleanup(srv.Close)
	r.url = srv.URL
	r.pb = &fakeProductboard{gentle: map[string]bool{}, entity: pbapi.Entity{
		ID: entityID, Type: "feature", Links: pbapi.EntityLinks{HTML: "https://example.productboard.com/detail/x"},
		Fields: map[string]json.RawMessage{"name": json.RawMessage(`"Dark mode"`), "description": json.RawMessage(`"<p>Make it <b>dark</b>.</p>"`)},
	}, state: pbapi.ConnectionState{State: pbapi.StateInitial}}
	r.in = tenants.Integration{ID: intID, Tenant: "acme", ProductboardID: pbID, ActionAuth: secret.New("Bearer s3cret"), Answer: tenants.AnswerV2,
		OnUnlink: tenants.UnlinkLeave, Target: tenants.TargetConfig{Type: "memory"}}
	r.settings("tracker-key", "demo", 0)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	r.limits = ratelimit.NewBackoff(r.env.Client, "target")
	r.breaker = breaker.New(r.env.Client, &breaker.Options{Now: r.now})
	r.perform = NewPerformer(r.store, r, r, r, r, log, &PerformerOptions{Breaker: r.breaker})
	r.receive = NewReceiver(r, r, r.store, r, log, nil)
	return r
}

// settings points the rig's target at its tracker.
func (r *rig) settings(key, project string, lag int) {
	client := outbound.New(&outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Timeout: 2 * time.Second})
	r.t.Cleanup(client.Close)
	r.target = func() (*targets.Target, error) {
		return memtarget.Kind().Open(map[string]any{"url": r.url, "project": project, "lookupLagSeconds": lag},
			map[string]secret.String{"apiKey": secret.New(key)}, targets.Deps{HTTP: client,
				Quota: func(account string) targets.Quota { return quota{r.limits, account} }})
	}
}

// quota is the memory of one account's rate limits.
type quota struct {
	memory  *ratelimit.Limiter
	account string
}

func (q quota) Wait(ctx context.Context) error { return q.memory.Wait(ctx, q.account) }
func (q quota) Limited(ctx context.Context, d time.Duration) error {
	return q.memory.Limited(ctx, q.account, d)
}

func (r *rig) ByID(_ context.Context, id string) (tenants.Integration, error) {
	if id != intID || r.inGone {
		return tenants.Integration{}, fault.New(fault.NotFound, "find integration", "")
	}
	return r.in, nil
}

// Tenant finds no tenant that is suspended.
func (r *rig) Tenant(_ context.Context, id string) (tenants.Tenant, error) {
	return tenants.Tenant{ID: id}, nil
}

func (r *rig) Productboard(tenants.Integration) Productboard { return r.pb }
func (r *rig) Target(context.Context, tenants.Integration) (*targets.Target, error) {
	return r.target()
}
func (r *rig) Enqueue(_ context.Context, w connections.Task) error {
	for next := &w; next != nil; next = next.Next {
		r.queue = append(r.queue, scheduled{Task: *next, at: r.clock.Add(next.Delay)})
	}
	return nil
}

func (r *rig) key() connections.Key {
	return connections.Key{Tenant: r.in.Tenant, Integration: intID, Entity: entityID}
}

func (r *rig) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.clock
}

func (r *rig) advance(d time.Duration) {
	r.mu.Lock()
	r.clock = r.clock.Add(d)
	r.mu.Unlock()
	r.env.Advance(d)
}

// step performs the run that is due next and reports whether there was one.
func (r *rig) step(ctx context.Context) bool {
	if len(r.queue) == 0 {
		return false
	}
	slices.SortStableFunc(r.queue, func(a, b scheduled) int { return a.at.Compare(b.at) })
	next := r.queue[0]
	r.queue = r.queue[1:]
	if wait := next.at.Sub(r.clock); wait > 0 {
		r.advance(wait)
	}
	require.NoError(r.t, r.perform.Perform(ctx, next.Key, next.Run))
	return true
}

// drain performs runs until none is left.
func (r *rig) drain() {
	r.t.Helper()
	for range 200 {
		if !r.step(context.Background()) {
			return
		}
	}
	require.Fail(r.t, "the runs never end")
}

func (r *rig) click(trigger pbapi.Trigger) pbapi.ConnectionState {
	r.t.Helper()
	answer, err := r.receive.Receive(context.Background(), Request{
		Integration: intID, Authorization: "Bearer s3cret", ContentType: "application/json",
		Body: notification(trigger),
	})
	require.NoError(r.t, err)
	r.pb.write(answer.State)
	return answer.State
}

func notification(trigger pbapi.Trigger) []byte {
	body, _ := json.Marshal(map[string]any{"data": map[string]any{
		"integrationId": pbID, "trigger": trigger,
		"feature":         map[string]any{"id": entityID, "links": map[string]any{"self": "https://evil.example", "html": "https://evil.example"}},
		"triggeredByUser": map[string]any{"name": "Jane Doe", "email": "jane@example.com"},
	}})
	return body
}

func (r *rig) record() connections.Record {
	r.t.Helper()
	rec, err := r.store.Get(context.Background(), r.key())
	require.NoError(r.t, err)
	return rec
}

// quiet checks that nothing is left to do and the button shows the record.
func (r *rig) quiet(state pbapi.StateName) {
	r.t.Helper()
	r.drain()
	n, err := r.store.Unfinished(context.Background())
	require.NoError(r.t, err)
	require.Zero(r.t, n, "nothing is left over")
	require.Equal(r.t, state, r.pb.shown().State)
	require.Equal(r.t, connections.Button(r.record()), r.pb.shown())
}

// fakeProductboard is one entity and one button. Errors in fail come first,
// one a call, by method.
type fakeProductboard struct {
	mu     sync.Mutex
	entity pbapi.Entity
	state  pbapi.ConnectionState
	names  map[string]string // of fields, by id
	fail   map[string][]error
	calls  []string
	gentle map[string]bool // whether the last get and put were in the background
	onGet  func()
	onPut  func(pbapi.ConnectionState)
}

func (f *fakeProductboard) next(call string) error {
	f.calls = append(f.calls, call)
	if errs := f.fail[call]; len(errs) > 0 {
		f.fail[call] = errs[1:]
		return errs[0]
	}
	return nil
}

func (f *fakeProductboard) GetEntity(context.Context, string, ...string) (pbapi.Entity, error) {
	if f.onGet != nil {
		f.onGet()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.entity, f.next("entity")
}

func (f *fakeProductboard) GetConfiguration(_ context.Context, entityType string) (pbapi.Configuration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fields := map[string]pbapi.FieldConfiguration{}
	for id, name := range f.names {
		fields[id] = pbapi.FieldConfiguration{ID: id, Name: name}
	}
	return pbapi.Configuration{Type: entityType, Fields: fields}, f.next("configuration")
}

func (f *fakeProductboard) GetConnection(ctx context.Context, _, _ string) (pbapi.ConnectionState, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gentle["get"] = pbapi.IsInBackground(ctx)
	err := f.next("get")
	return f.state, err
}

func (f *fakeProductboard) PutConnection(ctx context.Context, _, _ string, s pbapi.ConnectionState) error {
	if f.onPut != nil {
		f.onPut(s)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gentle["put"] = pbapi.IsInBackground(ctx)
	if err := f.next("put"); err != nil {
		return err
	}
	f.state = s
	return s.Validate()
}

func (f *fakeProductboard) write(s pbapi.ConnectionState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state = s
}

func (f *fakeProductboard) shown() pbapi.ConnectionState {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

// createBehindOurBack makes an issue with a marker, as a request that was
// under way for long does.
func (r *rig) createBehindOurBack(marker targets.Marker) {
	r.t.Helper()
	target, err := r.target()
	require.NoError(r.t, err)
	_, err = target.Create(context.Background(), targets.Draft{Marker: marker, Title: "Dark mode"})
	require.NoError(r.t, err)
}
