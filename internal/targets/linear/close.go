package linear

import (
	"context"
	"errors"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

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
	case toIssue(reply.Issue.issue).Progress == targets.Done:
		return nil
	}
	for _, typ := range []string{"canceled", "completed"} {
		if first := firstOf(reply.Issue.Team.States.Nodes, typ); first != nil {
			_, err := d.change(ctx, op, id, issueInput{StateID: first.ID})
			return err
		}
	}
	return wire.Invalid(op, "Linear: the issue's team has no status that means cancelled or completed. Ask a Linear admin to add one.")
}

// firstOf is the first state of a type, as the team orders them.
func firstOf(states []state, typ string) *state {
	var first *state
	for i, s := range states {
		if s.Type == typ && (first == nil || s.Position < first.Position) {
			first = &states[i]
		}
	}
	return first
}
