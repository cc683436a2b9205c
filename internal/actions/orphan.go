package actions

import (
	"context"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
)

const unlinkComment = "This issue was unlinked from its item in Productboard."

// cleanUpOrphan finds the issue that an unlinked push may have created and treats
// it as the integration wants. If there are several, it closes all but the
// oldest. Nobody waits for it, so it takes the time in which even a create that
// left a frozen process late has arrived.
func (r *run) cleanUpOrphan(ctx context.Context, target *targets.Target, orphan connections.Orphan) error {
	if (r.in.OnUnlink == tenants.UnlinkLeave || r.in.OnUnlink == "") && orphan.Recreated == 0 {
		return nil
	}
	marker := connections.MarkerFor(r.key, orphan.Epoch)
	if orphan.Issue == nil {
		found, err := target.Find(ctx, marker)
		if err != nil {
			return err
		}
		if found == nil {
			return r.mayAppear(target, orphan)
		}
		orphan.Issue = found
	}
	if orphan.Recreated > 0 {
		if err := r.mayAppear(target, orphan); err != nil {
			return err
		}
		keep, err := r.keepOldest(ctx, target, marker, *orphan.Issue)
		if err != nil {
			return err
		}
		orphan.Issue = &keep
	}
	return r.treatOrphan(ctx, target, orphan)
}

// mayAppear returns a wait for an issue that may still appear, and nil if none can.
func (r *run) mayAppear(target *targets.Target, orphan connections.Orphan) error {
	if orphan.Intent == nil {
		return nil
	}
	since := time.Duration(r.lease.Now-orphan.Intent.At) * time.Millisecond
	wait := max(recheckDuplicates, CreateTimeout+target.Traits().Consistency+settleMargin) - since
	if wait <= 0 {
		return nil
	}
	return &hold{reason: issueMayAppear, wait: min(wait, lookUpEvery), err: &fault.Error{Op: "look up issue", Kind: fault.Unavailable, Side: fault.SideTracker, Peer: target.Traits().Name}}
}

// treatOrphan leaves an issue alone, comments on it or closes it. An issue that is
// gone needs no treatment.
func (r *run) treatOrphan(ctx context.Context, target *targets.Target, orphan connections.Orphan) error {
	var err error
	switch r.in.OnUnlink {
	case tenants.UnlinkLeave, "":
		return nil
	case tenants.UnlinkComment:
		_, err = target.Comment(ctx, orphan.Issue.ID, unlinkComment)
	case tenants.UnlinkClose:
		_, err = target.Comment(ctx, orphan.Issue.ID, unlinkComment)
		if err == nil {
			_, err = target.Close(ctx, orphan.Issue.ID)
		}
	}
	if targets.VerdictOf(targets.Issue{}, err) == targets.VerdictGone {
		return nil
	}
	return err
}
