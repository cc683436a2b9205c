package pushes_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/pushes"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
)

// rig is a service over a Redis, with a tracker and a queue that are fakes.
type rig struct {
	t       *testing.T
	service *pushes.Service
	scope   pushes.Scope
	records *connections.Store
	store   *tenants.Store
	tracker tracker
	queue   queue
	sweep   func(ctx context.Context, tenant, integration string) error
	env     redistest.Env
}

type queue struct {
	runs []connections.Task
	err  error
}

func (q *queue) Enqueue(_ context.Context, w connections.Task) error {
	for next := &w; next != nil; next = next.Next {
		q.runs = append(q.runs, *next)
	}
	return q.err
}

// tracker knows issues by their keys.
type tracker struct {
	issues map[string]targets.Issue
	err    error
	none   bool
}

func (tr *tracker) Resolve(_ context.Context, name string) (targets.Issue, bool, error) {
	if tr.none {
		return targets.Issue{}, false, nil
	}
	issue, ok := tr.issues[name]
	switch {
	case tr.err != nil:
		return targets.Issue{}, true, tr.err
	case !ok:
		return targets.Issue{}, true, fault.New(fault.NotFound, "find", "Fake has no issue "+name+".")
	}
	return issue, true, nil
}

// Read knows issues by their ids.
func (tr *tracker) Read(_ context.Context, id string) (targets.Issue, bool, error) {
	if tr.none || tr.err != nil {
		return targets.Issue{}, !tr.none, tr.err
	}
	for _, issue := range tr.issues {
		if issue.ID == id {
			return issue, true, nil
		}
	}
	return targets.Issue{}, true, fault.New(fault.Gone, "read", "Fake has deleted it.")
}

func newRig(t *testing.T, env redistest.Env, limits connections.TenantLimits) *rig {
	t.Helper()
	ring, err := secret.NewKeyring([]secret.Key{{ID: "k1", Bytes: bytes.Repeat([]byte("k"), secret.KeySize)}})
	require.NoError(t, err)
	r := &rig{t: t, env: env, store: tenants.NewStore(env.Client, ring), records: connections.NewStoreWith(env.Client, connections.Timing{}, limits),
		tracker: tracker{issues: map[string]targets.Issue{"#7": {ID: "7", Key: "#7", URL: "https://tracker.example/7", Title: "Seven"}}}}
	r.service = pushes.New(r.records, r.store, &r.queue,
		func(context.Context, tenants.Integration) (pushes.Tracker, error) { return &r.tracker, nil },
		func(ctx context.Context, tenant, integration string) error { return r.sweep(ctx, tenant, integration) }, slog.New(slog.DiscardHandler))
	r.scope = r.service.Tenant("acme")
	for _, id := range []string{"acme", "other"} {
		_, err = r.store.CreateTenant(t.Context(), id)
		require.NoError(t, err)
	}
	return r
}

// integration makes one of a tenant's.
func (r *rig) integration(tenant, name string) tenants.Integration {
	r.t.Helper()
	in, err := r.store.Tenant(tenant).Create(r.t.Context(), tenants.Integration{ID: tenants.NewID(), Name: name, ProductboardID: "pb-" + name, Target: tenants.TargetConfig{Type: "memory"}})
	require.NoError(r.t, err)
	return in
}

func (r *rig) alter(in tenants.Integration, change func(*tenants.Integration)) {
	r.t.Helper()
	in, err := r.store.Tenant(in.Tenant).Integration(r.t.Context(), in.ID)
	require.NoError(r.t, err)
	change(&in)
	_, err = r.store.Tenant(in.Tenant).Update(r.t.Context(), in)
	require.NoError(r.t, err)
}

func (r *rig) click(in tenants.Integration, entity string) *connections.Lease {
	r.t.Helper()
	_, w, err := r.records.Push(r.t.Context(), connections.Key{Tenant: in.Tenant, Integration: in.ID, Entity: entity}, connections.Person{Name: "Jane", Email: "jane@example.com"})
	require.NoError(r.t, err)
	l, err := r.records.Begin(r.t.Context(), w.Key, w.Run)
	require.NoError(r.t, err)
	require.NotNil(r.t, l)
	return l
}

