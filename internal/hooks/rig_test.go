package hooks

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"pushbutton/internal/fault"
	"pushbutton/internal/limits/memory"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
)

const (
	acme   = "abcdefghijklmnopqrstuvwxyz"
	other  = "zbcdefghijklmnopqrstuvwxyz"
	token  = "tokentokentokentokentokent"
	signer = "0123456789abcdef"
)

// driver reads bodies {"issues": [...], "delivery": ""} that are signed in hex.
type driver struct{ targets.Driver }

func (driver) Traits() targets.Traits { return targets.Traits{Name: "Fake"} }

func (driver) ReadHook(signing secret.String, h targets.Hook) ([]targets.HookEvent, error) {
	if !h.Signed(signing, h.Header.Get("X-Signature")) {
		return nil, fault.New(fault.Unauthorized, "read webhook", "The signature is wrong.")
	}
	var body struct {
		Issues   []string `json:"issues"`
		Delivery string   `json:"delivery"`
	}
	if err := json.Unmarshal(h.Body, &body); err != nil {
		return nil, fault.Wrap(fault.Invalid, "read webhook", err)
	}
	var events []targets.HookEvent
	for _, id := range body.Issues {
		events = append(events, targets.HookEvent{Delivery: body.Delivery, ID: id})
	}
	return events, nil
}

func (driver) Handshake(h targets.Hook) (secret.String, http.Header, bool) {
	chosen := h.Header.Get("X-Secret")
	return secret.New(chosen), http.Header{"X-Secret": {chosen}}, chosen != ""
}

// kind has an app whose webhooks name their route in a header.
func kind() targets.Kind {
	return targets.Kind{Type: "fake", Title: "Fake", Driver: driver{}, SharedHook: func(signing secret.String, h targets.Hook) (targets.SharedEvents, error) {
		events, err := driver{}.ReadHook(signing, h)
		return targets.SharedEvents{Route: h.Header.Get("X-Route"), Events: events}, err
	}}
}

// rig is a receiver with everything around it made up.
type rig struct {
	env    redistest.Env
	known  map[string]tenants.Integration // as remembered
	stored map[string]tenants.Integration
	owners map[string]tenants.Tenant
	away   error
	reads  int

	hints    []Hint
	replay   bool
	hintsErr error
	outcomes []Outcome
	now      time.Time
	log      bytes.Buffer
	routes   *Routes
	receiver *Receiver
	http     http.Handler
}

func newRig(tb testing.TB) *rig {
	tb.Helper()
	r := &rig{env: redistest.Mini(tb), known: map[string]tenants.Integration{}, stored: map[string]tenants.Integration{}, now: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
		owners: map[string]tenants.Tenant{"acme": {ID: "acme"}, "umbrella": {ID: "umbrella"}}}
	r.put(tenants.Integration{ID: acme, Tenant: "acme", Target: tenants.TargetConfig{Type: "fake"}, Hook: &tenants.Hook{Token: secret.New(token), Secret: secret.New(signer)}})
	r.put(tenants.Integration{ID: other, Tenant: "umbrella", Target: tenants.TargetConfig{Type: "fake"}, Hook: &tenants.Hook{Token: secret.New("another"), Secret: secret.New("another secret")}})
	r.routes = NewRoutes(r.env.Client)
	r.receiver = NewReceiver(r, r, r, r, memory.NewBudget(64<<20), slog.New(slog.NewJSONHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelDebug})), &ReceiverOptions{
		PublicURL: "https://push.example.com", Routes: r.routes, Kinds: []targets.Kind{kind()}, Shared: map[string]secret.String{"fake": secret.New(signer)},
		Observe: func(_ string, o Outcome, _ time.Duration) { r.outcomes = append(r.outcomes, o) }, Now: func() time.Time { return r.now }})
	e := echo.New()
	e.Logger.SetOutput(io.Discard)
	e.POST(Path+":integration/:token", r.receiver.Handler())
	e.POST(Path+":kind", r.receiver.Shared())
	r.http = e
	return r
}

func (r *rig) put(in tenants.Integration) { r.known[in.ID], r.stored[in.ID] = in, in }

// change changes what is remembered and stored of the first integration.
func (r *rig) change(f func(in *tenants.Integration)) {
	in := r.stored[acme]
	hook := *in.Hook
	in.Hook = &hook
	f(&in)
	r.put(in)
}

func find(all map[string]tenants.Integration, id string) (tenants.Integration, error) {
	in, ok := all[id]
	if !ok {
		return in, fault.New(fault.NotFound, "find integration", "")
	}
	return in, nil
}

func (r *rig) ByID(_ context.Context, id string) (tenants.Integration, error) {
	if r.away != nil {
		return tenants.Integration{}, r.away
	}
	return find(r.known, id)
}

func (r *rig) Refresh(_ context.Context, id string) (tenants.Integration, error) {
	r.reads++
	return find(r.stored, id)
}

func (r *rig) Tenant(_ context.Context, id string) (tenants.Tenant, error) { return r.owners[id], nil }

func (r *rig) Target(context.Context, tenants.Integration) (*targets.Target, error) {
	return targets.New(driver{}, targets.Options{Type: "fake"}), nil
}

func (r *rig) SetHook(_ context.Context, _, id string, change func(*tenants.Hook) bool) (tenants.Integration, error) {
	in := r.stored[id]
	hook := *in.Hook
	if change(&hook) {
		in.Hook = &hook
		in.Version++
		r.put(in)
	}
	return in, nil
}

func (r *rig) Add(_ context.Context, h Hint) (bool, error) {
	if r.hintsErr != nil {
		return false, r.hintsErr
	}
	r.hints = append(r.hints, h)
	return r.replay, nil
}

func sign(key, body string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

// post sends a body that is signed with a key; headers are pairs.
func (r *rig) post(path, key, body string, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodPost, path, bytes.NewBufferString(body))
	req.Header.Set("X-Signature", sign(key, body))
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	r.http.ServeHTTP(rec, req)
	return rec
}

// newStuck returns a body that says nothing until end.
func newStuck() (body io.Reader, end func()) {
	in, out := io.Pipe()
	return in, func() { _ = out.Close() }
}
