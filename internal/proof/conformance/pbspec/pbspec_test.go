package pbspec_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/proof/conformance/pbspec"
)

const (
	integrationID = "11111111-1111-4111-8111-111111111111"
	entityID      = "22222222-2222-4222-8222-222222222222"
)

func load(t *testing.T) *pbspec.Spec {
	t.Helper()
	dir, err := pbspec.Dir(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Skip(err)
	}
	spec, err := pbspec.Load(dir)
	require.NoError(t, err)
	return spec
}

// exchange is one request and its reply.
type exchange struct {
	method, target string
	header         map[string]string
	request        any // JSON; nil for none
	status         int
	replyType      string // content type; JSON if empty
	reply          any    // JSON; a text as it is; nil for none
	callback       bool
}

// violations sends the exchange through a watch.
func (ex exchange) violations(t *testing.T, spec *pbspec.Spec) []error {
	t.Helper()
	var body io.Reader
	if ex.request != nil {
		raw, err := json.Marshal(ex.request)
		require.NoError(t, err)
		body = strings.NewReader(string(raw))
	}
	r := httptest.NewRequest(ex.method, ex.target, body)
	if ex.request != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for k, v := range ex.header {
		r.Header.Set(k, v)
	}
	if !ex.callback && r.Header.Get("Authorization") == "" {
		r.Header.Set("Authorization", "Bearer token")
	}
	server := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		contentType := ex.replyType
		if contentType == "" {
			contentType = "application/json"
		}
		raw := []byte{}
		if text, ok := ex.reply.(string); ok {
			raw = []byte(text)
		} else if ex.reply != nil {
			var err error
			raw, err = json.Marshal(ex.reply)
			assert.NoError(t, err)
		}
		if len(raw) > 0 {
			w.Header().Set("Content-Type", contentType)
		}
		w.WriteHeader(ex.status)
		_, _ = w.Write(raw)
	})
	watch := spec.Watch()
	if ex.callback {
		watch.Callbacks(server).ServeHTTP(httptest.NewRecorder(), r)
	} else {
		watch.API(server).ServeHTTP(httptest.NewRecorder(), r)
	}
	return watch.Violations()
}

func parse(s string) any {
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		panic(err)
	}
	return v
}

// gone is the value of a change that takes a field away.
type gone struct{}

// change sets the value at a path such as data.0.fields.name.
func change(v any, path string, value any) {
	head, rest, more := strings.Cut(path, ".")
	switch node := v.(type) {
	case map[string]any:
		_, remove := value.(gone)
		switch {
		case more:
			change(node[head], rest, value)
		case remove:
			delete(node, head)
		default:
			node[head] = value
		}
	case []any:
		i, err := strconv.Atoi(head)
		if err != nil {
			panic(err)
		}
		if !more {
			node[i] = value
			return
		}
		change(node[i], rest, value)
	default:
		panic("no such path: " + path)
	}
}

const (
	connectedJSON = `{"state":"connected","label":"Open","hoverLabel":"#12","tooltip":"#12 Title","color":"blue","targetUrl":"https://tracker.example/12"}`
	linksJSON     = `"links":{"self":"https://api.productboard.com/v2/a","connections":"https://api.productboard.com/v2/b"}`
	errorJSON     = `{"id":"req-1","errors":[{"code":"validation.failed","title":"t","detail":"d","source":{"pointer":"/data/fields/name"}}]}`
)

