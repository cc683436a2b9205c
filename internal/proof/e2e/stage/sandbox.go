package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/pbapi/pbfake"
)

// SandboxToken is the Productboard token that every sandbox accepts.
const SandboxToken = "sandbox-token"

// Sandbox is a running simulator of Productboard, seen through its control
// API.
type Sandbox struct {
	*Process
	// URL is its address, without a final slash.
	URL string
}

// Sandbox starts `plugin sandbox` without any demo items.
func (s *Stage) Sandbox(ctx context.Context, seed uint64) (*Sandbox, error) {
	const ready = "ready "
	p, err := s.start("sandbox", s.environment(), func(line string) bool { return strings.HasPrefix(line, ready) },
		s.opts.Plugin, "sandbox", "--listen", "127.0.0.1:0", "--items", "0", "--seed", strconv.FormatUint(seed, 10))
	if err != nil {
		return nil, err
	}
	line, err := p.await(ctx, pluginStart)
	if err != nil {
		return nil, err
	}
	address, err := url.Parse(strings.TrimPrefix(line, ready))
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	return &Sandbox{Process: p, URL: address.Scheme + "://" + address.Host}, nil
}

// APIURL is what PLUGIN_PRODUCTBOARD_API_URL has to be.
func (s *Sandbox) APIURL() string { return s.URL + "/v2" }

// Route says which processes stand behind Origin.
func (s *Sandbox) Route(ctx context.Context, apis ...*Plugin) error {
	backends := make([]string, len(apis))
	for i, a := range apis {
		backends[i] = "http://" + a.Listen
	}
	return s.control(ctx, http.MethodPut, "/edges", map[string]any{"origin": Origin, "backends": backends}, nil)
}

// AddEntities stores entities and gives their ids.
func (s *Sandbox) AddEntities(ctx context.Context, entities []pbfake.Entity) ([]string, error) {
	var reply struct{ IDs []string }
	err := s.control(ctx, http.MethodPost, "/entities", map[string]any{"entities": entities}, &reply)
	return reply.IDs, err
}

// Answer is what came of a click.
type Answer struct {
	Status  int          `json:"status"`
	State   pbfake.State `json:"connection"`
	Failure string       `json:"failure"`
	TookMS  float64      `json:"tookMs"`
}

// Click clicks a button and waits for the plugin's answer.
func (s *Sandbox) Click(ctx context.Context, integration, entity string, trigger pbfake.Trigger) (Answer, error) {
	var a Answer
	err := s.control(ctx, http.MethodPost, "/clicks", map[string]any{"integrationId": integration, "entityId": entity, "trigger": trigger,
		"user": pbfake.User{Name: "Jane Doe", Email: "jane.doe@example.com"}}, &a)
	return a, err
}

// Connections lists the buttons of an integration that are not initial; of
// all integrations if it is empty.
func (s *Sandbox) Connections(ctx context.Context, integration string) ([]pbfake.Connection, error) {
	var out []pbfake.Connection
	err := s.control(ctx, http.MethodGet, "/connections?"+url.Values{"integrationId": {integration}}.Encode(), nil, &out)
	return out, err
}

// Fault is a fault of the simulator; docs/start.md lists classes and kinds.
type Fault struct {
	ID            string           `json:"id,omitempty"`
	Class         pbfake.Class     `json:"class"`
	Kind          pbfake.FaultKind `json:"kind"`
	Status        int              `json:"status,omitempty"`
	RetryAfterMS  int64            `json:"retryAfterMs,omitempty"`
	DelayMS       int64            `json:"delayMs,omitempty"`
	Probability   float64          `json:"probability,omitempty"`
	Count         int              `json:"count,omitempty"`
	IntegrationID string           `json:"integrationId,omitempty"`
	EntityID      string           `json:"entityId,omitempty"`
}

// SetFault switches a fault on.
func (s *Sandbox) SetFault(ctx context.Context, f Fault) error {
	return s.control(ctx, http.MethodPost, "/faults", f, nil)
}

// ClearFaults switches all faults off.
func (s *Sandbox) ClearFaults(ctx context.Context) error {
	return s.control(ctx, http.MethodDelete, "/faults", nil, nil)
}

// AddToken makes the API accept a token; RevokeToken makes it refuse one.
func (s *Sandbox) AddToken(ctx context.Context, value string) error {
	return s.control(ctx, http.MethodPost, "/tokens", map[string]any{"value": value}, nil)
}

// RevokeToken makes the API refuse a token.
func (s *Sandbox) RevokeToken(ctx context.Context, value string) error {
	return s.control(ctx, http.MethodDelete, "/tokens/"+url.PathEscape(value), nil, nil)
}

// Integration is one as Productboard keeps it.
type Integration struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// ActionURL is where its clicks go.
	ActionURL string `json:"actionUrl"`
}

// Integrations lists them.
func (s *Sandbox) Integrations(ctx context.Context) ([]Integration, error) {
	var out []Integration
	err := s.control(ctx, http.MethodGet, "/integrations", nil, &out)
	return out, err
}

// Counters counts the calls of the API and the callbacks, by operation.
func (s *Sandbox) Counters(ctx context.Context) (map[string]int, error) {
	var out map[string]int
	err := s.control(ctx, http.MethodGet, "/counters", nil, &out)
	return out, err
}

// Journal returns the events after one, oldest first, and the number of the
// last one. It is an error if the simulator has forgotten some of them.
func (s *Sandbox) Journal(ctx context.Context, since uint64) ([]pbfake.Event, uint64, error) {
	var all []pbfake.Event
	for {
		var page struct {
			Events []pbfake.Event
			Last   uint64
		}
		if err := s.control(ctx, http.MethodGet, fmt.Sprintf("/journal?since=%d&limit=5000", since), nil, &page); err != nil {
			return nil, 0, err
		}
		if len(page.Events) == 0 {
			return all, since, nil
		}
		if page.Events[0].Seq != since+1 {
			return nil, 0, fmt.Errorf("the journal begins at event %d, not %d: it was read too late", page.Events[0].Seq, since+1)
		}
		all = append(all, page.Events...)
		since = page.Events[len(page.Events)-1].Seq
	}
}

func (s *Sandbox) control(ctx context.Context, method, path string, in, out any) error {
	return call(ctx, method, s.URL+pbfake.ControlPrefix+path, nil, in, out)
}

// callTimeout bounds a call of a control API or of Redmine.
const callTimeout = 30 * time.Second

// call sends JSON and reads JSON; in and out may be nil.
func call(ctx context.Context, method, address string, header http.Header, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return err
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return fmt.Errorf("%s %s: %w", method, address, err)
	case resp.StatusCode >= 300:
		return fmt.Errorf("%s %s: status %d: %.300s", method, address, resp.StatusCode, raw)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, address, err)
	}
	return nil
}
