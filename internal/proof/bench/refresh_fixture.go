package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"pushbutton/internal/app"
	"pushbutton/internal/connections"
	"pushbutton/internal/refresh"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/memtarget"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

// The tenants, each with an integration and a project of its own.
const (
	following = "following" // its buttons follow their issues, and some are clicked
	neighbour = "neighbour" // only clicked
	largest   = "largest"   // only swept
)

// followingSystem is an api and a worker process, and the simulators in this one.
type followingSystem struct {
	*fixture
	server   *redisServer
	program  *program
	api      *process
	worker   *process
	store    *connections.Store
	schedule *refresh.Schedule
	hints    *refresh.Hints
	address  string
	buttons  []button
	nextly   int          // the button whose issue changes next
	asked    atomic.Int64 // requests at the project of largest
}

// button is one of following's, and the id of its issue.
type button struct{ entity, issue string }

func (s *followingSystem) place(tenant string) place {
	return place{tenant, s.columns[tenant].own}
}

// newFollowing starts it with the buttons connected. What it returns is stopped by
// the caller, even beside an error.
func newFollowing(ctx context.Context, o refreshOptions, server *redisServer, log *slog.Logger, say io.Writer) (*followingSystem, error) {
	s := &followingSystem{fixture: &fixture{columns: map[string]column{}}, server: server, store: connections.NewStore(server.client, connections.Timing{}),
		schedule: refresh.NewSchedule(server.client), hints: refresh.NewHints(server.client)}
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed with its server
	if err != nil {
		return s, err
	}
	s.address = "http://" + ln.Addr().String()
	s.box = app.NewSandbox(s.address, o.buttons+(2*o.rounds+1)*o.clicks, 1)
	s.box.Productboard.SetRateLimit(-1)
	s.watch = &arrivals{next: s.counted(s.box.Handler()), fake: s.box.Productboard, waiting: map[string]chan time.Time{}}
	peers := &http.Server{Handler: s.watch, ReadHeaderTimeout: time.Second}
	go func() { _ = peers.Serve(ln) }()
	s.end = append(s.end, func() { _ = peers.Close(); s.box.Close() })
	if s.cfg, err = settings(server, s.address+"/v2"); err != nil {
		return s, err
	}
	key := "bench:" + base64.StdEncoding.EncodeToString(make([]byte, secret.KeySize)) // it guards nothing
	s.cfg.EncryptionKeys = secret.New(key)
	fmt.Fprintln(say, "bench: build the program")
	built, remove, err := buildProgram(ctx, s.cfg, server, key)
	if err != nil {
		return s, err
	}
	s.end = append(s.end, remove)
	s.program = built
	if s.api, err = s.program.with("PLUGIN_REFRESH="+never.String()).start(ctx, "api", workerSlots); err != nil {
		return s, err
	}
	if err := s.declare(ctx, log); err != nil {
		return s, err
	}
	if s.worker, err = s.program.with("PLUGIN_REFRESH="+never.String()).start(ctx, "worker", workerSlots); err != nil {
		return s, err
	}
	return s, s.connect(ctx, o)
}

// counted counts the requests at largest's project.
func (s *followingSystem) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/tracker/api/projects/"+largest+"/") {
			s.asked.Add(1)
		}
		next.ServeHTTP(w, r)
	})
}

// declare registers the integrations, as plugin apply does.
func (s *followingSystem) declare(ctx context.Context, log *slog.Logger) error {
	if err := s.box.Productboard.SetEdge(app.SandboxOrigin, "http://"+s.api.front); err != nil {
		return err
	}
	rdb, err := app.OpenRedis(s.cfg)
	if err != nil {
		return err
	}
	s.end = append(s.end, func() { _ = rdb.Close() })
	apply, err := app.New(s.cfg, rdb, log, "bench")
	if err != nil {
		return err
	}
	declaration := register.Declaration{}
	for _, tenant := range []string{following, neighbour, largest} {
		s.box.Tracker.AddProject(tenant, secret.New("key-of-"+tenant))
		one := s.desired(tenant, s.address+"/tracker", tenant, "key-of-"+tenant)
		if tenant != following {
			one.Integrations[0].Integration.Hooks = tenants.HooksOff
		}
		declaration.Tenants = append(declaration.Tenants, one)
	}
	if err := s.apply(ctx, apply.Registrar(), declaration); err != nil {
		return err
	}
	keys, err := s.cfg.Keyring()
	if err != nil {
		return err
	}
	in, err := tenants.NewStore(s.server.client, keys).ByID(ctx, s.columns[following].own)
	if err == nil && (in.Hook == nil || in.Hook.Registered.IsZero()) {
		err = errors.New("the tracker's webhook was not registered")
	}
	return err
}

