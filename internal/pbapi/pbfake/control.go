package pbfake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ControlPrefix is where the paths of Control begin.
const ControlPrefix = "/sandbox/api"

// Limits of the control API.
const (
	maxControlBody    = 64 << 20
	maxControlEvents  = 5000
	maxControlSeed    = 100_000
	heartbeatInterval = 15 * time.Second
)

// refusal is an error of the control API.
type refusal struct {
	status int
	text   string
}

func (r refusal) Error() string { return r.text }

// Control serves the control API under /sandbox/api. Requests that a browser
// sends on behalf of another web site are refused.
func (f *Fake) Control() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, serve func(*http.Request) (any, error)) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+ControlPrefix+path, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxControlBody)
			reply, err := serve(r)
			writeControl(w, reply, err)
		})
	}
	handle("GET /board", f.controlBoard)
	handle("GET /entities", f.controlEntities)
	handle("POST /entities", f.controlAddEntities)
	handle("GET /integrations", func(*http.Request) (any, error) { return f.Integrations(), nil })
	handle("PUT /integrations/{id}/legacy", f.controlLegacy)
	handle("GET /connections", f.controlConnections)
	handle("POST /clicks", f.controlClick)
	handle("GET /faults", func(*http.Request) (any, error) { return mapped(f.Faults(), faultToWire), nil })
	handle("POST /faults", f.controlSetFault)
	handle("DELETE /faults", func(*http.Request) (any, error) { f.ClearFaults(); return nil, nil })
	handle("DELETE /faults/{id}", func(r *http.Request) (any, error) { f.ClearFaults(r.PathValue("id")); return nil, nil })
	handle("GET /journal", f.controlJournal)
	handle("GET /counters", f.controlCounters)
	handle("DELETE /counters", func(*http.Request) (any, error) { f.ResetCalls(); return nil, nil })
	handle("PUT /edges", f.controlEdge)
	handle("PUT /ratelimit", f.controlRateLimit)
	handle("POST /tokens", f.controlToken)
	handle("DELETE /tokens/{value}", func(r *http.Request) (any, error) { f.RevokeToken(r.PathValue("value")); return nil, nil })
	handle("POST /oauth/apps", f.controlApp)
	handle("GET /oauth/stats", func(*http.Request) (any, error) { return f.OAuthStats(), nil })
	handle("POST /oauth/expire", func(*http.Request) (any, error) { f.ExpireAccess(); return nil, nil })
	handle("POST /oauth/revoke", f.controlRevoke)
	handle("PUT /oauth/consent", f.controlConsent)
	mux.HandleFunc("GET "+ControlPrefix+"/events", f.controlEvents)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeControl(w, nil, refusal{http.StatusNotFound, "there is no such operation in the control API"})
	})
	return http.NewCrossOriginProtection().Handler(mux)
}

func writeControl(w http.ResponseWriter, reply any, err error) {
	w.Header().Set("Cache-Control", "no-store")
	var refused refusal
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil && reply == nil:
		w.WriteHeader(http.StatusNoContent)
	case err == nil:
		writeJSON(w, http.StatusOK, reply)
	case errors.As(err, &refused):
		writeJSON(w, refused.status, map[string]string{"error": refused.text})
	case errors.As(err, &tooLarge):
		writeJSON(w, http.StatusRequestEntityTooLarge, map[string]string{"error": "the body is too large"})
	default:
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
	}
}

func readControl[T any](r *http.Request) (T, error) {
	var in T
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return in, fmt.Errorf("the body is not usable: %w", err)
	}
	return in, nil
}

// entityLine is an entity without its texts.
type entityLine struct {
	ID     string `json:"id"`
	Type   string `json:"type"`
	Name   string `json:"name"`
	Parent string `json:"parent,omitempty"`
}

func (f *Fake) entityLines(types ...string) []entityLine {
	return mapped(f.Entities(types...), func(e Entity) entityLine { return entityLine{e.ID, e.Type, e.Name(), e.Parent} })
}

