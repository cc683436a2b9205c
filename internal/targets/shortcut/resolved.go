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
)

// plan is what the settings mean in this workspace.
type plan struct {
	state     int
	group     string // id; empty: none
	states    map[int]state
	workflows []workflow
}

// planner finds the plan and keeps it.
type planner struct {
	client
	memo targets.Memo[*plan]
}

func (p *planner) get(ctx context.Context) (*plan, error) { return p.memo.Get(ctx, p.load) }

func (p *planner) forget() { p.memo.Forget() }

func (p *planner) load(ctx context.Context) (*plan, error) {
	made := &plan{states: map[int]state{}}
	var err error
	if made.workflows, err = list[workflow](ctx, p.client, "read workflows", http.MethodGet, "/workflows", nil); err != nil {
		return nil, err
	}
	for _, w := range made.workflows {
		for _, s := range w.States {
			made.states[s.ID] = s
		}
	}
	team, err := p.team(ctx, made)
	if err != nil {
		return nil, err
	}
	chosen, err := p.workflow(ctx, made.workflows, team)
	if err != nil {
		return nil, err
	}
	if made.state = chosen.DefaultState; p.cfg.state != "" {
		at := slices.IndexFunc(chosen.States, func(s state) bool { return matches(p.cfg.state, s.ID, s.Name) })
		if at < 0 {
			return nil, invalid("find state", "Shortcut: workflow %q has no state %q%s. Ask your admin to correct settings.state.", chosen.Name, p.cfg.state,
				text.OnlyNames(chosen.States, func(s state) string { return s.Name }))
		}
		made.state = chosen.States[at].ID
	}
	return made, nil
}

func (p *planner) team(ctx context.Context, made *plan) (group, error) {
	if p.cfg.team == "" {
		return group{}, nil
	}
	const op = "find team"
	all, err := list[group](ctx, p.client, op, http.MethodGet, "/groups", nil)
	if err != nil {
		return group{}, err
	}
	wanted := strings.TrimPrefix(p.cfg.team, "@")
	for _, g := range all {
		if !g.Archived && (g.ID == wanted || strings.EqualFold(g.Name, wanted) || strings.EqualFold(g.Mention, wanted)) {
			made.group = g.ID
			return g, nil
		}
	}
	return group{}, invalid(op, "Shortcut has no team %q%s. Ask your admin to correct settings.team.", p.cfg.team, text.OnlyNames(all, func(g group) string { return g.Name }))
}

// workflow chooses the workflow for new stories: the one that the settings
// name, the team's, the workspace's.
func (p *planner) workflow(ctx context.Context, all []workflow, team group) (workflow, error) {
	const op = "find workflow"
	byID := func(id int) (workflow, bool) {
		at := slices.IndexFunc(all, func(w workflow) bool { return w.ID == id })
		if at < 0 {
			return workflow{}, false
		}
		return all[at], true
	}
	if p.cfg.workflow != "" {
		for _, w := range all {
			if matches(p.cfg.workflow, w.ID, w.Name) {
				return w, nil
			}
		}
		return workflow{}, invalid(op, "Shortcut has no workflow %q%s. Ask your admin to correct settings.workflow.", p.cfg.workflow, text.OnlyNames(all, func(w workflow) string { return w.Name }))
	}
	for _, id := range append([]int{team.DefaultWorkflow}, team.Workflows...) {
		if w, ok := byID(id); ok {
			return w, nil
		}
	}
	var me self
	if err := p.client.get(ctx, "read workspace", "/member", &me); err != nil {
		return workflow{}, err
	}
	if w, ok := byID(me.Workspace.DefaultWorkflow); ok {
		return w, nil
	}
	return workflow{}, notShortcut(op, errors.New("the workspace's default workflow is not among its workflows"))
}

// matches tells whether a setting, a name or a number, means this.
func matches(wanted string, id int, name string) bool {
	return wanted == strconv.Itoa(id) || strings.EqualFold(wanted, name)
}
