package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/targets/memtarget"
)

// refreshFigures are what a run with -refresh reports beside the rest.
type refreshFigures struct {
	Changes map[changeKind]int `json:"changes"`
	Total   int                `json:"total"`
	// Skipped are those for which there was nothing to change.
	Skipped int `json:"skipped"`
	// Deleted counts how often a button said so, and Writes what Productboard was
	// told in all.
	Deleted int `json:"saidDeleted"`
	Writes  int `json:"writes"`
	// RestSeconds is how long it took after the last change until the sweeps had
	// told everything.
	RestSeconds float64   `json:"restSeconds"`
	Calls       callCount `json:"calls"`
	// Hooks is what became of webhooks; Guesses counts those that the machine sent
	// to addresses that it made up, by the answer's status.
	Hooks   memtarget.HookStats `json:"hooks,omitzero"`
	Guesses map[int]int         `json:"guesses,omitempty"`
}

// callCount is what sweeps over issues that did not change asked the tracker.
type callCount struct {
	Issues int     `json:"issues"`
	Sweeps int     `json:"sweeps"`
	Calls  int     `json:"calls"`
	Each   float64 `json:"perIssueAndSweep"`
}

// maxCalls is the most calls of an unchanged issue and sweep where a tracker reads
// a hundred issues with one request.
const maxCalls = 0.02

// countedSweeps is how many sweeps the calls are counted over.
const countedSweeps = 5

// refresh plays a plan of changes and checks that the buttons followed.
func (w *world) refresh(ctx context.Context, say func(string, ...any)) (report, error) {
	defer func() { _ = w.proxy.close() }()
	start := time.Now()
	f := &followed{world: w, plan: makeRefreshPlan(w.opts.Seed, w.opts.size), fates: &fates{of: map[string][]fate{}}, say: say,
		shown: map[int]string{}, done: map[changeKind]int{}, guesses: map[int]int{}, windows: make([]sync.Mutex, w.opts.Integrations)}
	stop := w.watch(ctx)
	say("%d changes of %d buttons over %s; logs in %s", len(f.plan.Changes), len(f.plan.Buttons), w.opts.Over, w.fixture.Dir())
	if err := f.connect(ctx); err != nil {
		return report{}, err
	}
	say("all connected after %s", time.Since(start).Round(time.Second))
	if err := f.refreshFaults(ctx); err != nil {
		return report{}, err
	}
	if err := f.play(ctx); err != nil {
		return report{}, err
	}
	if err := f.heal(ctx); err != nil {
		return report{}, err
	}
	healed := time.Now()
	say("played in %s, %d changes; waiting for the sweeps", time.Since(start).Round(time.Second), len(f.plan.Changes)-f.skipped)
	if err := f.rest(ctx, healed); err != nil {
		return report{}, err
	}
	rested := time.Since(healed)
	events, err := stop()
	if err != nil {
		return report{}, err
	}
	calls, err := f.count(ctx)
	if err != nil {
		return report{}, err
	}
	r, err := f.judge(ctx, events, calls)
	r.Seconds, r.QuietSeconds = time.Since(start).Round(time.Second).Seconds(), rested.Round(time.Second).Seconds()
	r.Refresh.RestSeconds = rested.Round(100 * time.Millisecond).Seconds()
	say("%d violations %v; at rest after %.0fs; %.4f calls per unchanged issue and sweep", len(r.Violations), r.Counts, r.QuietSeconds, calls.Each)
	return r, err
}