// controlBoard reads the journal's position first: events after it may be in
// the rest of the reply already, but none can be missing.
func (f *Fake) controlBoard(*http.Request) (any, error) {
	_, seq := f.Journal(0, 0)
	return map[string]any{
		"seq": seq, "integrations": f.Integrations(), "entities": f.entityLines(),
		"connections": f.Connections(""), "faults": mapped(f.Faults(), faultToWire),
	}, nil
}

func (f *Fake) controlEntities(r *http.Request) (any, error) {
	return f.entityLines(r.URL.Query()["type"]...), nil
}

func (f *Fake) controlAddEntities(r *http.Request) (any, error) {
	in, err := readControl[struct {
		Entities []Entity `json:"entities"`
		Seed     int      `json:"seed"`
	}](r)
	switch {
	case err != nil:
		return nil, err
	case in.Seed < 0 || in.Seed > maxControlSeed:
		return nil, fmt.Errorf("seed: must be between 0 and %d", maxControlSeed)
	case in.Seed == 0 && len(in.Entities) == 0:
		return nil, errors.New("entities or seed: one of them is needed")
	}
	var ids []string
	if in.Seed > 0 {
		ids = mapped(f.Seed(in.Seed), func(e Entity) string { return e.ID })
	}
	added, err := f.AddEntities(in.Entities)
	if err != nil {
		return nil, err
	}
	return map[string]any{"ids": append(ids, mapped(added, func(e Entity) string { return e.ID })...)}, nil
}

func (f *Fake) controlLegacy(r *http.Request) (any, error) {
	in, err := readControl[struct {
		Legacy bool `json:"legacy"`
	}](r)
	if err == nil && !f.SetLegacy(r.PathValue("id"), in.Legacy) {
		err = refusal{http.StatusNotFound, ErrNoIntegration.Error()}
	}
	return nil, err
}

func (f *Fake) controlConnections(r *http.Request) (any, error) {
	q := r.URL.Query()
	return f.Connections(q.Get("integrationId"), q["state"]...), nil
}

// controlClick goes on even if whoever asked for it goes away, as Productboard
// does.
func (f *Fake) controlClick(r *http.Request) (any, error) {
	in, err := readControl[struct {
		IntegrationID string  `json:"integrationId"`
		EntityID      string  `json:"entityId"`
		Trigger       Trigger `json:"trigger"`
		User          User    `json:"user"`
	}](r)
	if err != nil {
		return nil, err
	}
	if !slices.Contains([]Trigger{Push, Unlink, Dismiss}, in.Trigger) {
		return nil, fmt.Errorf("trigger: must be %s, %s or %s", Push, Unlink, Dismiss)
	}
	a, err := f.Click(context.WithoutCancel(r.Context()), in.IntegrationID, in.EntityID, in.Trigger, in.User)
	switch {
	case errors.Is(err, ErrNoIntegration), errors.Is(err, ErrNoEntity):
		return nil, refusal{http.StatusNotFound, err.Error()}
	case err != nil:
		return nil, refusal{http.StatusConflict, err.Error()}
	}
	return map[string]any{
		"status": a.Status, "connection": a.State, "failure": a.Failure, "tookMs": milliseconds(a.Took), "lateMs": milliseconds(a.Late),
	}, nil
}

// faultWire is a Fault with its times in milliseconds.
type faultWire struct {
	ID            string    `json:"id,omitempty"`
	Class         Class     `json:"class"`
	Kind          FaultKind `json:"kind"`
	Status        int       `json:"status,omitempty"`
	RetryAfterMS  int64     `json:"retryAfterMs,omitempty"`
	DelayMS       int64     `json:"delayMs,omitempty"`
	Probability   float64   `json:"probability,omitempty"`
	Count         int       `json:"count,omitempty"`
	IntegrationID string    `json:"integrationId,omitempty"`
	EntityID      string    `json:"entityId,omitempty"`
}

