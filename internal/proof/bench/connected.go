package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pushbutton/config"
	"pushbutton/internal/app"
	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

// stopwatch adds a peer's own latency to every request and books how long
// its handler took.
type stopwatch struct {
	latency time.Duration
	next    http.Handler
	// booked, if set, tells which requests are booked; nil: all.
	booked func(*http.Request) bool

	mu    sync.Mutex
	spent time.Duration
	calls int
	// puts is when buttons were set at Productboard.
	puts []time.Time
}

func (s *stopwatch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	if s.latency > 0 {
		timer := time.NewTimer(s.latency)
		<-timer.C
	}
	if s.booked != nil && !s.booked(r) {
		s.next.ServeHTTP(w, r)
		return
	}
	// The handler that sets a button tells of it before it returns here: what is
	// booked only afterwards would come too late for whoever waits for that.
	handed := time.Now()
	s.book(handed.Sub(start), 1)
	s.next.ServeHTTP(w, r)
	s.book(time.Since(handed), 0)
	if r.Method == http.MethodPut {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.puts = append(s.puts, time.Now())
	}
}

func (s *stopwatch) book(spent time.Duration, calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spent += spent
	s.calls += calls
}

// connected is how many buttons were set; without failures each is connected.
func (s *stopwatch) connected() int { return len(s.times()) }

func (s *stopwatch) times() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.puts)
}

func (s *stopwatch) take() (time.Duration, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	spent, calls := s.spent, s.calls
	s.spent, s.calls = 0, 0
	return spent, calls
}

// clickToConnected clicks one button after the other and takes off what the
// simulators took for it: what is left is ours. Beside an idle system it is
// done on one that other tenants keep busy with load pushes a second.
func clickToConnected(ctx context.Context, o options, load float64, server *redisServer, log *slog.Logger, out io.Writer) error {
	fmt.Fprintf(out, "from click to connected beyond the peers' own time, %d clicks (ms); half-loaded: %.0f pushes/s of other tenants, half of what one worker process did\n  %-8s %-12s %-28s %-22s %s\n",
		o.clicks, load, "peers", "system", "ours p50 / p90 / p99", "whole p50", "HTTP calls before connected")
	for _, latency := range []time.Duration{0, 50 * time.Millisecond} {
		for _, load := range []float64{0, load} {
			if err := server.client.FlushAll(ctx).Err(); err != nil {
				return err
			}
			if err := measure(ctx, o, latency, load, server, log, out); err != nil {
				return err
			}
		}
	}
	fmt.Fprintln(out, "  (goal of ours: p50 at most 5, p99 at most 25)")
	fmt.Fprintln(out)
	return nil
}

func measure(ctx context.Context, o options, latency time.Duration, load float64, server *redisServer, log *slog.Logger, out io.Writer) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed with its server
	if err != nil {
		return err
	}
	address := "http://" + ln.Addr().String()
	box := app.NewSandbox(address, o.clicks, 1)
	defer box.Close()
	box.Productboard.SetRateLimit(-1)
	// The others have a tracker's address of their own, so that the requests of
	// the button that is watched can be told from theirs.
	mux := http.NewServeMux()
	mux.Handle("/", box.Handler())
	mux.Handle("/others/", http.StripPrefix("/others", box.Handler()))
	var clicked atomic.Value // the item; buttons that were clicked before are read back meanwhile
	clicked.Store("none")
	watch := &stopwatch{latency: latency, next: mux, booked: func(r *http.Request) bool {
		item, _ := clicked.Load().(string)
		return strings.HasPrefix(r.URL.Path, "/tracker") ||
			r.Header.Get("Authorization") == "Bearer "+app.SandboxToken && strings.Contains(r.URL.Path, item)
	}}
	peers := &http.Server{Handler: watch, ReadHeaderTimeout: time.Second}
	go func() { _ = peers.Serve(ln) }()
	defer func() { _ = peers.Close() }()

	cfg, err := settings(server, address+"/v2")
	if err != nil {
		return err
	}
	cfg.Concurrency = workerSlots
	plugin, err := launch(ctx, cfg, app.Roles{API: true, Worker: true}, log)
	if err != nil {
		return err
	}
	if err := register1(ctx, plugin.app, box, address, plugin.front); err != nil {
		return errors.Join(err, plugin.stop())
	}
	stop, err := others(ctx, plugin.app, box, address, load)
	if err != nil {
		return errors.Join(err, plugin.stop())
	}
	err = clicks(ctx, o, latency, load > 0, box, watch, func(item string) { clicked.Store(item) }, out)
	return errors.Join(err, stop(), plugin.stop())
}

