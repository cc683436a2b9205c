package actions

import (
	"context"
	"time"

	"pushbutton/internal/targets"
)

// lookAgain is when a second issue is looked for once more: a create that left
// a frozen process late has arrived by then.
const lookAgain = 90 * time.Second

// unify looks for a second issue of a push for which more than one create was
// sent. It is done if the work goes on in another run.
func (w *work) unify(ctx context.Context) (done bool, err error) {
	target, err := w.p.Peers.Target(ctx, w.in)
	if err == nil {
		err = target.Ready(ctx)
	}
	if err != nil {
		return false, err
	}
	keep, err := w.keepOne(ctx, target, w.lease.Record.Marker(w.key), *w.lease.Record.Issue)
	if err != nil {
		return false, err
	}
	next, err := w.lease.Unified(ctx, keep, lookAgain)
	if err != nil {
		return false, err
	}
	w.enqueue(ctx, next)
	return next != nil, nil
}

// keepOne keeps the oldest issue that carries a marker and closes the others,
// each with a remark. known is the one that is kept where the tracker cannot
// list them.
func (w *work) keepOne(ctx context.Context, target *targets.Target, marker targets.Marker, known targets.Issue) (targets.Issue, error) {
	issues, supported, err := target.FindAll(ctx, marker)
	if err != nil || !supported || len(issues) == 0 {
		return known, err
	}
	keep := issues[0]
	for _, twin := range issues[1:] {
		if twin.Progress == targets.Done {
			continue // closed at an earlier look
		}
		w.p.Log.ErrorContext(ctx, "a second issue was found and is closed", "connection", w.key.String(), "kept", keep.Key, "closed", twin.Key)
		if w.p.Duplicate != nil {
			w.p.Duplicate(w.in.Target.Type)
		}
		if err := closeTwin(ctx, target, keep, twin); err != nil {
			return known, err
		}
	}
	return keep, nil
}

func closeTwin(ctx context.Context, target *targets.Target, keep, twin targets.Issue) error {
	_, err := target.Comment(ctx, twin.ID, "This issue is a duplicate of "+keep.Key+", made by the push plugin when the tracker's answer was lost. It is closed; please go on in "+keep.Key+".")
	if err == nil {
		_, err = target.Close(ctx, twin.ID)
	}
	if targets.VerdictOf(targets.Issue{}, err) == targets.VerdictGone {
		return nil
	}
	return err
}
