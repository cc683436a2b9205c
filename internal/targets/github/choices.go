package github

import (
	"context"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

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
