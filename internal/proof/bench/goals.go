package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"
)

// goalsOptions are the flags of the runs that have goals to meet.
type goalsOptions struct {
	short   bool
	waiting int
	number  int
	limit   time.Duration
	json    string
}

var errMissed = errors.New("a goal was missed")

// runFairness takes about ten minutes, and two in short.
func runFairness(ctx context.Context, g goalsOptions) error {
	o := fairnessOptions{waiting: 100_000, rounds: 5, clicks: 140, rate: 10}
	if g.short {
		o = fairnessOptions{waiting: 5_000, rounds: 5, clicks: 40, rate: 10}
	}
	if g.waiting > 0 {
		o.waiting = g.waiting
	}
	return withGoals(ctx, g, true, func(ctx context.Context, server *redisServer, log *slog.Logger) (*report, error) {
		return fairness(ctx, o, server, log, os.Stderr)
	})
}

// runRefresh takes about seven minutes, and two in short.
func runRefresh(ctx context.Context, g goalsOptions) error {
	o := refreshOptions{buttons: 10_000, changes: 10, rounds: 3, clicks: 280, rate: 8, told: 200, large: 100_000}
	if g.short {
		o.rounds, o.clicks, o.told, o.large = 3, 40, 50, 10_000
	}
	return withGoals(ctx, g, true, func(ctx context.Context, server *redisServer, log *slog.Logger) (*report, error) {
		return keepTrue(ctx, o, server, log, os.Stderr)
	})
}

// runTenants takes about eight minutes, and one in short.
func runTenants(ctx context.Context, g goalsOptions) error {
	o := tenantsOptions{tenants: 10_000, integrations: 3, connections: 1000, big: 200_000, rounds: 5, clicks: 140, rate: 10, pages: 1000, pings: 1000}
	if g.short {
		o.tenants, o.big, o.clicks, o.pages, o.pings = 200, 20_000, 40, 300, 300
	}
	if g.number > 0 {
		o.tenants = g.number
	}
	return withGoals(ctx, g, false, func(ctx context.Context, server *redisServer, log *slog.Logger) (*report, error) {
		return manyTenants(ctx, o, server, log, os.Stderr)
	})
}

// withGoals runs f over a private Redis, prints its report and checks whether
// its goals were met; without durable, a Redis that writes nothing to disk.
func withGoals(ctx context.Context, g goalsOptions, durable bool, f func(context.Context, *redisServer, *slog.Logger) (*report, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, g.limit, fmt.Errorf("not done within %s", g.limit))
	defer cancel()
	server, err := startRedis(ctx, durable)
	if err != nil {
		return err
	}
	defer server.stop()
	begun := time.Now()
	r, err := f(ctx, server, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	r.Seconds = time.Since(begun).Seconds()
	r.print(os.Stdout)
	if err := r.write(g.json); err != nil {
		return err
	}
	if !r.Met {
		return errMissed
	}
	return nil
}
