package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"pushbutton/internal/proof/e2e/fixture"
)

const (
	// stopLimit is how long a process may take after SIGTERM: its drain delay,
	// its shutdown time-out, and some.
	stopLimit  = 20 * time.Second
	startLimit = time.Minute
)

// world is the processes of a run.
type world struct {
	opts    options
	fixture *fixture.Fixture
	redis   *fixture.Redis
	sandbox *fixture.Sandbox
	apis    *pool
	workers *pool
	// integrations are Productboard's ids, own the plugin's, by number.
	integrations, own []string
	entities          []string
	// proxy is before the tracker in a run with -refresh.
	proxy *trackerProxy

	mu       sync.Mutex
	redisMu  sync.Mutex
	happened []happening
	failures []violation
	// lines are what the plugin's processes logged, once books has read them.
	lines []line
	// redisLost is the most that Redis forgot of what it had acknowledged.
	redisLost time.Duration
}

// happening is an event in the life of a process.
type happening struct {
	Kind kind      `json:"kind"`
	Name string    `json:"process"`
	At   time.Time `json:"at"`
	// Back is when it answered again.
	Back time.Time `json:"back"`
}

func newWorld(ctx context.Context, o options) (w *world, err error) {
	s, err := fixture.New(fixture.Options{Plugin: o.Plugin})
	if err != nil {
		return nil, err
	}
	w = &world{opts: o, fixture: s}
	defer func() {
		if err != nil {
			_ = s.Close(false)
		}
	}()
	if w.redis, err = s.Redis(ctx, o.Fsync); err != nil {
		return nil, err
	}
	if w.sandbox, err = s.Sandbox(ctx, o.Seed); err != nil {
		return nil, err
	}
	if o.Refresh {
		if w.proxy, err = newTrackerProxy(ctx, w.sandbox.URL); err != nil {
			return nil, err
		}
	}
	if w.apis, err = newPool(ctx, w, fixture.RoleAPI, o.APIs); err != nil {
		return nil, err
	}
	if w.workers, err = newPool(ctx, w, fixture.RoleWorker, o.Workers); err != nil {
		return nil, err
	}
	if err := w.sandbox.Route(ctx, w.apis.plugins()...); err != nil {
		return nil, err
	}
	return w, w.configure(ctx)
}

// settings are those of every process of the plugin.
func (w *world) settings() map[string]string {
	all := map[string]string{
		"PLUGIN_REDIS_URL": w.redis.URL(0), "PLUGIN_PRODUCTBOARD_API_URL": w.sandbox.APIURL(),
		"PLUGIN_DRAIN_DELAY": "1s", "PLUGIN_SHUTDOWN_TIMEOUT": "10s", "PLUGIN_LOG_LEVEL": w.opts.LogLevel,
	}
	if w.opts.Refresh {
		all["PLUGIN_REFRESH"], all["PLUGIN_CONFIRM_DELETED"] = w.opts.Period.String(), w.opts.Confirm.String()
	}
	for t := range w.opts.Tenants {
		all[fmt.Sprintf("CHAOS_TOKEN_%d", t)] = token(t)
	}
	return all
}

func token(tenant int) string { return fmt.Sprintf("chaos-token-%d", tenant) }

const trackerKey = "chaos-tracker-key"

// configure makes entities, projects and integrations.
func (w *world) configure(ctx context.Context) error {
	var err error
	if w.entities, err = w.sandbox.AddEntities(ctx, entitiesOf(w.opts.Entities)); err != nil {
		return err
	}
	for t := range w.opts.Tenants {
		if err := w.sandbox.AddToken(ctx, token(t)); err != nil {
			return err
		}
	}
	for i := range w.opts.Integrations {
		if err := w.sandbox.AddProject(ctx, project(i), w.key(i)); err != nil {
			return err
		}
		if w.opts.Refresh {
			if err := w.sandbox.AddProject(ctx, archive(i), w.key(i)); err != nil {
				return err
			}
		}
	}
	return errors.Join(w.apply(ctx), w.findIntegrations(ctx))
}

// key is the tracker's key of an integration.
func (w *world) key(i int) string {
	if w.opts.Refresh {
		return fmt.Sprintf("%s-%d", trackerKey, i)
	}
	return trackerKey
}

// apply declares all integrations.
func (w *world) apply(ctx context.Context) error {
	file := filepath.Join(w.fixture.Dir(), "integrations.json") // JSON is YAML
	raw, err := json.Marshal(w.declaration())
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		return err
	}
	settings := w.settings()
	for i := range w.opts.Integrations {
		settings[fmt.Sprintf("CHAOS_TRACKER_KEY_%d", i)] = w.key(i)
	}
	got, err := w.fixture.Tool(ctx, settings, "apply", "-f", file)
	if err != nil {
		return err
	}
	if got.Code != 0 {
		return fmt.Errorf("plugin apply ended with %d:\n%s%s", got.Code, got.Stdout, got.Stderr)
	}
	return nil
}

