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

// stage is a sandbox with a small plugin that answers progress and then
// writes what it is told to.
type stage struct {
	t           *testing.T
	fake        *pbfake.Fake
	server      *httptest.Server
	integration string

	mu      sync.Mutex
	outcome string // the state to be written after a push, as JSON
	work    sync.WaitGroup
}

const connected = `{"state":"connected","label":"In review","hoverLabel":"PB-7","tooltip":"PB-7 Dark mode","color":"blue","targetUrl":"http://127.0.0.1:1/issues/7"}`

func newStage(t *testing.T, entities int) *stage {
	t.Helper()
	s := &stage{t: t, outcome: connected, fake: pbfake.New(&pbfake.Options{Tokens: []pbfake.Token{{Value: pbToken}}, RateLimit: -1})}
	mux := http.NewServeMux()
	mux.Handle("/v2/", s.fake)
	mux.Handle("/sandbox/", board.New(s.fake, demoTracker{}))
	s.server = httptest.NewServer(mux)
	plugin := httptest.NewServer(http.HandlerFunc(s.plugin))
	require.NoError(t, s.fake.SetEdge(origin, plugin.URL))
	t.Cleanup(func() {
		s.fake.Close()
		s.work.Wait()
		s.server.Close()
		plugin.Close()
	})
	s.fake.Seed(entities)
	s.integration = s.register("Engineering")
	return s
}

func (s *stage) register(name string) string {
	s.t.Helper()
	body := fmt.Sprintf(`{"data":{"fields":{"type":"com.example.push","name":%q,"initialState":{"label":"Push"},"action":{"url":%q,"version":1}}}}`, name, origin+"/hook")
	raw := s.api("POST", "/plugin-integrations", body, 201)
	var created struct{ Data struct{ ID string } }
	require.NoError(s.t, json.Unmarshal(raw, &created))
	return created.Data.ID
}

// api calls Productboard as the plugin does.
func (s *stage) api(method, path, body string, want int) []byte {
	req, err := http.NewRequest(method, s.server.URL+"/v2"+path, strings.NewReader(body))
	if !assert.NoError(s.t, err) {
		return nil
	}
	req.Header.Set("Authorization", "Bearer "+pbToken)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if !assert.NoError(s.t, err) {
		return nil
	}
	defer func() { _ = resp.Body.Close() }()
	raw, _ := io.ReadAll(resp.Body)
	assert.Equal(s.t, want, resp.StatusCode, string(raw))
	return raw
}

func (s *stage) willAnswer(outcome string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcome = outcome
}

func (s *stage) plugin(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, r.URL.Query().Get("validationToken"))
		return
	}
	var in struct {
		Data struct {
			IntegrationID, Trigger string
			Feature                struct{ ID string }
		}
	}
	_ = json.NewDecoder(r.Body).Decode(&in)
	answer := "initial"
	if in.Data.Trigger == string(pbfake.Push) {
		answer = "progress"
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"data":{"fields":{"connection":{"state":%q}}}}`, answer)
	s.mu.Lock()
	outcome := s.outcome
	s.mu.Unlock()
	if answer == "initial" || outcome == "" {
		return
	}
	// The worker waits until the answer is written, and that of a click beside
	// it: what happens otherwise is pbfake's own test.
	events, cancel := s.fake.Subscribe()
	s.work.Add(1)
	go func() {
		defer s.work.Done()
		defer cancel()
		for e := range events {
			if e.Kind == pbfake.EventWrite && e.EntityID == in.Data.Feature.ID && e.Source == pbfake.SourceAnswer && e.Waiting == 0 {
				s.api("PUT", "/plugin-integrations/"+in.Data.IntegrationID+"/connections/"+in.Data.Feature.ID, `{"data":{"fields":{"connection":`+outcome+`}}}`, 200)
				return
			}
		}
	}()
}

func (s *stage) cell(e pbfake.Entity) string { return cellOf(e, s.integration) }

func cellOf(e pbfake.Entity, integration string) string {
	return fmt.Sprintf(`td[data-entity="%s"][data-integration="%s"]`, e.ID, integration)
}

// awaitFaults waits until n faults are set.
func (s *stage) awaitFaults(n int) {
	s.t.Helper()
	events, cancel := s.fake.Subscribe()
	defer cancel()
	for len(s.fake.Faults()) != n {
		select {
		case <-events:
		case <-time.After(10 * time.Second):
			require.Failf(s.t, "faults", "want %d, have %v", n, s.fake.Faults())
		}
	}
}
