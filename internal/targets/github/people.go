package github

import (
	"context"
	"net/url"
	"strings"

	"pushbutton/internal/fault"
)

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
