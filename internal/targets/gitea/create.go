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
	labels, rejected, err := d.ids.labels(ctx, d.names(draft.Labels))
	if err != nil {
		return targets.Issue{}, err
	}
	draft = draft.WithoutLabels(name, rejected...)
	body := newIssue{Title: draft.Title, Body: issueText(draft), Labels: labels, Milestone: milestone}
	if draft.Assignee != "" {
		body.Assignees = []string{draft.Assignee}
	}
	var created issue
	if err := d.write(ctx, op, http.MethodPost, d.cfg.repo()+"/issues", body, one(&created)); err != nil {
		return targets.Issue{}, d.stale(err)
	}
	if created.Number == 0 {
		return targets.Issue{}, wire.Unreadable(op, errors.New("no issue in the answer"))
	}
	// The issue is there, whatever becomes of the rest.
	_ = d.restoreLabels(ctx, created, labels, draft.Labels)
	_ = d.restoreMilestone(ctx, created, milestone)
	return toIssue(created), nil
}

// names returns the labels' names, ours first.
func (d *driver) names(labels []string) []string {
	out := []string{d.cfg.markerLabel}
	for _, l := range labels {
		out = append(out, text.Title(l, maxLabelName))
	}
	return out
}