// sound returns exchanges that are as published, by name.
func sound() map[string]exchange {
	connection := `{"id":"` + entityID + `","type":"pluginIntegrationConnection","fields":{"connection":` + connectedJSON + `},"links":{"self":"https://api.productboard.com/v2/c"}}`
	conns := "/v2/plugin-integrations/" + integrationID + "/connections"
	return map[string]exchange{
		"create": {method: "POST", target: "/v2/plugin-integrations",
			request: parse(`{"data":{"fields":{"type":"com.example","name":"n","initialState":{"label":"Push"},"action":{"url":"https://p.example/","version":1,"headers":{"authorization":"Bearer x"}}}}}`),
			status:  201, reply: parse(`{"data":{"id":"` + integrationID + `",` + linksJSON + `}}`)},
		"refused": {method: "PATCH", target: "/v2/plugin-integrations/" + integrationID,
			request: parse(`{"data":{"fields":{"name":"n"}}}`), status: 422, reply: parse(errorJSON)},
		"list": {method: "GET", target: "/v2/plugin-integrations?pageCursor=c", status: 200,
			reply: parse(`{"data":[{"id":"` + integrationID + `","type":"pluginIntegration","createdAt":"2026-01-15T10:30:00.000Z",
				"fields":{"type":"com.example","name":"n","integrationStatus":"enabled","initialState":{"label":"Push"}},` + linksJSON + `}],"links":{"next":null}}`)},
		"connections": {method: "GET", target: conns + "?state[]=error&state[]=connected", status: 200,
			reply: parse(`{"data":[` + connection + `],"links":{"next":"https://api.productboard.com/v2/x?pageCursor=c"}}`)},
		"put": {method: "PUT", target: conns + "/" + entityID, request: parse(`{"data":{"fields":{"connection":` + connectedJSON + `}}}`),
			status: 200, reply: parse(`{"data":{"id":"` + entityID + `","links":{"self":"https://api.productboard.com/v2/c"}}}`)},
		"put error": {method: "PUT", target: conns + "/" + entityID, request: parse(`{"data":{"fields":{"connection":{"state":"error","message":"m"}}}}`),
			status: 200, reply: parse(`{"data":{"id":"` + entityID + `","links":{"self":"https://api.productboard.com/v2/c"}}}`)},
		"get error": {method: "GET", target: conns + "/" + entityID, status: 200,
			reply: parse(`{"data":{"id":"` + entityID + `","type":"pluginIntegrationConnection","fields":{"connection":{"state":"error","message":"m","debugDetail":"d"}},"links":{"self":"https://api.productboard.com/v2/c"}}}`)},
		"delete": {method: "DELETE", target: conns + "/" + entityID, status: 204},
		"search": {method: "POST", target: conns + "/search", request: parse(`{"data":{"filter":{"state":["error"],"entityId":["` + entityID + `"]}}}`),
			status: 200, reply: parse(`{"data":[],"links":{"next":null}}`)},
		"entity": {method: "GET", target: "/v2/entities/" + entityID + "?fields[]=name", status: 200,
			reply: parse(`{"data":{"id":"` + entityID + `","type":"feature","fields":{"name":"n","custom":null,"status":{"id":"` + entityID + `","name":"New"}},
				"links":{"self":"https://api.productboard.com/v2/e","html":null},"createdAt":"2026-01-15T10:30:00Z"}}`)},
		"configuration": {method: "GET", target: "/v2/entities/configurations/feature", status: 200,
			reply: parse(`{"data":{"type":"feature","fields":{"name":{"id":"name","name":"Name","path":"/fields/name","schema":{"type":"string"}}},"relationships":{"parent":{"targetType":["component"],"cardinality":"single","mandatory":false}}}}`)},
		"relationships": {method: "GET", target: "/v2/entities/" + entityID + "/relationships", status: 200,
			reply: parse(`{"data":[{"type":"parent","target":{"id":"` + entityID + `","type":"component"}}],"links":{"next":null}}`)},
		"probe": {callback: true, method: "GET", target: "/actions/x?validationToken=abc", status: 200, replyType: "text/plain; charset=utf-8", reply: "abc"},
		"action": {callback: true, method: "POST", target: "/actions/x", status: 200,
			request: parse(`{"data":{"integrationId":"` + integrationID + `","trigger":"button.push","feature":{"id":"` + entityID + `","links":{"self":"https://a.example/f","html":"https://b.example/f"}},
				"triggeredByUser":{"name":"Jane","email":"jane@example.com"},"links":{"connection":"https://a.example/c"}}}`),
			reply: parse(`{"data":{"fields":{"connection":{"state":"progress"}}}}`)},
		"action refused": {callback: true, method: "POST", target: "/actions/x", status: 401,
			request: parse(`{"data":{"integrationId":"` + integrationID + `","trigger":"button.unlink","feature":{"id":"` + entityID + `","links":{"self":"https://a.example/f","html":"https://b.example/f"}}}}`),
			reply:   parse(errorJSON)},
	}
}

func TestSoundExchangesPass(t *testing.T) {
	spec := load(t)
	for name, ex := range sound() {
		require.Empty(t, ex.violations(t, spec), name)
	}
}

