package gitea

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"pushbutton/internal/targets/wire"
)

// Check implements targets.Driver.
func (d *driver) Check(ctx context.Context) error {
	d.login.Store(nil)
	d.ids.forget()
	if _, err := d.account(ctx); err != nil {
		return err
	}
	const op = "check repository"
	repo, err := d.repository(ctx)
	switch {
	case err != nil:
		return err
	case repo.Archived:
		return d.archived(op)
	case !repo.keepsIssues():
		return d.noIssues(op, d.cfg.repository)
	}
	if _, err := d.ids.milestone(ctx); err != nil {
		return err
	}
	return d.rehearse(ctx)
}

// account returns the login under which issues are made. Reading it authenticates
// the token.
func (d *driver) account(ctx context.Context) (string, error) {
	if login := d.login.Load(); login != nil {
		return *login, nil
	}
	const op = "read the account"
	var me user
	if err := d.get(ctx, op, "/user", &me); err != nil {
		return "", err
	}
	if me.Login == "" {
		return "", notGitea(op, errors.New("the answer names no account"))
	}
	d.login.Store(&me.Login)
	return me.Login, nil
}

func (d *driver) repository(ctx context.Context) (repository, error) {
	return d.readRepository(ctx, d.cfg.repository)
}

func (d *driver) readRepository(ctx context.Context, name string) (repository, error) {
	const op = "read repository"
	var repo repository
	err := d.get(ctx, op, "/repos/"+name, &repo)
	if err == nil && repo.FullName == "" {
		err = notGitea(op, errors.New("the answer names no repository"))
	}
	return repo, err
}

// rehearse sends a create that Gitea must refuse, for its title is empty.
// Whether the token may write shows in no other way.
func (d *driver) rehearse(ctx context.Context) error {
	const op = "rehearse a create"
	err := d.write(ctx, op, http.MethodPost, d.cfg.repo()+"/issues", newIssue{}, nil)
	if err == nil {
		return wire.Invalid(op, "Gitea created an issue without a title in %s, which it had to refuse. Ask the plugin's operator.", d.cfg.repository)
	}
	var apiErr *apiError
	if errors.As(err, &apiErr) && apiErr.status == http.StatusUnprocessableEntity && strings.Contains(apiErr.message, "[Title]") {
		return nil
	}
	return err
}

// IsPublic implements targets.PublicPlace.
func (d *driver) IsPublic(ctx context.Context) (bool, error) {
	repo, err := d.repository(ctx)
	return err == nil && repo.Private != nil && !*repo.Private && !repo.Internal, err
}
