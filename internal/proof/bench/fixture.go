package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pushbutton/config"
	"pushbutton/internal/app"
	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets/memtarget"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

// fixture is a whole system in this process: Productboard's simulator and the
// trackers on one listener, one api process and two worker processes' worth of
// plugin, over the server's Redis.
type fixture struct {
	box     *app.Sandbox
	noisy   *memtarget.Tracker
	watch   *arrivals
	plugins []*running
	end     []func()
	cfg     config.Config

	columns map[string]column // by tenant
	next    int               // entities that were clicked
}

// column is a registered integration.
type column struct{ own, productboard, tenant string }

const (
	noisyTenant  = "noisy"
	noisyProject = "noisy"
	noisyKey     = "noisy-tracker-key"
	// quiets is how many tenants click: each has its own token, so that our own
	// rate limit of Productboard's calls slows none of them down.
	quiets = 5
	// patience is when a click is given up; it counts as having taken as long.
	patience = 30 * time.Second
)

func quiet(i int) string { return fmt.Sprintf("quiet-%d", i%quiets) }

// newFixture builds it with so many items, one integration for each quiet tenant
// and one for the noisy.
func newFixture(ctx context.Context, server *redisServer, items int, log *slog.Logger) (s *fixture, err error) {
	s = &fixture{columns: map[string]column{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed with its server
	if err != nil {
		return s, err
	}
	address := "http://" + ln.Addr().String()
	s.box = app.NewSandbox(address, items, 1)
	s.box.Productboard.SetRateLimit(-1)
	s.noisy = memtarget.NewTracker(memtarget.Options{})
	s.noisy.AddProject(noisyProject, secret.New(noisyKey))
	mux := http.NewServeMux()
	mux.Handle("/", s.box.Handler())
	mux.Handle("/noisy/", http.StripPrefix("/noisy", s.noisy.API()))
	s.watch = &arrivals{next: mux, fake: s.box.Productboard, waiting: map[string]chan time.Time{}}
	peers := &http.Server{Handler: s.watch, ReadHeaderTimeout: time.Second}
	go func() { _ = peers.Serve(ln) }()
	s.end = append(s.end, func() { _ = peers.Close(); s.box.Close() })
	if s.cfg, err = settings(server, address+"/v2"); err != nil {
		return s, err
	}
	s.cfg.PushDeadline = 6 * time.Hour // what waits for long shall wait
	for _, roles := range []app.Roles{{API: true}, {Worker: true}, {Worker: true}} {
		plugin, err := launch(ctx, s.cfg, roles, log)
		if err != nil {
			return s, err
		}
		s.plugins = append(s.plugins, plugin)
	}
	return s, s.register(ctx, address)
}

func (s *fixture) register(ctx context.Context, address string) error {
	api := s.plugins[0]
	if err := s.box.Productboard.SetEdge(app.SandboxOrigin, "http://"+api.front); err != nil {
		return err
	}
	declaration := register.Declaration{}
	for i := range quiets {
		declaration.Tenants = append(declaration.Tenants, s.desired(quiet(i), address+"/tracker", app.SandboxProject, app.SandboxTrackerKey))
	}
	declaration.Tenants = append(declaration.Tenants, s.desired(noisyTenant, address+"/noisy", noisyProject, noisyKey))
	return s.apply(ctx, api.app.Registrar(), declaration)
}

// apply registers what is declared, an integration a tenant that has its name.
func (s *fixture) apply(ctx context.Context, registrar *register.Registrar, declaration register.Declaration) error {
	if _, err := registrar.Apply(ctx, declaration); err != nil {
		return err
	}
	byName := map[string]pbfake.Integration{}
	for _, in := range s.box.Productboard.Integrations() {
		byName[in.Name] = in
	}
	for _, t := range declaration.Tenants {
		in := byName[t.ID]
		s.columns[t.ID] = column{tenant: t.ID, productboard: in.ID, own: in.ActionURL[strings.LastIndexByte(in.ActionURL, '/')+1:]}
	}
	return nil
}

func (s *fixture) desired(tenant, url, project, key string) register.DesiredTenant {
	token := "token-of-" + tenant
	s.box.Productboard.AddToken(pbfake.Token{Value: token})
	return register.DesiredTenant{ID: tenant, Integrations: []register.Desired{{Integration: tenants.Integration{
		Name: tenant, ButtonLabel: "Push", Productboard: tenants.APIToken(secret.New(token)), Answer: tenants.AnswerV2,
		Target: tenants.TargetConfig{Type: "memory", Settings: map[string]any{"url": url, "project": project},
			Credentials: map[string]secret.String{"apiKey": secret.New(key)}},
	}}}}
}

func (s *fixture) stop() error {
	var errs []error
	for _, p := range s.plugins {
		errs = append(errs, p.stop())
	}
	for _, f := range s.end {
		f()
	}
	return errors.Join(errs...)
}

// arrivals records when a button becomes connected, as Productboard sees it.
type arrivals struct {
	next http.Handler
	fake *pbfake.Fake
	// connected counts the calls that set a button, which was connected then.
	connected atomic.Int64

	mu      sync.Mutex
	waiting map[string]chan time.Time // by integration and entity
}

func (a *arrivals) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.next.ServeHTTP(w, r)
	if r.Method != http.MethodPut {
		return
	}
	parts := strings.Split(r.URL.Path, "/")
	if len(parts) < 3 {
		return
	}
	integration, entity := parts[len(parts)-3], parts[len(parts)-1]
	if a.fake.State(integration, entity).Name != pbfake.StateConnected {
		return
	}
	a.connected.Add(1)
	a.mu.Lock()
	defer a.mu.Unlock()
	arrived, ok := a.waiting[integration+" "+entity]
	if !ok {
		return
	}
	arrived <- time.Now()
	delete(a.waiting, integration+" "+entity)
}

// expect returns a channel that receives the time of a button's arrival, once.
func (a *arrivals) expect(integration, entity string) <-chan time.Time {
	ch := make(chan time.Time, 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting[integration+" "+entity] = ch
	return ch
}

// round is what a row of clicks took, in milliseconds; late counts those that
// were not connected in time.
type round struct {
	ack, whole outcome
	late       int64
}

// clicks clicks n buttons of the quiet tenants at a fixed rate.
func (s *fixture) clicks(ctx context.Context, n, rate int) (out round, err error) {
	all, err := s.clicksOf(ctx, n, rate, quiet)
	for _, one := range all {
		out.ack.latencies = append(out.ack.latencies, one.ack.latencies...)
		out.whole.latencies = append(out.whole.latencies, one.whole.latencies...)
		out.late += one.late
	}
	return out, err
}

// clicksOf clicks n buttons at a fixed rate, whatever comes of them, each of the
// tenant that who returns. A click's time begins when it was due. The result is by
// tenant.
func (s *fixture) clicksOf(ctx context.Context, n, rate int, who func(i int) string) (map[string]*round, error) {
	rounds := map[string]*round{}
	var mu sync.Mutex
	var group sync.WaitGroup
	var failed atomic.Pointer[error]
	entities := s.box.Productboard.Entities()[s.next : s.next+n]
	s.next += n
	start, every := time.Now(), time.Second/time.Duration(rate)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i, e := range entities {
		due := start.Add(time.Duration(i) * every)
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			group.Wait()
			return rounds, context.Cause(ctx)
		case <-timer.C:
		}
		to := s.columns[who(i)]
		group.Go(func() {
			arrived := s.watch.expect(to.productboard, e.ID)
			if _, err := s.box.Productboard.Click(ctx, to.productboard, e.ID, pbfake.Push, pbfake.User{Name: "Jane", Email: "jane@example.com"}); err != nil {
				failed.Store(&err)
				return
			}
			acked := time.Since(due)
			whole, late := awaitArrival(ctx, arrived, due)
			mu.Lock()
			defer mu.Unlock()
			out := rounds[to.tenant]
			if out == nil {
				out = &round{}
				rounds[to.tenant] = out
			}
			out.ack.latencies = append(out.ack.latencies, ms(acked))
			out.whole.latencies = append(out.whole.latencies, ms(whole))
			if late {
				out.late++
			}
		})
	}
	group.Wait()
	if err := failed.Load(); err != nil {
		return rounds, *err
	}
	return rounds, nil
}

func awaitArrival(ctx context.Context, arrived <-chan time.Time, due time.Time) (took time.Duration, late bool) {
	limit := time.NewTimer(time.Until(due.Add(patience)))
	defer limit.Stop()
	select {
	case at := <-arrived:
		return at.Sub(due), false
	case <-limit.C:
	case <-ctx.Done():
	}
	return patience, true
}

// progress says on out, at most every few seconds, how far long work is.
type progress struct {
	out   io.Writer
	what  string
	total int64
	begun time.Time
	last  time.Time
	mu    sync.Mutex
	done  int64
}

func newProgress(out io.Writer, what string, total int64) *progress {
	return &progress{out: out, what: what, total: total, begun: time.Now(), last: time.Now()}
}

const sayEvery = 5 * time.Second

func (p *progress) add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	if time.Since(p.last) < sayEvery && p.done < p.total {
		return
	}
	p.last = time.Now()
	fmt.Fprintf(p.out, "bench: %s: %d of %d, %.0f/s\n", p.what, p.done, p.total, float64(p.done)/time.Since(p.begun).Seconds())
}
