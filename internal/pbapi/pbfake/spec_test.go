package pbfake_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/pbapi/pbfake"
)

// spec is one of Productboard's OpenAPI files, with as much of JSON Schema as
// they use. It is a second reading of the contract, from the source.
type spec struct{ doc map[string]any }

func loadSpec(t *testing.T, name string) *spec {
	t.Helper()
	dir := os.Getenv("PRODUCTBOARD_SPECS") //nolint:forbidigo // a test's own switch
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "productboard")
	}
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Skipf("Productboard's OpenAPI files are not here (set PRODUCTBOARD_SPECS to their folder): %v", err)
	}
	s := &spec{}
	require.NoError(t, json.Unmarshal(raw, &s.doc))
	return s
}

func (s *spec) resolve(v any) map[string]any {
	m, _ := v.(map[string]any)
	for m["$ref"] != nil {
		var at any = s.doc
		for p := range strings.SplitSeq(strings.TrimPrefix(m["$ref"].(string), "#/"), "/") {
			at = at.(map[string]any)[strings.NewReplacer("~1", "/", "~0", "~").Replace(p)]
		}
		m, _ = at.(map[string]any)
	}
	return m
}

// operation finds the operation that a request belongs to.
func (s *spec) operation(method, path string) map[string]any {
	var best string
	for template := range s.doc["paths"].(map[string]any) {
		pattern := regexp.MustCompile(`\{[^}]+\}`).ReplaceAllString(template, `[^/]+`)
		if regexp.MustCompile("^"+pattern+"$").MatchString(path) && (best == "" || strings.Count(template, "{") < strings.Count(best, "{")) {
			best = template
		}
	}
	if best == "" {
		return nil
	}
	op, _ := s.doc["paths"].(map[string]any)[best].(map[string]any)[strings.ToLower(method)].(map[string]any)
	return op
}

func jsonSchemaOf(holder map[string]any) any {
	content, _ := holder["content"].(map[string]any)
	media, _ := content["application/json"].(map[string]any)
	return media["schema"]
}

// problems returns where a value breaks a schema.
func (s *spec) problems(schema, v any, at string) (out []string) {
	m := s.resolve(schema)
	bad := func(format string, a ...any) { out = append(out, at+": "+fmt.Sprintf(format, a...)) }
	count := func(key string) (n int) {
		for _, sub := range m[key].([]any) {
			if len(s.problems(sub, v, at)) == 0 {
				n++
			}
		}
		return n
	}
	if !typeFits(m["type"], v) {
		bad("is not of type %v: %v", m["type"], v)
		return out
	}
	if enum, ok := m["enum"].([]any); ok && !slices.Contains(enum, v) {
		bad("%v is not in %v", v, enum)
	}
	if c, ok := m["const"]; ok && c != v {
		bad("is not %v", c)
	}
	if all, ok := m["allOf"].([]any); ok && count("allOf") < len(all) {
		bad("breaks allOf")
	}
	if m["anyOf"] != nil && count("anyOf") == 0 {
		bad("fits none of anyOf: %v", v)
	}
	if m["oneOf"] != nil && count("oneOf") != 1 {
		bad("fits %d of oneOf: %v", count("oneOf"), v)
	}
	switch v := v.(type) {
	case string:
		out = append(out, stringProblems(m, v, at)...)
	case []any:
		for i, it := range v {
			out = append(out, s.problems(m["items"], it, at+"/"+strconv.Itoa(i))...)
		}
		if least, ok := m["minItems"].(float64); ok && float64(len(v)) < least {
			bad("has too few items")
		}
	case map[string]any:
		required, _ := m["required"].([]any)
		for _, name := range required {
			if _, there := v[name.(string)]; !there {
				bad("lacks %v", name)
			}
		}
		properties, _ := m["properties"].(map[string]any)
		for name, value := range v {
			sub := properties[name]
			if sub == nil {
				if m["additionalProperties"] == false {
					bad("has an unknown %s", name)
				}
				sub, _ = m["additionalProperties"].(map[string]any)
			}
			if sub != nil {
				out = append(out, s.problems(sub, value, at+"/"+name)...)
			}
		}
	}
	return out
}

