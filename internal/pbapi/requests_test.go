package pbapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/secret"
)

// collect reads a sequence up to its end or its first error.
func collect[T any](seq func(yield func(T, error) bool)) ([]T, error) {
	var out []T
	for item, err := range seq {
		if err != nil {
			return out, err
		}
		out = append(out, item)
	}
	return out, nil
}

func connected() pbapi.ConnectionState {
	return pbapi.ConnectionState{State: pbapi.StateConnected, Label: "Open", HoverLabel: "#12", Tooltip: "#12 A <title> & more", Color: "blue", TargetURL: "https://tracker.example/12"}
}

// operation is one call, with all that may go over the wire for it.
type operation struct {
	name   string
	call   func(context.Context, *pbapi.Session) (any, error)
	method string
	path   string
	query  url.Values
	body   string
	status int
	reply  string
	want   any
}

func integrationOperations() []operation {
	create := pbapi.IntegrationCreate{
		Type: "com.example.push", Name: "Engineering", Label: "Push",
		Action: pbapi.Action{URL: "https://plugin.example/a/b", Authorization: secret.New("Bearer chosen")},
	}
	resource := `{"id":"` + integrationID + `","type":"pluginIntegration","createdAt":"2026-01-15T10:30:00.000Z","new":1,
		"fields":{"type":"com.example.push","name":"Engineering","integrationStatus":"enabled","initialState":{"label":"Push"}},
		"links":{"self":"https://x/a","connections":"https://x/b"}}`
	integration := pbapi.Integration{ID: integrationID, Type: "com.example.push", Name: "Engineering", Status: pbapi.Enabled, Label: "Push",
		CreatedAt: time.Date(2026, 1, 15, 10, 30, 0, 0, time.UTC)}
	reference := `{"data":{"id":"` + integrationID + `","links":{"self":"https://x/a","connections":"https://x/b"}}}`
	path := "/v2/plugin-integrations/" + integrationID
	return []operation{
		{name: "create integration", method: "POST", path: "/v2/plugin-integrations",
			call: func(ctx context.Context, s *pbapi.Session) (any, error) { return s.CreateIntegration(ctx, create) },
			body: `{"data":{"fields":{"type":"com.example.push","name":"Engineering","initialState":{"label":"Push"},
				"action":{"url":"https://plugin.example/a/b","version":1,"headers":{"authorization":"Bearer chosen"}}}}}`,
			status: 201, reply: reference, want: integrationID},
		{name: "list integrations", method: "GET", path: "/v2/plugin-integrations",
			call:   func(ctx context.Context, s *pbapi.Session) (any, error) { return collect(s.ListIntegrations(ctx)) },
			status: 200, reply: `{"data":[` + resource + `],"links":{"next":null}}`, want: []pbapi.Integration{integration}},
		{name: "get integration", method: "GET", path: path,
			call:   func(ctx context.Context, s *pbapi.Session) (any, error) { return s.GetIntegration(ctx, integrationID) },
			status: 200, reply: `{"data":` + resource + `}`, want: integration},
		{name: "update integration", method: "PATCH", path: path,
			call: func(ctx context.Context, s *pbapi.Session) (any, error) {
				return nil, s.UpdateIntegration(ctx, integrationID, pbapi.IntegrationUpdate{Name: new("New"), Status: new(pbapi.Disabled), Label: new("Go"),
					Action: &pbapi.Action{URL: "https://plugin.example/c"}})
			},
			body: `{"data":{"fields":{"name":"New","integrationStatus":"disabled","initialState":{"label":"Go"},
				"action":{"url":"https://plugin.example/c","version":1}}}}`,
			status: 200, reply: reference},
		{name: "update the status alone", method: "PATCH", path: path,
			call: func(ctx context.Context, s *pbapi.Session) (any, error) {
				return nil, s.UpdateIntegration(ctx, integrationID, pbapi.IntegrationUpdate{Status: new(pbapi.Enabled)})
			},
			body: `{"data":{"fields":{"integrationStatus":"enabled"}}}`, status: 200, reply: reference},
		{name: "delete integration", method: "DELETE", path: path,
			call: func(ctx context.Context, s *pbapi.Session) (any, error) {
				return nil, s.DeleteIntegration(ctx, integrationID)
			},
			status: 204},
	}
}

