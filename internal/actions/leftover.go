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

// resolveLeftover finds what an unlinked push may have created and treats it.
func (w *work) resolveLeftover(ctx context.Context, target *targets.Target, left connections.Leftover) error {
	if w.in.OnUnlink == tenants.UnlinkLeave || w.in.OnUnlink == "" {
		return nil
	}
	marker := connections.MarkerFor(w.key, left.Epoch)
	if left.Issue == nil {
		found, err := target.Find(ctx, marker)
		if err != nil {
			return err
		}
		if found == nil {
			since := time.Duration(w.lease.Now-left.Intent.At) * time.Millisecond
			if wait := CreateTimeout + target.Traits().Consistency + settleMargin - since; wait > 0 {
				return &waitError{delay: min(wait, lookUpEvery), why: &fault.Error{Op: "look up issue", Kind: fault.Unavailable, Side: target.Traits().Name}}
			}
			return nil
		}
		left.Issue = found
	}
	if left.Recreated > 0 {
		if _, err := w.keepOne(ctx, target, marker, *left.Issue); err != nil {
			return err
		}
	}
	return w.treatLeftover(ctx, target, left)
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
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return nil
	}
	return err
}