// fails is a push that ended in an error.
func (r *rig) fails(in tenants.Integration, entity, kind, message string) {
	r.t.Helper()
	l := r.click(in, entity)
	require.NoError(r.t, l.Failed(r.t.Context(), connections.Failure{Kind: kind, Message: message, Side: fault.SideTracker, Ref: "req-" + entity}))
	r.settle(l)
}

func (r *rig) connects(in tenants.Integration, entity string, issue targets.Issue) {
	r.t.Helper()
	l := r.click(in, entity)
	require.NoError(r.t, l.Intend(r.t.Context()))
	_, err := l.Opened(r.t.Context(), issue)
	require.NoError(r.t, err)
	r.settle(l)
}

func (r *rig) settle(l *connections.Lease) {
	r.t.Helper()
	w, err := l.Settled(r.t.Context())
	require.NoError(r.t, err)
	l, err = r.records.Begin(r.t.Context(), w.Key, w.Run)
	require.NoError(r.t, err)
	require.NotNil(r.t, l)
	_, err = l.Verified(r.t.Context())
	require.NoError(r.t, err)
}

func keyOf(in tenants.Integration, entity string) connections.Key {
	return connections.Key{Tenant: in.Tenant, Integration: in.ID, Entity: entity}
}

// stores imports buttons that Jane has clicked. Each changed a millisecond
// after the one before it, unless it says when.
func (r *rig) stores(entries ...connections.Entry) {
	r.t.Helper()
	for i := range entries {
		e := &entries[i]
		e.Record.Generation, e.Record.Epoch = 1, 1
		e.Record.Click = connections.Click{Name: "Jane", Email: "jane@example.com"}
		if e.Changed.IsZero() {
			e.Changed = time.UnixMilli(int64(1_000_000 + i))
		}
	}
	require.NoError(r.t, r.records.Import(r.t.Context(), entries))
}

// names are the entities of all pages of a list; each page must keep to its size.
func (r *rig) names(q pushes.Query) []string {
	r.t.Helper()
	out := []string{}
	for {
		page, err := r.scope.List(r.t.Context(), q)
		require.NoError(r.t, err)
		if q.Limit > 0 {
			require.LessOrEqual(r.t, len(page.Pushes), q.Limit)
		}
		for _, p := range page.Pushes {
			out = append(out, p.Key.Entity)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return out
		}
	}
}

