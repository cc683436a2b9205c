package conformance_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
)

func ptr[T any](v T) *T { return &v }

// states returns a valid state of each kind, with texts at their limits.
func states() []pbapi.ConnectionState {
	wide := func(n int) string { return strings.Repeat("é", n) }
	return []pbapi.ConnectionState{
		{State: pbapi.StateProgress},
		{State: pbapi.StateConnected, Label: wide(pbapi.MaxLabel), HoverLabel: wide(pbapi.MaxHoverLabel), Tooltip: wide(pbapi.MaxTooltip), Color: "green",
			TargetURL: "https://tracker.example/" + strings.Repeat("a", pbapi.MaxTargetURL-24)},
		{State: pbapi.StateError, Message: wide(pbapi.MaxMessage)},
	}
}

func TestIntegrations(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	id := r.register()
	for _, name := range []string{"Second", "Third"} { // more than a page
		other := wanted()
		other.Name, other.Status, other.Action.Authorization = name, pbapi.Disabled, secret.String{}
		_, err := r.pb.CreateIntegration(ctx, other)
		require.NoError(t, err)
	}
	got := collect(t, r.pb.ListIntegrations(ctx))
	require.Len(t, got, 3)

	for _, change := range []pbapi.IntegrationUpdate{
		{Name: ptr("New name")}, {Label: ptr("Send")}, {Status: ptr(pbapi.Disabled)}, {Status: ptr(pbapi.Enabled)},
		{Action: &pbapi.Action{URL: actionURL, Authorization: secret.New(actionAuth)}},
	} {
		require.NoError(t, r.pb.UpdateIntegration(ctx, id, change))
	}
	in, err := r.pb.GetIntegration(ctx, id)
	require.NoError(t, err)
	require.False(t, in.CreatedAt.IsZero())
	in.CreatedAt = time.Time{}
	require.Equal(t, pbapi.Integration{ID: id, Type: "com.example.push", Name: "New name", Label: "Send", Status: pbapi.Enabled}, in)

	require.NoError(t, r.pb.DeleteIntegration(ctx, id))
	_, err = r.pb.GetIntegration(ctx, id)
	require.ErrorIs(t, err, fault.NotFound)
	r.sound()
}

func TestConnections(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	id := r.register()
	entities := r.fake.Seed(7)
	want := map[string]pbapi.ConnectionState{}
	for i, e := range entities {
		state := states()[i%3]
		require.NoError(t, r.pb.PutConnection(ctx, id, e.ID, state))
		got, err := r.pb.GetConnection(ctx, id, e.ID)
		require.NoError(t, err)
		require.Equal(t, state, got)
		want[e.ID] = state
	}
	byID := func(conns []pbapi.Connection) map[string]pbapi.ConnectionState {
		out := map[string]pbapi.ConnectionState{}
		for _, c := range conns {
			out[c.EntityID] = c.State
		}
		return out
	}
	require.Equal(t, want, byID(collect(t, r.pb.ListConnections(ctx, id))))
	require.Len(t, collect(t, r.pb.ListConnections(ctx, id, pbapi.StateError, pbapi.StateConnected)), 4)
	require.Equal(t, want, byID(collect(t, r.pb.SearchConnections(ctx, id, pbapi.ConnectionFilter{}))))
	found := collect(t, r.pb.SearchConnections(ctx, id, pbapi.ConnectionFilter{
		States: []pbapi.StateName{pbapi.StateProgress}, EntityIDs: []string{entities[0].ID, entities[1].ID}}))
	require.Equal(t, []pbapi.Connection{{EntityID: entities[0].ID, State: states()[0]}}, found)

	require.NoError(t, r.pb.DeleteConnection(ctx, id, entities[0].ID))
	require.NoError(t, r.pb.PutConnection(ctx, id, entities[1].ID, pbapi.ConnectionState{State: pbapi.StateInitial}))
	for _, e := range entities[:2] {
		got, err := r.pb.GetConnection(ctx, id, e.ID)
		require.NoError(t, err)
		require.Equal(t, pbapi.ConnectionState{State: pbapi.StateInitial}, got)
	}
	// What Productboard adds to an error of its own comes through, and is not
	// sent back.
	r.fake.SetState(id, entities[2].ID, pbfake.State{Name: pbfake.StateError, Message: "m", DebugDetail: "d"})
	got, err := r.pb.GetConnection(ctx, id, entities[2].ID)
	require.NoError(t, err)
	require.Equal(t, "d", got.DebugDetail)
	require.NoError(t, r.pb.PutConnection(ctx, id, entities[2].ID, got))
	r.sound()
}