// connect imports connected buttons whose issues are in the tracker.
func (s *followingSystem) connect(ctx context.Context, o refreshOptions) error {
	var entities []string
	for _, e := range s.box.Productboard.Entities()[:o.buttons] {
		entities = append(entities, e.ID)
	}
	s.next = o.buttons
	made, err := s.seed(ctx, following, entities)
	for i, r := range made {
		s.buttons = append(s.buttons, button{entities[i], r.ID})
	}
	return err
}

// seed makes an issue for each entity of a tenant, and a button that shows it.
func (s *followingSystem) seed(ctx context.Context, tenant string, entities []string) ([]memtarget.Record, error) {
	made, err := s.box.Tracker.Seed(tenant, len(entities))
	if err != nil {
		return nil, err
	}
	entries, now := make([]connections.Entry, len(made)), time.Now()
	for i, r := range made {
		at := now.Add(-rand.N(days)) //nolint:gosec // no secret
		entries[i] = connections.Entry{Key: connections.Key{Tenant: tenant, Integration: s.columns[tenant].own, Entity: entities[i]}, Changed: at,
			Record: connections.Record{State: connections.Connected, Generation: 1, Epoch: 1, Run: 3,
				Click: connections.Click{At: at.UnixMilli(), Name: "Jane Margaret Doe", Email: "jane.doe@acme-corporation.example"},
				Issue: &targets.Issue{ID: r.ID, Key: r.Key, URL: s.address + "/tracker/projects/" + tenant + "/issues/" + r.ID, Title: r.Title, Status: r.Status, Progress: targets.Open}}}
	}
	return made, s.store.Import(ctx, entries)
}

func strangers(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = uuid.NewString()
	}
	return out
}

// change gives the issue of the next button, in turn, another status.
func (s *followingSystem) change() error {
	b := s.buttons[s.nextly%len(s.buttons)]
	s.nextly++
	have, _ := s.box.Tracker.Issue(b.issue)
	status := memtarget.StatusStarted
	if have.Status == status {
		status = memtarget.StatusOpen
	}
	return s.box.Tracker.SetStatus(b.issue, status)
}

// expectChange changes the issue of the next button. The channel gets the time at
// which that button follows.
func (s *followingSystem) expectChange() (b button, began time.Time, arrived <-chan time.Time, err error) {
	b = s.buttons[s.nextly%len(s.buttons)]
	arrived = s.watch.expect(s.columns[following].productboard, b.entity)
	began = time.Now()
	return b, began, arrived, s.change()
}

// sweep has a tenant's integration swept at once, and returns when that is over.
func (s *followingSystem) sweep(ctx context.Context, tenant string) error {
	p := s.place(tenant)
	before, err := s.schedule.Status(ctx, p.tenant, p.integration)
	if err != nil {
		return err
	}
	if err := s.schedule.Now(ctx, p.tenant, p.integration); err != nil {
		return err
	}
	_, err = s.swept(ctx, tenant, before.Ended)
	return err
}

// swept returns when a sweep ended that did not before.
func (s *followingSystem) swept(ctx context.Context, tenant string, before time.Time) (time.Time, error) {
	p := s.place(tenant)
	for {
		is, err := s.schedule.Status(ctx, p.tenant, p.integration)
		switch {
		case err != nil:
			return before, err
		case is.Ended.After(before) && is.Stopped != "":
			return is.Ended, errors.New("a sweep stopped: " + is.Stopped)
		case is.Ended.After(before):
			return is.Ended, nil
		}
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return before, context.Cause(ctx)
		}
	}
}

// settle returns when no button is under way, and every one is as its issue.
func (s *followingSystem) settle(ctx context.Context) error {
	if err := s.atRest(ctx); err != nil {
		return err
	}
	if err := s.sweep(ctx, following); err != nil {
		return err
	}
	return s.atRest(ctx)
}

func (s *followingSystem) atRest(ctx context.Context) error {
	p := s.place(following)
	for {
		usage, err := s.store.Usage(ctx, p.tenant)
		if err != nil {
			return err
		}
		health, err := s.hints.Health(ctx, p.tenant, []string{p.integration})
		if err != nil {
			return err
		}
		if usage.InFlight+usage.Queued+health[0].Waiting == 0 {
			return nil
		}
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return context.Cause(ctx)
		}
	}
}

func (s *followingSystem) stop() error {
	var errs []error
	for _, p := range []*process{s.worker, s.api} {
		if p != nil {
			errs = append(errs, p.stop())
		}
	}
	return errors.Join(append(errs, s.fixture.stop())...)
}

// clicker clicks buttons of the two tenants in turn.
func clicker(i int) string { return [...]string{following, neighbour}[i%2] }