func (w *world) declaration() any {
	type object = map[string]any
	address, lag, onDeleted, hooks := w.sandbox.TrackerURL(), lookUpLag, func(int) string { return "show" }, "off"
	if w.opts.Refresh && w.opts.Hooks {
		hooks = "auto"
	}
	if w.opts.Refresh {
		address, lag = w.proxy.URL+"/tracker", 0
		onDeleted = func(i int) string {
			if resets(i) {
				return "reset"
			}
			return "show"
		}
	}
	list := make([]object, w.opts.Tenants)
	for t := range list {
		var integrations []object
		for i := t; i < w.opts.Integrations; i += w.opts.Tenants {
			integrations = append(integrations, object{
				"name": integrationName(i), "onUnlink": policy(i), "button": object{"label": "Push"},
				"refresh": object{"enabled": true, "onDeleted": onDeleted(i)}, "hooks": hooks,
				"productboard": object{"token": fmt.Sprintf("env:CHAOS_TOKEN_%d", t)},
				"target": object{
					"type":        "memory",
					"settings":    object{"url": address, "project": project(i), "lookupLagSeconds": int(lag.Seconds())},
					"credentials": object{"apiKey": fmt.Sprintf("env:CHAOS_TRACKER_KEY_%d", i)},
				},
			})
		}
		list[t] = object{"id": tenantName(t), "integrations": integrations}
	}
	return object{"tenants": list}
}

func tenantName(t int) string { return fmt.Sprintf("tenant-%d", t) }

// tenants are the integrations' tenants, by the integrations' numbers.
func (w *world) tenants() []string {
	out := make([]string, w.opts.Integrations)
	for i := range out {
		out[i] = tenantName(i % w.opts.Tenants)
	}
	return out
}

// findIntegrations learns both ids of every integration: the plugin's own is
// the last part of the action URL.
func (w *world) findIntegrations(ctx context.Context) error {
	list, err := w.sandbox.Integrations(ctx)
	if err != nil {
		return err
	}
	w.integrations, w.own = make([]string, w.opts.Integrations), make([]string, w.opts.Integrations)
	for i := range w.integrations {
		for _, in := range list {
			if in.Name == integrationName(i) {
				w.integrations[i], w.own[i] = in.ID, path.Base(in.ActionURL)
			}
		}
		if w.integrations[i] == "" {
			return fmt.Errorf("%s was not registered", integrationName(i))
		}
	}
	return nil
}

// strike does to the processes what an event says, and puts it right again.
func (w *world) strike(ctx context.Context, e event) error {
	switch e.Kind {
	case killRedis, termRedis, freezeRedis:
		return w.strikeRedis(ctx, e)
	case killAPI, freezeAPI, termAPI:
		return w.strikePlugin(ctx, e, w.apis)
	default:
		return w.strikePlugin(ctx, e, w.workers)
	}
}

func (w *world) strikeRedis(ctx context.Context, e event) error {
	w.redisMu.Lock()
	defer w.redisMu.Unlock()
	h := happening{Kind: e.Kind, Name: w.redis.Name, At: time.Now()}
	switch e.Kind {
	case freezeRedis:
		if err := w.redis.Signal(syscall.SIGSTOP); err != nil {
			return err
		}
		err := pause(ctx, e.Down)
		if cerr := w.redis.Signal(syscall.SIGCONT); err == nil {
			err = cerr
		}
		w.note(h)
		return err
	case killRedis:
		c, err := w.startCanary(ctx)
		if err != nil {
			return err
		}
		w.redis.Kill()
		c.silence()
		defer func() { w.noteLost(ctx, c) }()
	default:
		if err := w.redis.Stop(stopLimit); err != nil {
			return err
		}
	}
	if err := pause(ctx, e.Down); err != nil {
		return err
	}
	if err := w.redis.Start(ctx); err != nil {
		return err
	}
	w.note(h)
	return nil
}

// noteLost notes how much a canary has lost.
func (w *world) noteLost(ctx context.Context, c *canary) {
	lost, err := c.lost(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.failures = append(w.failures, violation{Kind: crashed, Detail: "redis did not come back: " + err.Error()})
	}
	w.redisLost = max(w.redisLost, lost)
}

func (w *world) strikePlugin(ctx context.Context, e event, from *pool) error {
	s, err := from.take(ctx, e.Victim)
	if err != nil {
		return err
	}
	defer from.give(s)
	p := s.plugin()
	h := happening{Kind: e.Kind, Name: s.name, At: time.Now()}
	switch e.Kind {
	case freezeWorker, freezeAPI:
		if err := p.Signal(syscall.SIGSTOP); err != nil {
			return err
		}
		err := pause(ctx, w.opts.freeze())
		if cerr := p.Signal(syscall.SIGCONT); err == nil {
			err = cerr
		}
		w.note(h)
		return err
	case killWorker, killAPI:
		p.Kill()
	case termWorker, termAPI:
		if err := p.Stop(stopLimit); err != nil {
			w.fail(violation{Kind: slowStop, Detail: err.Error()})
		}
	default:
		return fmt.Errorf("nothing is known about %q", e.Kind)
	}
	if err := pause(ctx, e.Down); err != nil {
		return err
	}
	if err := w.restart(ctx, s); err != nil {
		return err
	}
	w.note(h)
	return nil
}

func (w *world) note(h happening) {
	h.Back = time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.happened = append(w.happened, h)
}

func (w *world) fail(v violation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures = append(w.failures, v)
}

// crashes are processes that ended although nobody made them.
func (w *world) crashes() []violation {
	var out []violation
	for _, p := range slices.Concat(w.apis.plugins(), w.workers.plugins()) {
		select {
		case <-p.Exited():
			out = append(out, violation{Kind: crashed, Detail: p.Name + " ended by itself"})
		default:
		}
	}
	return out
}

// logOf reads the log of a process, all its lives.
func (w *world) logOf(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(w.fixture.Dir(), name+".log")) //nolint:gosec // the fixture's own folder
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