// connect pushes every button and waits until it shows its issue.
func (f *followed) connect(ctx context.Context) error {
	start := time.Now()
	var group sync.WaitGroup
	for _, c := range f.plan.Clicks {
		if err := pause(ctx, time.Until(start.Add(c.At))); err != nil {
			return err
		}
		group.Go(func() { f.click(ctx, c.Button, c.Trigger) })
	}
	group.Wait()
	for deadline := time.Now().Add(f.opts.Quiet); ; {
		if err := f.look(ctx); err != nil {
			return err
		}
		if len(f.shown) == len(f.plan.Buttons) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d buttons are connected before anything went wrong", len(f.shown), len(f.plan.Buttons))
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
}

// rest waits until two sweeps that begin after healed, as far apart as a deletion
// needs, have ended. They must not take a hidden issue for a deleted one, so only
// then are those shown. It waits until everything is quiet and one more sweep has
// ended.
func (f *followed) rest(ctx context.Context, healed time.Time) error {
	deadline := healed.Add(f.opts.Quiet)
	if err := f.swept(ctx, healed, deadline); err != nil {
		return err
	}
	if err := f.swept(ctx, time.Now().Add(f.opts.Confirm), deadline); err != nil {
		return err
	}
	if err := f.reveal(ctx); err != nil {
		return err
	}
	for range 2 {
		if _, err := f.quiet(ctx, time.Until(deadline), f.say); err != nil {
			return err
		}
		if err := f.swept(ctx, time.Now(), deadline); err != nil {
			return err
		}
	}
	_, err := f.quiet(ctx, time.Until(deadline), f.say)
	return err
}

// sweepProgress is what the plugin keeps of an integration's sweeps.
type sweepProgress struct {
	Last    int64  `json:"l"` // when the last whole one began
	Stopped string `json:"e"`
}

func (f *followed) sweeps(ctx context.Context) (map[string]sweepProgress, error) {
	rdb := f.redis.Client(0)
	defer func() { _ = rdb.Close() }()
	docs, err := rdb.HGetAll(ctx, "pb:{refresh}:progress").Result()
	if err != nil {
		return nil, err
	}
	out := map[string]sweepProgress{}
	for name, doc := range docs {
		var p sweepProgress
		if err := json.Unmarshal([]byte(doc), &p); err != nil {
			return nil, fmt.Errorf("progress of %s: %w", name, err)
		}
		_, integration, _ := strings.Cut(name, "/")
		out[integration] = p
	}
	return out, nil
}

// swept waits until every integration has had a whole sweep that began after a
// moment. Past the deadline it goes on: the check tells what is wrong then.
func (f *followed) swept(ctx context.Context, after, deadline time.Time) error {
	said := time.Now()
	for time.Now().Before(deadline) {
		all, err := f.sweeps(ctx)
		if err != nil {
			return err
		}
		var left []string
		for i, own := range f.own {
			if p := all[own]; p.Last <= after.UnixMilli() || p.Stopped != "" {
				left = append(left, strings.TrimSpace(project(i)+" "+p.Stopped))
			}
		}
		if len(left) == 0 {
			return nil
		}
		if time.Since(said) > sayEvery {
			said = time.Now()
			f.say("sweeps are waited for: %v", left)
			if slices.ContainsFunc(left, func(s string) bool { return strings.Contains(s, "credential") }) {
				f.repair(ctx)
			}
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	f.fail(violation{Kind: late, Detail: "not every integration has been swept since " + stamp(after)})
	return nil
}

// count counts the tracker's calls of some sweeps over issues that do not change.
func (f *followed) count(ctx context.Context) (callCount, error) {
	out := callCount{Issues: f.opts.size.Quiet}
	var first, last int64
	begun := 0
	for deadline := time.Now().Add(time.Minute); out.Sweeps < countedSweeps && time.Now().Before(deadline); {
		all, err := f.sweeps(ctx)
		if err != nil {
			return out, err
		}
		calls := f.proxy.requests(project(quietIntegration))
		switch p := all[f.own[quietIntegration]]; {
		case first == 0:
			first, last, begun = p.Last, p.Last, calls
		case p.Last != last:
			last = p.Last
			out.Sweeps++
			out.Calls = calls - begun
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return out, err
		}
	}
	if out.Sweeps == 0 {
		return out, errors.New("no sweep of the quiet integration ended")
	}
	out.Each = float64(out.Calls) / float64(out.Issues*out.Sweeps)
	return out, nil
}

// judge reads the books and holds them against the promises.
func (f *followed) judge(ctx context.Context, events []pbfake.Event, calls callCount) (report, error) {
	r, b, err := f.books(ctx, f.plan.plan, f.clicks, events)
	if err != nil {
		return r, err
	}
	for i := range f.integrations {
		issues, err := f.sandbox.Issues(ctx, archive(i))
		if err != nil {
			return r, err
		}
		b.Issues = append(b.Issues, issues...)
	}
	found := followedBooks{books: b, fates: f.fates, confirm: f.opts.Confirm, address: f.proxy.URL + "/tracker"}
	r.Refresh = &refreshFigures{Changes: f.done, Total: len(f.plan.Changes) - f.skipped, Skipped: f.skipped, Calls: calls, Guesses: f.guesses}
	forgeries, err := f.hookFigures(ctx, r.Refresh)
	if err != nil {
		return r, err
	}
	for _, e := range events {
		if e.Kind == pbfake.EventWrite {
			r.Refresh.Writes++
			if saysDeleted(e.State) {
				r.Refresh.Deleted++
			}
		}
	}
	r.Violations = slices.Concat(f.failures, f.crashes(), found.check(), forgeries, r.AtRest.violations(f.opts.overlooked()))
	if calls.Each > maxCalls {
		r.Violations = append(r.Violations, violation{Kind: costly, Detail: fmt.Sprintf("%.4f calls of the tracker per unchanged issue and sweep", calls.Each)})
	}
	r.figures(b, nil)
	f.trails(ctx, b, r.Violations)
	return r, nil
}
