package pbfake_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/pbapi/pbfake"
)

const (
	token  = "pb-token"
	public = "https://plugin.example"
	secret = "Bearer chosen by the plugin"
)

// rig is a simulator with one plugin behind an edge.
type rig struct {
	t      *testing.T
	fake   *pbfake.Fake
	clock  *pbfake.ManualClock
	api    string
	plugin *plugin
}

// plugin is the least that a plugin must do, with replaceable halves.
type plugin struct {
	mu     sync.Mutex
	probe  http.HandlerFunc
	action http.HandlerFunc
	seen   []seen
}

type seen struct {
	method, path, host, authorization, accept, body string
}

func (p *plugin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	p.seen = append(p.seen, seen{r.Method, r.URL.Path, r.Host, r.Header.Get("Authorization"), r.Header.Get("Accept"), string(body)})
	probe, action := p.probe, p.action
	p.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	if r.Method == http.MethodGet {
		probe(w, r)
		return
	}
	action(w, r)
}

func (p *plugin) on(probe, action http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if probe != nil {
		p.probe = probe
	}
	if action != nil {
		p.action = action
	}
}

func (p *plugin) requests(method string) []seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []seen
	for _, s := range p.seen {
		if s.method == method {
			out = append(out, s)
		}
	}
	return out
}

func echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, r.URL.Query().Get("validationToken"))
}

// answers makes an action handler that always says the same.
func answers(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func state(s string) http.HandlerFunc {
	return answers(200, "application/json", `{"data":{"fields":{"connection":{"state":"`+s+`"}}}}`)
}

func newRig(t *testing.T, change ...func(*pbfake.Options)) *rig {
	t.Helper()
	r := &rig{t: t, clock: pbfake.NewManualClock(time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)), plugin: &plugin{probe: echo, action: state("progress")}}
	opts := pbfake.Options{Tokens: []pbfake.Token{{Value: token}}, RateLimit: -1, Clock: r.clock, Seed: 7}
	for _, c := range change {
		c(&opts)
	}
	r.fake = pbfake.New(&opts)
	server := httptest.NewServer(r.fake)
	r.api = server.URL + "/v2"
	backend := httptest.NewServer(r.plugin)
	require.NoError(t, r.fake.SetEdge(public, backend.URL))
	t.Cleanup(func() {
		r.fake.Close()
		server.Close()
		backend.Close()
	})
	return r
}

// reply is the API's answer.
type reply struct {
	status int
	header http.Header
	raw    string
	doc    map[string]any
}

// problem is the first error of a reply.
func (r reply) problem() (code, source string) {
	errs, _ := r.doc["errors"].([]any)
	if len(errs) == 0 {
		return "", ""
	}
	first, _ := errs[0].(map[string]any)
	code, _ = first["code"].(string)
	if src, ok := first["source"].(map[string]any); ok {
		for _, v := range src {
			source, _ = v.(string)
		}
	}
	return code, source
}

func (r reply) at(path ...string) any {
	var v any = r.doc
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	return v
}

func (r *rig) send(method, path, body string, headers ...string) (reply, error) {
	if !strings.HasPrefix(path, "http") {
		path = r.api + path
	}
	req, err := http.NewRequest(method, path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{}, err
	}
	out := reply{status: resp.StatusCode, header: resp.Header, raw: string(raw)}
	_ = json.Unmarshal(raw, &out.doc) // what is not JSON stays in raw
	return out, nil
}

func (r *rig) call(method, path, body string, headers ...string) reply {
	r.t.Helper()
	resp, err := r.send(method, path, body, headers...)
	require.NoError(r.t, err)
	return resp
}

func create(fields string) string { return `{"data":{"fields":{` + fields + `}}}` }

const actionField = `"action":{"url":"` + public + `/hook/1","version":1,"headers":{"authorization":"` + secret + `"}}`

func createBody(name string) string {
	return create(`"type":"com.example.push","name":"` + name + `","initialState":{"label":"Push"},` + actionField)
}

func (r *rig) integration() string {
	r.t.Helper()
	resp := r.call("POST", "/plugin-integrations", createBody("Engineering"))
	require.Equal(r.t, 201, resp.status, resp.raw)
	return resp.at("data", "id").(string)
}

func (r *rig) entity() string {
	r.t.Helper()
	e, err := r.fake.AddEntity(pbfake.Entity{Type: "feature", Fields: map[string]any{"name": "Dark mode"}})
	require.NoError(r.t, err)
	return e.ID
}

func (r *rig) click(integration, entity string, trigger pbfake.Trigger) pbfake.Answer {
	r.t.Helper()
	a, err := r.fake.Click(context.Background(), integration, entity, trigger, pbfake.User{Name: "Jane Doe", Email: "jane@example.com"})
	assert.NoError(r.t, err)
	return a
}

func connection(integration, entity string) string {
	return "/plugin-integrations/" + integration + "/connections/" + entity
}

func put(connection string) string { return create(`"connection":` + connection) }

const connected = `{"state":"connected","label":"Done","hoverLabel":"PB-1","tooltip":"PB-1 Dark mode","color":"green","targetUrl":"https://tracker.example/1"}`
