package conformance_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/actions"
	"pushbutton/internal/connections"
	"pushbutton/internal/outbound"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/probe"
	"pushbutton/internal/proof/conformance/pbspec"
	"pushbutton/internal/secret"
	"pushbutton/internal/server"
	"pushbutton/internal/tenants"
)

const (
	token      = "pb-token"
	origin     = "https://plugin.example"
	actionPath = "/actions/abcdefghijklmnopqrstuvwxyz"
	actionURL  = origin + actionPath
	actionAuth = "Bearer chosen by the plugin"
)

// rig is our client against the simulator, and the simulator against our own
// endpoints, with everything that passes held against what is published.
type rig struct {
	t     *testing.T
	spec  *pbspec.Spec
	watch *pbspec.Watch
	fake  *pbfake.Fake
	base  string
	pb    *pbapi.Session
	// plugin is what the plugin knows of its integration; press is what a
	// click finds.
	plugin *integration
	press  *press
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir, err := pbspec.Dir(filepath.Join("..", ".."))
	if err != nil {
		t.Skip(err)
	}
	spec, err := pbspec.Load(dir)
	require.NoError(t, err)
	r := &rig{t: t, spec: spec, watch: spec.Watch(), plugin: &integration{}, press: &press{}}
	r.plugin.set(tenants.Integration{ID: "abcdefghijklmnopqrstuvwxyz", Tenant: "acme", ActionAuth: secret.New(actionAuth)})

	r.press.leadsTo(connections.Record{State: connections.Progress}, nil)

	r.fake = pbfake.New(&pbfake.Options{Tokens: []pbfake.Token{{Value: token}}, RateLimit: -1, PageSize: 2, Seed: 11})
	api := httptest.NewServer(r.watch.API(r.fake))
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	receiver := actions.NewReceiver(r.plugin, r.plugin, r.press, r.press, quiet, nil)
	plugin := httptest.NewServer(r.watch.Callbacks(server.New(server.Routes{Probe: probe.Handler(r.plugin), Action: receiver.Handler()}, quiet)))
	require.NoError(t, r.fake.SetEdge(origin, plugin.URL))
	r.base = api.URL + pbspec.Prefix
	t.Cleanup(func() {
		r.fake.Close()
		api.Close()
		plugin.Close()
	})
	r.pb = r.as(token)
	return r
}

// as is our client with some token.
func (r *rig) as(token string) *pbapi.Session {
	out := outbound.New(&outbound.Options{Unguarded: true})
	r.t.Cleanup(out.Close)
	client, err := pbapi.New(r.base, out, pbapi.NoRateLimit())
	require.NoError(r.t, err)
	return client.As(pbapi.StaticToken(secret.New(token)))
}

// register makes the integration that the plugin knows.
func (r *rig) register() string {
	r.t.Helper()
	id, err := r.pb.CreateIntegration(r.t.Context(), wanted())
	require.NoError(r.t, err)
	in := r.plugin.get()
	in.ProductboardID = id
	r.plugin.set(in)
	return id
}

func wanted() pbapi.IntegrationCreate {
	return pbapi.IntegrationCreate{Type: "com.example.push", Name: "Engineering", Status: pbapi.Enabled, Label: "Push",
		Action: pbapi.Action{URL: actionURL, Authorization: secret.New(actionAuth)}}
}

// sound ends a test: nothing that passed was other than published.
func (r *rig) sound() {
	r.t.Helper()
	for _, v := range r.watch.Violations() {
		assert.NoError(r.t, v)
	}
}

// integration is the one that the plugin has.
type integration struct {
	mu sync.Mutex
	in tenants.Integration
}

func (i *integration) set(in tenants.Integration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.in = in
}

func (i *integration) get() tenants.Integration {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.in
}

// Tenant finds the integration's tenant.
func (i *integration) Tenant(_ context.Context, tenant string) (tenants.Tenant, error) {
	return tenants.Tenant{ID: tenant}, nil
}

// ByID finds the integration, whatever it is called.
func (i *integration) ByID(context.Context, string) (tenants.Integration, error) { return i.get(), nil }

// press is the record that every click leads to.
type press struct {
	mu     sync.Mutex
	record connections.Record
	err    error
}

func (p *press) leadsTo(record connections.Record, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.record, p.err = record, err
}

func (p *press) outcome() (connections.Record, *connections.Task, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.record, nil, p.err
}

func (p *press) Push(context.Context, connections.Key, connections.Person) (connections.Record, *connections.Task, error) {
	return p.outcome()
}

func (p *press) Unlink(context.Context, connections.Key) (connections.Record, *connections.Task, error) {
	return p.outcome()
}

func (p *press) Dismiss(context.Context, connections.Key) (connections.Record, *connections.Task, error) {
	return p.outcome()
}

func (p *press) RejectClick(context.Context, connections.Key, connections.Person, connections.Failure) (connections.Record, *connections.Task, error) {
	return p.outcome()
}

func (p *press) Enqueue(context.Context, connections.Task) error {
	return errors.New("nothing is queued here")
}

// collect reads a sequence to its end.
func collect[T any](t *testing.T, seq func(yield func(T, error) bool)) []T {
	t.Helper()
	var out []T
	for item, err := range seq {
		require.NoError(t, err)
		out = append(out, item)
	}
	return out
}