func connectionOperations() []operation {
	conns := "/v2/plugin-integrations/" + integrationID + "/connections"
	wire := `{"state":"connected","label":"Open","hoverLabel":"#12","tooltip":"#12 A <title> & more","color":"blue","targetUrl":"https://tracker.example/12"}`
	item := `{"id":"` + entityID + `","type":"pluginIntegrationConnection","fields":{"connection":` + wire + `},"links":{"self":"https://x/c"}}`
	page := `{"data":[` + item + `],"links":{"next":null}}`
	want := []pbapi.Connection{{EntityID: entityID, State: connected()}}
	reference := `{"data":{"id":"` + entityID + `","links":{"self":"https://x/c"}}}`
	return []operation{
		{name: "list connections", method: "GET", path: conns,
			call: func(ctx context.Context, s *pbapi.Session) (any, error) {
				return collect(s.ListConnections(ctx, integrationID))
			},
			status: 200, reply: page, want: want},
		{name: "list connections by state", method: "GET", path: conns, query: url.Values{"state[]": {"connected", "error"}},
			call: func(ctx context.Context, s *pbapi.Session) (any, error) {
				return collect(s.ListConnections(ctx, integrationID, pbapi.StateConnected, pbapi.StateError))
			},
			status: 200, reply: page, want: want},
		{name: "search connections", method: "POST", path: conns + "/search",
			call: func(ctx context.Context, s *pbapi.Session) (any, error) {
				return collect(s.SearchConnections(ctx, integrationID, pbapi.ConnectionFilter{States: []pbapi.StateName{pbapi.StateProgress}, EntityIDs: []string{entityID}}))
			},
			body:   `{"data":{"filter":{"state":["progress"],"entityId":["` + entityID + `"]}}}`,
			status: 200, reply: page, want: want},
		{name: "search all connections", method: "POST", path: conns + "/search",
			call: func(ctx context.Context, s *pbapi.Session) (any, error) {
				return collect(s.SearchConnections(ctx, integrationID, pbapi.ConnectionFilter{}))
			},
			body: `{"data":{"filter":{}}}`, status: 200, reply: page, want: want},
		{name: "get connection", method: "GET", path: conns + "/" + entityID,
			call: func(ctx context.Context, s *pbapi.Session) (any, error) {
				return s.GetConnection(ctx, integrationID, entityID)
			},
			status: 200, reply: `{"data":` + item + `}`, want: connected()},
		{name: "put connection", method: "PUT", path: conns + "/" + entityID,
			call: func(ctx context.Context, s *pbapi.Session) (any, error) {
				state := connected()
				state.DebugDetail = "read-only, so not sent"
				return nil, s.PutConnection(ctx, integrationID, entityID, state)
			},
			body: `{"data":{"fields":{"connection":` + wire + `}}}`, status: 200, reply: reference},
		{name: "put progress", method: "PUT", path: conns + "/" + entityID,
			call: func(ctx context.Context, s *pbapi.Session) (any, error) {
				return nil, s.PutConnection(ctx, integrationID, entityID, pbapi.ConnectionState{State: pbapi.StateProgress})
			},
			body: `{"data":{"fields":{"connection":{"state":"progress"}}}}`, status: 200, reply: reference},
		{name: "delete connection", method: "DELETE", path: conns + "/" + entityID,
			call: func(ctx context.Context, s *pbapi.Session) (any, error) {
				return nil, s.DeleteConnection(ctx, integrationID, entityID)
			},
			status: 204},
	}
}

