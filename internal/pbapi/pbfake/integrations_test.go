package pbfake_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/pbapi/pbfake"
)

func TestIntegrationLife(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i := r.integration()
	path := "/plugin-integrations/" + i

	got := r.call("GET", path, "")
	require.Equal(t, 200, got.status)
	require.Equal(t, "pluginIntegration", got.at("data", "type"))
	require.Equal(t, "enabled", got.at("data", "fields", "integrationStatus"))
	require.Equal(t, r.api+path+"/connections", got.at("data", "links", "connections"))
	for _, hidden := range []string{"action", "hook", "chosen"} {
		require.NotContains(t, got.raw, hidden, "the action is write-only")
		require.NotContains(t, r.call("GET", "/plugin-integrations", "").raw, hidden)
	}

	require.Equal(t, 200, r.call("PATCH", path, create(`"name":"Renamed"`)).status)
	got = r.call("GET", path, "")
	require.Equal(t, "Renamed", got.at("data", "fields", "name"))
	require.Equal(t, "Push", got.at("data", "fields", "initialState", "label"), "what is not sent stays")

	e := r.entity()
	require.Equal(t, 200, r.call("PUT", connection(i, e), put(connected)).status)
	resp := r.call("DELETE", path, "")
	require.Equal(t, 204, resp.status)
	require.Empty(t, resp.raw)
	require.Equal(t, 404, r.call("GET", path, "").status)
	require.Equal(t, 404, r.call("GET", connection(i, e), "").status)
	require.Empty(t, r.fake.Connections(""), "its connections went with it")
}

func TestProbe(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := "/plugin-integrations/" + r.integration()
	probes := func() int { return len(r.plugin.requests("GET")) }
	first := r.plugin.requests("GET")[0]
	require.Equal(t, seen{"GET", "/hook/1", "plugin.example", secret, "text/plain", ""}, first)

	steps := []struct {
		name, fields string
		probes       int
	}{
		{"a name is not probed", `"name":"x"`, 1},
		{"an action is", actionField, 2},
		{"disabling is not", `"integrationStatus":"disabled"`, 2},
		{"an action of a disabled one is not", actionField, 2},
		{"enabling alone is not", `"integrationStatus":"enabled"`, 2},
		{"both at once are", `"integrationStatus":"enabled",` + actionField, 3},
	}
	for _, s := range steps {
		require.Equal(t, 200, r.call("PATCH", path, create(s.fields)).status, s.name)
		require.Equal(t, s.probes, probes(), s.name)
	}
	body := strings.Replace(createBody("Disabled"), `"type"`, `"integrationStatus":"disabled","type"`, 1)
	require.Equal(t, 201, r.call("POST", "/plugin-integrations", body).status)
	require.Equal(t, 3, probes(), "a disabled one is not probed on creation")
}

func TestProbeFailures(t *testing.T) {
	t.Parallel()
	bad := map[string]http.HandlerFunc{
		"not 200":      answers(204, "text/plain", ""),
		"redirect":     func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"unauthorised": answers(401, "application/json", "{}"),
		"wrong type": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			echoBody(w, r)
		},
		"no type":        func(w http.ResponseWriter, r *http.Request) { w.Header()["Content-Type"] = nil; echoBody(w, r) },
		"wrong token":    answers(200, "text/plain", "something"),
		"with a newline": func(w http.ResponseWriter, r *http.Request) { echo(w, r); _, _ = io.WriteString(w, "\n") },
		"decoded twice": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, strings.ReplaceAll(r.URL.Query().Get("validationToken"), "+", " "))
		},
	}
	for name, probe := range bad {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.plugin.on(probe, nil)
			resp := r.call("POST", "/plugin-integrations", createBody("E"))
			code, source := resp.problem()
			require.Equal(t, 422, resp.status)
			require.Equal(t, "callback.probeFailed", code)
			require.Equal(t, "/data/fields/action/url", source)
			require.Empty(t, r.fake.Integrations(), "nothing was created")

			r.plugin.on(echo, nil)
			i := r.integration()
			r.plugin.on(probe, nil)
			resp = r.call("PATCH", "/plugin-integrations/"+i, create(`"name":"New",`+actionField))
			code, _ = resp.problem()
			require.Equal(t, "callback.probeFailed", code)
			require.Equal(t, "Engineering", r.fake.Integrations()[0].Name, "nothing was changed")
		})
	}
}

