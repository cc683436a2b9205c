package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/app"
	"pushbutton/internal/connections"
	"pushbutton/internal/pbapi/pbfake"
)

// idle measures what one worker process asks of Redis while there is nothing
// to do, and how long a click waits for it: by Redis' own clock, from the
// record of the click to the worker's lease.
func idle(ctx context.Context, o options, server *redisServer, log *slog.Logger, out io.Writer) error {
	if err := server.client.FlushAll(ctx).Err(); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed with its server
	if err != nil {
		return err
	}
	address := "http://" + ln.Addr().String()
	box := app.NewSandbox(address, o.pickUps, 1)
	defer box.Close()
	box.Productboard.SetRateLimit(-1)
	peers := &http.Server{Handler: box.Handler(), ReadHeaderTimeout: time.Second}
	go func() { _ = peers.Serve(ln) }()
	defer func() { _ = peers.Close() }()
	cfg, err := settings(server, address+"/v2")
	if err != nil {
		return err
	}
	worker, err := launch(ctx, cfg, app.Roles{Worker: true}, log)
	if err != nil {
		return err
	}
	rest, err := server.commandsPerSecond(ctx, o.rest)
	if err != nil {
		return errors.Join(err, worker.stop())
	}
	api, err := launch(ctx, cfg, app.Roles{API: true}, log)
	if err != nil {
		return errors.Join(err, worker.stop())
	}
	err = register1(ctx, api.app, box, address, api.front)
	var waits outcome
	if err == nil {
		waits, err = pickUps(ctx, server, box)
	}
	if err := errors.Join(err, api.stop(), worker.stop()); err != nil {
		return err
	}
	fmt.Fprintf(out, "one worker process, its queue empty\n  %-34s %.0f (goal: at most 150)\n", "Redis commands/s at rest", rest)
	fmt.Fprintf(out, "  %-34s %.0f / %.0f / %.0f / %.0f (goal: p99 at most 100)\n\n", fmt.Sprintf("pick-up of %d clicks, ms: p50/90/99/max", len(waits.latencies)),
		waits.quantile(.5), waits.quantile(.9), waits.quantile(.99), waits.quantile(1))
	return nil
}

// commandsPerSecond counts all that Redis carries out, what scripts call
// included, over a while.
func (s *redisServer) commandsPerSecond(ctx context.Context, over time.Duration) (float64, error) {
	before, err := s.commands(ctx)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := wait(ctx, over); err != nil {
		return 0, err
	}
	after, err := s.commands(ctx)
	return float64(after-before-1) / time.Since(start).Seconds(), err // without the question itself
}

func (s *redisServer) commands(ctx context.Context) (int64, error) {
	info, err := s.client.Info(ctx, "stats").Result()
	if err != nil {
		return 0, fmt.Errorf("count commands: %w", err)
	}
	_, rest, _ := strings.Cut(info, "total_commands_processed:")
	number, _, _ := strings.Cut(rest, "\r")
	return strconv.ParseInt(number, 10, 64)
}

// pickUps clicks at random moments, and reads from the records' histories how
// long each click waited for a worker.
func pickUps(ctx context.Context, server *redisServer, box *app.Sandbox) (outcome, error) {
	var out outcome
	integration := box.Productboard.Integrations()[0]
	own := integration.ActionURL[strings.LastIndexByte(integration.ActionURL, '/')+1:]
	events, stop := box.Productboard.Subscribe()
	defer stop()
	store := connections.NewStore(server.client, connections.Timing{})
	for _, e := range box.Productboard.Entities() {
		if err := wait(ctx, 10*time.Millisecond+rand.N(80*time.Millisecond)); err != nil { //nolint:gosec // no secret
			return out, err
		}
		if _, err := box.Productboard.Click(ctx, integration.ID, e.ID, pbfake.Push, pbfake.User{Name: "Jane", Email: "jane@example.com"}); err != nil {
			return out, err
		}
		if err := connected(ctx, box, events, integration.ID, e.ID); err != nil {
			return out, err
		}
		history, err := store.History(ctx, connections.Key{Tenant: benchTenant, Integration: own, Entity: e.ID})
		if err != nil {
			return out, err
		}
		if len(history) < 2 || history[0].What != "push" || history[1].What != "begin open" {
			return out, fmt.Errorf("a history begins otherwise than with push and begin: %+v", history)
		}
		out.latencies = append(out.latencies, float64(history[1].At-history[0].At))
	}
	return out, nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
