package linear

import (
	"context"
	"errors"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// Read implements targets.Reader.
func (d *driver) Read(ctx context.Context, id string) (targets.Issue, error) {
	const op = targets.OpRead
	if !isUUID(id) {
		return targets.Issue{}, unknownID(op, id)
	}
	found, err := d.lookUp(ctx, id)
	if err == nil && found == nil {
		err = noIssue(op, true)
	}
	if err != nil {
		return targets.Issue{}, d.explain(ctx, op, err)
	}
	return portable(*found), nil
}

// noIssueError says that Linear returned no issue; said reports whether in its
// own words.
type noIssueError struct{ said bool }

func (e *noIssueError) Error() string { return "Linear returned no such issue" }

func noIssue(op string, said bool) error {
	return &fault.Error{Op: op, Kind: fault.NotFound, Err: &noIssueError{said}}
}

// explain looks closer at an issue that Linear does not return.
func (d *driver) explain(ctx context.Context, op string, err error) error {
	var none *noIssueError
	return wire.Absence{Op: op, Tracker: name, Issue: "this issue", Account: "the integration's account",
		Said: errors.As(err, &none) && none.said, Prove: d.planner.proveReading}.Explain(ctx, err)
}

// Resolve implements targets.Resolver. Linear takes an identifier ("ENG-12")
// for an id.
func (d *driver) Resolve(ctx context.Context, ref *targets.Reference) (targets.Issue, error) {
	const op = targets.OpRead
	identifier := strings.ToUpper(ref.Key() + ref.After("issue"))
	team, number, ok := strings.Cut(identifier, "-")
	if !ok || len(identifier) > maxIdentifier || team == "" || number == "" || strings.Trim(number, "0123456789") != "" {
		return targets.Issue{}, unknownID(op, identifier)
	}
	var reply struct{ Issue *issue }
	err := d.query(ctx, op, readIssue, vars{"id": identifier}, &reply)
	switch {
	case absent(err, entityIssue):
		return targets.Issue{}, noIssue(op, true)
	case err != nil:
		return targets.Issue{}, err
	case reply.Issue == nil || !isUUID(reply.Issue.ID):
		return targets.Issue{}, notLinear(op, errors.New("no issue in the answer"))
	}
	found := portable(*reply.Issue)
	if found.Verdict == targets.VerdictTrashed {
		return targets.Issue{}, trashed(op, found)
	}
	return found, nil
}

// Update implements targets.Updater. Labels that people added stay, and so do
// the status, the project and the parent.
func (d *driver) Update(ctx context.Context, id string, draft targets.Draft) (targets.Issue, error) {
	const op = targets.OpUpdate
	if !isUUID(id) {
		return targets.Issue{}, unknownID(op, id)
	}
	p, err := d.planner.get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	in, err := d.body(p, draft)
	if err != nil {
		return targets.Issue{}, err
	}
	in.AddedLabelIDs, in.LabelIDs, in.StateID, in.ParentID, in.Priority = in.LabelIDs, nil, "", "", draftPriority(draft.Fields)
	if !hasField(draft.Fields, fieldProject) {
		in.ProjectID = ""
	}
	out, err := d.change(ctx, op, id, in)
	if err != nil && fault.KindOf(err) == fault.Invalid {
		err = d.remediable(ctx, p, draft.Labels, err)
	}
	return out, err
}

func (d *driver) change(ctx context.Context, op, id string, in issueInput) (targets.Issue, error) {
	var reply struct{ IssueUpdate payload }
	err := d.mutate(ctx, op, updateIssue, vars{"id": id, "input": in}, &reply)
	switch {
	case err != nil:
		return targets.Issue{}, d.unchanged(ctx, op, id, err)
	case reply.IssueUpdate.Issue == nil:
		return targets.Issue{}, wire.Unreadable(op, errors.New("no issue in the answer"))
	}
	return portable(*reply.IssueUpdate.Issue), nil
}

// unchanged says what a change has come to that Linear refused since it has no
// such issue: a look-up tells one in the trash from one that is gone. Any other
// refusal stays as it is.
func (d *driver) unchanged(ctx context.Context, op, id string, err error) error {
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
	if now := portable(*found); now.Verdict == targets.VerdictTrashed {
		return trashed(op, now)
	}
	return err
}

// Comment implements targets.Commenter.
func (d *driver) Comment(ctx context.Context, id, remark string) error {
	const op = targets.OpComment
	if !isUUID(id) {
		return unknownID(op, id)
	}
	var reply struct{ CommentCreate struct{ Success bool } }
	err := d.mutate(ctx, op, createComment, vars{"input": newComment{IssueID: id, Body: render(text.PlainText(remark))}}, &reply)
	switch {
	case err != nil:
		return d.unchanged(ctx, op, id, err)
	case !reply.CommentCreate.Success:
		return wire.Unreadable(op, errors.New("no success in the answer"))
	}
	return nil
}

// Close implements targets.Closer: the issue is cancelled, for it is nothing
// that was done. Its team, which may have changed, says what that is called.
// What is finished or in the trash needs no closing.
func (d *driver) Close(ctx context.Context, id string) error {
	const op = targets.OpClose
	if !isUUID(id) {
		return unknownID(op, id)
	}
	var reply struct {
		Issue struct {
			issue
			Team struct{ States nodes[state] }
		}
	}
	err := d.query(ctx, op, readIssueStates, vars{"id": id}, &reply)
	switch {
	case absent(err, entityIssue):
		return d.explain(ctx, op, noIssue(op, true))
	case err != nil:
		return d.explain(ctx, op, err)
	case reply.Issue.ID != id:
		return notLinear(op, errors.New("no issue in the answer"))
	case portable(reply.Issue.issue).Progress == targets.Done:
		return nil
	}
	for _, typ := range []string{"canceled", "completed"} {
		if first := firstOf(reply.Issue.Team.States.Nodes, typ); first != nil {
			_, err := d.change(ctx, op, id, issueInput{StateID: first.ID})
			return err
		}
	}
	return invalid(op, "Linear: the issue's team has no status that means cancelled or completed. Ask a Linear admin to add one.")
}

func unknownID(op, id string) error {
	return wire.UnknownID(op, name, "an issue "+text.Title(id, maxIdentifier))
}

func trashed(op string, i targets.Issue) error {
	return wire.Trashed(op, name, "The issue "+i.Key)
}
