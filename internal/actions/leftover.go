package actions

import (
	"context"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
)

const unlinkRemark = "This issue was unlinked from its item in Productboard."

// resolveLeftover finds what an unlinked push may have created and treats it:
// the oldest issue, if there are several, the others being closed. Nobody waits
// for it, so it takes the time in which even a create that left a frozen
// process late has arrived.
func (w *work) resolveLeftover(ctx context.Context, target *targets.Target, left connections.Leftover) error {
	if (w.in.OnUnlink == tenants.UnlinkLeave || w.in.OnUnlink == "") && left.Recreated == 0 {
		return nil
	}
	marker := connections.MarkerFor(w.key, left.Epoch)
	if left.Issue == nil {
		found, err := target.Find(ctx, marker)
		if err != nil {
			return err
		}
		if found == nil {
			return w.mayAppear(target, left)
		}
		left.Issue = found
	}
	if left.Recreated > 0 {
		if err := w.mayAppear(target, left); err != nil {
			return err
		}
		keep, err := w.keepOne(ctx, target, marker, *left.Issue)
		if err != nil {
			return err
		}
		left.Issue = &keep
	}
	return w.treatLeftover(ctx, target, left)
}

// mayAppear is the wait for an issue that may still appear; nil if none can.
func (w *work) mayAppear(target *targets.Target, left connections.Leftover) error {
	if left.Intent == nil {
		return nil
	}
	since := time.Duration(w.lease.Now-left.Intent.At) * time.Millisecond
	wait := max(lookAgain, CreateTimeout+target.Traits().Consistency+settleMargin) - since
	if wait <= 0 {
		return nil
	}
	return &waitError{delay: min(wait, lookUpEvery), why: &fault.Error{Op: "look up issue", Kind: fault.Unavailable, Side: fault.SideTracker, Peer: target.Traits().Name}}
}

// treatLeftover leaves, remarks on or closes an issue. One that is gone needs
// no treatment.
func (w *work) treatLeftover(ctx context.Context, target *targets.Target, left connections.Leftover) error {
	var err error
	switch w.in.OnUnlink {
	case tenants.UnlinkLeave, "":
		return nil
	case tenants.UnlinkComment:
		_, err = target.Comment(ctx, left.Issue.ID, unlinkRemark)
	case tenants.UnlinkClose:
		_, err = target.Comment(ctx, left.Issue.ID, unlinkRemark)
		if err == nil {
			_, err = target.Close(ctx, left.Issue.ID)
		}
	}
	if targets.VerdictOf(targets.Issue{}, err) == targets.VerdictGone {
		return nil
	}
	return err
}