func faultToWire(f Fault) faultWire {
	return faultWire{f.ID, f.Class, f.Kind, f.Status, f.RetryAfter.Milliseconds(), f.Delay.Milliseconds(), f.Probability, f.Count, f.IntegrationID, f.EntityID}
}

func (f *Fake) controlSetFault(r *http.Request) (any, error) {
	in, err := readControl[faultWire](r)
	if err != nil {
		return nil, err
	}
	const most = int64(maxDelay / time.Millisecond)
	if in.DelayMS > most || in.RetryAfterMS > most {
		return nil, fmt.Errorf("delayMs, retryAfterMs: must be at most %d", most)
	}
	id, err := f.SetFault(Fault{
		in.ID, in.Class, in.Kind, in.Status, time.Duration(in.RetryAfterMS) * time.Millisecond,
		time.Duration(in.DelayMS) * time.Millisecond, in.Probability, in.Count, in.IntegrationID, in.EntityID,
	})
	if err != nil {
		return nil, err
	}
	return map[string]string{"id": id}, nil
}

// eventWire is an Event with its duration in milliseconds.
type eventWire struct {
	Event
	TookMS float64 `json:"tookMs,omitempty"`
}

func eventToWire(e Event) eventWire { return eventWire{e, milliseconds(e.Took)} }

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (f *Fake) controlJournal(r *http.Request) (any, error) {
	since, err := number(r, "since", 0)
	if err != nil {
		return nil, err
	}
	limit, err := number(r, "limit", 1000)
	if err != nil {
		return nil, err
	}
	events, last := f.Journal(since, int(min(limit, maxControlEvents)))
	return map[string]any{"events": mapped(events, eventToWire), "last": last}, nil
}

func (f *Fake) controlCounters(r *http.Request) (any, error) {
	q := r.URL.Query()
	if q.Get("entityId") == "" {
		return f.Calls(), nil
	}
	calls := f.ConnectionCalls(q.Get("integrationId"), q.Get("entityId"))
	if calls == nil {
		calls = map[string]int{}
	}
	return calls, nil
}

func (f *Fake) controlEdge(r *http.Request) (any, error) {
	in, err := readControl[struct {
		Origin   string   `json:"origin"`
		Backends []string `json:"backends"`
	}](r)
	if err != nil {
		return nil, err
	}
	return nil, f.SetEdge(in.Origin, in.Backends...)
}

func (f *Fake) controlRateLimit(r *http.Request) (any, error) {
	in, err := readControl[struct {
		PerSecond int `json:"perSecond"`
	}](r)
	if err == nil {
		f.SetRateLimit(in.PerSecond)
	}
	return nil, err
}

func (f *Fake) controlToken(r *http.Request) (any, error) {
	in, err := readControl[struct {
		Value  string   `json:"value"`
		Scopes []string `json:"scopes"`
		App    string   `json:"app"`
	}](r)
	if err == nil && in.Value == "" {
		err = errors.New("value: is missing")
	}
	if err == nil {
		f.AddToken(Token(in))
	}
	return nil, err
}

func (f *Fake) controlApp(r *http.Request) (any, error) {
	app, err := readControl[OAuthApp](r)
	if err == nil {
		err = f.AddApp(app)
	}
	return nil, err
}

func (f *Fake) controlRevoke(r *http.Request) (any, error) {
	in, err := readControl[struct {
		ClientID string `json:"clientId"`
	}](r)
	if err == nil {
		f.RevokeSessions(in.ClientID)
	}
	return nil, err
}

func (f *Fake) controlConsent(r *http.Request) (any, error) {
	in, err := readControl[struct {
		Deny bool `json:"deny"`
	}](r)
	if err == nil {
		f.DenyConsent(in.Deny)
	}
	return nil, err
}

func number(r *http.Request, name string, def uint64) (uint64, error) {
	s := r.URL.Query().Get(name)
	if s == "" {
		return def, nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: must be a number", name)
	}
	return n, nil
}
