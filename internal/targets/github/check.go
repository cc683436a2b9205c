package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// Check implements targets.Driver.
func (d *driver) Check(ctx context.Context) error {
	d.login.Store(nil)
	d.milestone.Forget()
	d.existing.Forget()
	if _, err := d.account(ctx); err != nil {
		return err
	}
	repo, err := d.repository(ctx)
	if err != nil {
		return err
	}
	const op = "check repository"
	switch {
	case repo.Archived:
		return wire.Invalid(op, "The GitHub repository %s is archived. Ask a GitHub admin to unarchive it, or your admin to name another in settings.repository.", d.cfg.repository)
	case !repo.HasIssues:
		return d.noIssues(op)
	case d.cfg.needsWriteAccess() && repo.Permissions != nil && !repo.Permissions.Push:
		return &fault.Error{Op: op, Kind: fault.Forbidden, Public: fmt.Sprintf("GitHub ignores milestone and type from an account without write access to %s. Ask a GitHub admin to give it the role Write, or your admin to leave them out.", d.cfg.repository)}
	}
	if _, err := d.milestoneNumber(ctx); err != nil {
		return err
	}
	if err := d.checkType(ctx, repo); err != nil {
		return err
	}
	return d.rehearse(ctx)
}

// account returns the login under which issues are made. Reading it
// authenticates the credentials.
func (d *driver) account(ctx context.Context) (string, error) {
	if login := d.login.Load(); login != nil {
		return *login, nil
	}
	const op = "read the account"
	login := ""
	if d.app != nil {
		about, err := d.app.about(ctx)
		if err != nil {
			return "", err
		}
		if login = about.Slug; login != "" {
			login += "[bot]" // as which an App acts
		}
	} else {
		var me user
		if err := d.get(ctx, op, "/user", &me); err != nil {
			return "", err
		}
		login = me.Login
	}
	if login == "" {
		return "", notGitHub(op, errors.New("the answer names no account"))
	}
	d.login.Store(&login)
	return login, nil
}

func (d *driver) repository(ctx context.Context) (repository, error) {
	const op = "read repository"
	var repo repository
	err := d.get(ctx, op, d.cfg.repo(), &repo)
	if err == nil && repo.FullName == "" {
		err = notGitHub(op, errors.New("the answer names no repository"))
	}
	return repo, err
}

// rehearse sends a create that GitHub must refuse, for its title is empty.
// Whether the token may write shows in no other way.
func (d *driver) rehearse(ctx context.Context) error {
	const op = "rehearse a create"
	err := d.write(ctx, op, http.MethodPost, d.cfg.repo()+"/issues", newIssue{}, nil)
	if err == nil {
		return wire.Invalid(op, "GitHub created an issue without a title in %s, which it had to refuse. Ask the plugin's operator.", d.cfg.repository)
	}
	var apiErr *apiError
	if errors.As(err, &apiErr) && apiErr.status == http.StatusUnprocessableEntity && apiErr.names("title") {
		return nil
	}
	return err
}

// types lists the issue types of the repository's organisation. Not every
// token may read them; whoever has no organisation has none.
func (d *driver) types(ctx context.Context, repo repository) (all []issueType, readable bool, err error) {
	if repo.Owner.Type != "Organization" {
		return nil, true, nil
	}
	err = d.get(ctx, "list issue types", "/orgs/"+url.PathEscape(repo.Owner.Login)+"/issue-types", wire.List(&all, 100))
	if err != nil && (fault.KindOf(err) == fault.NotFound || fault.KindOf(err) == fault.Forbidden) {
		return nil, false, nil
	}
	return all, err == nil, err
}

func (d *driver) checkType(ctx context.Context, repo repository) error {
	if d.cfg.typ == "" {
		return nil
	}
	all, readable, err := d.types(ctx, repo)
	if err != nil || !readable {
		return err
	}
	if !slices.ContainsFunc(all, func(t issueType) bool { return t.Name == d.cfg.typ }) {
		return wire.Invalid("find issue type", "GitHub has no issue type %q for %s%s. Ask your admin to correct settings.type.", d.cfg.typ, d.cfg.repository, text.OnlyNames(all, func(t issueType) string { return t.Name }))
	}
	return nil
}

// IsPublic implements targets.PublicPlace.
func (d *driver) IsPublic(ctx context.Context) (bool, error) {
	repo, err := d.repository(ctx)
	return err == nil && repo.Private != nil && !*repo.Private, err
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
	header := reply.Header.Get(expiryHeader)
	if header == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{"2006-01-02 15:04:05 UTC", "2006-01-02 15:04:05 -0700"} {
		if at, err := time.Parse(layout, header); err == nil {
			return at, nil
		}
	}
	return time.Time{}, notGitHub(op, fmt.Errorf("%s cannot be read", expiryHeader))
}
