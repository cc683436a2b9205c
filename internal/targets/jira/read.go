package jira

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"pushbutton/internal/targets"
)

// Read implements targets.Reader. An issue's id outlives its moves, so a read
// follows them.
func (d *driver) Read(ctx context.Context, id string) (targets.Issue, error) {
	found, err := d.issue(ctx, "read issue", id)
	if err != nil {
		return targets.Issue{}, err
	}
	out := d.toIssue(found)
	if d.moved(ctx, found) {
		out.Verdict = targets.VerdictMoved
	}
	return out, nil
}

// Resolve implements targets.Resolver.
func (d *driver) Resolve(ctx context.Context, ref *targets.Reference) (targets.Issue, error) {
	const op = "read issue"
	key := ref.Key() + ref.After("browse")
	if key == "" {
		key = ref.Query("selectedIssue") // as boards have it
	}
	key = strings.ToUpper(key)
	project, number, ok := strings.Cut(key, "-")
	if !ok || !isID(number) || len(key) > maxKey || project == "" || strings.Trim(project, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
		return targets.Issue{}, unknown(op, key)
	}
	found, err := d.issue(ctx, op, key)
	if err != nil {
		return targets.Issue{}, err
	}
	return d.toIssue(found), nil
}

// issue reads an issue by its id or key.
func (d *driver) issue(ctx context.Context, op, name string) (issue, error) {
	if !isID(name) && !isKey(name) {
		return issue{}, unknown(op, name)
	}
	var found issue
	err := d.get(ctx, op, issuePath(name), &found)
	if err == nil && found.ID == "" {
		err = notJira(op, errors.New("the answer names no issue"))
	}
	return found, d.absent(ctx, op, name, err)
}

func issuePath(name string) string {
	return "/issue/" + url.PathEscape(name) + "?" + url.Values{"fields": {fieldSummary, "status", "project"}}.Encode()
}

// moved reports whether an issue left the project that the settings name,
// which may have another key by now.
func (d *driver) moved(ctx context.Context, i issue) bool {
	in := i.Fields.Project
	if in.ID == "" || in.ID == d.cfg.project || strings.EqualFold(in.Key, d.cfg.project) {
		return false
	}
	home, err := d.project(ctx)
	return err != nil || home.ID != in.ID
}

// toIssue converts an issue to the shared form.
func (d *driver) toIssue(i issue) targets.Issue {
	out := targets.Issue{ID: i.ID, Key: i.Key, URL: d.cfg.site + "/browse/" + url.PathEscape(i.Key), Title: i.Fields.Summary, Status: i.Fields.Status.Name}
	switch i.Fields.Status.Category.Key {
	case "done":
		out.Progress = targets.Done
	case "indeterminate":
		out.Progress = targets.Started
	}
	return out
}