func TestEntities(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	types := map[string]bool{}
	for _, e := range r.fake.Seed(60) {
		types[e.Type] = true
		for _, fields := range [][]string{nil, {"all"}, {pbapi.FieldName, pbapi.FieldDescription}} {
			got, err := r.pb.GetEntity(ctx, e.ID, fields...)
			require.NoError(t, err)
			require.Equal(t, e.Type, got.Type)
			require.Equal(t, e.Name(), got.Name())
			require.Equal(t, e.Fields["description"], got.Description())
			require.NotEmpty(t, got.Links.HTML)
		}
		parents := 0
		for _, rel := range collect(t, r.pb.ListRelationships(ctx, e.ID)) {
			if rel.Type == "parent" {
				parents++
				require.Equal(t, e.Parent, rel.Target.ID)
			}
		}
		require.Equal(t, e.Parent != "", parents == 1)
	}
	require.GreaterOrEqual(t, len(types), 9)
	for _, entityType := range pbfake.EntityTypes() {
		c, err := r.pb.GetConfiguration(ctx, entityType)
		require.NoError(t, err)
		require.Equal(t, entityType, c.Type)
		require.Contains(t, c.Fields, "name")
	}
	r.sound()
}

// TestFailures walks what can go wrong on Productboard's side: the reply is as
// published, and the client makes the right kind of it.
func TestFailures(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	id := r.register()
	entity := r.fake.Seed(7)[6].ID
	put := func(s *pbapi.Session) error {
		return s.PutConnection(ctx, id, entity, pbapi.ConnectionState{State: pbapi.StateProgress})
	}
	read := func(s *pbapi.Session) error { _, err := s.GetEntity(ctx, entity); return err }
	fails := func(t *testing.T, err error, kind fault.Kind, unsure bool) *fault.Error {
		t.Helper()
		var ferr *fault.Error
		require.ErrorAs(t, err, &ferr)
		assert.Equal(t, kind, ferr.Kind, err)
		assert.Equal(t, unsure, ferr.Unsure, err)
		return ferr
	}
	for name, tc := range map[string]struct {
		fault  pbfake.Fault
		kind   fault.Kind
		unsure bool // of a PUT; a read never is
	}{
		"429":         {pbfake.Fault{Kind: pbfake.FaultStatus, Status: 429, RetryAfter: 3 * time.Second}, fault.RateLimited, false},
		"500":         {pbfake.Fault{Kind: pbfake.FaultStatus, Status: 500}, fault.Unavailable, true},
		"502":         {pbfake.Fault{Kind: pbfake.FaultStatus, Status: 502}, fault.Unavailable, true},
		"503":         {pbfake.Fault{Kind: pbfake.FaultStatus, Status: 503, RetryAfter: time.Second}, fault.Unavailable, false},
		"504":         {pbfake.Fault{Kind: pbfake.FaultStatus, Status: 504}, fault.Timeout, true},
		"408":         {pbfake.Fault{Kind: pbfake.FaultStatus, Status: 408}, fault.Timeout, true},
		"drop before": {pbfake.Fault{Kind: pbfake.FaultDropBefore}, fault.Unavailable, true},
		"drop after":  {pbfake.Fault{Kind: pbfake.FaultDropAfter}, fault.Unavailable, true},
	} {
		t.Run(name, func(t *testing.T) {
			tc.fault.Class = pbfake.ClassAPI
			_, err := r.fake.SetFault(tc.fault)
			require.NoError(t, err)
			ferr := fails(t, put(r.pb), tc.kind, tc.unsure)
			fails(t, read(r.pb), tc.kind, false)
			if tc.kind == fault.RateLimited {
				require.Equal(t, 3*time.Second, ferr.RetryAfter)
				require.NotEmpty(t, ferr.Ref)
			}
			r.fake.ClearFaults()
			require.NoError(t, put(r.pb))
		})
	}
	t.Run("lost", func(t *testing.T) {
		_, err := r.fake.SetFault(pbfake.Fault{Class: pbfake.ClassConnectionPut, Kind: pbfake.FaultLost, Count: 1})
		require.NoError(t, err)
		require.NoError(t, put(r.pb))
	})
	t.Run("credentials", func(t *testing.T) {
		fails(t, put(r.as("unknown")), fault.Unauthorized, false)
		r.fake.AddToken(pbfake.Token{Value: "reader", Scopes: []string{"entities:read"}})
		require.NoError(t, read(r.as("reader")))
		ferr := fails(t, put(r.as("reader")), fault.Forbidden, false)
		require.Contains(t, ferr.Public, "plugin-integrations:write")
		require.NotEmpty(t, ferr.Ref)
		r.fake.AddToken(pbfake.Token{Value: "app", App: "another"})
		fails(t, put(r.as("app")), fault.NotFound, false)
	})
	t.Run("gone", func(t *testing.T) {
		const other = "33333333-3333-4333-8333-333333333333"
		_, err := r.pb.GetEntity(ctx, other)
		fails(t, err, fault.NotFound, false)
		fails(t, r.pb.DeleteConnection(ctx, other, entity), fault.NotFound, false)
		_, err = r.pb.GetConnection(ctx, id, other)
		fails(t, err, fault.NotFound, false)
	})
	t.Run("rate limit", func(t *testing.T) {
		r.fake.SetRateLimit(1)
		defer r.fake.SetRateLimit(0)
		_ = read(r.pb)
		ferr := fails(t, read(r.pb), fault.RateLimited, false)
		require.Equal(t, time.Second, ferr.RetryAfter)
		require.ErrorContains(t, ferr, "limit 1, remaining 0")
	})
	t.Run("refused by Productboard", func(t *testing.T) {
		in := wanted()
		in.Action.URL = "https://localhost/"
		_, err := r.pb.CreateIntegration(ctx, in)
		ferr := fails(t, err, fault.Invalid, false)
		require.Contains(t, ferr.Public, "/data/fields/action/url")
	})
	r.sound()
}

