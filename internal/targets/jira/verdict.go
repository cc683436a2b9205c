package jira

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// Read implements targets.Reader. An issue's id outlives its moves, so a read
// follows them.
func (d *driver) Read(ctx context.Context, id string) (targets.Issue, error) {
	found, err := d.issue(ctx, "read issue", id)
	if err != nil {
		return targets.Issue{}, err
	}
	out := d.portable(found)
	if d.moved(ctx, found) {
		out.Verdict = targets.VerdictMoved
	}
	return out, nil
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

// absent explains an issue that Jira does not return. Jira says the same of
// one that was deleted, of one that a security level hides, and of one that was
// moved to a project which the account does not see. The account's permissions
// cannot rule the last two out, so Jira's 404 never means gone.
func (d *driver) absent(ctx context.Context, op, id string, err error) error {
	return wire.Absence{Op: op, Tracker: name, Issue: "issue " + id, Account: "the integration's account",
		Prove: func(ctx context.Context) error {
			if why := d.prove(ctx); why != nil {
				return why
			}
			if _, why := d.project(ctx); why != nil {
				return why
			}
			if !byJira(err) {
				return nil // nobody knows whose 404 it is
			}
			return &fault.Error{Op: op, Kind: fault.NotFound,
				Public: "Jira does not show issue " + text.Title(id, 40) + " to the integration's account: it was deleted, moved or restricted. Ask your admin to look for it in Jira, or unlink and push again for a new issue."}
		}}.Explain(ctx, err)
}

// unknown is the error for what cannot be an issue in Jira.
func unknown(op, id string) error {
	return wire.UnknownID(op, name, "an issue \""+text.Title(id, 20)+"\"")
}