func TestList(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env, connections.TenantLimits{MaxInFlight: 100, PushesPerSecond: 1000})
		a, b, foreign := r.integration("acme", "Alpha"), r.integration("acme", "Beta"), r.integration("other", "Alpha")
		refused := &connections.Failure{Kind: "unauthorized", Message: "The token was refused."}
		r.stores(
			connections.Entry{Key: keyOf(a, "a-1"), Record: connections.Record{State: connections.Failed, Failure: refused}},
			connections.Entry{Key: keyOf(a, "a-2"), Record: connections.Record{State: connections.Connected,
				Issue: &targets.Issue{ID: "12", Key: "ENG-12", URL: "https://tracker.example/browse/ENG-12", Title: "Darker mode"}}},
			connections.Entry{Key: keyOf(b, "b-1"), Record: connections.Record{State: connections.Failed, Failure: &connections.Failure{Kind: "unavailable", Message: "Fake is away."}}},
			connections.Entry{Key: keyOf(b, "b-2"), Record: connections.Record{State: connections.Failed,
				Failure: &connections.Failure{Kind: "unauthorized", Message: "The token was refused.", Ref: "req-b-2"}}},
			connections.Entry{Key: keyOf(b, "b-3"), Record: connections.Record{State: connections.Progress, Step: connections.Open, Run: 1}},
			connections.Entry{Key: keyOf(b, "a-2"), Record: connections.Record{State: connections.Connected, Issue: &targets.Issue{ID: "13", Key: "ENG-13"}}},
			connections.Entry{Key: keyOf(foreign, "f-1"), Record: connections.Record{State: connections.Failed, Failure: refused}},
		)
		late := time.Now().Add(time.Hour)
		for name, c := range map[string]struct {
			filter pushes.Filter
			want   []string
		}{
			"all":                       {pushes.Filter{}, []string{"a-2", "a-1", "a-2", "b-3", "b-2", "b-1"}},
			"an integration by its id":  {pushes.Filter{Integration: b.ID}, []string{"a-2", "b-3", "b-2", "b-1"}},
			"an integration by name":    {pushes.Filter{Integration: "Alpha"}, []string{"a-2", "a-1"}},
			"a state":                   {pushes.Filter{State: connections.Failed}, []string{"a-1", "b-2", "b-1"}},
			"an item":                   {pushes.Filter{Entity: "a-2"}, []string{"a-2", "a-2"}},
			"an item in another state":  {pushes.Filter{Entity: "a-2", State: connections.Failed}, []string{}},
			"a kind of failure":         {pushes.Filter{Kind: "unauthorized"}, []string{"a-1", "b-2"}},
			"later":                     {pushes.Filter{From: late}, []string{}},
			"before":                    {pushes.Filter{To: late, State: connections.Progress}, []string{"b-3"}},
			"an item before its change": {pushes.Filter{Entity: "a-2", From: late}, []string{}},
			"an issue's key":            {pushes.Filter{Text: "eng-12"}, []string{"a-2"}},
			"an issue's address":        {pushes.Filter{Text: "https://tracker.example/browse/ENG-12"}, []string{"a-2"}},
			"an item's id":              {pushes.Filter{Text: "b-1"}, []string{"b-1"}},
			"an e-mail":                 {pushes.Filter{Text: "JANE@example.com", State: connections.Failed}, []string{"a-1", "b-2", "b-1"}},
			"a failure":                 {pushes.Filter{Text: " is away "}, []string{"b-1"}},
			"a reference":               {pushes.Filter{Text: "req-b-2"}, []string{"b-2"}},
			"what nobody has":           {pushes.Filter{Text: "nothing of the kind"}, []string{}},
		} {
			t.Run(name, func(t *testing.T) {
				for _, limit := range []int{0, 1, 2, 4, 1000} {
					require.Equal(t, c.want, r.names(pushes.Query{Filter: c.filter, Limit: limit}), "limit %d", limit)
				}
			})
		}
	})
}

// Buttons that changed in the same millisecond are listed by their items' ids,
// the last first, in whatever order and state they were stored.
func TestListOrdersEqualTimes(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env, connections.TenantLimits{})
		in, moment := r.integration("acme", "Alpha"), time.UnixMilli(1_000_000)
		states := []connections.State{connections.Failed, connections.Connected, connections.Initial}
		var want []string
		var all []connections.Entry
		for i := range 9 {
			want = append(want, "e-"+strconv.Itoa(9-i))
			all = append(all, connections.Entry{Key: keyOf(in, "e-"+strconv.Itoa(1+i*4%9)), Changed: moment, Record: connections.Record{State: states[i%3]}})
		}
		all = append(all, connections.Entry{Key: keyOf(in, "e-0"), Changed: moment.Add(time.Millisecond), Record: connections.Record{State: connections.Failed}})
		r.stores(all...)
		for limit := 1; limit <= 11; limit++ {
			require.Equal(t, append([]string{"e-0"}, want...), r.names(pushes.Query{Limit: limit}), "limit %d", limit)
			require.Equal(t, want, r.names(pushes.Query{Filter: pushes.Filter{To: moment.Add(time.Millisecond)}, Limit: limit}), "limit %d", limit)
			require.Equal(t, []string{"e-7", "e-4", "e-1"}, r.names(pushes.Query{Filter: pushes.Filter{State: all[0].Record.State, To: moment.Add(time.Millisecond)}, Limit: limit}), "limit %d", limit)
		}
	})
}

