package actions

import (
	"context"
	"errors"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
	"pushbutton/internal/telemetry"
)

// open makes sure that there is exactly one issue, if the tracker may be called.
func (r *run) open(ctx context.Context) error {
	target, err := r.p.peers.Target(ctx, r.in)
	if err != nil {
		return err
	}
	if err := r.admit(ctx, target); err != nil {
		return err
	}
	return r.tellBreaker(ctx, r.oneIssue(ctx, target))
}

// oneIssue takes the issue that is connected, one that an earlier try may have
// created, or a new one.
func (r *run) oneIssue(ctx context.Context, target *targets.Target) error {
	if r.lease.Record.Issue != nil {
		if done, err := r.reread(ctx, target); done || err != nil {
			return err
		}
	}
	if heedIntent && mayExist(r.lease.Record) {
		if done, err := r.lookUp(ctx, target); done || err != nil {
			return err
		}
	}
	draft, err := r.draft(ctx, target)
	if err != nil {
		return err
	}
	draft.BMPOnly = r.lease.Record.Intent != nil && r.lease.Record.Intent.BMPOnly
	// The create's time begins before its intent is written. Others count from the
	// intent, and this process may be frozen in between.
	cctx, cancel := context.WithTimeout(ctx, CreateTimeout)
	defer cancel()
	// From here on an issue may exist: the record says so before the request
	// leaves.
	if err := r.lease.Intend(ctx); err != nil {
		return err
	}
	issue, err := target.Create(cctx, draft)
	r.observe(err)
	switch targets.OutcomeOf(err) {
	case targets.OutcomeDone:
		return r.opened(ctx, target, issue)
	case targets.OutcomeNotDone:
		return errors.Join(err, r.lease.NotCreated(ctx))
	case targets.OutcomeUnknown:
		return err
	default:
		return err
	}
}

// reread shows the issue that is connected already, as it is now. done is false if
// the tracker has deleted that issue. Every other verdict keeps the link and the
// epoch, so that a 404 on the way never leads to a duplicate.
func (r *run) reread(ctx context.Context, target *targets.Target) (done bool, err error) {
	known := *r.lease.Record.Issue
	issue, supported, err := target.Read(ctx, known.ID)
	if !supported {
		return true, r.opened(ctx, target, known)
	}
	r.observe(err)
	switch targets.VerdictOf(issue, err) {
	case targets.VerdictPresent, targets.VerdictMoved:
		return true, r.opened(ctx, target, issue)
	case targets.VerdictTrashed:
		if r.lease.Record.Deleted() {
			// Whoever pushed saw that it was deleted.
			return false, r.lease.Gone(ctx)
		}
		return false, wire.Trashed(targets.OpRead, target.Traits().Name, "The issue "+known.Key)
	case targets.VerdictGone:
		return false, r.lease.Gone(ctx)
	case targets.VerdictHidden, targets.VerdictIntermediary, targets.VerdictCredentialRefused, targets.VerdictUndecided:
		return false, err
	default:
		return false, err
	}
}

// lookUp resolves a create whose outcome is not known. done reports that the issue
// was found. If it was not, and would be visible by now, another create is safe.
func (r *run) lookUp(ctx context.Context, target *targets.Target) (done bool, err error) {
	marker := r.lease.Record.Marker(r.key)
	found, err := target.Find(ctx, marker)
	if err != nil {
		r.observe(err)
		return false, err
	}
	// Finding nothing is not evidence of health: a tracker can be readable and still
	// refuse creates.
	if found != nil {
		r.observe(nil)
		return true, r.opened(ctx, target, *found)
	}
	if r.lease.Record.Intent.Resolved {
		return false, nil
	}
	if wait := CreateTimeout + target.Traits().Consistency + settleMargin - r.lease.SinceIntent(); wait > 0 {
		return false, &hold{reason: issueMayAppear, wait: min(wait, lookUpEvery), err: &fault.Error{Op: "look up issue", Kind: fault.Unavailable, Side: fault.SideTracker, Peer: target.Traits().Name,
			Public: target.Traits().Name + " did not say whether it created the issue, and it cannot be found there yet. Push again in a minute."}}
	}
	return false, nil
}

