package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// What the driver can do beside its task: read, change, comment on and close
// issues, find people, and say when its token ends.

// Read implements targets.Reader.
func (d *driver) Read(ctx context.Context, id string) (targets.Issue, error) {
	found, _, err := d.locate(ctx, "read issue", id)
	return found, err
}

// Resolve implements targets.Resolver. A pull request is none of ours.
func (d *driver) Resolve(ctx context.Context, ref *targets.Reference) (targets.Issue, error) {
	found, err := d.Read(ctx, ref.Number(d.cfg.repository)+ref.After("issues"))
	if err == nil && strings.Contains(found.URL, "/pull/") {
		return targets.Issue{}, invalid("read issue", "GitHub: %s is a pull request, not an issue.", found.Key)
	}
	return found, err
}

// Update implements targets.Updater. Labels are added and none is taken off:
// an issue's labels are its readers' as well.
func (d *driver) Update(ctx context.Context, id string, draft targets.Draft) (targets.Issue, error) {
	const op = "update issue"
	draft, labels := d.labelled(ctx, draft)
	var i issue
	if err := d.change(ctx, op, http.MethodPatch, id, "", changeIssue{Title: draft.Title, Body: issueText(draft)}, one(&i)); err != nil {
		return targets.Issue{}, err
	}
	if i.Number == 0 {
		return targets.Issue{}, wire.Unreadable(op, errors.New("no issue in the answer"))
	}
	if len(labels) == 0 {
		return portable(i), nil
	}
	err := d.change(ctx, op, http.MethodPost, id, "/labels", addLabels{Labels: labels}, nil)
	switch {
	case d.outdated(ctx, draft, err):
		return targets.Issue{}, targets.Stale(err)
	case err != nil && fault.KindOf(err).Transient():
		return targets.Issue{}, err
	default: // a label that is refused for good stops nothing
		return portable(i), nil
	}
}

// Comment implements targets.Commenter.
func (d *driver) Comment(ctx context.Context, id, remark string) error {
	return d.change(ctx, "comment on issue", http.MethodPost, id, "/comments", newComment{Body: markdown(text.PlainText(remark))}, nil)
}

// Close implements targets.Closer. What the plugin closes is a second issue or
// one that nobody wants any more; GitHub's reason "duplicate" wants the other
// issue named, so it is "not planned" for both, and a comment says more.
func (d *driver) Close(ctx context.Context, id string) error {
	return d.change(ctx, "close issue", http.MethodPatch, id, "", changeIssue{State: stateClosed, StateReason: reasonNotPlanned}, nil)
}

// expiryHeader is where GitHub says with every reply when a personal access
// token ends. One without an end has none, and so has an App, whose key does
// not end and whose tokens are made anew all the time.
const expiryHeader = "GitHub-Authentication-Token-Expiration"

// Expires implements targets.Expirer.
func (d *driver) Expires(ctx context.Context) (time.Time, error) {
	const op = "read the token's end"
	if d.app != nil {
		return time.Time{}, nil
	}
	reply, err := d.send(ctx, op, http.MethodGet, "/user", nil, nil)
	if err != nil {
		return time.Time{}, wire.Sure(err)
	}
	said := reply.Header.Get(expiryHeader)
	if said == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{"2006-01-02 15:04:05 UTC", "2006-01-02 15:04:05 -0700"} {
		if at, err := time.Parse(layout, said); err == nil {
			return at, nil
		}
	}
	return time.Time{}, notGitHub(op, fmt.Errorf("%s cannot be read", expiryHeader))
}

// FindPerson implements targets.People. GitHub gives nobody's address unless
// it is public, so settings.people says whose login is whose. GitHub refuses
// an issue for somebody who cannot be assigned to it.
func (d *driver) FindPerson(ctx context.Context, email string) (string, error) {
	login := d.cfg.people[strings.ToLower(strings.TrimSpace(email))]
	if login == "" {
		return "", nil
	}
	err := d.get(ctx, "find assignee", d.cfg.repo()+"/assignees/"+url.PathEscape(login), nil)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return "", nil
	}
	return login, err
}