func entityOperations() []operation {
	path := "/v2/entities/" + entityID
	relationship := pbapi.Relationship{Type: "parent"}
	relationship.Target.ID, relationship.Target.Type = integrationID, "component"
	relationship.Target.Links.Self = "https://x/d"
	return []operation{
		{name: "get entity", method: "GET", path: path,
			call:   func(ctx context.Context, s *pbapi.Session) (any, error) { return s.GetEntity(ctx, entityID) },
			status: 200, reply: `{"data":{"id":"` + entityID + `","type":"feature","createdAt":"yesterday","updatedAt":"2026-01-15T10:30:00.059002Z"}}`,
			want: pbapi.Entity{ID: entityID, Type: "feature", UpdatedAt: time.Date(2026, 1, 15, 10, 30, 0, 59002000, time.UTC)}},
		{name: "get entity with fields", method: "GET", path: path, query: url.Values{"fields[]": {"name", "a&b=c"}},
			call: func(ctx context.Context, s *pbapi.Session) (any, error) {
				return s.GetEntity(ctx, entityID, "name", "a&b=c")
			},
			status: 200, reply: `{"data":{"id":"` + entityID + `","type":"feature","links":{"self":"https://x/s","html":"https://x/h"}}}`,
			want: pbapi.Entity{ID: entityID, Type: "feature", Links: pbapi.EntityLinks{Self: "https://x/s", HTML: "https://x/h"}}},
		{name: "get configuration", method: "GET", path: "/v2/entities/configurations/keyResult",
			call: func(ctx context.Context, s *pbapi.Session) (any, error) {
				c, err := s.GetConfiguration(ctx, "keyResult")
				return []any{c.Type, c.Fields["name"].Constraints.MaxLength, c.Fields["name"].Constraints.Required, c.Relationships["parent"].TargetTypes}, err
			},
			status: 200, reply: `{"data":{"type":"keyResult","fields":{"name":{"id":"name","name":"Name","path":"/fields/name","schema":{"type":"string"},
				"constraints":{"required":true,"notBlank":true,"maxLength":2000},"links":{"self":null}}},
				"relationships":{"parent":{"targetType":["component","product"],"cardinality":"single","mandatory":false}}}}`,
			want: []any{"keyResult", 2000, true, []string{"component", "product"}}},
		{name: "list relationships", method: "GET", path: path + "/relationships",
			call: func(ctx context.Context, s *pbapi.Session) (any, error) {
				return collect(s.ListRelationships(ctx, entityID))
			},
			status: 200, reply: `{"data":[{"type":"parent","target":{"id":"` + integrationID + `","type":"component","links":{"self":"https://x/d","html":null}}}],"links":{"self":"https://x"}}`,
			want: []pbapi.Relationship{relationship}},
	}
}

func operations() []operation {
	return append(append(integrationOperations(), connectionOperations()...), entityOperations()...)
}

func TestRequests(t *testing.T) {
	t.Parallel()
	for _, op := range operations() {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			sent := 0
			s := against(t, func(w http.ResponseWriter, r *http.Request) {
				sent++
				assert.Equal(t, op.method, r.Method)
				assert.Equal(t, op.path, r.URL.EscapedPath())
				query := r.URL.Query()
				if op.query == nil {
					assert.Empty(t, r.URL.RawQuery)
				} else {
					assert.Equal(t, op.query, query)
				}
				assert.Equal(t, []string{"Bearer " + token}, r.Header["Authorization"])
				assert.Equal(t, "application/json", r.Header.Get("Accept"))
				if got := body(t, r); op.body == "" {
					assert.Empty(t, got)
					assert.Empty(t, r.Header.Get("Content-Type"))
				} else {
					assert.JSONEq(t, op.body, got)
					assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
				}
				reply(w, op.status, op.reply)
			})
			got, err := op.call(t.Context(), s)
			require.NoError(t, err)
			require.Equal(t, op.want, got)
			require.Equal(t, 1, sent)
		})
	}
}

