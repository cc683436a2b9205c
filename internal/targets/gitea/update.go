package gitea

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
	labels, rejected, err := d.ids.labels(ctx, d.names(draft.Labels))
	if err != nil {
		return targets.Issue{}, err
	}
	draft = draft.WithoutLabels(name, rejected...)
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
	got := issue{Number: i.Number}
	err = d.change(ctx, op, http.MethodPost, id, "/labels", addLabels{Labels: labels}, wire.List(&got.Labels, perPage))
	if err == nil {
		err = d.restoreLabels(ctx, got, labels, draft.Labels)
	}
	if err != nil && fault.KindOf(err).Transient() {
		return targets.Issue{}, err
	}
	return toIssue(i), nil // a label that is refused for good stops nothing
}

// change writes to an issue, wherever it is now.
func (d *driver) change(ctx context.Context, op, method, id, part string, body, out any) error {
	if !text.IsNumber(id) {
		return wire.UnknownID(op, name, issueName(id))
	}
	err := d.write(ctx, op, method, issuePath(d.cfg.repository, id)+part, body, out)
	if !absent(err) {
		return err
	}
	_, repository, why := d.locate(ctx, op, id)
	switch {
	case why != nil && fault.IsUnsure(err) && fault.KindOf(why).Transient():
		return err
	case why != nil:
		return why
	case repository != d.cfg.repository:
		err = d.write(ctx, op, method, issuePath(repository, id)+part, body, out)
	}
	if err != nil && fault.KindOf(err) == fault.NotFound { // it can be read
		return &fault.Error{Op: op, Kind: fault.Forbidden, Err: err, Public: d.forbidden(repository, "")}
	}
	return err
}
