package httptarget

import (
	"context"
	"errors"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// Create implements targets.Driver.
func (d *driver) Create(ctx context.Context, draft targets.Draft) (targets.Issue, error) {
	doc, err := d.send(ctx, d.create, d.draftData(draft), string(draft.Marker))
	if err != nil {
		return targets.Issue{}, err
	}
	if d.create.expect != nil && !d.create.expect.isTruthy(doc) {
		return targets.Issue{}, wire.Unreadable(d.create.op, errors.New("the answer is not as create.expect says"))
	}
	created, err := d.mapping.issue(parts(ctx), at(d.create, doc), "", string(draft.Marker))
	if err != nil {
		return targets.Issue{}, wire.Unreadable(d.create.op, err)
	}
	created = d.completed(ctx, created)
	if created.Title == "" {
		created.Title = draft.Title
	}
	return created, nil
}

// completed reads what an answer did not tell of an issue. That it cannot be
// read takes nothing from what is known.
func (d *driver) completed(ctx context.Context, i targets.Issue) targets.Issue {
	if d.read == nil || i.Status != "" && i.Title != "" {
		return i
	}
	if whole, err := d.readIssue(ctx, i.ID); err == nil {
		return whole
	}
	return i
}
