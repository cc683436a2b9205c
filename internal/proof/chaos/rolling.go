package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pushbutton/internal/proof/e2e/fixture"
)

const (
	// rollingWarm is the load before the first restart, rollingEach what each
	// of them is given: the next begins when the one before is ready.
	rollingWarm = 2 * time.Second
	rollingEach = 4 * time.Second
	// balanceEvery is how often the balancer asks who is ready; the drain
	// delay of the processes is longer.
	balanceEvery = 100 * time.Millisecond
)

// rollingSize is a steady load while every process is restarted.
func rollingSize() size {
	const apis, workers = 2, 3
	return steadySize(2*rollingWarm+(apis+workers)*rollingEach, apis, workers)
}

// rollingReport is the printed result of a run with -rolling.
type rollingReport struct {
	Seed   uint64 `json:"seed"`
	Rate   int    `json:"clicksPerSecond"`
	Clicks int    `json:"clicks"`
	// NotTaken are the clicks without a 200.
	NotTaken   int            `json:"notTaken"`
	Took       quantiles      `json:"answeredAfterSeconds"`
	Restarts   []restart      `json:"restarts"`
	Issues     int            `json:"issues"`
	Counts     map[string]int `json:"counts"`
	Violations []violation    `json:"violations"`
}

// restart is one process' restart.
type restart struct {
	Name string `json:"process"`
	// Stop is from SIGTERM to its end, Start from there to its readiness.
	Stop  float64 `json:"stopSeconds"`
	Start float64 `json:"startSeconds"`
}

// rolling restarts every process in turn under a steady load, behind a
// balancer that asks who is ready.
func (w *world) rolling(ctx context.Context, say func(string, ...any)) (any, []violation, error) {
	p := steadyPlan(w.opts.Seed, w.opts.size)
	say("%d clicks a second on %d buttons over %s; logs in %s", loadRate, len(p.Buttons), w.opts.Over, w.fixture.Dir())
	stopWatch := w.watch(ctx)
	stopBalancer := w.balance(ctx)
	r := rollingReport{Seed: w.opts.Seed, Rate: loadRate}
	clicks, err := w.play(ctx, p, func(ctx context.Context, start time.Time) error {
		for i, s := range slices.Concat(w.apis.slots, w.workers.slots) {
			if err := pause(ctx, time.Until(start.Add(rollingWarm+time.Duration(i)*rollingEach))); err != nil {
				return err
			}
			of, err := w.roll(ctx, s)
			if err != nil {
				return err
			}
			r.Restarts = append(r.Restarts, of)
			say("%s: stopped in %.2fs, ready again after %.2fs", of.Name, of.Stop, of.Start)
		}
		return nil
	})
	if berr := stopBalancer(); err == nil {
		err = berr
	}
	if err != nil {
		return nil, nil, err
	}
	judged, err := w.end(ctx, p, clicks, stopWatch, say)
	if err != nil {
		return nil, nil, err
	}
	r.Clicks, r.Issues, r.Violations, r.Took = len(clicks), judged.Issues, judged.Violations, acknowledged(clicks)
	not := strayAnswers(clicks, nil)
	r.NotTaken = len(not)
	r.Violations = append(r.Violations, not...)
	r.Counts = byKind(r.Violations, func(v violation) string { return v.Kind })
	say("%d clicks, %d not taken; answered p50 %.1fms p99 %.1fms max %.1fms; %d issues, %v", r.Clicks, r.NotTaken, r.Took.P50*1e3, r.Took.P99*1e3, r.Took.Max*1e3, r.Issues, r.Counts)
	return r, r.Violations, nil
}

// roll stops a process and starts it again.
func (w *world) roll(ctx context.Context, s *slot) (restart, error) {
	out := restart{Name: s.name}
	begun := time.Now()
	if err := s.plugin().Stop(stopLimit); err != nil {
		w.fail(violation{Kind: slowStop, Detail: err.Error()})
	}
	stopped := time.Now()
	if err := w.restart(ctx, s); err != nil {
		return out, err
	}
	out.Stop, out.Start = stopped.Sub(begun).Seconds(), time.Since(stopped).Seconds()
	return out, nil
}

// balance passes clicks to those processes alone that say they are ready, as
// a load balancer does; what reaches one that is not is up to the simulator's
// edge, which tries the other one.
func (w *world) balance(ctx context.Context) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		var routed []*fixture.Plugin
		for {
			var ready []*fixture.Plugin
			for _, p := range w.apis.plugins() {
				if p.Ready(ctx) {
					ready = append(ready, p)
				}
			}
			if len(ready) > 0 && !slices.Equal(ready, routed) {
				if err := w.sandbox.Route(ctx, ready...); err != nil && ctx.Err() == nil {
					done <- fmt.Errorf("balancer: %w", err)
					return
				}
				routed = ready
			}
			if pause(ctx, balanceEvery) != nil {
				done <- nil
				return
			}
		}
	}()
	return func() error {
		cancel()
		return <-done
	}
}
