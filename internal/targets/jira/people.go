package jira

import (
	"context"
	"net/url"
	"strings"

	"pushbutton/internal/targets/wire"
)

// maxHits bounds a search for one person.
const maxHits = "10"

// FindPerson implements targets.People: somebody whom issues of this project
// can be assigned to. Cloud shows the addresses of few people, so a single hit
// without one is believed.
func (d *driver) FindPerson(ctx context.Context, email string) (string, error) {
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return "", err
	}
	q := url.Values{"project": {res.projectKey}, "maxResults": {maxHits}}
	if d.cfg.cloud {
		q.Set("query", email)
	} else {
		q.Set("username", email) // matches names and addresses
	}
	var hits []user
	if err := d.get(ctx, "find a person", "/user/assignable/search?"+q.Encode(), wire.List(&hits, 10)); err != nil {
		return "", err
	}
	var hidden []string
	for _, u := range hits {
		id := u.AccountID
		if !d.cfg.cloud {
			id = u.Name
		}
		switch {
		case id == "" || u.Active != nil && !*u.Active:
		case strings.EqualFold(u.Email, email):
			return id, nil
		case u.Email == "":
			hidden = append(hidden, id)
		}
	}
	if d.cfg.cloud && len(hidden) == 1 && len(hits) == 1 {
		return hidden[0], nil
	}
	return "", nil
}
