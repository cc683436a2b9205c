package pbfake_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/pbapi/pbfake"
)

const nowhere = "00000000-0000-4000-8000-000000000000"

// strictCase is one wrong request and what must come back. {i} and {e} stand
// for an integration and an entity that exist.
type strictCase struct {
	name, method, path, body string
	status                   int
	code, source             string
}

func strictCases() []strictCase {
	const post, patch, putOp, get = "POST", "PATCH", "PUT", "GET"
	const root, one, conn = "/plugin-integrations", "/plugin-integrations/{i}", "/plugin-integrations/{i}/connections/{e}"
	const invalid, refused = "request.invalid", "validation.failed"
	with := func(old, new string) string { return strings.Replace(createBody("Engineering"), old, new, 1) }
	conn1 := func(old, new string) string { return put(strings.Replace(connected, old, new, 1)) }
	url := func(u string) string { return with(public+"/hook/1", u) }
	const at = "/data/fields/"
	const atConn = "/data/fields/connection/"
	return []strictCase{
		{"no data", post, root, `{}`, 400, invalid, "/data"},
		{"not an object", post, root, `[]`, 400, invalid, ""},
		{"no fields", post, root, `{"data":{}}`, 400, invalid, "/data/fields"},
		{"no type", post, root, with(`"type":"com.example.push",`, ``), 400, invalid, at + "type"},
		{"type is null", post, root, with(`"com.example.push"`, `null`), 400, invalid, at + "type"},
		{"empty type", post, root, with(`"com.example.push"`, `""`), 422, refused, at + "type"},
		{"name is a number", post, root, with(`"Engineering"`, `7`), 400, invalid, at + "name"},
		{"empty name", post, root, with(`"Engineering"`, `""`), 422, refused, at + "name"},
		{"long name", post, root, createBody(strings.Repeat("é", 256)), 422, refused, at + "name"},
		{"no label", post, root, with(`{"label":"Push"}`, `{}`), 400, invalid, at + "initialState/label"},
		{"label of 11", post, root, with(`"Push"`, `"Push to PBX"`), 422, refused, at + "initialState/label"},
		{"unknown status", post, root, with(`"type"`, `"integrationStatus":"paused","type"`), 422, refused, at + "integrationStatus"},
		{"no action", post, root, create(`"type":"a","name":"b","initialState":{"label":"c"}`), 400, invalid, at + "action"},
		{"no version", post, root, with(`"version":1,`, ``), 400, invalid, at + "action/version"},
		{"version as text", post, root, with(`"version":1`, `"version":"1"`), 400, invalid, at + "action/version"},
		{"version 1.5", post, root, with(`"version":1`, `"version":1.5`), 400, invalid, at + "action/version"},
		{"version 2", post, root, with(`"version":1`, `"version":2`), 422, refused, at + "action/version"},
		{"plain http", post, root, url("http://plugin.example/hook"), 422, refused, at + "action/url"},
		{"relative", post, root, url("/hook"), 422, refused, at + "action/url"},
		{"localhost", post, root, url("https://localhost/hook"), 422, refused, at + "action/url"},
		{"loopback", post, root, url("https://127.0.0.1/hook"), 422, refused, at + "action/url"},
		{"private", post, root, url("https://10.1.2.3/hook"), 422, refused, at + "action/url"},
		{"private IPv6", post, root, url("https://[fd00::1]/hook"), 422, refused, at + "action/url"},
		{"metadata", post, root, url("https://169.254.169.254/hook"), 422, refused, at + "action/url"},
		{"internal name", post, root, url("https://plugin.internal/hook"), 422, refused, at + "action/url"},
		{"bare name", post, root, url("https://plugin/hook"), 422, refused, at + "action/url"},
		{"long url", post, root, url("https://plugin.example/" + strings.Repeat("x", 1002)), 422, refused, at + "action/url"},
		{"long authorization", post, root, with(secret, strings.Repeat("x", 2049)), 422, refused, at + "action/headers/authorization"},
		{"line break in authorization", post, root, with(secret, `a\nb`), 422, refused, at + "action/headers/authorization"},
		{"unknown header", post, root, with(`"authorization"`, `"x-token"`), 422, refused, at + "action/headers/x-token"},
		{"unknown field", post, root, with(`"name"`, `"icon":"x","name"`), 422, refused, at + "icon"},
		{"unknown beside data", post, root, `{"meta/x":1,` + createBody("E")[1:], 422, refused, "/meta~1x"},
		{"malformed", post, root, `{"data":`, 400, "request.malformed", ""},
		{"two documents", post, root, createBody("E") + "{}", 400, "request.malformed", ""},
		{"bad UTF-8", post, root, createBody("\xff"), 400, "request.malformed", ""},

		{"type cannot change", patch, one, create(`"type":"com.example.other"`), 422, refused, at + "type"},
		{"action without url", patch, one, create(`"action":{"version":1}`), 400, invalid, at + "action/url"},
		{"update of nothing known", patch, "/plugin-integrations/" + nowhere, create(`"name":"x"`), 404, "resource.notFound", ""},
		{"path is no UUID", get, "/plugin-integrations/17", "", 400, invalid, "integrationId"},
		{"no such integration", get, "/plugin-integrations/" + nowhere, "", 404, "resource.notFound", ""},
		{"delete of nothing", "DELETE", "/plugin-integrations/" + nowhere, "", 404, "resource.notFound", ""},
		{"wrong method", putOp, root, createBody("E"), 404, "route.notFound", ""},
		{"unknown route", get, "/plugins", "", 404, "route.notFound", ""},
		{"foreign cursor", get, root + "?pageCursor=abc", "", 400, invalid, "pageCursor"},
		{"unknown parameter", get, root + "?limit=5", "", 400, invalid, "limit"},

		{"no connection", putOp, conn, create(``), 400, invalid, at + "connection"},
		{"the v1 shape", putOp, conn, `{"data":{"connection":` + connected + `}}`, 400, invalid, "/data/fields"},
		{"no state", putOp, conn, put(`{"label":"x"}`), 400, invalid, atConn + "state"},
		{"unknown state", putOp, conn, put(`{"state":"done"}`), 422, refused, atConn + "state"},
		{"state is null", putOp, conn, put(`{"state":null}`), 400, invalid, atConn + "state"},
		{"no hoverLabel", putOp, conn, conn1(`"hoverLabel":"PB-1",`, ``), 400, invalid, atConn + "hoverLabel"},
		{"empty label", putOp, conn, conn1(`"Done"`, `""`), 422, refused, atConn + "label"},
		{"label of 21", putOp, conn, conn1(`"Done"`, `"`+strings.Repeat("日", 21)+`"`), 422, refused, atConn + "label"},
		{"tooltip of 51", putOp, conn, conn1("PB-1 Dark mode", strings.Repeat("x", 51)), 422, refused, atConn + "tooltip"},
		{"eighth colour", putOp, conn, conn1("green", "pink"), 422, refused, atConn + "color"},
		{"relative target", putOp, conn, conn1("https://tracker.example/1", "/1"), 422, refused, atConn + "targetUrl"},
		{"long target", putOp, conn, conn1("/1", "/"+strings.Repeat("1", 1000)), 422, refused, atConn + "targetUrl"},
		{"unknown in connected", putOp, conn, conn1(`"label"`, `"icon":"x","label"`), 422, refused, atConn + "icon"},
		{"label in progress", putOp, conn, put(`{"state":"progress","label":"x"}`), 422, refused, atConn + "label"},
		{"error without message", putOp, conn, put(`{"state":"error"}`), 400, invalid, atConn + "message"},
		{"message of 256", putOp, conn, put(`{"state":"error","message":"` + strings.Repeat("ü", 256) + `"}`), 422, refused, atConn + "message"},
		{"debugDetail is read-only", putOp, conn, put(`{"state":"error","message":"m","debugDetail":"d"}`), 422, refused, atConn + "debugDetail"},
		{"entity is no UUID", putOp, "/plugin-integrations/{i}/connections/7", put(connected), 400, invalid, "entityId"},
		{"no such entity", putOp, "/plugin-integrations/{i}/connections/" + nowhere, put(connected), 404, "resource.notFound", ""},
		{"connection of a missing entity", get, "/plugin-integrations/{i}/connections/" + nowhere, "", 404, "resource.notFound", ""},
		{"unknown state filter", get, "/plugin-integrations/{i}/connections?state%5B%5D=done", "", 400, invalid, "state[]"},
		{"state filter without brackets", get, "/plugin-integrations/{i}/connections?state=error", "", 400, invalid, "state"},
		{"search for an unknown state", post, "/plugin-integrations/{i}/connections/search", `{"data":{"filter":{"state":["done"]}}}`, 422, refused, "/data/filter/state/0"},
		{"search with one id", post, "/plugin-integrations/{i}/connections/search", `{"data":{"filter":{"entityId":"` + nowhere + `"}}}`, 400, invalid, "/data/filter/entityId"},
		{"search with an unknown filter", post, "/plugin-integrations/{i}/connections/search", `{"data":{"filter":{"label":["x"]}}}`, 422, refused, "/data/filter/label"},

		{"entity that does not exist", get, "/entities/" + nowhere, "", 404, "resource.notFound", ""},
		{"fields without brackets", get, "/entities/{e}?fields=name", "", 400, invalid, "fields"},
		{"unknown entity type", get, "/entities/configurations/epic", "", 400, invalid, "type"},
		{"search for an unknown type", post, "/entities/search", `{"data":{"filter":{"type":["epic"]}}}`, 422, refused, "/data/filter/type/0"},
	}
}

