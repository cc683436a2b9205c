package vendors_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/proof/conformance/vendors"
)

const openAPI = `
openapi: 3.0.3
info: {title: t, version: "1"}
servers: [{url: "https://api.example.com"}]
paths:
  /issues:
    post:
      operationId: createIssue
      parameters: [{name: notify, in: query, schema: {type: boolean}}]
      requestBody: {required: true, content: {application/json: {schema: {type: object, required: [title], additionalProperties: false, properties: {title: {type: string}}}}}}
      responses: {"201": {description: made, content: {application/json: {schema: {type: object, required: [id], properties: {id: {type: integer}}}}}}}
`

const graphQL = `
type Query { issue(id: ID!): Issue! }
type Issue { id: ID! title: String state: State! }
enum State { OPEN DONE }
`

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "schema")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// exchange sends one request through a watch and returns what it found.
func exchange(t *testing.T, spec vendors.Spec, method, path, body string, status int, reply string) []error {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		assert.Equal(t, body, string(got), "it passes on what it was sent")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, reply)
	}))
	defer server.Close()
	watch := vendors.NewWatch(spec)
	handler, err := watch.Handler(server.URL)
	require.NoError(t, err)
	front := httptest.NewServer(handler)
	defer front.Close()
	req, err := http.NewRequestWithContext(t.Context(), method, front.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, status, resp.StatusCode)
	require.Equal(t, reply, string(got))
	return watch.Violations()
}

func TestOpenAPIBites(t *testing.T) {
	spec := vendors.LoadOpenAPI(t, write(t, openAPI), vendors.Options{Prefix: "/api/v9", Unpublished: []string{"GET /login"}})
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		reply, want        string
	}{
		"as published":     {"POST", "/api/v9/issues?notify=true", `{"title":"t"}`, 201, `{"id":1}`, ""},
		"left out":         {"GET", "/login", "", 200, "x", ""},
		"unknown path":     {"GET", "/api/v9/nothing", "", 200, "{}", "no such operation is published"},
		"missing property": {"POST", "/api/v9/issues", `{}`, 201, `{"id":1}`, "title"},
		"unknown property": {"POST", "/api/v9/issues", `{"title":"t","x":1}`, 201, `{"id":1}`, "x"},
		"unknown query":    {"POST", "/api/v9/issues?nottify=1", `{"title":"t"}`, 201, `{"id":1}`, `"nottify" is not published`},
		"wrong reply":      {"POST", "/api/v9/issues", `{"title":"t"}`, 201, `{"id":"one"}`, "reply 201"},
		"wrong status":     {"POST", "/api/v9/issues", `{"title":"t"}`, 200, `{"id":1}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, exchange(t, spec, c.method, c.path, c.body, c.status, c.reply), c.want)
		})
	}
}

func TestGraphQLBites(t *testing.T) {
	spec := vendors.LoadGraphQL(t, write(t, graphQL), "/graphql")
	query := func(q, vars string) string { return `{"query":"` + q + `","variables":` + vars + `}` }
	good := "query q($id: ID!) { issue(id: $id) { id state } }"
	for name, c := range map[string]struct{ body, reply, want string }{
		"as published":     {query(good, `{"id":"1"}`), `{"data":{"issue":{"id":"1","state":"DONE"}}}`, ""},
		"an error":         {query(good, `{"id":"1"}`), `{"data":null,"errors":[{"message":"no"}]}`, ""},
		"unknown field":    {query("query q { issue(id: 1) { ident } }", `{}`), `{}`, "ident"},
		"missing variable": {query(good, `{}`), `{}`, "must be defined"},
		"enum":             {query(good, `{"id":"1"}`), `{"data":{"issue":{"id":"1","state":"SHUT"}}}`, "no State"},
		"missing value":    {query(good, `{"id":"1"}`), `{"data":{"issue":{"id":"1"}}}`, "state is missing"},
		"not asked for":    {query(good, `{"id":"1"}`), `{"data":{"issue":{"id":"1","state":"OPEN","title":"x"}}}`, "was not asked for"},
		"null":             {query(good, `{"id":"1"}`), `{"data":{"issue":{"id":null,"state":"OPEN"}}}`, "id is null"},
	} {
		t.Run(name, func(t *testing.T) { check(t, exchange(t, spec, "POST", "/graphql", c.body, 200, c.reply), c.want) })
	}
}

func check(t *testing.T, found []error, want string) {
	t.Helper()
	if want == "" {
		require.Empty(t, found)
		return
	}
	require.NotEmpty(t, found)
	require.ErrorContains(t, found[0], want)
}
