package linear

import (
	"context"

	"pushbutton/internal/targets"
)

// Choices implements targets.Chooser.
func (d *driver) Choices(ctx context.Context, setting string) ([]targets.Choice, error) {
	var out []targets.Choice
	switch setting {
	case setTeam:
		all, err := d.teams(ctx)
		for _, t := range all {
			if t.RetiredAt == "" {
				out = append(out, targets.Choice{Value: t.Key, Title: t.Name})
			}
		}
		return out, err
	case setState, setProject:
		res, err := d.resolved.Get(ctx)
		if err != nil {
			return nil, err
		}
		if setting == setState {
			for _, s := range res.team.States.Nodes {
				out = append(out, targets.Choice{Value: s.Name})
			}
			return out, nil
		}
		for _, pr := range res.team.Projects.Nodes {
			out = append(out, targets.Choice{Value: pr.ID, Title: pr.Name})
		}
	}
	return out, nil
}
