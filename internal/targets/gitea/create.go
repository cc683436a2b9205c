package gitea

import (
	"context"
	"errors"
	"net/http"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// Create implements targets.Driver.
func (d *driver) Create(ctx context.Context, draft targets.Draft) (targets.Issue, error) {
	const op = "create issue"
	milestone, err := d.ids.milestone(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	labels, refused, err := d.ids.labels(ctx, d.names(draft.Labels))
	if err != nil {
		return targets.Issue{}, err
	}
	draft = draft.WithoutLabels(name, refused...)
	body := newIssue{Title: draft.Title, Body: issueText(draft), Labels: labels, Milestone: milestone}
	if draft.Assignee != "" {
		body.Assignees = []string{draft.Assignee}
	}
	var made issue
	if err := d.write(ctx, op, http.MethodPost, d.cfg.repo()+"/issues", body, one(&made)); err != nil {
		return targets.Issue{}, d.stale(err)
	}
	if made.Number == 0 {
		return targets.Issue{}, wire.Unreadable(op, errors.New("no issue in the answer"))
	}
	// The issue is there, whatever becomes of the rest.
	_ = d.restoreLabels(ctx, made, labels, draft.Labels)
	_ = d.restoreMilestone(ctx, made, milestone)
	return portable(made), nil
}

// names are the labels' names, ours first.
func (d *driver) names(labels []string) []string {
	out := []string{d.cfg.markerLabel}
	for _, l := range labels {
		out = append(out, text.Title(l, maxLabelName))
	}
	return out
}
