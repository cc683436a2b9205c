package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/targets/memtarget"
)

// report is the printed result of a run.
type report struct {
	Seed         uint64         `json:"seed"`
	AppendFsync  string         `json:"appendfsync"`
	Actions      int            `json:"actions"`
	Entities     int            `json:"entities"`
	Integrations int            `json:"integrations"`
	Tenants      int            `json:"tenants"`
	Seconds      float64        `json:"seconds"`
	QuietSeconds float64        `json:"quietSeconds"`
	Happened     map[kind]int   `json:"happened"`
	Faults       map[string]int `json:"faults"`
	// Answers are what Productboard got for the clicks.
	Answers map[string]int `json:"answers"`
	Buttons map[string]int `json:"buttons"`
	Issues  int            `json:"issues"`
	// Repaired are second issues that the sweep found and closed.
	Repaired int       `json:"repaired"`
	Takeover quantiles `json:"takeoverSeconds"`
	AtRest   atRest    `json:"atRest"`
	// Counts are the violations by kind.
	Counts map[string]int `json:"counts"`
	// RedisLost is how many seconds of acknowledged writes Redis forgot when it
	// was killed: then the run says nothing about the plugin.
	RedisLost  float64     `json:"redisLostSeconds,omitempty"`
	Violations []violation `json:"violations"`
	// Refresh is of a run with -refresh.
	Refresh *refreshFigures `json:"refresh,omitempty"`

	takeovers []time.Duration
}

const (
	// maxTrails bounds how many violations are reported with all that happened
	// to their buttons.
	maxTrails = 10
	// maxTrailEpochs is more than any button of a plan is unlinked.
	maxTrailEpochs = 100
)

// run plays the plan and checks.
func (w *world) run(ctx context.Context, say func(string, ...any)) (report, error) {
	start := time.Now()
	p := makePlan(w.opts.Seed, w.opts.size)
	stop := w.watch(ctx)
	say("%d clicks on %d buttons over %s; logs in %s", len(p.Clicks), len(p.Buttons), w.opts.Over, w.fixture.Dir())
	if err := w.switchOn(ctx, w.opts.Seed); err != nil {
		return report{}, err
	}
	clicks, err := w.play(ctx, p, w.strikeAll(p))
	if err != nil {
		return report{}, err
	}
	if err := w.switchOff(ctx); err != nil {
		return report{}, err
	}
	say("played in %s; waiting for quiet", time.Since(start).Round(time.Second))
	r, err := w.end(ctx, p, clicks, stop, say)
	if err != nil {
		return r, err
	}
	r.Seconds = time.Since(start).Round(time.Second).Seconds()
	say("%d violations %v; takeover %+v; quiet after %.0fs", len(r.Violations), r.Counts, r.Takeover, r.QuietSeconds)
	return r, nil
}

// end waits for quiet and judges.
func (w *world) end(ctx context.Context, p plan, clicks []clicked, stop func() ([]pbfake.Event, error), say func(string, ...any)) (report, error) {
	quiet, err := w.quiet(ctx, w.opts.Quiet, say)
	if err != nil {
		return report{}, err
	}
	events, err := stop()
	if err != nil {
		return report{}, err
	}
	r, err := w.judge(ctx, p, clicks, events)
	r.QuietSeconds = quiet.Round(time.Second).Seconds()
	return r, err
}

// judge reads the books and holds them against the promises.
func (w *world) judge(ctx context.Context, p plan, clicks []clicked, events []pbfake.Event) (report, error) {
	r, b, err := w.books(ctx, p, clicks, events)
	if err != nil {
		return r, err
	}
	taken := takeovers(w.lines, w.happened)
	r.Violations = slices.Concat(w.failures, w.crashes(), b.check(), r.AtRest.violations(w.opts.overlooked()), slow(taken))
	r.figures(b, taken)
	w.trails(ctx, b, r.Violations)
	return r, nil
}

