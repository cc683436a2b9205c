package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
)

// What the driver can do beside its task: read, change, comment on and close
// issues, find people, and say when its token ends.

// Read implements targets.Reader.
func (d *driver) Read(ctx context.Context, id string) (targets.Issue, error) {
	var i issue
	if !isNumber(id) {
		return targets.Issue{}, missing(id)
	}
	if err := d.get(ctx, "read issue", d.issuePath(id), &i); err != nil {
		return targets.Issue{}, d.gone(ctx, id, err)
	}
	if i.Number == 0 {
		return targets.Issue{}, notGitHub("read issue", errors.New("no issue in the answer"))
	}
	return portable(i), nil
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
	var i issue
	if err := d.change(ctx, op, http.MethodPatch, id, "", changeIssue{Title: draft.Title, Body: text(draft)}, &i); err != nil {
		return targets.Issue{}, err
	}
	if i.Number == 0 {
		return targets.Issue{}, targets.Unreadable(op, errors.New("no issue in the answer"))
	}
	if err := d.change(ctx, op, http.MethodPost, id, "/labels", addLabels{Labels: d.labels(draft.Labels)}, nil); err != nil {
		return targets.Issue{}, err
	}
	return portable(i), nil
}

// Comment implements targets.Commenter.
func (d *driver) Comment(ctx context.Context, id, remark string) error {
	return d.change(ctx, "comment on issue", http.MethodPost, id, "/comments", newComment{Body: markdown(targets.PlainText(remark))}, nil)
}

// Close implements targets.Closer. What the plugin closes is a second issue or
// one that nobody wants any more; GitHub's reason "duplicate" wants the other
// issue named, so it is "not planned" for both, and a comment says more.
func (d *driver) Close(ctx context.Context, id string) error {
	return d.change(ctx, "close issue", http.MethodPatch, id, "", changeIssue{State: stateClosed, StateReason: reasonNotPlanned}, nil)
}

func (d *driver) change(ctx context.Context, op, method, id, part string, body, out any) error {
	if !isNumber(id) {
		return missing(id)
	}
	if err := d.write(ctx, op, method, d.issuePath(id)+part, body, out); err != nil {
		return d.gone(ctx, id, err)
	}
	return nil
}

func (d *driver) issuePath(id string) string { return d.cfg.repo() + "/issues/" + id }

// gone looks closer at an issue that GitHub does not give. It is missing only
// where its repository is still there: a repository that was renamed, or that
// the token may not see any more, must not look like a deleted issue.
func (d *driver) gone(ctx context.Context, id string, err error) error {
	if fault.KindOf(err) != fault.NotFound && !errors.Is(err, errMoved) {
		return err
	}
	if _, why := d.repository(ctx); why != nil {
		e := *fault.From(why)
		if e.Kind == fault.NotFound {
			e.Kind = fault.Forbidden
		}
		return &e
	}
	e := missing(id)
	e.Err = err
	return e
}

func missing(id string) *fault.Error {
	return &fault.Error{Op: "read issue", Kind: fault.NotFound,
		Public: fmt.Sprintf("GitHub does not have issue #%s any more (deleted or moved to another repository), or does not show it to the token. Unlink and push again for a new one.", targets.Title(id, 20))}
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
	reply, err := d.send(ctx, op, http.MethodGet, "/user", nil)
	if err != nil {
		return time.Time{}, targets.Sure(err)
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

// isNumber tells whether an id is one that an issue can have.
func isNumber(id string) bool {
	n, err := strconv.Atoi(id)
	return err == nil && n > 0 && strconv.Itoa(n) == id
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