const (
	// settleMargin is added to what a create may take before it is sent again.
	settleMargin = 2 * time.Second
	// lookUpEvery bounds the wait between two look-ups, so that an issue which
	// becomes visible early is shown early.
	lookUpEvery = 5 * time.Second
)

// opened records the issue. If the push was unlinked meanwhile, the issue is
// treated as the integration wants it.
func (r *run) opened(ctx context.Context, target *targets.Target, issue targets.Issue) error {
	epoch := r.lease.Record.Epoch
	kept, err := r.lease.Opened(ctx, issue)
	if connections.Lost(err) && !kept {
		return errors.Join(err, r.treatOrphan(ctx, target, connections.Orphan{Epoch: epoch, Issue: &issue}))
	}
	return err
}

// settle tells Productboard what the button shows.
func (r *run) settle(ctx context.Context) error {
	state := connections.Button(r.lease.Record)
	err := state.Validate()
	if err == nil {
		err = r.p.peers.Productboard(r.in).PutConnection(ctx, r.in.ProductboardID, r.key.Entity, state)
	}
	if err != nil && state.State == pbapi.StateConnected && fault.KindOf(err) == fault.Invalid {
		// The issue exists; the person must learn that its button cannot show it.
		ferr := r.lease.Failed(ctx, connections.Failure{Kind: fault.Invalid.String(), Side: fault.SidePlugin,
			Message: "The issue " + state.HoverLabel + " exists, but Productboard refuses to show it. Ask the plugin's operator to look into its log."})
		if ferr != nil {
			return ferr
		}
		return r.settle(ctx)
	}
	if err != nil {
		return err
	}
	task, err := r.lease.Settled(ctx)
	if err != nil {
		return err
	}
	r.enqueue(ctx, task)
	return nil
}

// maxAsserts is how often a button that was read back wrong is set. Each try is
// further from the one before.
const maxAsserts = 10

// verify reads the button back and sets it if it is wrong. An earlier answer that
// Productboard processed late may have overwritten it, or a run that was fenced off.
// The record's state is the right one.
func (r *run) verify(ctx context.Context) error {
	if !readBack {
		return r.verified(ctx)
	}
	pb := r.p.peers.Productboard(r.in)
	got, err := pb.GetConnection(ctx, r.in.ProductboardID, r.key.Entity)
	if err != nil {
		return err
	}
	if r.lease.Record.Recreated > 0 && r.lease.Record.Issue != nil {
		if done, err := r.deduplicate(ctx); done || err != nil {
			return err
		}
	}
	want := connections.Button(r.lease.Record)
	got.DebugDetail = ""
	if got == want {
		return r.verified(ctx)
	}
	if err := pb.PutConnection(ctx, r.in.ProductboardID, r.key.Entity, want); err != nil {
		return err
	}
	if r.lease.Record.Attempts >= maxAsserts {
		return r.verified(ctx) // somebody else keeps writing it
	}
	return &fault.Error{Op: "verify", Kind: fault.Conflict, Side: fault.SideProductboard,
		Public: "The button was overwritten and set again.", Err: errors.New("the button showed " + string(got.State) + " instead of " + string(want.State))}
}

// verified records that the button is right.
func (r *run) verified(ctx context.Context) error {
	task, err := r.lease.Verified(ctx)
	if err != nil {
		return err
	}
	r.enqueue(ctx, task)
	return nil
}

// cleanUp treats the orphans, the issues of unlinked pushes, as the integration
// wants it. One that cannot be treated stays as it is: the person has long moved
// on.
func (r *run) cleanUp(ctx context.Context) error {
	target, err := r.p.peers.Target(ctx, r.in)
	if err == nil {
		err = target.Ready(ctx)
	}
	if err != nil {
		return err
	}
	for _, orphan := range r.lease.Record.Orphans {
		err := r.cleanUpOrphan(ctx, target, orphan)
		if err != nil && next(err, r.situation(false)).verb != fail {
			return err
		}
		if err != nil {
			r.p.log.WarnContext(ctx, "an orphan stays as it is", r.key.LogAttr(), telemetry.KeyError, err)
		}
		if err := r.lease.CleanedUp(ctx, orphan.Epoch); err != nil {
			return err
		}
	}
	return r.verified(ctx)
}
