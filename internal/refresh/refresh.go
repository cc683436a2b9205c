// Package refresh keeps buttons true after the push: it reads issues back from
// their trackers, integration by integration, and has the records take what
// changed. What a sweep missed the next one finds; nothing else has to work for
// a button to become true.
//
// What must not live here: what a reading does to a record (connections), how a
// tracker is read (targets), how a button is set (actions).
package refresh

import (
	"context"
	"errors"
	"hash/fnv"
	"log/slog"
	mathrand "math/rand/v2"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/limits/memory"
	"pushbutton/internal/targets"
	"pushbutton/internal/telemetry"
	"pushbutton/internal/tenants"
)

// Records are the buttons; connections.Store has them.
type Records interface {
	Scan(ctx context.Context, tenant, integration string, cursor uint64) ([]connections.Entry, uint64, error)
	Observe(ctx context.Context, readings []connections.Reading, reset bool) ([]*connections.Task, error)
	Usage(ctx context.Context, tenant string) (connections.Usage, error)
}

// Peers opens the tracker of an integration.
type Peers interface {
	Target(ctx context.Context, in tenants.Integration) (*targets.Target, error)
}

// Queue takes the runs that set changed buttons.
type Queue interface {
	Enqueue(ctx context.Context, task connections.Task) error
}

// Reconnects is told of credentials that a tracker refused; tenants.Store is one.
type Reconnects interface {
	NeedReconnect(ctx context.Context, used tenants.Integration, side fault.Side, reason string) (bool, error)
}

// Options are what a Sweeper and a Follower can do without.
type Options struct {
	// Read is told of readings: the target's type, the verdict, and how many.
	Read func(target, verdict string, n int)
	// Changed is told of how many buttons a sweep changes, by the target's type.
	Changed func(target string, n int)
	// NeedsReconnect is told of each integration that was marked.
	NeedsReconnect func(side fault.Side)
	// Hinted is told of issues that webhooks named, by what became of the hint.
	Hinted func(outcome string, n int)
	// Breaker keeps from trackers that fail steadily; breaker.Breaker is one.
	Breaker Breaker
	// Memory bounds what all readings of a process hold at once.
	Memory *memory.Budget
	// Webhooks is told what sweeps found.
	Webhooks Webhooks
}

// Webhooks are told what sweeps found, so that a dead webhook is seen; Hints are.
type Webhooks interface {
	Found(ctx context.Context, tenant, integration string, changed []string, grace time.Duration) error
	Swept(ctx context.Context, tenant, integration string, grace time.Duration) error
}

// Sweeper reads issues back. It is safe for concurrent use.
type Sweeper struct {
	engine
	schedule *Schedule
	period   time.Duration
	// turn is for how long a sweep keeps others waiting; tests shorten it.
	turn time.Duration
}

// New makes a Sweeper that reads each issue that is not done once a period. opts
// may be nil.
func New(schedule *Schedule, integrations tenants.ByID, all tenants.ByTenant, peers Peers, records Records, queue Queue, reconnects Reconnects,
	period time.Duration, log *slog.Logger, opts *Options) *Sweeper {
	return &Sweeper{engine: newEngine(integrations, all, peers, records, queue, reconnects, log, opts), schedule: schedule, period: period, turn: turn}
}

// The messages of the lines that say that Redis could not be used.
const (
	SweepFailed = "sweep failed"
	NotFollowed = "webhooks not followed"
)

const (
	// LookEvery is how often a process without a sweep looks for one that is due.
	LookEvery = time.Second
	// hold is how long a claimed sweep may be silent before another process
	// goes on with it.
	hold = time.Minute
	// grace is how much later than the change a webhook may come.
	grace = 30 * time.Second
	// turn is after how long a sweep lets those go first that are due by then.
	turn = time.Minute
	// single is how many issues are read in a row from a tracker that reads one
	// at a time, and most how many at once from any other.
	single, most = 5, 100
	// news is for how long an issue that is done counts as one that is not.
	news = 3 * 24 * time.Hour
	// rarely is the longest time between two readings of an issue.
	rarely = 24 * time.Hour
	// share is how often an issue that is done is read at least in the time since
	// its button last changed, up to once in rarely.
	share = 48
	// maxChanges is how many buttons are changed at once, so that clicks find
	// slots of their tenant.
	maxChanges = 5
	// busyWait is the pause before the next look at a tenant whose slots are in
	// use, and busyLooks is after how many of them the sweep goes on anyway.
	busyWait  = 200 * time.Millisecond
	busyLooks = 50
)

// Step sweeps integrations that are due, one after the other, until none is or
// the context ends.
func (s *Sweeper) Step(ctx context.Context) {
	for ctx.Err() == nil {
		claim, ok, err := s.schedule.Claim(ctx, hold)
		if err == nil && !ok {
			return
		}
		if err == nil {
			err = s.sweep(ctx, claim)
		}
		if err != nil {
			if ctx.Err() == nil {
				s.log.WarnContext(ctx, SweepFailed, telemetry.KeyTenant, claim.Tenant, telemetry.KeyIntegration, claim.Integration, telemetry.KeyError, err)
			}
			return // the claim ends by itself, and the sweep goes on where it was
		}
	}
}