// books reads them.
func (w *world) books(ctx context.Context, p plan, clicks []clicked, events []pbfake.Event) (report, books, error) {
	r := report{Seed: w.opts.Seed, AppendFsync: w.opts.Fsync, Actions: len(clicks), Entities: w.opts.Entities, Integrations: w.opts.Integrations, Tenants: w.opts.Tenants}
	lines, err := w.logs()
	if err != nil {
		return r, books{}, err
	}
	w.lines = lines
	b := books{Plan: p, Integrations: w.integrations, Own: w.own, Tenants: w.tenants(), Entities: w.entities, Clicks: clicks, Happened: w.happened, Events: events, Taken: takings(lines)}
	if b.Creates, err = w.sandbox.Books(ctx); err != nil {
		return r, b, err
	}
	for i := range w.integrations {
		issues, err := w.sandbox.Issues(ctx, project(i))
		if err != nil {
			return r, b, err
		}
		b.Issues = append(b.Issues, issues...)
	}
	if b.Shown, err = w.sandbox.Connections(ctx, ""); err != nil {
		return r, b, err
	}
	if r.AtRest, err = w.atRest(ctx); err != nil {
		return r, b, err
	}
	r.RedisLost = w.redisLost.Seconds()
	return r, b, nil
}

func (r *report) figures(b books, taken []takeover) {
	r.Happened = byKind(b.Happened, func(h happening) kind { return h.Kind })
	r.Answers = byKind(b.Clicks, func(c clicked) string {
		switch {
		case c.Err != "":
			return "not possible"
		case c.Answer.Failure != "":
			return fmt.Sprintf("failed (status %d)", c.Answer.Status)
		default:
			return c.Answer.State.Name
		}
	})
	r.Buttons = byKind(b.Shown, func(c pbfake.Connection) string { return c.State.Name })
	r.Faults = map[string]int{}
	for _, e := range b.Events {
		if e.Kind == pbfake.EventFault {
			r.Faults["productboard: "+e.Detail]++
		}
	}
	for _, c := range b.Creates {
		if c.Told != "created" {
			r.Faults["tracker: "+c.Told]++
		}
	}
	r.Issues = len(b.Issues)
	for _, i := range b.Issues {
		if i.Status == memtarget.StatusDone && len(i.Comments) > 0 && slices.ContainsFunc(i.Comments, isDuplicateRemark) {
			r.Repaired++
		}
	}
	var took []time.Duration
	for _, t := range taken {
		took = append(took, t.After)
	}
	r.takeovers, r.Takeover = took, quantilesOf(took)
	r.Counts = byKind(r.Violations, func(v violation) string { return v.Kind })
}

// trails adds to the first violations all that is known of their buttons.
func (w *world) trails(ctx context.Context, b books, all []violation) {
	for i := range all {
		v := &all[i]
		if v.Entity == "" || i >= maxTrails {
			continue
		}
		key := connections.Key{Tenant: b.tenant(v.Integration), Integration: v.Integration, Entity: v.Entity}
		v.Trail = append(b.trail(key), w.history(ctx, key)...)
		slices.Sort(v.Trail) // each begins with its time
	}
}

// tenant is whose an integration is, by the plugin's own id.
func (b books) tenant(integration string) string {
	if i := slices.Index(b.Own, integration); i >= 0 {
		return b.Tenants[i]
	}
	return ""
}

// trail lists what happened to a button in the simulators' books.
func (b books) trail(key connections.Key) []string {
	var out []string
	add := func(at time.Time, format string, args ...any) {
		out = append(out, stamp(at)+" "+fmt.Sprintf(format, args...))
	}
	integration := ""
	for i, own := range b.Own {
		if own == key.Integration {
			integration = b.Integrations[i]
		}
	}
	for _, e := range b.Events {
		if e.IntegrationID != integration || e.EntityID != key.Entity {
			continue
		}
		state := ""
		if e.State != nil {
			state = e.State.Name + " " + e.State.HoverLabel + e.State.Message
		}
		add(e.Time, "productboard: %s %s%s %s %s %s", e.Kind, e.Op, e.Trigger, e.Source, state, e.Detail)
	}
	markers := map[string]bool{}
	for epoch := range maxTrailEpochs {
		markers[string(connections.MarkerFor(key, epoch+1))] = true
	}
	for _, c := range b.Creates {
		if markers[c.Marker] {
			add(c.At, "tracker: create %s %s told %q", c.IssueID, c.Marker, c.Told)
		}
	}
	for _, t := range b.Taken[key] {
		add(t.At, "plugin: %s taken", t.Trigger)
	}
	for _, h := range b.Happened {
		add(h.At, "machine: %s %s until %s", h.Kind, h.Name, stamp(h.Back))
	}
	return out
}

func isDuplicateRemark(s string) bool { return strings.HasPrefix(s, "This issue is a duplicate ") }
