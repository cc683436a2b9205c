package gitlab

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets/wire"
)

// FindPerson implements targets.People. An account counts only if GitLab shows
// that the address is its own, and if it is a member: GitLab drops other
// assignees without a word.
func (d *driver) FindPerson(ctx context.Context, email string) (string, error) {
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return "", err
	}
	q := url.Values{"per_page": {"20"}, "query": {email}}
	var members []account
	if err := d.get(ctx, "find member", res.path("/members/all?"+q.Encode()), wire.List(&members, 100)); err != nil {
		return "", err
	}
	if id := owner(members, email); id != 0 {
		return strconv.Itoa(id), nil
	}
	q = url.Values{"per_page": {"20"}, "search": {email}}
	var users []account
	if err := d.get(ctx, "find user", "/users?"+q.Encode(), wire.List(&users, 100)); err != nil {
		return "", err
	}
	id := owner(users, email)
	if id == 0 {
		return "", nil
	}
	var member account
	err = d.get(ctx, "find member", res.path("/members/all/"+strconv.Itoa(id)), &member)
	switch {
	case err != nil && fault.KindOf(err) == fault.NotFound, err == nil && member.ID != id:
		return "", nil
	case err != nil:
		return "", err
	}
	return strconv.Itoa(id), nil
}

// owner is the active account that has the address; 0: none that shows it.
func owner(accounts []account, email string) int {
	for _, a := range accounts {
		if a.State == "active" && (strings.EqualFold(a.Email, email) || strings.EqualFold(a.PublicEmail, email)) {
			return a.ID
		}
	}
	return 0
}
