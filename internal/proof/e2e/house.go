package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"pushbutton/internal/proof/e2e/fixture"
)

const (
	tenant = "acme"
	// pushDeadline leaves room for what takes longest, a tracker that never
	// answers: five tries of 15 s, the waits between them and the look-ups.
	pushDeadline = 4 * time.Minute
	// concurrency of each worker: a small Redmine serves one request at a time.
	concurrency = "6"
	seed        = 1
	// mainName is the integration of the load.
	mainName = "Engineering"
	// keyFile holds Redmine's key, beside the apply files.
	keyFile = "redmine.key"
	// pollEvery is how often another process is asked whether it is done.
	pollEvery = 250 * time.Millisecond
)

// house is everything that runs.
type house struct {
	opts    options
	out     io.Writer
	began   time.Time
	fixture *fixture.Fixture

	redis   *fixture.Redis
	redmine *fixture.Redmine
	sandbox *fixture.Sandbox
	api     *fixture.Plugin
	workers []*fixture.Plugin
	edge    *fixture.Edge
	loads   int // how many were begun
}

func newHouse(o options, out io.Writer) (*house, error) {
	s, err := fixture.New(fixture.Options{Plugin: o.plugin, Settings: map[string]string{
		"PLUGIN_PUSH_DEADLINE": pushDeadline.String(), "PLUGIN_CONCURRENCY": concurrency, "PB_TOKEN": fixture.SandboxToken,
	}})
	if err != nil {
		return nil, err
	}
	return &house{opts: o, out: out, began: time.Now(), fixture: s}, nil
}

func (h *house) say(format string, args ...any) {
	_, _ = fmt.Fprintf(h.out, "%6.1fs  %s\n", time.Since(h.began).Seconds(), fmt.Sprintf(format, args...))
}

// open starts everything.
func (h *house) open(ctx context.Context) (err error) {
	script, err := filepath.Abs(h.opts.redmine)
	if err != nil {
		return err
	}
	h.say("starting redis-server, Redmine, the simulator, one api and two workers")
	if h.redis, err = h.fixture.Redis(ctx, "always"); err != nil {
		return err
	}
	if h.redmine, err = h.fixture.Redmine(ctx, script, h.opts.redmineDir); err != nil {
		return err
	}
	if h.sandbox, err = h.fixture.Sandbox(ctx, seed); err != nil {
		return err
	}
	if h.api, err = h.fixture.Plugin(ctx, fixture.RoleAPI, "api", h.settings(0)); err != nil {
		return err
	}
	for i := range 2 {
		w, err := h.fixture.Plugin(ctx, fixture.RoleWorker, fmt.Sprintf("worker-%d", i+1), h.settings(0))
		if err != nil {
			return err
		}
		h.workers = append(h.workers, w)
	}
	if err := h.sandbox.Route(ctx, h.api); err != nil {
		return err
	}
	if h.edge, err = h.fixture.Edge(ctx, h.api); err != nil {
		return err
	}
	h.say("everything runs; Redmine is at %s", h.redmine.URL)
	return os.WriteFile(filepath.Join(h.fixture.Dir(), keyFile), []byte(h.redmine.APIKey+"\n"), 0o600)
}

// settings are the plugin's, with one of Redis' databases.
func (h *house) settings(db int) map[string]string {
	return map[string]string{"PLUGIN_REDIS_URL": h.redis.URL(db), "PLUGIN_PRODUCTBOARD_API_URL": h.sandbox.APIURL()}
}

// column is an integration of an apply file.
type column struct {
	name    string
	label   string // Push if empty
	token   string // env:PB_TOKEN if empty
	url     string
	project string
	key     string // file:redmine.key if empty
	extra   string // further lines of the integration, indented by six
	target  string // type and settings, indented by ten; those of Redmine's adapter if empty
}

// applyFile writes an apply file into the fixture's folder.
func (h *house) applyFile(name string, columns ...column) error {
	var b strings.Builder
	fmt.Fprintf(&b, "tenants:\n  - id: %s\n    integrations:\n", tenant)
	or := func(s, def string) string {
		if s == "" {
			return def
		}
		return s
	}
	for _, c := range columns {
		fmt.Fprintf(&b, "      - name: %s\n        button: { label: %s }\n        productboard: { token: %q }\n%s",
			c.name, or(c.label, "Push"), or(c.token, "env:PB_TOKEN"), c.extra)
		native := fmt.Sprintf("          type: redmine\n          settings: { url: %q, project: %s, tracker: Feature }\n", c.url, c.project)
		fmt.Fprintf(&b, "        target:\n%s", or(c.target, native))
		fmt.Fprintf(&b, "          credentials: { apiKey: %q }\n", or(c.key, "file:"+keyFile))
	}
	return os.WriteFile(filepath.Join(h.fixture.Dir(), name), []byte(b.String()), 0o600)
}

// apply runs `plugin apply`, which must succeed, and returns what it printed.
func (h *house) apply(ctx context.Context, file string, env map[string]string) (string, error) {
	settings := h.settings(0)
	maps.Copy(settings, env)
	result, err := h.fixture.Tool(ctx, settings, "apply", "-f", file)
	if err == nil && result.Code != 0 {
		err = fmt.Errorf("plugin apply: exit code %d\n%s%s", result.Code, result.Stdout, result.Stderr)
	}
	return result.Stdout, err
}

// registered returns the ids of the integrations at Productboard by name.
func (h *house) registered(ctx context.Context) (map[string]string, error) {
	all, err := h.sandbox.Integrations(ctx)
	if err != nil {
		return nil, err
	}
	ids := map[string]string{}
	for _, i := range all {
		ids[i.Name] = i.ID
	}
	return ids, nil
}

// quiet waits until no button is left that somebody has to work on.
func (h *house) quiet(ctx context.Context, limit time.Duration) error {
	return poll(ctx, limit, func() error {
		m, err := h.api.Metrics(ctx)
		if err != nil {
			return err
		}
		for _, gauge := range []string{"plugin_unfinished", "plugin_queue_pending"} {
			if v, ok := m[gauge]; !ok || v != 0 {
				return fmt.Errorf("%s is %g, not 0", gauge, v)
			}
		}
		return nil
	})
}

// poll asks until the answer is nil; past the limit it is the error.
func poll(ctx context.Context, limit time.Duration, ask func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("after %s: %w", limit, err)
		case <-tick.C:
		}
	}
}

// verdict collects what is wrong, so that a run tells all of it.
type verdict struct{ wrong []string }

func (v *verdict) add(format string, args ...any) {
	v.wrong = append(v.wrong, fmt.Sprintf(format, args...))
}

const maxWrong = 30

func (v *verdict) err() error {
	if len(v.wrong) == 0 {
		return nil
	}
	shown := v.wrong[:min(len(v.wrong), maxWrong)]
	return errors.New(fmt.Sprintf("%d violations:\n  ", len(v.wrong)) + strings.Join(shown, "\n  "))
}
