package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/proof/e2e/fixture"
)

const (
	// shipped is the memory limit of the deployment's processes, as
	// deploy/kubernetes has it, and goLimit the GOMEMLIMIT below it.
	shipped = 256 // MB
	goLimit = "200MiB"
	// deadline of a push, the least that can be set.
	deadline = 30 * time.Second

	innocentTenant = "innocent"
	hostileTenant  = "hostile"
	token          = "-token"
	trackerKey     = "tracker-key"
)

// house is everything that runs.
type house struct {
	fixture *fixture.Fixture
	redis   *fixture.Redis
	// sandbox is the hostile tenant's Productboard, and quiet the innocent one's: a
	// simulator that is busy with large items times no clicks. edge is the address of
	// both, as the plugin has it.
	sandbox, quiet *fixture.Sandbox
	edge           *edge
	api            *fixture.Plugin
	worker         *fixture.Plugin
	tracker        *tracker
	admin          string // tokens of the hostile tenant
	viewer         string

	innocent *innocent
	// columns are the integrations of both: by name, Productboard's id and the
	// plugin's, and where they are.
	columns map[string]column
	// settled is told of every item that the hostile tenant pushed.
	mu     sync.Mutex
	pushed map[string][]string // by Productboard's id of the integration
}

type column struct {
	id, own string
	at      *fixture.Sandbox
}

// The integrations of the hostile tenant, beside one for each format.
const (
	anyAnswer = "Any answer"
	bombs     = "Templates"
)

func formats() []string {
	return []string{"markdown", "html", "wiki", "textile", "redcarpet", "adf", "plain"}
}

func open(ctx context.Context, o options) (h *house, err error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	s, err := fixture.New(fixture.Options{Plugin: o.Plugin, Settings: map[string]string{
		"GOMEMLIMIT": goLimit, "PLUGIN_PUSH_DEADLINE": deadline.String(), "PLUGIN_ADMIN_JWT_KEY": base64.StdEncoding.EncodeToString(key),
		"INNOCENT": innocentTenant + token, "HOSTILE": hostileTenant + token, "TRACKER_KEY": trackerKey,
	}})
	if err != nil {
		return nil, err
	}
	h = &house{fixture: s, columns: map[string]column{}, pushed: map[string][]string{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close(o.Keep))
		}
	}()
	if h.tracker, err = newTracker(ctx, o.Seed); err != nil {
		return h, err
	}
	if h.redis, err = s.Redis(ctx, "everysec"); err != nil {
		return h, err
	}
	if err = h.restrict(ctx); err != nil {
		return h, err
	}
	if h.sandbox, err = s.Sandbox(ctx, o.Seed); err != nil {
		return h, err
	}
	if h.quiet, err = s.Sandbox(ctx, o.Seed+1); err != nil {
		return h, err
	}
	if h.edge, err = newEdge(ctx, h.sandbox.URL, map[string]string{"Bearer " + innocentTenant + token: h.quiet.URL}); err != nil {
		return h, err
	}
	if h.api, err = s.Plugin(ctx, fixture.RoleAPI, "api", h.settings()); err != nil {
		return h, err
	}
	if h.worker, err = s.Plugin(ctx, fixture.RoleWorker, "worker", h.settings()); err != nil {
		return h, err
	}
	for _, s := range []*fixture.Sandbox{h.sandbox, h.quiet} {
		if err = s.Route(ctx, h.api); err != nil {
			return h, err
		}
	}
	return h, h.declare(ctx)
}

// redisUser is the plugin's name at Redis, and its password.
const redisUser = "plugin"

// restrict makes the user that docs/security.md advises.
func (h *house) restrict(ctx context.Context) error {
	rdb := h.redis.Client(0)
	defer func() { _ = rdb.Close() }()
	return rdb.Do(ctx, "ACL", "SETUSER", redisUser, "on", ">"+redisUser, "~pb:*", "~asynq:*", "&asynq:*", "+@all", "-@admin", "-@dangerous", "+info", "+config|get").Err()
}

func (h *house) close(keep bool) error {
	var errs []error
	if h.tracker != nil {
		errs = append(errs, h.tracker.close())
	}
	if h.edge != nil {
		errs = append(errs, h.edge.close())
	}
	return errors.Join(append(errs, h.fixture.Close(keep))...)
}

func (h *house) settings() map[string]string {
	return map[string]string{"PLUGIN_REDIS_URL": strings.Replace(h.redis.URL(0), "unix://", "unix://"+redisUser+":"+redisUser+"@", 1), "PLUGIN_PRODUCTBOARD_API_URL": h.edge.url + "/v2"}
}

// described is the settings of a target http whose description is in a format.
func (h *house) described(format string) map[string]any {
	return map[string]any{"name": "Hostile", "format": format, "vars": map[string]any{"url": h.tracker.url},
		"create": map[string]any{"url": `{{var "url"}}/issues`, "body": `{"t": {{.Title}}, "d": {{.Description}}, "m": {{.Marker}}, "f": {{json .Fields}}}`},
		"find":   map[string]any{"url": `{{var "url"}}/issues?m={{.Marker}}`, "list": "$.issues", "marker": "$.marker"},
		"read":   map[string]any{"url": `{{var "url"}}/issues/{{.ID}}`},
		"issue":  map[string]any{"id": "$.id", "url": `{{var "url"}}/issues/{{.ID}}`, "title": "$.title", "status": "$.state"},
		"error":  map[string]any{"message": []string{"$.error.message"}},
	}
}

