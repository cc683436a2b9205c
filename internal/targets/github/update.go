package github

import (
	"context"
	"errors"
	"net/http"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// Update implements targets.Updater. Labels are added and none is taken off:
// an issue's labels are its readers' as well.
func (d *driver) Update(ctx context.Context, id string, draft targets.Draft) (targets.Issue, error) {
	const op = "update issue"
	draft, labels := d.withKnownLabels(ctx, draft)
	var i issue
	if err := d.change(ctx, op, http.MethodPatch, id, "", changeIssue{Title: draft.Title, Body: issueText(draft)}, one(&i)); err != nil {
		return targets.Issue{}, err
	}
	if i.Number == 0 {
		return targets.Issue{}, wire.Unreadable(op, errors.New("no issue in the answer"))
	}
	if len(labels) == 0 {
		return toIssue(i), nil
	}
	err := d.change(ctx, op, http.MethodPost, id, "/labels", addLabels{Labels: labels}, nil)
	switch {
	case d.outdated(ctx, draft, err):
		return targets.Issue{}, targets.Stale(err)
	case err != nil && fault.KindOf(err).Transient():
		return targets.Issue{}, err
	default: // a label that is refused for good stops nothing
		return toIssue(i), nil
	}
}

// change writes to an issue, wherever it is now.
func (d *driver) change(ctx context.Context, op, method, id, part string, body, out any) error {
	if !text.IsNumber(id) {
		return wire.UnknownID(op, name, issueName(id))
	}
	err := d.write(ctx, op, method, d.issuePath(id)+part, body, out)
	if err == nil || fault.KindOf(err) != fault.NotFound && !errors.As(err, new(*movedError)) {
		return err
	}
	_, path, why := d.locate(ctx, op, id)
	if why != nil {
		return why
	}
	if path != d.issuePath(id) {
		err = d.write(ctx, op, method, path+part, body, out)
	}
	if err != nil && fault.KindOf(err) == fault.NotFound { // it can be read
		return &fault.Error{Op: op, Kind: fault.Forbidden, Err: err, Public: d.denied()}
	}
	return err
}
