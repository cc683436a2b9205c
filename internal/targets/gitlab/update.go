package gitlab

import (
	"context"
	"net/http"
	"strconv"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// Update implements targets.Updater. Labels that people added stay. A milestone
// and a member of the settings' project are none of another project.
func (d *driver) Update(ctx context.Context, id string, draft targets.Draft) (targets.Issue, error) {
	body := changeIssue{issueBody: issueBody{Title: draft.Title, Description: d.describe(draft)}, AddLabels: labels(draft.Labels)}
	if draft.Marker != "" {
		body.AddLabels = append(body.AddLabels, string(draft.Marker))
	}
	if err := body.fill(draft); err != nil {
		return targets.Issue{}, err
	}
	var now issue
	at, err := d.change(ctx, targets.OpUpdate, http.MethodPut, id, "", func(at location) any {
		if at.moved {
			body.MilestoneID, body.AssigneeIDs = 0, nil
		}
		return body
	}, one(&now))
	if err != nil {
		return targets.Issue{}, err
	}
	at.issue = now
	return d.show(id, at), nil
}

// change writes to an issue, or to a part of it, wherever the issue is now.
// GitLab would also change the stub that a move leaves, so it is read first.
func (d *driver) change(ctx context.Context, op, method, id, part string, body func(location) any, out any) (location, error) {
	at, err := d.locate(ctx, op, id)
	if err != nil {
		return at, wire.Sure(err)
	}
	if at.outOfReach {
		return at, movedAway(op, id, nil)
	}
	err = d.write(ctx, op, method, projectPath(at.projectID, "/issues/"+strconv.Itoa(at.issue.IID)+part), body(at), out)
	switch {
	case err != nil && at.moved && fault.KindOf(err) == fault.NotFound:
		return at, movedAway(op, id, err)
	case err != nil && !at.moved:
		err = d.explain(ctx, op, id, &place{projectID: at.projectID}, d.explainForbidden(ctx, err))
	}
	return at, err
}

func always(body any) func(location) any { return func(location) any { return body } }

// movedAway is the error for an issue that people moved to a project that the
// account does not see.
func movedAway(op, id string, cause error) error {
	return &fault.Error{Op: op, Kind: fault.Forbidden, Err: cause,
		Public: "GitLab moved " + issueName(id) + " to a project that it does not show to the token's account. Ask a GitLab admin to make the account a member there, or unlink and push again for a new issue."}
}