// declare registers the integrations of both tenants and makes the tokens.
func (h *house) declare(ctx context.Context) error {
	type object = map[string]any
	for who, s := range map[string]*fixture.Sandbox{innocentTenant: h.quiet, hostileTenant: h.sandbox} {
		if err := s.AddToken(ctx, who+token); err != nil {
			return err
		}
	}
	if err := h.quiet.AddProject(ctx, innocentTenant, trackerKey); err != nil {
		return err
	}
	integration := func(name, token string, target object) object {
		return object{"name": name, "button": object{"label": "Push"}, "productboard": object{"token": "env:" + token}, "target": target}
	}
	var hostile []object
	for _, f := range formats() {
		hostile = append(hostile, integration(f, "HOSTILE", object{"type": "http", "settings": h.described(f)}))
	}
	for _, name := range []string{anyAnswer, bombs} {
		hostile = append(hostile, integration(name, "HOSTILE", object{"type": "http", "settings": h.described("markdown")}))
	}
	file := filepath.Join(h.fixture.Dir(), "integrations.json") // JSON is YAML
	raw, err := json.Marshal(object{"tenants": []object{
		{"id": innocentTenant, "integrations": []object{integration("Innocent", "INNOCENT", object{"type": "memory",
			"settings": object{"url": h.quiet.TrackerURL(), "project": innocentTenant}, "credentials": object{"apiKey": "env:TRACKER_KEY"}})}},
		{"id": hostileTenant, "integrations": hostile},
	}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		return err
	}
	for _, args := range [][]string{{"apply", "-f", file}, {"token", "--role", "admin", "--tenant", hostileTenant}, {"token", "--role", "viewer", "--tenant", hostileTenant}} {
		got, err := h.fixture.Tool(ctx, h.settings(), args...)
		if err == nil && got.Code != 0 {
			err = fmt.Errorf("plugin %s ended with %d:\n%s%s", args[0], got.Code, got.Stdout, got.Stderr)
		}
		if err != nil {
			return err
		}
		if args[0] == "token" {
			h.admin, h.viewer = h.viewer, strings.TrimSpace(got.Stdout) // the admin's comes first
		}
	}
	for _, s := range []*fixture.Sandbox{h.sandbox, h.quiet} {
		all, err := s.Integrations(ctx)
		if err != nil {
			return err
		}
		for _, in := range all {
			h.columns[in.Name] = column{in.ID, path.Base(in.ActionURL), s}
		}
	}
	h.innocent, err = newInnocent(ctx, h.quiet, h.columns["Innocent"].id)
	return err
}

// push has the hostile tenant click on items.
func (h *house) push(ctx context.Context, name string, item pbfake.Entity) error {
	ids, err := h.sandbox.AddEntities(ctx, []pbfake.Entity{item})
	if err != nil {
		return err
	}
	of := h.columns[name].id
	h.mu.Lock()
	h.pushed[of] = append(h.pushed[of], ids...)
	h.mu.Unlock()
	_, err = h.sandbox.Click(ctx, of, ids[0], pbfake.Push)
	return err
}

// innocent is the tenant that nobody may hurt.
type innocent struct {
	sandbox     *fixture.Sandbox
	integration string
	items       []string

	mu    sync.Mutex
	next  int
	took  []float64 // ms, since the last reading
	wrong []string
	busy  sync.WaitGroup
}

// clickEvery is how often the innocent tenant clicks, and maxItems how many
// items it has: enough for the longest run.
const (
	clickEvery = 100 * time.Millisecond
	maxItems   = 3000
)

func newInnocent(ctx context.Context, s *fixture.Sandbox, integration string) (*innocent, error) {
	entities := make([]pbfake.Entity, maxItems)
	for i := range entities {
		entities[i] = pbfake.Entity{Type: "feature", Fields: map[string]any{"name": fmt.Sprintf("Wish %d", i), "description": "<p>Make it so.</p>"}}
	}
	ids, err := s.AddEntities(ctx, entities)
	return &innocent{sandbox: s, integration: integration, items: ids}, err
}

// click goes on until the context ends.
func (in *innocent) click(ctx context.Context) {
	tick := time.NewTicker(clickEvery)
	defer tick.Stop()
	defer in.busy.Wait()
	for in.next < len(in.items) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		item := in.items[in.next]
		in.next++
		in.busy.Go(func() {
			a, err := in.sandbox.Click(context.WithoutCancel(ctx), in.integration, item, pbfake.Push)
			in.mu.Lock()
			defer in.mu.Unlock()
			switch {
			case err != nil:
				in.wrong = append(in.wrong, err.Error())
			case a.Failure != "" || a.State.Name != pbfake.StateProgress:
				in.wrong = append(in.wrong, fmt.Sprintf("answered %q after %.0f ms (%s)", a.State.Name, a.TookMS, a.Failure))
			}
			in.took = append(in.took, a.TookMS)
		})
	}
}

// read returns the times of the answers since the last reading.
func (in *innocent) read() []float64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	took := in.took
	in.took = nil
	return took
}

func p99(ms []float64) float64 {
	if len(ms) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(ms))
	return math.Round(sorted[min(len(sorted)-1, len(sorted)*99/100)]*100) / 100
}
