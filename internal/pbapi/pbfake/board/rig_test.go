package board_test

import (
	"encoding/json"
	"fmt"
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
	"pushbutton/internal/pbapi/pbfake/board"
)

const (
	pbToken = "token"
	origin  = "https://plugin.example"
)

// rig is a sandbox with a small plugin that answers progress and then
// writes what it is told to.
type rig struct {
	t           *testing.T
	fake        *pbfake.Fake
	server      *httptest.Server
	integration string

	mu      sync.Mutex
	outcome string // the state to be written after a push, as JSON
	work    sync.WaitGroup
}

const connected = `{"state":"connected","label":"In review","hoverLabel":"PB-7","tooltip":"PB-7 Dark mode","color":"blue","targetUrl":"http://127.0.0.1:1/issues/7"}`

func newRig(t *testing.T, entities int) *rig {
	t.Helper()
	r := &rig{t: t, outcome: connected, fake: pbfake.New(&pbfake.Options{Tokens: []pbfake.Token{{Value: pbToken}}, RateLimit: -1})}
	mux := http.NewServeMux()
	mux.Handle("/v2/", r.fake)
	mux.Handle("/sandbox/", board.New(r.fake, demoTracker{}))
	r.server = httptest.NewServer(mux)
	plugin := httptest.NewServer(http.HandlerFunc(r.plugin))
	require.NoError(t, r.fake.SetEdge(origin, plugin.URL))
	t.Cleanup(func() {
		r.fake.Close()
		r.work.Wait()
		r.server.Close()
		plugin.Close()
	})
	r.fake.Seed(entities)
	r.integration = r.register("Engineering")
	return r
}

func (r *rig) register(name string) string {
	r.t.Helper()
	body := fmt.Sprintf(`{"data":{"fields":{"type":"com.example.push","name":%q,"initialState":{"label":"Push"},"action":{"url":%q,"version":1}}}}`, name, origin+"/hook")
	raw := r.api("POST", "/plugin-integrations", body, 201)
	var created struct{ Data struct{ ID string } }
	require.NoError(r.t, json.Unmarshal(raw, &created))
	return created.Data.ID
}

// api calls Productboard as the plugin does.
func (r *rig) api(method, path, body string, want int) []byte {
	req, err := http.NewRequest(method, r.server.URL+"/v2"+path, strings.NewReader(body))
	if err != nil {
		r.t.Error(err)
		return nil
	}
	req.Header.Set("Authorization", "Bearer "+pbToken)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Error(err)
		return nil
	}
	defer func() { _ = resp.Body.Close() }()
	raw, _ := io.ReadAll(resp.Body)
	assert.Equal(r.t, want, resp.StatusCode, string(raw))
	return raw
}

func (r *rig) willAnswer(outcome string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcome = outcome
}

func (r *rig) plugin(w http.ResponseWriter, req *http.Request) {
	if req.Method == http.MethodGet {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, req.URL.Query().Get("validationToken"))
		return
	}
	var in struct {
		Data struct {
			IntegrationID, Trigger string
			Feature                struct{ ID string }
		}
	}
	_ = json.NewDecoder(req.Body).Decode(&in)
	answer := "initial"
	if in.Data.Trigger == string(pbfake.Push) {
		answer = "progress"
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"data":{"fields":{"connection":{"state":%q}}}}`, answer)
	r.mu.Lock()
	outcome := r.outcome
	r.mu.Unlock()
	if answer == "initial" || outcome == "" {
		return
	}
	// The worker waits until the answer is written, and that of a click beside
	// it: what happens otherwise is pbfake's own test.
	events, cancel := r.fake.Subscribe()
	r.work.Go(func() {
		defer cancel()
		for e := range events {
			if e.Kind == pbfake.EventWrite && e.EntityID == in.Data.Feature.ID && e.Source == pbfake.SourceAnswer && e.Waiting == 0 {
				r.api("PUT", "/plugin-integrations/"+in.Data.IntegrationID+"/connections/"+in.Data.Feature.ID, `{"data":{"fields":{"connection":`+outcome+`}}}`, 200)
				return
			}
		}
	})
}

func (r *rig) cell(e pbfake.Entity) string { return cellOf(e, r.integration) }

func cellOf(e pbfake.Entity, integration string) string {
	return fmt.Sprintf(`td[data-entity="%s"][data-integration="%s"]`, e.ID, integration)
}

// awaitFaults waits until n faults are set.
func (r *rig) awaitFaults(n int) {
	r.t.Helper()
	events, cancel := r.fake.Subscribe()
	defer cancel()
	for len(r.fake.Faults()) != n {
		select {
		case <-events:
		case <-time.After(10 * time.Second):
			require.Failf(r.t, "faults", "want %d, have %v", n, r.fake.Faults())
		}
	}
}
