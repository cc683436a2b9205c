package jira

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// Read implements targets.Reader. An issue's id outlives its moves, so a read
// follows them.
func (d *driver) Read(ctx context.Context, id string) (targets.Issue, error) {
	found, err := d.issue(ctx, "read issue", id)
	if err != nil {
		return targets.Issue{}, err
	}
	return d.located(found, d.home(ctx)), nil
}

// maxBulk is the most issues that Cloud returns at once. The search of Data
// Center returns more, from its index: a change may show a moment later there
// than in Read.
const maxBulk = 100

// ReadManyLimit implements targets.ManyReader.
func (d *driver) ReadManyLimit() int { return maxBulk }

// ReadMany implements targets.ManyReader. Both editions follow moved issues, and
// leave out those that the account does not see.
func (d *driver) ReadMany(ctx context.Context, ids []string) ([]targets.Issue, error) {
	const op = targets.OpReadMany
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !isID(id) })
	if len(ids) == 0 {
		return nil, nil
	}
	path, body := "/issue/bulkfetch", any(bulkRequest{IDs: ids, Fields: shownFields()})
	if !d.cfg.cloud {
		// Validated, the search fails for one id that is missing or hidden.
		validate := false
		path, body = "/search", searchRequest{JQL: "id in (" + strings.Join(ids, ", ") + ")", Fields: shownFields(), MaxResults: len(ids), Validate: &validate}
	}
	var reply searchReply
	err := d.read(ctx, op, http.MethodPost, path, body, wire.List(&reply, maxBulk))
	if _, refused := refusalIn(err); refused && !d.cfg.cloud {
		return nil, nil // it validates all the same, and Read says of which issue
	}
	if err != nil {
		return nil, err
	}
	if reply.Issues == nil {
		return nil, notJira(op, errors.New("the answer holds no list"))
	}
	home := d.home(ctx)
	out := make([]targets.Issue, len(reply.Issues))
	for n, found := range reply.Issues {
		out[n] = d.located(found, home)
	}
	return out, nil
}

// located is an issue that was read, wherever it is now.
func (d *driver) located(found issue, home func() (project, error)) targets.Issue {
	out := d.toIssue(found)
	if d.moved(found, home) {
		out.Verdict = targets.VerdictMoved
	}
	return out
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
	return "/issue/" + url.PathEscape(name) + "?" + url.Values{"fields": shownFields()}.Encode()
}

// shownFields are the fields that toIssue and moved read.
func shownFields() []string { return []string{fieldSummary, "status", "project"} }

// home returns a function that looks up the project which the settings name,
// once.
func (d *driver) home(ctx context.Context) func() (project, error) {
	return sync.OnceValues(func() (project, error) { return d.project(ctx) })
}

// moved reports whether an issue left the project that the settings name,
// which may have another key by now.
func (d *driver) moved(i issue, home func() (project, error)) bool {
	in := i.Fields.Project
	if in.ID == "" || in.ID == d.cfg.project || strings.EqualFold(in.Key, d.cfg.project) {
		return false
	}
	own, err := home()
	return err != nil || own.ID != in.ID
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
