package pbfake_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/pbapi/pbfake"
)

func TestIntegrationLife(t *testing.T) {
	w := newWorld(t)
	i := w.integration()
	path := "/plugin-integrations/" + i

	got := w.call("GET", path, "")
	require.Equal(t, 200, got.status)
	assert.Equal(t, "pluginIntegration", got.at("data", "type"))
	assert.Equal(t, "enabled", got.at("data", "fields", "integrationStatus"))
	assert.Equal(t, w.api+path+"/connections", got.at("data", "links", "connections"))
	for _, hidden := range []string{"action", "hook", "chosen"} {
		assert.NotContains(t, got.raw, hidden, "the action is write-only")
		assert.NotContains(t, w.call("GET", "/plugin-integrations", "").raw, hidden)
	}

	require.Equal(t, 200, w.call("PATCH", path, create(`"name":"Renamed"`)).status)
	got = w.call("GET", path, "")
	assert.Equal(t, "Renamed", got.at("data", "fields", "name"))
	assert.Equal(t, "Push", got.at("data", "fields", "initialState", "label"), "what is not sent stays")

	e := w.entity()
	require.Equal(t, 200, w.call("PUT", connection(i, e), put(connected)).status)
	r := w.call("DELETE", path, "")
	assert.Equal(t, 204, r.status)
	assert.Empty(t, r.raw)
	assert.Equal(t, 404, w.call("GET", path, "").status)
	assert.Equal(t, 404, w.call("GET", connection(i, e), "").status)
	assert.Empty(t, w.fake.Connections(""), "its connections went with it")
}

func TestProbe(t *testing.T) {
	w := newWorld(t)
	path := "/plugin-integrations/" + w.integration()
	probes := func() int { return len(w.plugin.requests("GET")) }
	first := w.plugin.requests("GET")[0]
	assert.Equal(t, seen{"GET", "/hook/1", "plugin.example", secret, "text/plain", ""}, first)

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
		require.Equal(t, 200, w.call("PATCH", path, create(s.fields)).status, s.name)
		assert.Equal(t, s.probes, probes(), s.name)
	}
	body := strings.Replace(createBody("Disabled"), `"type"`, `"integrationStatus":"disabled","type"`, 1)
	require.Equal(t, 201, w.call("POST", "/plugin-integrations", body).status)
	assert.Equal(t, 3, probes(), "a disabled one is not probed on creation")
}

func TestProbeFailures(t *testing.T) {
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
			w := newWorld(t)
			w.plugin.on(probe, nil)
			r := w.call("POST", "/plugin-integrations", createBody("E"))
			code, source := r.problem()
			assert.Equal(t, 422, r.status)
			assert.Equal(t, "callback.probeFailed", code)
			assert.Equal(t, "/data/fields/action/url", source)
			assert.Empty(t, w.fake.Integrations(), "nothing was created")

			w.plugin.on(echo, nil)
			i := w.integration()
			w.plugin.on(probe, nil)
			r = w.call("PATCH", "/plugin-integrations/"+i, create(`"name":"New",`+actionField))
			code, _ = r.problem()
			assert.Equal(t, "callback.probeFailed", code)
			assert.Equal(t, "Engineering", w.fake.Integrations()[0].Name, "nothing was changed")
		})
	}
}

func echoBody(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, r.URL.Query().Get("validationToken"))
}

func TestProbeTimesOut(t *testing.T) {
	w := newWorld(t)
	reached := make(chan struct{})
	w.plugin.on(func(_ http.ResponseWriter, r *http.Request) { close(reached); <-r.Context().Done() }, nil)
	done := make(chan reply)
	go func() {
		r, _ := w.send("POST", "/plugin-integrations", createBody("E"))
		done <- r
	}()
	<-reached
	w.clock.Advance(pbfake.DefaultCallbackTimeout)
	r := <-done
	assert.Equal(t, 422, r.status)
	assert.Contains(t, r.raw, "within 5s")
}

func TestPatchedActionLosesItsAuthorization(t *testing.T) {
	w := newWorld(t)
	i := w.integration()
	require.Equal(t, 200, w.call("PATCH", "/plugin-integrations/"+i, create(`"action":{"url":"`+public+`/hook/2","version":1}`)).status)
	last := w.plugin.requests("GET")[1]
	assert.Equal(t, "/hook/2", last.path)
	assert.Empty(t, last.authorization)
}

func TestPages(t *testing.T) {
	w := newWorld(t, func(o *pbfake.Options) { o.PageSize = 3 })
	i := w.integration()
	want := map[string]bool{}
	for range 8 {
		e := w.entity()
		want[e] = true
		require.Equal(t, 200, w.call("PUT", connection(i, e), put(`{"state":"progress"}`)).status)
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
				r := w.call(l.method, path, l.body)
				require.Equal(t, 200, r.status, r.raw)
				data := r.doc["data"].([]any)
				assert.LessOrEqual(t, len(data), 3)
				for _, d := range data {
					id := d.(map[string]any)["id"].(string)
					assert.False(t, got[id], "nothing comes twice")
					got[id] = true
				}
				pages++
				path, _ = r.at("links", "next").(string)
			}
			assert.Equal(t, want, got)
			assert.Equal(t, 3, pages)
		})
	}
	t.Run("a cursor belongs to its operation", func(t *testing.T) {
		next := w.call("GET", "/entities", "").at("links", "next").(string)
		_, cursor, _ := strings.Cut(next, "pageCursor=")
		r := w.call("GET", "/plugin-integrations?pageCursor="+cursor, "")
		_, source := r.problem()
		assert.Equal(t, 400, r.status)
		assert.Equal(t, "pageCursor", source)
	})
	t.Run("what is deleted between two pages does not shift them", func(t *testing.T) {
		r := w.call("GET", "/plugin-integrations/"+i+"/connections", "")
		first := r.doc["data"].([]any)[0].(map[string]any)["id"].(string)
		require.Equal(t, 204, w.call("DELETE", connection(i, first), "").status)
		rest := 0
		for next, _ := r.at("links", "next").(string); next != ""; next, _ = r.at("links", "next").(string) {
			r = w.call("GET", next, "")
			rest += len(r.doc["data"].([]any))
		}
		assert.Equal(t, 5, rest)
	})
}