func TestProbe(t *testing.T) {
	r := newRig(t)
	r.register()
	for name, prepare := range map[string]func(in *pbapi.IntegrationCreate){
		"another credential": func(in *pbapi.IntegrationCreate) { in.Action.Authorization = secret.New("Bearer another") },
		"no credential":      func(in *pbapi.IntegrationCreate) { in.Action.Authorization = secret.String{} },
	} {
		t.Run(name, func(t *testing.T) {
			in := wanted()
			prepare(&in)
			_, err := r.pb.CreateIntegration(t.Context(), in)
			var ferr *fault.Error
			require.ErrorAs(t, err, &ferr)
			require.Equal(t, fault.Invalid, ferr.Kind)
			require.Contains(t, ferr.Public, "action URL")
		})
	}
	require.Equal(t, []int{200, 401}, r.watch.Seen()["pluginIntegrationProbe"])
	r.sound()
}

// TestClicks sends notifications to our own endpoint: what it answers is what
// is published, and Productboard shows it.
func TestClicks(t *testing.T) {
	r := newRig(t)
	id := r.register()
	entity := r.fake.Seed(7)[6].ID
	issue := &targets.Issue{ID: "12", Key: "#12", URL: "https://tracker.example/12", Title: strings.Repeat("A long title ", 30), Status: "In progress at last, for good"}
	users := []pbfake.User{{}, {Name: "Jane", Email: "jane@example.com"}}
	for name, record := range map[pbapi.StateName]connections.Record{
		pbapi.StateInitial:   {State: connections.Initial},
		pbapi.StateProgress:  {State: connections.Progress},
		pbapi.StateConnected: {State: connections.Connected, Issue: issue},
		pbapi.StateError:     {State: connections.Failed, Failure: &connections.Failure{Message: strings.Repeat("Long. ", 100), Kind: "invalid"}},
	} {
		r.press.leadsTo(record, nil)
		for i, trigger := range []pbfake.Trigger{pbfake.Push, pbfake.Unlink, pbfake.Dismiss} {
			answer, err := r.fake.Click(t.Context(), id, entity, trigger, users[i%2])
			require.NoError(t, err)
			require.Empty(t, answer.Failure)
			require.Equal(t, 200, answer.Status)
			require.Equal(t, string(name), r.fake.State(id, entity).Name)
		}
	}

	refused := map[int]func(){
		400: func() {
			in := r.plugin.get()
			in.ProductboardID = "33333333-3333-4333-8333-333333333333"
			r.plugin.set(in)
		},
		401: func() {
			in := r.plugin.get()
			in.ActionAuth = secret.New("another")
			r.plugin.set(in)
		},
	}
	before := r.plugin.get()
	for status, prepare := range refused {
		prepare()
		answer, err := r.fake.Click(t.Context(), id, entity, pbfake.Push, users[0])
		require.NoError(t, err)
		require.Equal(t, status, answer.Status)
		r.plugin.set(before)
	}
	r.press.leadsTo(connections.Record{}, errors.New("redis is away"))
	answer, err := r.fake.Click(t.Context(), id, entity, pbfake.Push, users[0])
	require.NoError(t, err)
	require.Equal(t, 503, answer.Status)
	r.sound()
}

// TestNothingIsLeftOut fails when an operation is published that nobody looks
// at.
func TestNothingIsLeftOut(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	id := r.register()
	entity := r.fake.Seed(1)[0].ID
	_, err := r.fake.Click(ctx, id, entity, pbfake.Push, pbfake.User{})
	require.NoError(t, err)
	_ = collect(t, r.pb.ListIntegrations(ctx))
	_, err = r.pb.GetIntegration(ctx, id)
	require.NoError(t, err)
	require.NoError(t, r.pb.UpdateIntegration(ctx, id, pbapi.IntegrationUpdate{Name: ptr("n")}))
	require.NoError(t, r.pb.PutConnection(ctx, id, entity, states()[1]))
	_, err = r.pb.GetConnection(ctx, id, entity)
	require.NoError(t, err)
	_ = collect(t, r.pb.ListConnections(ctx, id))
	_ = collect(t, r.pb.SearchConnections(ctx, id, pbapi.ConnectionFilter{}))
	require.NoError(t, r.pb.DeleteConnection(ctx, id, entity))
	require.NoError(t, r.pb.DeleteIntegration(ctx, id))
	require.ElementsMatch(t, r.spec.Operations(), slices.Collect(maps.Keys(r.watch.Seen())))
	r.sound()
}
