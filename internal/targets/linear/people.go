package linear

import (
	"context"
	"strings"
)

// FindPerson implements targets.People.
func (d *driver) FindPerson(ctx context.Context, email string) (string, error) {
	filter := vars{"email": vars{"eqIgnoreCase": email}, "active": vars{"eq": true}}
	var reply struct{ Users nodes[user] }
	if err := d.query(ctx, "find user", findUser, vars{"filter": filter}, &reply); err != nil {
		return "", err
	}
	for _, u := range reply.Users.Nodes {
		if u.Active && strings.EqualFold(u.Email, email) {
			return u.ID, nil
		}
	}
	return "", nil
}
