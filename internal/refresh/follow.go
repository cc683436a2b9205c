package refresh

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/telemetry"
	"pushbutton/internal/tenants"
)

// FollowerRecords are the buttons, which a Follower finds by their issues;
// connections.Store has them.
type FollowerRecords interface {
	Records
	ByIssue(ctx context.Context, tenant, integration, issue string) ([]connections.Key, error)
	Entries(ctx context.Context, tenant, integration string, entities []string) ([]connections.Entry, error)
}

// What became of an issue that a webhook named, for Options.Hinted.
const (
	// hintRead: it was read. hintUnknown: no button shows it.
	hintRead, hintUnknown = "read", "unknown"
	// hintKept: its button has a run under way. hintLater: the tracker could not be
	// read. hintDropped: nobody wants the integration's issues read.
	hintKept, hintLater, hintDropped = "kept", "later", "dropped"
)

const (
	// FollowEvery is how often a process without hints looks for some that are due.
	FollowEvery = 500 * time.Millisecond
	// keepHint is for how long an issue whose button has a run under way waits.
	keepHint = time.Minute
	// obstacleWait is the pause before hints are looked at again while something is
	// in the way, shortWait the least such pause, and longWait the longest.
	obstacleWait, shortWait, longWait = time.Minute, 2 * time.Second, 5 * time.Minute
)

// Follower reads the issues that webhooks name. It is safe for concurrent use.
type Follower struct {
	engine
	hints    *Hints
	schedule *Schedule
	buttons  FollowerRecords
}

// NewFollower makes a Follower. Where hints were dropped, it has schedule sweep the
// whole integration. opts may be nil.
func NewFollower(hints *Hints, schedule *Schedule, integrations tenants.ByID, all tenants.ByTenant, peers Peers, records FollowerRecords, queue Queue,
	reconnects Reconnects, log *slog.Logger, opts *Options) *Follower {
	return &Follower{engine: newEngine(integrations, all, peers, records, queue, reconnects, log, opts), hints: hints, schedule: schedule, buttons: records}
}

// Step follows hints that are due, integration by integration, until none is or
// the context ends.
func (f *Follower) Step(ctx context.Context) {
	for ctx.Err() == nil {
		claim, ok, err := f.hints.Claim(ctx, hold)
		if err == nil && !ok {
			return
		}
		if err == nil {
			err = f.follow(ctx, claim)
		}
		if err != nil {
			if ctx.Err() == nil {
				f.log.WarnContext(ctx, NotFollowed, telemetry.KeyTenant, claim.Tenant, telemetry.KeyIntegration, claim.Integration, telemetry.KeyError, err)
			}
			return // the claim ends by itself, and its hints are read then
		}
	}
}

// follow reads what a claim names. An error means that Redis could not be used.
func (f *Follower) follow(ctx context.Context, claim HintClaim) error {
	r, no, err := f.reader(ctx, claim.Tenant, claim.Integration)
	switch {
	case err != nil:
		return err
	case no.never:
		f.count(hintDropped, len(claim.Issues))
		return f.hints.Done(ctx, claim)
	case no.reason != "":
		f.count(hintLater, len(claim.Issues))
		return f.hints.Later(ctx, claim, obstacleWait)
	}
	kept, end := f.keep(ctx, func(ctx context.Context) bool { return f.hints.Renew(ctx, claim, hold) })
	defer end()
	err = f.read(kept, r, claim)
	if errors.Is(context.Cause(kept), errLost) {
		return nil
	}
	return err
}

func (f *Follower) read(ctx context.Context, r *reader, claim HintClaim) error {
	if claim.All {
		if err := f.schedule.Now(ctx, claim.Tenant, claim.Integration); err != nil {
			return err
		}
	}
	entries, over, err := f.entries(ctx, claim)
	if err != nil {
		return err
	}
	stopped, err := r.entries(ctx, entries)
	if err != nil {
		return err
	}
	if stopped != "" {
		wait := obstacleWait
		if r.wait > 0 {
			wait = min(max(r.wait, shortWait), longWait)
		}
		f.count(hintLater, len(over))
		return f.hints.Later(ctx, claim, wait)
	}
	f.count(hintKept, len(claim.Issues)-len(over))
	claim.Issues = over
	return f.hints.Done(ctx, claim)
}

// entries returns the buttons that show the issues of a claim and are at rest,
// and which issues are over once those are read. The others wait, because their
// buttons have a run under way.
func (f *Follower) entries(ctx context.Context, claim HintClaim) (entries []connections.Entry, over []string, err error) {
	read := 0
	for _, issue := range claim.Issues {
		keys, err := f.buttons.ByIssue(ctx, claim.Tenant, claim.Integration, issue)
		if err != nil {
			return nil, nil, err
		}
		entities := make([]string, len(keys))
		for i, key := range keys {
			entities[i] = key.Entity
		}
		found, err := f.buttons.Entries(ctx, claim.Tenant, claim.Integration, entities)
		if err != nil {
			return nil, nil, err
		}
		busy, before := false, len(entries)
		for _, e := range found {
			rec := e.Record
			switch {
			case rec.Issue == nil || rec.Issue.ID != issue: // their digests look alike
			case rec.State == connections.Progress || rec.Step != connections.Idle:
				busy = true
			case rec.State == connections.Connected:
				entries = append(entries, e)
			}
		}
		if busy && claim.waited[issue] < keepHint {
			entries = entries[:before]
			continue
		}
		over = append(over, issue)
		if len(entries) > before {
			read++
		}
	}
	f.count(hintRead, read)
	f.count(hintUnknown, len(over)-read)
	return entries, over, nil
}

func (f *Follower) count(outcome string, n int) {
	if f.opts.Hinted != nil && n > 0 {
		f.opts.Hinted(outcome, n)
	}
}
