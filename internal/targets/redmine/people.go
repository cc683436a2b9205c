package redmine

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets/wire"
)

// FindPerson implements targets.People: the account with this address, if
// issues of the project can be given to it; Redmine refuses the whole issue
// for another. Only an administrator's key can look for addresses, so another
// finds nobody.
func (d *driver) FindPerson(ctx context.Context, email string) (string, error) {
	res, err := d.resolve(ctx)
	if err != nil {
		return "", err
	}
	var found usersReply
	q := url.Values{"name": {email}, "limit": {strconv.Itoa(maxPage)}}
	err = d.get(ctx, "find user", "/users.json?"+q.Encode(), wire.List(&found, maxPage))
	if err != nil && fault.KindOf(err) == fault.Forbidden {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	// The search takes parts of names and addresses, too.
	at := slices.IndexFunc(found.Users, func(u user) bool { return strings.EqualFold(u.Mail, email) })
	if at < 0 {
		return "", nil
	}
	id := strconv.Itoa(found.Users[at].ID)
	assignable, err := d.isAssignable(ctx, res.projectID, id)
	if err != nil || !assignable {
		return "", err
	}
	return id, nil
}

// isAssignable reports whether issues of a project can be given to an account.
func (d *driver) isAssignable(ctx context.Context, project int, id string) (bool, error) {
	var whole userReply
	if err := d.get(ctx, "read user", "/users/"+id+".json?include=memberships", wire.List(&whole, maxPage)); err != nil {
		return false, err
	}
	for _, r := range whole.User.rolesIn(project) {
		role, err := d.role(ctx, r)
		if err != nil {
			return false, err
		}
		if role.Role.Assignable == nil || *role.Role.Assignable {
			return true, nil
		}
	}
	return false, nil
}