func TestStrict(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i, e := r.integration(), r.entity()
	for _, tc := range strictCases() {
		t.Run(tc.name, func(t *testing.T) {
			resp := r.call(tc.method, strings.NewReplacer("{i}", i, "{e}", e).Replace(tc.path), tc.body)
			require.Equal(t, tc.status, resp.status, resp.raw)
			code, source := resp.problem()
			require.Equal(t, tc.code, code)
			require.Equal(t, tc.source, source)
			require.NotEmpty(t, resp.doc["id"])
		})
	}
	require.Equal(t, pbfake.StateInitial, r.fake.State(i, e).Name, "no refused request wrote anything")
	require.Len(t, r.fake.Integrations(), 1)
	require.Len(t, r.plugin.requests("GET"), 1, "no refused request was probed")
}

func TestStrictContentType(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, given := range []string{"text/plain", "", "application/x-www-form-urlencoded", "application/json;;"} {
		resp := r.call("POST", "/plugin-integrations", createBody("E"), "Content-Type", given)
		code, _ := resp.problem()
		require.Equal(t, 400, resp.status, given)
		require.Equal(t, "request.malformed", code)
	}
	resp := r.call("POST", "/plugin-integrations", createBody("E"), "Content-Type", "application/json; charset=utf-8")
	require.Equal(t, 201, resp.status)
}