func echoBody(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, r.URL.Query().Get("validationToken"))
}

func TestProbeTimesOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	reached := make(chan struct{})
	r.plugin.on(func(_ http.ResponseWriter, r *http.Request) { close(reached); <-r.Context().Done() }, nil)
	done := make(chan reply)
	go func() {
		resp, _ := r.send("POST", "/plugin-integrations", createBody("E"))
		done <- resp
	}()
	<-reached
	r.clock.Advance(pbfake.DefaultCallbackTimeout)
	resp := <-done
	require.Equal(t, 422, resp.status)
	require.Contains(t, resp.raw, "within 5s")
}

func TestPatchedActionLosesItsAuthorization(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i := r.integration()
	require.Equal(t, 200, r.call("PATCH", "/plugin-integrations/"+i, create(`"action":{"url":"`+public+`/hook/2","version":1}`)).status)
	last := r.plugin.requests("GET")[1]
	require.Equal(t, "/hook/2", last.path)
	require.Empty(t, last.authorization)
}

func TestPages(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *pbfake.Options) { o.PageSize = 3 })
	i := r.integration()
	want := map[string]bool{}
	for range 8 {
		e := r.entity()
		want[e] = true
		require.Equal(t, 200, r.call("PUT", connection(i, e), put(`{"state":"progress"}`)).status)
	}
	lists := []struct{ name, method, path, body string }{
		{"list", "GET", "/plugin-integrations/" + i + "/connections", ""},
		{"filtered list", "GET", "/plugin-integrations/" + i + "/connections?state[]=progress&state[]=error", ""},
		{"search", "POST", "/plugin-integrations/" + i + "/connections/search", `{"data":{"filter":{"state":["progress"]}}}`},
		{"search without a filter", "POST", "/plugin-integrations/" + i + "/connections/search", `{}`},
		{"entities", "GET", "/entities?type[]=feature", ""},
		{"entity search", "POST", "/entities/search", `{"data":{"filter":{"type":["feature"]}}}`},
	}
	for _, l := range lists {
		t.Run(l.name, func(t *testing.T) {
			got, pages, path := map[string]bool{}, 0, l.path
			for path != "" {
				resp := r.call(l.method, path, l.body)
				require.Equal(t, 200, resp.status, resp.raw)
				data := resp.doc["data"].([]any)
				require.LessOrEqual(t, len(data), 3)
				for _, d := range data {
					id := d.(map[string]any)["id"].(string)
					require.False(t, got[id], "nothing comes twice")
					got[id] = true
				}
				pages++
				path, _ = resp.at("links", "next").(string)
			}
			require.Equal(t, want, got)
			require.Equal(t, 3, pages)
		})
	}
	t.Run("a cursor belongs to its operation", func(t *testing.T) {
		next := r.call("GET", "/entities", "").at("links", "next").(string)
		_, cursor, _ := strings.Cut(next, "pageCursor=")
		resp := r.call("GET", "/plugin-integrations?pageCursor="+cursor, "")
		_, source := resp.problem()
		require.Equal(t, 400, resp.status)
		require.Equal(t, "pageCursor", source)
	})
	t.Run("what is deleted between two pages does not shift them", func(t *testing.T) {
		resp := r.call("GET", "/plugin-integrations/"+i+"/connections", "")
		first := resp.doc["data"].([]any)[0].(map[string]any)["id"].(string)
		require.Equal(t, 204, r.call("DELETE", connection(i, first), "").status)
		rest := 0
		for next, _ := resp.at("links", "next").(string); next != ""; next, _ = resp.at("links", "next").(string) {
			resp = r.call("GET", next, "")
			rest += len(resp.doc["data"].([]any))
		}
		require.Equal(t, 5, rest)
	})
}
