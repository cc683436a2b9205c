package shortcut

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// resolved holds the ids that the settings stand for in this workspace.
type resolved struct {
	state     int
	group     string // id; empty: none
	states    map[int]state
	workflows []workflow
}

func (d *driver) resolveSettings(ctx context.Context) (*resolved, error) {
	res := &resolved{states: map[int]state{}}
	var err error
	if res.workflows, err = list[workflow](ctx, d.client, "read workflows", http.MethodGet, "/workflows", nil); err != nil {
		return nil, err
	}
	for _, w := range res.workflows {
		for _, s := range w.States {
			res.states[s.ID] = s
		}
	}
	team, err := d.team(ctx, res)
	if err != nil {
		return nil, err
	}
	chosen, err := d.workflow(ctx, res.workflows, team)
	if err != nil {
		return nil, err
	}
	if res.state = chosen.DefaultState; d.cfg.state != "" {
		found, ok := targets.Pick(chosen.States, d.cfg.state, func(s state) []string { return []string{strconv.Itoa(s.ID), s.Name} })
		if !ok {
			return nil, wire.Invalid("find state", "Shortcut: workflow %q has no state %q%s. Ask your admin to correct settings.state.", chosen.Name, d.cfg.state,
				text.OnlyNames(chosen.States, func(s state) string { return s.Name }))
		}
		res.state = found.ID
	}
	return res, nil
}

func (d *driver) team(ctx context.Context, res *resolved) (group, error) {
	if d.cfg.team == "" {
		return group{}, nil
	}
	const op = "find team"
	all, err := list[group](ctx, d.client, op, http.MethodGet, "/groups", nil)
	if err != nil {
		return group{}, err
	}
	active := slices.DeleteFunc(slices.Clone(all), func(g group) bool { return g.Archived })
	if g, ok := targets.Pick(active, strings.TrimPrefix(d.cfg.team, "@"), func(g group) []string { return []string{g.ID, g.Name, g.Mention} }); ok {
		res.group = g.ID
		return g, nil
	}
	return group{}, wire.Invalid(op, "Shortcut has no team %q%s. Ask your admin to correct settings.team.", d.cfg.team, text.OnlyNames(all, func(g group) string { return g.Name }))
}

// workflow chooses the workflow for new stories: the one that the settings
// name, the team's, the workspace's.
func (d *driver) workflow(ctx context.Context, all []workflow, team group) (workflow, error) {
	const op = "find workflow"
	byID := func(id int) (workflow, bool) {
		at := slices.IndexFunc(all, func(w workflow) bool { return w.ID == id })
		if at < 0 {
			return workflow{}, false
		}
		return all[at], true
	}
	if d.cfg.workflow != "" {
		if w, ok := targets.Pick(all, d.cfg.workflow, func(w workflow) []string { return []string{strconv.Itoa(w.ID), w.Name} }); ok {
			return w, nil
		}
		return workflow{}, wire.Invalid(op, "Shortcut has no workflow %q%s. Ask your admin to correct settings.workflow.", d.cfg.workflow, text.OnlyNames(all, func(w workflow) string { return w.Name }))
	}
	for _, id := range append([]int{team.DefaultWorkflow}, team.Workflows...) {
		if w, ok := byID(id); ok {
			return w, nil
		}
	}
	var me self
	if err := d.get(ctx, "read workspace", "/member", &me); err != nil {
		return workflow{}, err
	}
	if w, ok := byID(me.Workspace.DefaultWorkflow); ok {
		return w, nil
	}
	return workflow{}, notShortcut(op, errors.New("the workspace's default workflow is not among its workflows"))
}