// sweep goes on with an integration's sweep until it is over. An error means
// that Redis could not be used.
func (s *Sweeper) sweep(ctx context.Context, claim Claim) error {
	r, no, err := s.reader(ctx, claim.Tenant, claim.Integration)
	switch {
	case err != nil:
		return err
	case no.never:
		return s.schedule.Remove(ctx, claim)
	case no.reason != "":
		return s.done(ctx, claim, no.reason)
	}
	kept, end := s.keep(ctx, func(ctx context.Context) bool { return s.schedule.Renew(ctx, claim, hold) })
	defer end()
	err = s.pages(kept, r, claim)
	if errors.Is(context.Cause(kept), errLost) {
		return nil
	}
	return err
}

// pages reads an integration's issues page by page, from the claim's cursor on.
func (s *Sweeper) pages(ctx context.Context, r *reader, claim Claim) error {
	began := time.Now()
	for {
		entries, next, err := s.records.Scan(ctx, r.in.Tenant, r.in.ID, claim.Cursor)
		if err != nil {
			return err
		}
		due := s.due(entries, claim)
		// Whatever stops a sweep must not keep it from the same issues each time:
		// it goes on with the next page, and no page is read in the same order.
		mathrand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] }) //nolint:gosec // nothing to guess
		stopped, err := r.entries(ctx, due)
		if err != nil {
			return err
		}
		s.tellFound(ctx, r)
		claim.Cursor = next
		switch {
		case next == 0:
			s.tellSwept(ctx, r)
			return s.done(ctx, claim, stopped)
		case stopped != "":
			return s.schedule.Stop(ctx, claim, s.period, stopped)
		case time.Since(began) > s.turn:
			return s.schedule.Release(ctx, claim)
		case !s.schedule.Save(ctx, claim, hold):
			return nil // another process has it
		}
	}
}

// tellFound tells the webhooks what a page brought. They are told page by page,
// since another process may go on with the sweep.
func (s *Sweeper) tellFound(ctx context.Context, r *reader) {
	changed := r.changed
	r.changed = nil
	if s.opts.Webhooks == nil || len(changed) == 0 || !listens(r.in) {
		return
	}
	if err := s.opts.Webhooks.Found(ctx, r.in.Tenant, r.in.ID, changed, min(grace, s.period)); err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "webhooks not compared with the sweep", telemetry.KeyTenant, r.in.Tenant, telemetry.KeyIntegration, r.in.ID, telemetry.KeyError, err)
	}
}

// tellSwept tells the webhooks that a sweep is over.
func (s *Sweeper) tellSwept(ctx context.Context, r *reader) {
	if s.opts.Webhooks == nil || !listens(r.in) {
		return
	}
	if err := s.opts.Webhooks.Swept(ctx, r.in.Tenant, r.in.ID, min(grace, s.period)); err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "webhooks not compared with the sweep", telemetry.KeyTenant, r.in.Tenant, telemetry.KeyIntegration, r.in.ID, telemetry.KeyError, err)
	}
}

// listens reports whether an integration has a webhook that should tell of
// changes.
func listens(in tenants.Integration) bool {
	mode := in.HookMode()
	return mode != tenants.HooksOff && in.Hook != nil && (!in.Hook.Registered.IsZero() || mode == tenants.HooksManual)
}

// done ends a sweep. What it stopped at, if anything, is kept for people.
func (s *Sweeper) done(ctx context.Context, claim Claim, stopped string) error {
	return s.schedule.Done(ctx, claim, s.period, stopped)
}

// due are the entries whose issues are to be read in this sweep: those that are
// not done in each, the others less often with their age. Each has a phase of
// its own, so that they are spread over the sweeps.
func (s *Sweeper) due(entries []connections.Entry, claim Claim) []connections.Entry {
	var out []connections.Entry
	for _, e := range entries {
		rec := e.Record
		if rec.State != connections.Connected || rec.Step != connections.Idle || rec.Issue == nil {
			continue
		}
		age := claim.Started.Sub(e.Changed)
		if rec.Issue.Progress != targets.Done && !rec.Deleted() || age < news || claim.Last.IsZero() {
			out = append(out, e)
			continue
		}
		if interval := s.interval(age); round(e.Key, claim.Started, interval) != round(e.Key, claim.Last, interval) {
			out = append(out, e)
		}
	}
	return out
}

// interval is the time between two readings of an issue that is done. It doubles
// with its age: if it grew with it, each sweep would count rounds of its own, and
// an issue could miss many by chance.
func (s *Sweeper) interval(age time.Duration) time.Duration {
	interval := s.period
	for interval*2 <= min(age/share, rarely) {
		interval *= 2
	}
	return interval
}

// round numbers the times at which an issue is to be read.
func round(key connections.Key, at time.Time, interval time.Duration) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key.Entity))
	ms := interval.Milliseconds()
	phase := int64(h.Sum32()) * ms >> 32
	return (at.UnixMilli() + phase) / ms
}
