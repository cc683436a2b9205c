package shortcut

import (
	"context"
	"net/http"
	"strconv"

	"pushbutton/internal/targets"
)

// Choices implements targets.Chooser.
func (d *driver) Choices(ctx context.Context, setting string) ([]targets.Choice, error) {
	const op = "list choices"
	var out []targets.Choice
	add := func(value, title string) { out = append(out, targets.Choice{Value: value, Title: title}) }
	switch setting {
	case setWorkflow, setState:
		all, err := list[workflow](ctx, d.client, op, http.MethodGet, "/workflows", nil)
		if err != nil {
			return nil, err
		}
		for _, w := range all {
			if setting == setWorkflow {
				add(strconv.Itoa(w.ID), w.Name)
				continue
			}
			for _, s := range w.States {
				add(strconv.Itoa(s.ID), w.Name+": "+s.Name)
			}
		}
	case setTeam:
		all, err := list[group](ctx, d.client, op, http.MethodGet, "/groups", nil)
		if err != nil {
			return nil, err
		}
		for _, g := range all {
			if !g.Archived {
				add(g.ID, g.Name)
			}
		}
	case setEpic:
		all, err := list[epic](ctx, d.client, op, http.MethodGet, "/epics", nil)
		if err != nil {
			return nil, err
		}
		for _, e := range all {
			if !e.Archived {
				add(strconv.Itoa(e.ID), e.Name)
			}
		}
	}
	return out, nil
}
