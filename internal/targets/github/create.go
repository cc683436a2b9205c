package github

import (
	"context"
	"errors"
	"net/http"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// Create implements targets.Driver.
func (d *driver) Create(ctx context.Context, draft targets.Draft) (targets.Issue, error) {
	const op = "create issue"
	milestone, err := d.milestoneNumber(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	draft, labels := d.withKnownLabels(ctx, draft)
	body := newIssue{Title: draft.Title, Body: issueText(draft), Labels: labels, Type: d.cfg.typ, Milestone: milestone}
	if draft.Assignee != "" {
		body.Assignees = []string{draft.Assignee}
	}
	var created issue
	if err := d.write(ctx, op, http.MethodPost, d.cfg.repo()+"/issues", body, one(&created)); err != nil {
		if d.outdated(ctx, draft, err) {
			err = targets.Stale(err)
		}
		return targets.Issue{}, err
	}
	if created.Number == 0 {
		return targets.Issue{}, wire.Unreadable(op, errors.New("no issue in the answer"))
	}
	return toIssue(created), nil
}