func TestWhatIsNotSent(t *testing.T) {
	t.Parallel()
	good := pbapi.IntegrationCreate{Type: "t", Name: "n", Label: "l", Action: pbapi.Action{URL: "https://plugin.example/"}}
	create := func(change func(*pbapi.IntegrationCreate)) func(context.Context, *pbapi.Session) error {
		return func(ctx context.Context, s *pbapi.Session) error {
			in := good
			change(&in)
			_, err := s.CreateIntegration(ctx, in)
			return err
		}
	}
	update := func(in pbapi.IntegrationUpdate) func(context.Context, *pbapi.Session) error {
		return func(ctx context.Context, s *pbapi.Session) error { return s.UpdateIntegration(ctx, integrationID, in) }
	}
	for name, tc := range map[string]struct {
		call func(context.Context, *pbapi.Session) error
		want string
	}{
		"create: no type":      {create(func(in *pbapi.IntegrationCreate) { in.Type = "" }), "type: must not be empty"},
		"create: name":         {create(func(in *pbapi.IntegrationCreate) { in.Name = strings.Repeat("n", 256) }), "name: 256 characters, at most 255"},
		"create: label":        {create(func(in *pbapi.IntegrationCreate) { in.Label = "12345678901" }), "initialState.label: 11 characters, at most 10"},
		"create: status":       {create(func(in *pbapi.IntegrationCreate) { in.Status = "on" }), "integrationStatus: must be one of enabled, disabled"},
		"create: relative URL": {create(func(in *pbapi.IntegrationCreate) { in.Action.URL = "/a" }), "action.url: must be a URL that begins with https://"},
		"create: plain URL":    {create(func(in *pbapi.IntegrationCreate) { in.Action.URL = "http://plugin.example/" }), "action.url: must be a URL that begins with https://"},
		"create: authorization": {create(func(in *pbapi.IntegrationCreate) { in.Action.Authorization = secret.New(strings.Repeat(token, 200)) }),
			"action.headers.authorization: 3000 characters, at most 2048"},
		"update: nothing": {update(pbapi.IntegrationUpdate{}), "nothing to update"},
		"update: name":    {update(pbapi.IntegrationUpdate{Name: new("")}), "name: must not be empty"},
		"put: state": {func(ctx context.Context, s *pbapi.Session) error {
			return s.PutConnection(ctx, integrationID, entityID, pbapi.ConnectionState{State: pbapi.StateError})
		}, "message: must not be empty"},
		"list: state": {func(ctx context.Context, s *pbapi.Session) error {
			_, err := collect(s.ListConnections(ctx, integrationID, "open"))
			return err
		}, "state: must be one of"},
		"search: entity": {func(ctx context.Context, s *pbapi.Session) error {
			_, err := collect(s.SearchConnections(ctx, integrationID, pbapi.ConnectionFilter{EntityIDs: []string{entityID, "x"}}))
			return err
		}, "entityId 2 of the filter is not a UUID"},
		"entity: empty field": {func(ctx context.Context, s *pbapi.Session) error {
			_, err := s.GetEntity(ctx, entityID, "name", "")
			return err
		}, "fields"},
		"configuration: path": {func(ctx context.Context, s *pbapi.Session) error {
			_, err := s.GetConfiguration(ctx, "../members")
			return err
		}, "entity type"},
	} {
		t.Run(name, func(t *testing.T) {
			ferr := requireFault(t, tc.call(t.Context(), against(t, notSent(t))), fault.Invalid)
			require.Contains(t, ferr.Public, tc.want)
			require.False(t, ferr.Unsure)
		})
	}
}

func TestIDsThatAreNoUUIDs(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "12", "..", "../entities", entityID + "/", entityID[:35] + "g", "{" + entityID + "}", "urn:uuid:" + entityID,
		strings.ReplaceAll(entityID, "-", ""), entityID[:35] + "?", strings.Repeat("a", 100)} {
		calls := map[string]func(context.Context, *pbapi.Session) error{
			"get integration": func(ctx context.Context, s *pbapi.Session) error { _, err := s.GetIntegration(ctx, id); return err },
			"update integration": func(ctx context.Context, s *pbapi.Session) error {
				return s.UpdateIntegration(ctx, id, pbapi.IntegrationUpdate{Name: new("n")})
			},
			"delete integration": func(ctx context.Context, s *pbapi.Session) error { return s.DeleteIntegration(ctx, id) },
			"list connections": func(ctx context.Context, s *pbapi.Session) error {
				_, err := collect(s.ListConnections(ctx, id))
				return err
			},
			"search connections": func(ctx context.Context, s *pbapi.Session) error {
				_, err := collect(s.SearchConnections(ctx, id, pbapi.ConnectionFilter{}))
				return err
			},
			"get connection": func(ctx context.Context, s *pbapi.Session) error {
				_, err := s.GetConnection(ctx, integrationID, id)
				return err
			},
			"put connection": func(ctx context.Context, s *pbapi.Session) error {
				return s.PutConnection(ctx, id, entityID, connected())
			},
			"put connection of": func(ctx context.Context, s *pbapi.Session) error {
				return s.PutConnection(ctx, integrationID, id, connected())
			},
			"delete connection": func(ctx context.Context, s *pbapi.Session) error { return s.DeleteConnection(ctx, integrationID, id) },
			"get entity":        func(ctx context.Context, s *pbapi.Session) error { _, err := s.GetEntity(ctx, id); return err },
			"list relationships": func(ctx context.Context, s *pbapi.Session) error {
				_, err := collect(s.ListRelationships(ctx, id))
				return err
			},
		}
		s := against(t, notSent(t))
		for name, call := range calls {
			ferr := requireFault(t, call(t.Context(), s), fault.Invalid)
			require.Contains(t, ferr.Public, "UUID", "%s %q", name, id)
		}
	}
}

func TestAuthorizationIsNotPrinted(t *testing.T) {
	t.Parallel()
	action := pbapi.Action{URL: "https://plugin.example/", Authorization: secret.New(token)}
	encoded, err := json.Marshal(action)
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", action, action, action, encoded), token)
}
