package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"pushbutton/config"
	"pushbutton/internal/app"
	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/register"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

// stopwatch adds a peer's own latency to every request and books how long
// its handler took, by entity where one request after the other is made.
type stopwatch struct {
	latency time.Duration
	next    http.Handler

	mu    sync.Mutex
	spent time.Duration
	calls int
}

func (s *stopwatch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	if s.latency > 0 {
		timer := time.NewTimer(s.latency)
		<-timer.C
	}
	s.next.ServeHTTP(w, r)
	s.mu.Lock()
	s.spent += time.Since(start)
	s.calls++
	s.mu.Unlock()
}

func (s *stopwatch) take() (time.Duration, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	spent, calls := s.spent, s.calls
	s.spent, s.calls = 0, 0
	return spent, calls
}

// clickToConnected clicks one button after the other on an idle system and
// takes off what the simulators took: what is left is ours.
func clickToConnected(ctx context.Context, o options, server *redisServer, log *slog.Logger, out io.Writer) error {
	fmt.Fprintf(out, "from click to connected beyond the peers' own time, idle system, %d clicks (ms)\n  %-14s %-28s %-22s %s\n", o.clicks, "peers take", "ours p50 / p90 / p99", "whole p50", "HTTP calls before connected")
	for _, latency := range []time.Duration{0, 50 * time.Millisecond} {
		if err := server.client.FlushAll(ctx).Err(); err != nil {
			return err
		}
		if err := measure(ctx, o, latency, server, log, out); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, "  (goal of ours: p50 at most 5, p99 at most 25)")
	return nil
}

func measure(ctx context.Context, o options, latency time.Duration, server *redisServer, log *slog.Logger, out io.Writer) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed with its server
	if err != nil {
		return err
	}
	address := "http://" + ln.Addr().String()
	box := app.NewSandbox(address, o.clicks, 1)
	defer box.Close()
	box.Productboard.SetRateLimit(-1)
	watch := &stopwatch{latency: latency, next: box.Handler()}
	peers := &http.Server{Handler: watch, ReadHeaderTimeout: time.Second}
	go func() { _ = peers.Serve(ln) }()
	defer func() { _ = peers.Close() }()

	cfg, err := settings(server, address+"/v2")
	if err != nil {
		return err
	}
	plugin, err := launch(ctx, cfg, app.Roles{API: true, Worker: true}, log)
	if err != nil {
		return err
	}
	if err := register1(ctx, plugin.app, box, address, plugin.front); err != nil {
		return errors.Join(err, plugin.stop())
	}
	return errors.Join(clicks(ctx, o, latency, box, watch, out), plugin.stop())
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
	_, err := a.Registrar().Apply(ctx, register.Plan{Tenants: []register.WantedTenant{{ID: benchTenant, Integrations: []register.Wanted{{Integration: tenants.Integration{
		Name: "bench", ButtonLabel: "Push", Productboard: tenants.APIToken(secret.New(app.SandboxToken)), Answer: tenants.AnswerV2,
		Target: tenants.TargetConfig{Type: "memory", Settings: map[string]any{"url": address + "/tracker", "project": app.SandboxProject},
			Credentials: map[string]secret.String{"apiKey": secret.New(app.SandboxTrackerKey)}},
	}}}}}})
	return err
}

func clicks(ctx context.Context, o options, latency time.Duration, box *app.Sandbox, watch *stopwatch, out io.Writer) error {
	integration := box.Productboard.Integrations()[0].ID
	var ours, whole outcome
	calls := 0
	// Far enough apart that our own pacing of Productboard's calls does not
	// slow them down.
	pause := time.NewTicker(150 * time.Millisecond)
	defer pause.Stop()
	for _, e := range box.Productboard.Entities() {
		<-pause.C
		events, stop := box.Productboard.Subscribe()
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
	fmt.Fprintf(out, "  %-14s %-28s %-22.2f %.2f per push\n", latency, fmt.Sprintf("%.2f / %.2f / %.2f", ours.quantile(.5), ours.quantile(.9), ours.quantile(.99)), whole.quantile(.5), float64(calls)/float64(len(ours.latencies)))
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
