package github

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// What the settings' names mean in the repository.

// milestoneNumber gives the number of the milestone that the settings name; 0:
// none is wanted.
func (d *driver) milestoneNumber(ctx context.Context) (int, error) {
	if d.cfg.milestone == "" {
		return 0, nil
	}
	return d.milestone.Get(ctx, d.findMilestone)
}

// findMilestone finds the milestone by its title or number.
func (d *driver) findMilestone(ctx context.Context) (int, error) {
	all, err := d.milestones(ctx)
	if err != nil {
		return 0, err
	}
	for _, m := range all {
		if strings.EqualFold(m.Title, d.cfg.milestone) || strconv.Itoa(m.Number) == d.cfg.milestone {
			return m.Number, nil
		}
	}
	return 0, invalid("find milestone", "The GitHub repository %s has no open milestone %q%s. Ask your admin to correct settings.milestone.", d.cfg.repository, d.cfg.milestone, text.Only(all, func(m milestone) string { return m.Title }))
}

// milestones lists the open ones, as many as one page holds.
func (d *driver) milestones(ctx context.Context) ([]milestone, error) {
	var all []milestone
	err := d.get(ctx, "list milestones", d.cfg.repo()+"/milestones?state=open&per_page=100", wire.List(&all, 100))
	return all, err
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
		return invalid("find issue type", "GitHub has no issue type %q for %s%s. Ask your admin to correct settings.type.", d.cfg.typ, d.cfg.repository, text.Only(all, func(t issueType) string { return t.Name }))
	}
	return nil
}

// Choices implements targets.Chooser: the first hundred of each.
func (d *driver) Choices(ctx context.Context, setting string) ([]targets.Choice, error) {
	var out []targets.Choice
	switch setting {
	case setRepository:
		all, err := d.repositories(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range all {
			if r.HasIssues && !r.Archived {
				out = append(out, targets.Choice{Value: r.FullName})
			}
		}
	case setMilestone:
		all, err := d.milestones(ctx)
		if err != nil {
			return nil, err
		}
		for _, m := range all {
			out = append(out, targets.Choice{Value: m.Title})
		}
	case setType:
		repo, err := d.repository(ctx)
		if err != nil {
			return nil, err
		}
		all, _, err := d.types(ctx, repo)
		if err != nil {
			return nil, err
		}
		for _, t := range all {
			out = append(out, targets.Choice{Value: t.Name, Title: t.Description})
		}
	}
	return out, nil
}

func (d *driver) repositories(ctx context.Context) ([]repository, error) {
	const op = "list repositories"
	if d.app == nil {
		var all []repository
		err := d.get(ctx, op, "/user/repos?sort=pushed&per_page=100", wire.List(&all, 100))
		return all, err
	}
	// The usual token is good for one repository only.
	wide, err := d.app.fetch(ctx, tokenRequest{Permissions: issuePermission()})
	if err != nil {
		return nil, err
	}
	var all struct {
		Repositories []repository `json:"repositories"`
	}
	return all.Repositories, d.getAs(ctx, wide.Token, op, "/installation/repositories?per_page=100", wire.List(&all, 100))
}
