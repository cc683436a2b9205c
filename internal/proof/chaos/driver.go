package main

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/proof/e2e/fixture"
)

// clicked is a click and what came of it.
type clicked struct {
	click
	Start, End time.Time
	Answer     fixture.Answer
	Err        string
}

// answered reports whether the plugin took the click: it said so itself.
func (c clicked) answered() bool {
	return c.Err == "" && c.Answer.Failure == "" && c.Answer.Status == 200
}

// play clicks as the plan says, and has done to the processes meanwhile what
// strikes does from the start on.
func (w *world) play(ctx context.Context, p plan, strikes func(ctx context.Context, start time.Time) error) ([]clicked, error) {
	start := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return strikes(ctx, start) })
	out := make([]clicked, len(p.Clicks))
	group.Go(func() error {
		var clicks sync.WaitGroup
		defer clicks.Wait()
		for i, c := range p.Clicks {
			if err := pause(ctx, time.Until(start.Add(c.At))); err != nil {
				return err
			}
			clicks.Go(func() { out[i] = w.click(ctx, p.Buttons[c.Button], c) })
		}
		return nil
	})
	return out, group.Wait()
}

// strikeAll carries the plan's events out, each at its time.
func (w *world) strikeAll(p plan) func(ctx context.Context, start time.Time) error {
	return func(ctx context.Context, start time.Time) error {
		strikes, ctx := errgroup.WithContext(ctx)
		for _, e := range p.Events {
			if err := pause(ctx, time.Until(start.Add(e.At))); err != nil {
				break
			}
			strikes.Go(func() error {
				if err := w.strike(ctx, e); err != nil {
					return fmt.Errorf("%s: %w", e.Kind, err)
				}
				return nil
			})
		}
		return strikes.Wait()
	}
}

func (w *world) click(ctx context.Context, b button, c click) clicked {
	done := clicked{click: c, Start: time.Now()}
	answer, err := w.sandbox.Click(ctx, w.integrations[b.Integration], w.entities[b.Entity], c.Trigger)
	if err != nil {
		done.Err = err.Error()
	}
	done.Answer, done.End = answer, time.Now()
	return done
}

// entitiesOf makes the items of the board.
func entitiesOf(n int) []pbfake.Entity {
	out := make([]pbfake.Entity, n)
	for i := range out {
		out[i] = pbfake.Entity{Type: "feature", Fields: map[string]any{
			"name":        fmt.Sprintf("Feature %d", i),
			"description": "<p>" + strings.Repeat("It is <b>wanted</b>. ", 1+i%5) + "</p>",
		}}
	}
	return out
}

// watch collects Productboard's journal until the context ends; it forgets
// its oldest events.
func (w *world) watch(ctx context.Context) (stop func() ([]pbfake.Event, error)) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	var all []pbfake.Event
	var failed error
	var since uint64
	read := func(ctx context.Context) {
		events, last, err := w.sandbox.Journal(ctx, since)
		if err != nil {
			if ctx.Err() == nil {
				failed = err
			}
			return
		}
		all, since = append(all, events...), last
	}
	go func() {
		defer close(done)
		for pause(ctx, time.Second) == nil && failed == nil {
			read(ctx)
		}
	}()
	return func() ([]pbfake.Event, error) {
		cancel()
		<-done
		if failed == nil {
			read(context.WithoutCancel(ctx))
		}
		return all, failed
	}
}

// sayEvery is how often the wait for quiet tells what it waits for.
const sayEvery = 20 * time.Second

// quiet waits until nothing is left to do: no unfinished button, no task, no
// stale progress. It gives up after a limit; the check then says what is left.
func (w *world) quiet(ctx context.Context, limit time.Duration, say func(string, ...any)) (time.Duration, error) {
	start := time.Now()
	said := start
	for calm := 0; calm < 3 && time.Since(start) < limit; {
		if err := pause(ctx, time.Second); err != nil {
			return 0, err
		}
		busy, err := w.busy(ctx)
		if err != nil {
			return 0, err
		}
		calm++
		if len(busy) > 0 {
			calm = 0
		}
		if time.Since(said) > sayEvery {
			said = time.Now()
			say("after %s: %v", time.Since(start).Round(time.Second), busy)
		}
	}
	return time.Since(start), nil
}

// busy counts what is left to do, by what it is.
func (w *world) busy(ctx context.Context) (map[string]int, error) {
	out := map[string]int{}
	metrics, err := w.workers.plugins()[0].Metrics(ctx)
	if err != nil {
		return nil, err
	}
	out["unfinished"] = int(metrics.Sum("plugin_unfinished"))
	shown, err := w.sandbox.Connections(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, c := range shown {
		if c.State.Name == pbfake.StateProgress {
			out["in progress"]++
		}
	}
	tasks, err := w.tasks(ctx)
	for where, n := range tasks {
		out["tasks "+where] = int(n)
	}
	for _, where := range w.opts.overlooked() {
		delete(out, "tasks "+where)
	}
	maps.DeleteFunc(out, func(_ string, n int) bool { return n == 0 })
	return out, err
}
