package gitea

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"pushbutton/internal/targets"
)

// Gitea drops labels and milestones that do not exist any more without a word.
// What was remembered is then looked up again, and the issue gets it after all.

// stale marks a refusal that names an account, which the shared layer
// remembers, or a label or milestone, as a fork may answer.
func (d *driver) stale(err error) error {
	var apiErr *apiError
	if !errors.As(err, &apiErr) || !slices.ContainsFunc([]string{"label", "milestone", "ssignee", "access to repo"}, func(s string) bool { return strings.Contains(apiErr.message, s) }) {
		return err
	}
	d.ids.forget()
	return targets.Stale(err)
}

// restoreLabels adds the labels that an issue should have got and has not. An
// account that may not write gets the same numbers again, and nothing is sent.
func (d *driver) restoreLabels(ctx context.Context, got issue, sent []int, names []string) error {
	isThere := func(id int) bool { return slices.ContainsFunc(got.Labels, func(l label) bool { return l.ID == id }) }
	if !slices.ContainsFunc(sent, func(id int) bool { return !isThere(id) }) {
		return nil
	}
	d.ids.forget()
	labels, _, err := d.ids.labels(ctx, d.names(names))
	if err != nil {
		return err
	}
	labels = slices.DeleteFunc(labels, func(id int) bool { return isThere(id) || slices.Contains(sent, id) })
	if len(labels) == 0 {
		return nil
	}
	return d.change(ctx, "add labels", http.MethodPost, strconv.Itoa(got.Number), "/labels", addLabels{Labels: labels}, nil)
}

// restoreMilestone does the same for the milestone.
func (d *driver) restoreMilestone(ctx context.Context, got issue, sent int) error {
	if sent == 0 || got.Milestone != nil {
		return nil
	}
	d.ids.forget()
	milestone, err := d.ids.milestone(ctx)
	if err != nil || milestone == sent {
		return err
	}
	return d.change(ctx, "set milestone", http.MethodPatch, strconv.Itoa(got.Number), "", changeIssue{Milestone: milestone}, nil)
}
