package gitea

import (
	"context"
	"strings"

	"pushbutton/internal/targets/wire"
)

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
