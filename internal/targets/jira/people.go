package jira

import (
	"context"
	"net/url"
	"strings"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// maxHits bounds a search for one person.
const maxHits = "10"

// FindPerson implements targets.People: somebody whom issues of this project
// can be assigned to. Cloud shows the addresses of few people, so a single hit
// without one is believed.
func (d *driver) FindPerson(ctx context.Context, email string) (string, error) {
	p, err := d.planner.get(ctx)
	if err != nil {
		return "", err
	}
	q := url.Values{"project": {p.projectKey}, "maxResults": {maxHits}}
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

// Choices implements targets.Chooser for the project and what is in it.
func (d *driver) Choices(ctx context.Context, setting string) ([]targets.Choice, error) {
	switch setting {
	case setProject:
		return d.projects(ctx)
	case setIssueType:
		in, err := d.project(ctx)
		if err != nil {
			return nil, err
		}
		types, err := d.issueTypes(ctx, in)
		var out []targets.Choice
		for _, t := range types {
			out = append(out, targets.Choice{Value: t.Name})
		}
		return out, err
	case setPriority, setComponents: // named like their fields
		p, err := d.planner.get(ctx)
		if err != nil {
			return nil, err
		}
		var out []targets.Choice
		for _, o := range options(p.fields[setting].Allowed) {
			out = append(out, targets.Choice{Value: o.Name})
		}
		return out, nil
	default:
		return nil, nil
	}
}

// projects lists those in which the account may create issues; Data Center
// lists those that it sees.
func (d *driver) projects(ctx context.Context) ([]targets.Choice, error) {
	const op = "list projects"
	var all []project
	var err error
	if d.cfg.cloud {
		all, err = readPages[project](ctx, d.client, op, "/project/search?action=create", 100)
	} else {
		err = d.get(ctx, op, "/project", wire.List(&all, manyItems))
	}
	var out []targets.Choice
	for _, p := range all {
		out = append(out, targets.Choice{Value: p.Key, Title: p.Name})
	}
	return out, err
}