func typeFits(want, v any) bool {
	if many, ok := want.([]any); ok {
		return slices.ContainsFunc(many, func(one any) bool { return typeFits(one, v) })
	}
	switch want {
	case "object":
		_, ok := v.(map[string]any)
		return ok
	case "array":
		_, ok := v.([]any)
		return ok
	case "string":
		_, ok := v.(string)
		return ok
	case "boolean":
		_, ok := v.(bool)
		return ok
	case "number":
		_, ok := v.(float64)
		return ok
	case "integer":
		n, ok := v.(float64)
		return ok && n == math.Trunc(n)
	case "null":
		return v == nil
	}
	return true
}

func stringProblems(m map[string]any, v, at string) (out []string) {
	n := float64(utf8.RuneCountInString(v))
	if least, ok := m["minLength"].(float64); ok && n < least {
		out = append(out, at+": is too short")
	}
	if most, ok := m["maxLength"].(float64); ok && n > most {
		out = append(out, at+": is too long")
	}
	if p, ok := m["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(v) {
		out = append(out, at+": does not match "+p)
	}
	var err error
	switch m["format"] {
	case "uuid":
		if !regexp.MustCompile(`(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(v) {
			err = fmt.Errorf("%q is no UUID", v)
		}
	case "date-time":
		_, err = time.Parse(time.RFC3339, v)
	case "date":
		_, err = time.Parse(time.DateOnly, v)
	case "uri":
		var u *url.URL
		if u, err = url.Parse(v); err == nil && u.Scheme == "" {
			err = fmt.Errorf("%q has no scheme", v)
		}
	}
	if err != nil {
		out = append(out, at+": "+err.Error())
	}
	return out
}

// conforms checks a reply against what is published for its operation and
// status.
func (s *spec) conforms(t *testing.T, method, path string, r reply) {
	t.Helper()
	path, _, _ = strings.Cut(path, "?")
	op := s.operation(method, path)
	require.NotNil(t, op, "%s %s", method, path)
	response := s.resolve(op["responses"].(map[string]any)[strconv.Itoa(r.status)])
	require.NotNil(t, response, "%s %s: status %d is not published", method, path, r.status)
	schema := jsonSchemaOf(response)
	if schema == nil {
		require.Empty(t, r.raw)
		return
	}
	require.Equal(t, "application/json", r.header.Get("Content-Type"))
	require.Empty(t, s.problems(schema, any(r.doc), ""), "%s %s: %s", method, path, r.raw)
}

func (s *spec) acceptsBody(op map[string]any, body string) bool {
	var doc any
	if json.Unmarshal([]byte(body), &doc) != nil {
		return false
	}
	return len(s.problems(jsonSchemaOf(s.resolve(op["requestBody"])), doc, "")) == 0
}

func TestRepliesAreAsPublished(t *testing.T) {
	t.Parallel()
	integrations, entities := loadSpec(t, "plugin-integrations.openapi.json"), loadSpec(t, "entities.openapi.json")
	r := newRig(t, func(o *pbfake.Options) { o.PageSize = 5 })
	r.fake.Seed(60)
	i, e := r.integration(), r.entity()
	other := r.integration()
	conn := "/plugin-integrations/" + i + "/connections"
	calls := []struct{ method, path, body string }{
		{"POST", "/plugin-integrations", createBody("Another")},
		{"GET", "/plugin-integrations", ""}, {"GET", "/plugin-integrations/" + i, ""},
		{"PATCH", "/plugin-integrations/" + i, create(`"name":"New"`)},
		{"GET", connection(i, e), ""},
		{"PUT", connection(i, e), put(connected)}, {"GET", connection(i, e), ""}, {"GET", conn, ""},
		{"PUT", connection(i, e), put(`{"state":"error","message":"No."}`)}, {"GET", connection(i, e), ""},
		{"PUT", connection(i, e), put(`{"state":"progress"}`)}, {"GET", connection(i, e), ""},
		{"POST", conn + "/search", `{"data":{"filter":{"state":["progress"]}}}`},
		{"DELETE", connection(i, e), ""}, {"DELETE", "/plugin-integrations/" + other, ""},
		{"GET", "/entities", ""}, {"GET", "/entities?fields[]=all", ""}, {"POST", "/entities/search", `{"data":{}}`},
		{"GET", "/entities/configurations", ""}, {"GET", "/entities/configurations/feature", ""},
	}
	for _, seeded := range r.fake.Entities() {
		calls = append(calls, struct{ method, path, body string }{"GET", "/entities/" + seeded.ID, ""},
			struct{ method, path, body string }{"GET", "/entities/" + seeded.ID + "/relationships", ""})
	}
	for _, tc := range strictCases() {
		if tc.code != "route.notFound" {
			calls = append(calls, struct{ method, path, body string }{tc.method, strings.NewReplacer("{i}", i, "{e}", e).Replace(tc.path), tc.body})
		}
	}
	for _, c := range calls {
		s := integrations
		if strings.HasPrefix(c.path, "/entities") {
			s = entities
		}
		s.conforms(t, c.method, c.path, r.call(c.method, c.path, c.body))
	}
	for _, refused := range []string{"", "Bearer nobody"} {
		integrations.conforms(t, "GET", "/plugin-integrations", r.call("GET", "/plugin-integrations", "", "Authorization", refused))
	}
	r.fake.SetRateLimit(1)
	r.call("GET", "/plugin-integrations", "")
	limited := r.call("GET", "/plugin-integrations", "")
	require.Equal(t, http.StatusTooManyRequests, limited.status)
	integrations.conforms(t, "GET", "/plugin-integrations", limited)
}

func TestNotificationIsAsPublished(t *testing.T) {
	t.Parallel()
	s := loadSpec(t, "plugin-integrations.openapi.json")
	callback := s.operation("POST", "/plugin-integrations")["callbacks"].(map[string]any)["actionCallback"].(map[string]any)["{$request.body#/data/fields/action/url}"].(map[string]any)["post"].(map[string]any)
	r := newRig(t)
	i, e := r.integration(), r.entity()
	for _, trigger := range []pbfake.Trigger{pbfake.Push, pbfake.Unlink, pbfake.Dismiss} {
		r.click(i, e, trigger)
	}
	for _, got := range r.plugin.requests("POST") {
		require.True(t, s.acceptsBody(callback, got.body), got.body)
	}
}

// Whatever the description refuses, the simulator must refuse; it may refuse
// more (unknown fields, addresses that are not public).
func TestAsStrictAsPublished(t *testing.T) {
	t.Parallel()
	s := loadSpec(t, "plugin-integrations.openapi.json")
	r := newRig(t)
	i, e := r.integration(), r.entity()
	valid := []struct{ method, path, body string }{
		{"POST", "/plugin-integrations", createBody("Engineering")},
		{"PATCH", "/plugin-integrations/" + i, create(`"name":"x","integrationStatus":"enabled","initialState":{"label":"Go"},` + actionField)},
		{"PUT", connection(i, e), put(connected)},
		{"PUT", connection(i, e), put(`{"state":"error","message":"No."}`)},
		{"PUT", connection(i, e), put(`{"state":"progress"}`)},
		{"POST", "/plugin-integrations/" + i + "/connections/search", `{"data":{"filter":{"state":["error"],"entityId":["` + nowhere + `"]}}}`},
	}
	refused := 0
	for _, v := range valid {
		op := s.operation(v.method, v.path)
		require.True(t, s.acceptsBody(op, v.body), v.body)
		require.Less(t, r.call(v.method, v.path, v.body).status, 300, v.body)
		var doc any
		require.NoError(t, json.Unmarshal([]byte(v.body), &doc))
		mutate(doc, func() {
			raw, err := json.Marshal(doc)
			require.NoError(t, err)
			if !s.acceptsBody(op, string(raw)) {
				refused++
				resp := r.call(v.method, v.path, string(raw))
				require.Contains(t, []int{400, 422}, resp.status, string(raw))
			}
		})
	}
	require.Greater(t, refused, 200, "the mutations bite")
}

// mutate replaces every value of a document by wrong ones in turn, and takes
// every property away once.
func mutate(doc any, try func()) {
	wrong := []any{nil, true, 1.5, 7.0, "", "x", "no such value", strings.Repeat("é", 2100), []any{}, []any{7.0}, map[string]any{}}
	switch doc := doc.(type) {
	case map[string]any:
		for _, name := range sortedKeys(doc) {
			old := doc[name]
			for _, w := range wrong {
				doc[name] = w
				try()
			}
			delete(doc, name)
			try()
			doc[name] = old
			mutate(old, try)
		}
	case []any:
		for i, old := range doc {
			for _, w := range wrong {
				doc[i] = w
				try()
			}
			doc[i] = old
			mutate(old, try)
		}
	}
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