// running is a program in this process.
type running struct {
	app   *app.App
	front string
	stop  func() error
}

// launch runs a program until it takes requests or work.
func launch(ctx context.Context, cfg config.Config, roles app.Roles, log *slog.Logger) (*running, error) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	started := make(chan *running, 1)
	r := &running{stop: func() error {
		cancel()
		return <-ended
	}}
	go func() {
		ended <- app.Program{Config: cfg, Roles: roles, Log: log, Version: "bench", Embedded: true, Started: func(_ context.Context, a *app.App, front string) error {
			r.app, r.front = a, front
			started <- r
			return nil
		}}.Run(ctx)
	}()
	select {
	case r := <-started:
		return r, nil
	case err := <-ended:
		cancel()
		return nil, err
	}
}

func register1(ctx context.Context, a *app.App, box *app.Sandbox, address, front string) error {
	if err := box.Productboard.SetEdge(app.SandboxOrigin, "http://"+front); err != nil {
		return err
	}
	_, err := a.Registrar().Apply(ctx, register.Declaration{Tenants: []register.DesiredTenant{{ID: benchTenant, Integrations: []register.Desired{{Integration: tenants.Integration{
		Name: "bench", ButtonLabel: "Push", Productboard: tenants.APIToken(secret.New(app.SandboxToken)), Answer: tenants.AnswerV2,
		Target: tenants.TargetConfig{Type: "memory", Settings: map[string]any{"url": address + "/tracker", "project": app.SandboxProject},
			Credentials: map[string]secret.String{"apiKey": secret.New(app.SandboxTrackerKey)}},
	}}}}}})
	return err
}

func clicks(ctx context.Context, o options, latency time.Duration, loaded bool, box *app.Sandbox, watch *stopwatch, next func(item string), out io.Writer) error {
	integration, err := integrationOf(box, "bench")
	if err != nil {
		return err
	}
	var ours, whole outcome
	calls := 0
	// Far enough apart that our own rate limit of Productboard's calls
	// does not slow them down.
	pause := time.NewTicker(150 * time.Millisecond)
	defer pause.Stop()
	for _, e := range box.Productboard.Entities() {
		<-pause.C
		events, stop := box.Productboard.Subscribe()
		next(e.ID)
		watch.take()
		start := time.Now()
		if _, err := box.Productboard.Click(ctx, integration, e.ID, pbfake.Push, pbfake.User{Name: "Jane", Email: "jane@example.com"}); err != nil {
			stop()
			return err
		}
		err := connected(ctx, box, events, integration, e.ID)
		stop()
		if err != nil {
			return err
		}
		took := time.Since(start)
		spent, n := watch.take()
		calls += n
		whole.latencies = append(whole.latencies, ms(took))
		ours.latencies = append(ours.latencies, max(0, ms(took-spent)))
	}
	system := "idle"
	if loaded {
		system = "half-loaded"
	}
	fmt.Fprintf(out, "  %-8s %-12s %-28s %-22.2f %.2f per push\n", latency, system, fmt.Sprintf("%.2f / %.2f / %.2f", ours.quantile(.5), ours.quantile(.9), ours.quantile(.99)), whole.quantile(.5), float64(calls)/float64(len(ours.latencies)))
	return nil
}

// connected returns when a button is.
func connected(ctx context.Context, box *app.Sandbox, events <-chan pbfake.Event, integration, entity string) error {
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	for {
		if state := box.Productboard.State(integration, entity); state.Name == "connected" {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-limit.C:
			return errors.New("a button did not become connected within 30s")
		case <-events:
		}
	}
}
