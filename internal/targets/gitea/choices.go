package gitea

import (
	"context"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// Choices implements targets.Chooser: the first fifty of each.
func (d *driver) Choices(ctx context.Context, setting string) ([]targets.Choice, error) {
	var out []targets.Choice
	switch setting {
	case setRepository:
		var all []repository
		if err := d.get(ctx, "list repositories", "/user/repos?limit=50", wire.List(&all, perPage)); err != nil {
			return nil, err
		}
		for _, r := range all {
			if r.HasIssues && !r.Archived && r.External == nil {
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
	}
	return out, nil
}
