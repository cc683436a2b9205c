package httptarget

import (
	"context"
	"errors"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// Update implements targets.Updater.
func (p updater) Update(ctx context.Context, id string, draft targets.Draft) (targets.Issue, error) {
	doc, err := p.change(ctx, p.update, id, updateData{p.draftData(draft), id})
	if err != nil {
		return targets.Issue{}, err
	}
	i, err := p.mapping.issue(parts(ctx), at(p.update, doc), id, string(draft.Marker))
	if err != nil { // many answer a change with nothing
		i = targets.Issue{ID: id}
	}
	i = p.completed(ctx, i)
	if i.Title == "" {
		i.Title = draft.Title
	}
	return i, nil
}

// change sends a request about an issue that is known by its id. A refusal
// that leaves open what became of the issue has it read.
func (d *driver) change(ctx context.Context, r *request, id string, data any) (any, error) {
	if !d.mapping.known(id) {
		return nil, d.unknown(r.op, id)
	}
	doc, err := d.send(ctx, r, data, "")
	var page *pageError
	absent := &absentError{}
	switch {
	case errors.As(err, &page) && d.read == nil && r.expect == nil:
		err = nil // whoever takes the request may confirm it with a page
	case err == nil && r.expect != nil && !r.expect.isTruthy(doc):
		err = wire.Unreadable(r.op, errors.New("the answer is not as expect says"))
	case err != nil && fault.KindOf(err) == fault.NotFound && d.read != nil && (!errors.As(err, &absent) || !absent.gone):
		if _, why := d.readIssue(ctx, id); why != nil {
			return doc, wire.Sure(why)
		}
	}
	return doc, d.explain(ctx, r.op, id, err)
}