// TestTheValidationBites breaks one thing at a time. Every keyword that the
// published schemas use is among them, on either side: OpenAPI 3.1 is young in
// the validator, and a keyword that it passed over in silence would show here.
func TestTheValidationBites(t *testing.T) {
	spec := load(t)
	long := func(n int) string { return strings.Repeat("é", n) }
	for name, tc := range map[string]struct {
		of   string // the sound exchange
		side string
		path string // what to change; empty: see edit
		to   any
		edit func(*exchange)
	}{
		"required":                      {of: "create", side: "request", path: "data.fields.initialState", to: gone{}},
		"type string":                   {of: "create", side: "request", path: "data.fields.name", to: 7},
		"type object":                   {of: "create", side: "request", path: "data.fields", to: "x"},
		"integer enum":                  {of: "create", side: "request", path: "data.fields.action.version", to: 2},
		"integer":                       {of: "create", side: "request", path: "data.fields.action.version", to: 1.5},
		"minLength":                     {of: "create", side: "request", path: "data.fields.name", to: ""},
		"maxLength":                     {of: "create", side: "request", path: "data.fields.initialState.label", to: long(11)},
		"pattern":                       {of: "create", side: "request", path: "data.fields.action.url", to: "http://p.example/"},
		"maxLength of write-only":       {of: "create", side: "request", path: "data.fields.action.headers.authorization", to: long(2049)},
		"undocumented field":            {of: "create", side: "request", path: "data.fields.color", to: "red"},
		"enum":                          {of: "put", side: "request", path: "data.fields.connection.color", to: "pink"},
		"oneOf: no such state":          {of: "put", side: "request", path: "data.fields.connection.state", to: "open"},
		"oneOf: another state's fields": {of: "put", side: "request", path: "data.fields.connection.state", to: "progress"},
		"format uri":                    {of: "put", side: "request", path: "data.fields.connection.targetUrl", to: "not a link"},
		"label's maxLength":             {of: "put", side: "request", path: "data.fields.connection.label", to: long(21)},
		"read-only in a request":        {of: "put error", side: "request", path: "data.fields.connection.debugDetail", to: "d"},
		"array's items":                 {of: "search", side: "request", path: "data.filter.state.0", to: "open"},
		"format uuid in a list":         {of: "search", side: "request", path: "data.filter.entityId.0", to: "12"},
		"no array":                      {of: "search", side: "request", path: "data.filter.state", to: "error"},
		"uuid in the path":              {of: "delete", side: "request", edit: func(ex *exchange) { ex.target = strings.Replace(ex.target, entityID, "12", 1) }},
		"enum in the query":             {of: "connections", side: "request", edit: func(ex *exchange) { ex.target += "&state[]=open" }},
		"enum in the path":              {of: "configuration", side: "request", edit: func(ex *exchange) { ex.target = "/v2/entities/configurations/ticket" }},
		"undocumented query":            {of: "connections", side: "request", edit: func(ex *exchange) { ex.target += "&states=open" }},
		"undocumented body":             {of: "list", side: "request", edit: func(ex *exchange) { ex.request = parse(`{}`) }},
		"no body":                       {of: "put", side: "request", edit: func(ex *exchange) { ex.request = nil }},
		"content type":                  {of: "put", side: "request", edit: func(ex *exchange) { ex.header = map[string]string{"Content-Type": "text/plain"} }},
		"credential":                    {of: "list", side: "request", edit: func(ex *exchange) { ex.header = map[string]string{"Authorization": "Basic abc"} }},
		"method":                        {of: "list", side: "", edit: func(ex *exchange) { ex.method = "PUT" }},
		"path":                          {of: "list", side: "", edit: func(ex *exchange) { ex.target = "/plugin-integrations" }},

		"reply: const":            {of: "list", side: "reply", path: "data.0.type", to: "integration"},
		"reply: const of another": {of: "get error", side: "reply", path: "data.type", to: "pluginIntegration"},
		"reply: required":         {of: "list", side: "reply", path: "data.0.createdAt", to: gone{}},
		"reply: date-time":        {of: "list", side: "reply", path: "data.0.createdAt", to: "yesterday"},
		"reply: uuid":             {of: "create", side: "reply", path: "data.id", to: "12"},
		"reply: uri":              {of: "create", side: "reply", path: "data.links.self", to: "/v2/a"},
		"reply: not null":         {of: "create", side: "reply", path: "data.id", to: nil},
		"reply: type array":       {of: "list", side: "reply", path: "links.next", to: 7},
		"reply: required null":    {of: "list", side: "reply", path: "links.next", to: gone{}},
		"reply: undocumented":     {of: "list", side: "reply", path: "data.0.fields.action", to: map[string]any{"url": "https://p.example/"}},
		"reply: oneOf":            {of: "connections", side: "reply", path: "data.0.fields.connection.label", to: gone{}},
		"reply: maxLength":        {of: "get error", side: "reply", path: "data.fields.connection.debugDetail", to: long(8001)},
		"reply: minItems":         {of: "refused", side: "reply", path: "errors", to: []any{}},
		"reply: error's code":     {of: "refused", side: "reply", path: "errors.0.code", to: gone{}},
		"reply: error's detail":   {of: "refused", side: "reply", path: "errors.0.detail", to: long(1001)},
		"reply: allOf's type":     {of: "entity", side: "reply", path: "data.type", to: "ticket"},
		"reply: allOf's required": {of: "entity", side: "reply", path: "data.id", to: gone{}},
		"reply: allOf's own":      {of: "entity", side: "reply", path: "data.createdAt", to: "yesterday"},
		"reply: anyOf":            {of: "entity", side: "reply", path: "data.fields.status", to: []any{7}},
		"reply: nullable link":    {of: "entity", side: "reply", path: "data.links.html", to: 7},
		"reply: field's pattern":  {of: "configuration", side: "reply", path: "data.fields.name.path", to: "name"},
		"reply: relationship":     {of: "relationships", side: "reply", path: "data.0.type", to: "owner"},
		"reply: no JSON":          {of: "list", side: "reply", edit: func(ex *exchange) { ex.reply = "<html>" }},
		"reply: content type":     {of: "list", side: "reply", edit: func(ex *exchange) { ex.replyType = "text/html" }},
		"reply: no body":          {of: "list", side: "reply", edit: func(ex *exchange) { ex.reply = nil }},
		"reply: body of a 204":    {of: "delete", side: "reply", edit: func(ex *exchange) { ex.reply = "{}" }},
		"reply: status":           {of: "create", side: "reply", edit: func(ex *exchange) { ex.status = 200 }},
		"reply: status of errors": {of: "refused", side: "reply", edit: func(ex *exchange) { ex.status = 418 }},

		"probe: no token":           {of: "probe", side: "request", edit: func(ex *exchange) { ex.target = "/actions/x" }},
		"probe: content type":       {of: "probe", side: "reply", edit: func(ex *exchange) { ex.replyType = "text/html" }},
		"action: trigger":           {of: "action", side: "request", path: "data.trigger", to: "button.press"},
		"action: required":          {of: "action", side: "request", path: "data.feature.links.html", to: gone{}},
		"action: uuid":              {of: "action", side: "request", path: "data.feature.id", to: "12"},
		"action: email":             {of: "action", side: "request", path: "data.triggeredByUser.email", to: "jane"},
		"action: user's email":      {of: "action", side: "request", path: "data.triggeredByUser.email", to: gone{}},
		"action: v1 answer":         {of: "action", side: "reply", edit: func(ex *exchange) { ex.reply = parse(`{"data":{"connection":{"state":"progress"}}}`) }},
		"action: answer's state":    {of: "action", side: "reply", path: "data.fields.connection.state", to: "done"},
		"action: answer's label":    {of: "action", side: "reply", path: "data.fields.connection.label", to: "x"},
		"action: answer's status":   {of: "action", side: "reply", edit: func(ex *exchange) { ex.status = 202 }},
		"action: refusal's shape":   {of: "action refused", side: "reply", path: "id", to: gone{}},
		"action: undocumented verb": {of: "action", side: "", edit: func(ex *exchange) { ex.method = "PUT" }},
	} {
		t.Run(name, func(t *testing.T) {
			ex := sound()[tc.of]
			switch {
			case tc.edit != nil:
				tc.edit(&ex)
			case tc.side == "request":
				change(ex.request, tc.path, tc.to)
			default:
				change(ex.reply, tc.path, tc.to)
			}
			found := ex.violations(t, spec)
			if assert.Len(t, found, 1) {
				require.Contains(t, found[0].Error(), tc.side)
			}
		})
	}
}

func TestWatchChangesNothing(t *testing.T) {
	spec := load(t)
	watch := spec.Watch()
	h := watch.API(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Equal(t, `{"data":{}}`, string(body))
		w.Header().Set("X-RateLimit-Remaining", "3")
		w.WriteHeader(418)
		_, _ = io.WriteString(w, "tea")
	}))
	r := httptest.NewRequest("PATCH", "/v2/plugin-integrations/"+integrationID, strings.NewReader(`{"data":{}}`))
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	require.Equal(t, 418, rec.Code)
	require.Equal(t, "tea", rec.Body.String())
	require.Equal(t, "3", rec.Header().Get("X-RateLimit-Remaining"))
	require.Equal(t, map[string][]int{"updatePluginIntegration": {418}}, watch.Seen())
	require.Len(t, watch.Violations(), 2)
}
