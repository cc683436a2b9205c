package linear

import (
	"context"
	"errors"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// Update implements targets.Updater. Labels that people added stay, and so do
// the status, the project and the parent.
func (d *driver) Update(ctx context.Context, id string, draft targets.Draft) (targets.Issue, error) {
	const op = targets.OpUpdate
	if !isUUID(id) {
		return targets.Issue{}, unknownID(op, id)
	}
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	in, err := d.prepareIssueRequestBody(res, draft)
	if err != nil {
		return targets.Issue{}, err
	}
	in.AddedLabelIDs, in.LabelIDs, in.StateID, in.ParentID, in.Priority = in.LabelIDs, nil, "", "", draftPriority(draft.Fields)
	if !hasField(draft.Fields, fieldProject) {
		in.ProjectID = ""
	}
	out, err := d.change(ctx, op, id, in)
	if err != nil && fault.KindOf(err) == fault.Invalid {
		err = d.remediable(ctx, res, draft.Labels, err)
	}
	return out, err
}

func (d *driver) change(ctx context.Context, op, id string, in issueInput) (targets.Issue, error) {
	var reply struct{ IssueUpdate payload }
	err := d.mutate(ctx, op, updateIssue, vars{"id": id, "input": in}, &reply)
	switch {
	case err != nil:
		return targets.Issue{}, d.explainRefusedChange(ctx, op, id, err)
	case reply.IssueUpdate.Issue == nil:
		return targets.Issue{}, wire.Unreadable(op, errors.New("no issue in the answer"))
	}
	return toIssue(*reply.IssueUpdate.Issue), nil
}

// explainRefusedChange says what a change has come to that Linear refused since it has no
// such issue: a look-up tells one in the trash from one that is gone. Any other
// refusal stays as it is.
func (d *driver) explainRefusedChange(ctx context.Context, op, id string, err error) error {
	foreign := fault.KindOf(err) == fault.NotFound
	if !foreign && !absent(err, entityIssue) {
		return err
	}
	found, why := d.lookUp(ctx, id)
	switch {
	case why != nil:
		return wire.Sure(d.explain(ctx, op, why))
	case found == nil:
		return d.explain(ctx, op, noIssue(op, !foreign))
	}
	if now := toIssue(*found); now.Verdict == targets.VerdictTrashed {
		return trashed(op, now)
	}
	return err
}
