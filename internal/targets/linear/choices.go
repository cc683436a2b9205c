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
		all, err := d.planner.teams(ctx)
		for _, t := range all {
			if t.RetiredAt == "" {
				out = append(out, targets.Choice{Value: t.Key, Title: t.Name})
			}
		}
		return out, err
	case setState, setProject:
		p, err := d.planner.get(ctx)
		if err != nil {
			return nil, err
		}
		if setting == setState {
			for _, s := range p.team.States.Nodes {
				out = append(out, targets.Choice{Value: s.Name})
			}
			return out, nil
		}
		for _, pr := range p.team.Projects.Nodes {
			out = append(out, targets.Choice{Value: pr.ID, Title: pr.Name})
		}
	}
	return out, nil
}
