package actions

import (
	"context"
	"time"

	"pushbutton/internal/targets"
	"pushbutton/internal/telemetry"
)

// recheckDuplicates is how long after the first search duplicates are searched
// for once more. A create that left a frozen process late has arrived by then.
const recheckDuplicates = 90 * time.Second

// deduplicate searches for duplicates of a push for which more than one create
// was sent. done reports whether the push goes on in another run.
func (r *run) deduplicate(ctx context.Context) (done bool, err error) {
	target, err := r.p.peers.Target(ctx, r.in)
	if err == nil {
		err = target.Ready(ctx)
	}
	if err != nil {
		return false, err
	}
	keep, err := r.keepOldest(ctx, target, r.lease.Record.Marker(r.key), *r.lease.Record.Issue)
	if err != nil {
		return false, err
	}
	task, err := r.lease.Deduplicated(ctx, keep, recheckDuplicates)
	if err != nil {
		return false, err
	}
	r.enqueue(ctx, task)
	return task != nil, nil
}

// keepOldest keeps the oldest issue that carries a marker. It closes the others,
// each with a comment. Where the tracker cannot list them, it keeps known.
func (r *run) keepOldest(ctx context.Context, target *targets.Target, marker targets.Marker, known targets.Issue) (targets.Issue, error) {
	issues, supported, err := target.FindAll(ctx, marker)
	if err != nil || !supported || len(issues) == 0 {
		return known, err
	}
	keep := issues[0]
	for _, duplicate := range issues[1:] {
		if duplicate.Progress == targets.Done {
			continue // closed by an earlier search
		}
		r.p.log.ErrorContext(ctx, "a duplicate was found and is closed", r.key.LogAttr(), telemetry.KeyKept, keep.Key, telemetry.KeyClosed, duplicate.Key)
		if r.p.opts.Duplicate != nil {
			r.p.opts.Duplicate(r.in.Target.Type)
		}
		if err := closeDuplicate(ctx, target, keep, duplicate); err != nil {
			return known, err
		}
	}
	return keep, nil
}

func closeDuplicate(ctx context.Context, target *targets.Target, keep, duplicate targets.Issue) error {
	_, err := target.Comment(ctx, duplicate.ID, "This issue is a duplicate of "+keep.Key+", made by the push plugin when the tracker's answer was lost. It is closed; please go on in "+keep.Key+".")
	if err == nil {
		_, err = target.Close(ctx, duplicate.ID)
	}
	if targets.VerdictOf(targets.Issue{}, err) == targets.VerdictGone {
		return nil
	}
	return err
}
