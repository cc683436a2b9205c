package gitea

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// What the driver can do beside its task: read, change, comment on and close
// issues, and find people.

// Read implements targets.Reader.
func (d *driver) Read(ctx context.Context, id string) (targets.Issue, error) {
	found, _, err := d.locate(ctx, "read issue", id)
	return found, err
}

// Resolve implements targets.Resolver.
func (d *driver) Resolve(ctx context.Context, ref *targets.Reference) (targets.Issue, error) {
	return d.Read(ctx, ref.Number(d.cfg.repository)+ref.After("issues"))
}

// Update implements targets.Updater. Labels are added and none is taken off:
// an issue's labels are its readers' as well.
func (d *driver) Update(ctx context.Context, id string, draft targets.Draft) (targets.Issue, error) {
	const op = "update issue"
	labels, refused, err := d.plan.labels(ctx, d.names(draft.Labels))
	if err != nil {
		return targets.Issue{}, err
	}
	draft = draft.WithoutLabels(name, refused...)
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
	got := issue{Number: i.Number}
	err = d.change(ctx, op, http.MethodPost, id, "/labels", addLabels{Labels: labels}, wire.List(&got.Labels, perPage))
	if err == nil {
		err = d.restoreLabels(ctx, got, labels, draft.Labels)
	}
	if err != nil && fault.KindOf(err).Transient() {
		return targets.Issue{}, err
	}
	return portable(i), nil // a label that is refused for good stops nothing
}

// Comment implements targets.Commenter.
func (d *driver) Comment(ctx context.Context, id, remark string) error {
	return d.change(ctx, "comment on issue", http.MethodPost, id, "/comments", newComment{Body: markdown(text.PlainText(remark))}, nil)
}

// Close implements targets.Closer.
func (d *driver) Close(ctx context.Context, id string) error {
	return d.change(ctx, "close issue", http.MethodPatch, id, "", changeIssue{State: stateClosed}, nil)
}

// FindPerson implements targets.People: among those whom the repository's
// issues can be given to, by settings.people or by the address that Gitea
// shows. It shows none of people who hide theirs.
func (d *driver) FindPerson(ctx context.Context, email string) (string, error) {
	login := d.cfg.people[strings.ToLower(strings.TrimSpace(email))]
	var all []user
	if err := d.get(ctx, "list assignees", d.cfg.repo()+"/assignees", wire.List(&all, manyUsers)); err != nil {
		return "", err
	}
	for _, u := range all {
		if strings.EqualFold(u.Login, login) || login == "" && strings.EqualFold(u.Email, email) {
			return u.Login, nil
		}
	}
	return "", nil
}