func TestLengthsCountCharacters(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i, e := r.integration(), r.entity()
	body := put(fmt.Sprintf(`{"state":"connected","label":%q,"hoverLabel":%q,"tooltip":%q,"color":"red","targetUrl":"https://t.example/1"}`,
		strings.Repeat("🚀", 20), strings.Repeat("日", 20), strings.Repeat("é", 50)))
	resp := r.call("PUT", connection(i, e), body)
	require.Equal(t, 200, resp.status, resp.raw)
	require.Equal(t, strings.Repeat("🚀", 20), r.fake.State(i, e).Label)
}

func TestSeveralProblemsAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	resp := r.call("POST", "/plugin-integrations", create(`"type":"","name":"","initialState":{"label":""},`+actionField))
	require.Equal(t, 422, resp.status)
	require.Len(t, resp.doc["errors"], 3)
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *pbfake.Options) {
		o.Tokens = append(o.Tokens,
			pbfake.Token{Value: "reader", Scopes: []string{"plugin-integrations:read", "entities:read"}},
			pbfake.Token{Value: "app-1", App: "one"}, pbfake.Token{Value: "app-2", App: "two"})
	})
	cases := []struct {
		name, header, method, path, body string
		status                           int
		code                             string
	}{
		{"no header", "", "GET", "/plugin-integrations", "", 401, "auth.invalid"},
		{"unknown token", "Bearer nobody", "GET", "/plugin-integrations", "", 401, "auth.invalid"},
		{"other scheme", "Basic " + token, "GET", "/plugin-integrations", "", 401, "auth.invalid"},
		{"may not write", "Bearer reader", "POST", "/plugin-integrations", createBody("E"), 403, "auth.accessDenied"},
		{"may read", "Bearer reader", "GET", "/plugin-integrations", "", 200, ""},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			resp := r.call(tc.method, tc.path, tc.body, "Authorization", tc.header)
			code, _ := resp.problem()
			require.Equal(t, tc.status, resp.status, resp.raw)
			require.Equal(t, tc.code, code)
		})
	}

	t.Run("an application sees its own", func(t *testing.T) {
		resp := r.call("POST", "/plugin-integrations", createBody("App one"), "Authorization", "Bearer app-1")
		path := "/plugin-integrations/" + resp.at("data", "id").(string)
		require.Equal(t, 200, r.call("GET", path, "", "Authorization", "Bearer app-1").status)
		require.Equal(t, 404, r.call("GET", path, "", "Authorization", "Bearer app-2").status)
		require.Equal(t, 200, r.call("GET", path, "").status, "an API token sees all")
		require.Empty(t, r.call("GET", "/plugin-integrations", "", "Authorization", "Bearer app-2").doc["data"])
	})
	t.Run("revoked", func(t *testing.T) {
		r.fake.RevokeToken("reader")
		require.Equal(t, 401, r.call("GET", "/plugin-integrations", "", "Authorization", "Bearer reader").status)
	})
	t.Run("personal data needs a scope", func(t *testing.T) {
		r.fake.AddToken(pbfake.Token{Value: "reader", Scopes: []string{"entities:read"}})
		e, err := r.fake.AddEntity(pbfake.Entity{Type: "feature", Fields: map[string]any{"name": "x", "owner": map[string]any{"id": nowhere, "email": "a@b.example"}}})
		require.NoError(t, err)
		require.Equal(t, "[redacted]", r.call("GET", "/entities/"+e.ID, "", "Authorization", "Bearer reader").at("data", "fields", "owner", "email"))
		require.Equal(t, "a@b.example", r.call("GET", "/entities/"+e.ID, "").at("data", "fields", "owner", "email"))
	})
}