// One call looks at so many buttons and no more, and says where to go on.
func TestSearchIsBounded(t *testing.T) {
	r := newRig(t, redistest.Mini(t), connections.TenantLimits{})
	in := r.integration("acme", "Alpha")
	var all []connections.Entry
	for i := range 2300 {
		e := connections.Entry{Key: connections.Key{Tenant: "acme", Integration: in.ID, Entity: "e-" + strconv.Itoa(i)}, Changed: time.UnixMilli(int64(1_000_000 + i)),
			Record: connections.Record{State: connections.Failed, Generation: 1, Epoch: 1, Failure: &connections.Failure{Kind: "invalid", Message: "No."}}}
		all = append(all, e)
	}
	require.NoError(t, r.records.Import(t.Context(), all))
	q := pushes.Query{Filter: pushes.Filter{Text: "e-7"}, Limit: 200}
	first, err := r.scope.List(t.Context(), q)
	require.NoError(t, err)
	require.NotEmpty(t, first.Next, "300 are left, and one of them may be it")
	require.Len(t, first.Pushes, 100, "e-700 to e-799: the latest 2,000 are e-300 to e-2299")
	require.Len(t, r.names(q), 111, "and e-7, e-70 to e-79")
	q.Text = "nothing"
	none, err := r.scope.List(t.Context(), q)
	require.NoError(t, err)
	require.Empty(t, none.Pushes)
	require.NotEmpty(t, none.Next, "an empty page need not be the last")
	require.Empty(t, r.names(q))
}

func TestManyIntegrationsAreBounded(t *testing.T) {
	r := newRig(t, redistest.Mini(t), connections.TenantLimits{})
	for i := range 103 {
		in := r.integration("acme", fmt.Sprintf("I-%03d", i))
		if i == 0 || i == 102 {
			r.fails(in, "e-"+strconv.Itoa(i), "invalid", "No.")
		}
	}
	page, err := r.scope.List(t.Context(), pushes.Query{})
	require.NoError(t, err)
	require.Len(t, page.Pushes, 1)
	require.NotEmpty(t, page.Next)
	require.Equal(t, []string{"e-0", "e-102"}, r.names(pushes.Query{}))
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	r := newRig(t, redistest.Mini(t), connections.TenantLimits{})
	in, foreign := r.integration("acme", "Alpha"), r.integration("other", "Hidden")
	other, err := r.service.Tenant("other").List(t.Context(), pushes.Query{})
	require.NoError(t, err)
	require.Empty(t, other.Next)
	now := time.Now()
	for name, c := range map[string]struct {
		q     pushes.Query
		field string
	}{
		"state":                        {pushes.Query{Filter: pushes.Filter{State: "done"}}, pushes.FieldState},
		"kind":                         {pushes.Query{Filter: pushes.Filter{Kind: "bad"}}, pushes.FieldKind},
		"times":                        {pushes.Query{Filter: pushes.Filter{From: now, To: now}}, pushes.FieldTo},
		"unknown integration":          {pushes.Query{Filter: pushes.Filter{Integration: "nobody"}}, pushes.FieldIntegration},
		"another tenant's integration": {pushes.Query{Filter: pushes.Filter{Integration: foreign.ID}}, pushes.FieldIntegration},
		"no cursor":                    {pushes.Query{Cursor: "%"}, pushes.FieldCursor},
		"half a cursor":                {pushes.Query{Cursor: "YQ"}, pushes.FieldCursor},
		"a cursor of elsewhere":        {pushes.Query{Cursor: "YS9i"}, pushes.FieldCursor},
		"the store's own cursor":       {pushes.Query{Filter: pushes.Filter{Integration: in.ID}, Cursor: cursorOf(in.ID + "/x")}, pushes.FieldCursor},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := r.scope.List(t.Context(), c.q)
			var wrong *pushes.FieldError
			require.ErrorAs(t, err, &wrong)
			require.ErrorIs(t, err, fault.Invalid)
			require.Equal(t, c.field, wrong.Field)
			require.NotEmpty(t, wrong.Message())
		})
	}
}
