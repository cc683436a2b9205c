package linear

import (
	"context"
	"errors"
	"slices"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
)

// maxLabelPages bounds the labels that are read, 250 to a page.
const maxLabelPages = 8

// plan is what the settings' names mean in this Linear.
type plan struct {
	team      team
	labels    map[string]label // by name, in lower case
	stateID   string           // empty: the team's default
	projectID string           // empty: none
	parentID  string           // empty: none
}

// planner finds the plan and keeps it.
type planner struct {
	client
	memo targets.Memo[*plan]
}

func (p *planner) get(ctx context.Context) (*plan, error) { return p.memo.Get(ctx, p.load) }

func (p *planner) forget() { p.memo.Forget() }

func (p *planner) load(ctx context.Context) (*plan, error) {
	made := &plan{}
	if err := p.findTeam(ctx, made); err != nil {
		return nil, err
	}
	if p.cfg.state != "" {
		for _, s := range made.team.States.Nodes {
			if strings.EqualFold(s.Name, p.cfg.state) {
				made.stateID = s.ID
			}
		}
		if made.stateID == "" {
			return nil, invalid("find status", "Linear's team %q has no status %q%s. Ask your admin to correct settings.state.",
				p.cfg.team, p.cfg.state, text.OnlyNames(made.team.States.Nodes, func(s state) string { return s.Name }))
		}
	}
	if p.cfg.project != "" {
		found, ok := pickProject(made.team.Projects.Nodes, p.cfg.project)
		if !ok {
			return nil, invalid("find project", "Linear's team %q has no project %q. Ask your admin to correct settings.project.", p.cfg.team, p.cfg.project)
		}
		made.projectID = found.ID
	}
	if err := p.findParent(ctx, made); err != nil {
		return nil, err
	}
	return made, p.readLabels(ctx, made)
}

// findTeam finds the team by its key, its id or its name, in this order.
func (p *planner) findTeam(ctx context.Context, made *plan) error {
	const op = "find team"
	all, err := p.teams(ctx)
	if err != nil {
		return err
	}
	found := pickTeam(all, p.cfg.team)
	if found == nil || found.RetiredAt != "" {
		return p.noTeam(op, all)
	}
	var whole struct{ Team team }
	if err := p.query(ctx, "read team", readTeam, vars{"id": found.ID}, &whole); err != nil {
		return err
	}
	if whole.Team.ID != found.ID {
		return notLinear(op, errors.New("no team in the answer"))
	}
	made.team = whole.Team
	made.team.Key, made.team.Name = found.Key, found.Name
	return nil
}

func (p *planner) noTeam(op string, all []team) error {
	e := invalid(op, "Linear has no team %q that the integration's account sees%s. Ask your admin to correct settings.team.",
		text.Title(p.cfg.team, 40), text.OnlyNames(all, func(t team) string { return t.Key }))
	e.Kind = fault.NotFound
	return e
}

func (p *planner) teams(ctx context.Context) ([]team, error) {
	var reply struct {
		Viewer struct{ ID string }
		Teams  nodes[team]
	}
	err := p.query(ctx, "list teams", listTeams, nil, &reply)
	if err == nil && reply.Viewer.ID == "" {
		err = notLinear("list teams", errors.New("the answer names no account"))
	}
	return reply.Teams.Nodes, err
}

func pickTeam(all []team, wanted string) *team {
	for _, is := range []func(team) bool{
		func(t team) bool { return strings.EqualFold(t.Key, wanted) },
		func(t team) bool { return strings.EqualFold(t.ID, wanted) },
		func(t team) bool { return strings.EqualFold(t.Name, wanted) },
	} {
		for i := range all {
			if is(all[i]) {
				return &all[i]
			}
		}
	}
	return nil
}

func pickProject(all []project, wanted string) (project, bool) {
	for _, p := range all {
		if p.ID == wanted || p.SlugID == wanted || strings.EqualFold(p.Name, wanted) {
			return p, true
		}
	}
	return project{}, false
}

func (p *planner) findParent(ctx context.Context, made *plan) error {
	if p.cfg.parent == "" {
		return nil
	}
	const op = "find parent"
	var reply struct{ Issue issue }
	err := p.query(ctx, op, readIssue, vars{"id": p.cfg.parent}, &reply)
	if absent(err, entityIssue) || err == nil && reply.Issue.Trashed {
		return invalid(op, "Linear has no issue %q that the integration's account sees. Ask your admin to correct settings.parent.", text.Title(p.cfg.parent, 40))
	}
	if err == nil && reply.Issue.ID == "" {
		err = notLinear(op, errors.New("no issue in the answer"))
	}
	made.parentID = reply.Issue.ID
	return err
}

// readLabels reads the labels of the team and of the workspace, without groups.
func (p *planner) readLabels(ctx context.Context, made *plan) error {
	made.labels = map[string]label{}
	filter := vars{"isGroup": vars{"eq": false}, "or": []vars{{"team": vars{"id": vars{"eq": made.team.ID}}}, {"team": vars{"null": true}}}}
	in := vars{"filter": filter}
	for range maxLabelPages {
		var reply struct{ IssueLabels nodes[label] }
		if err := p.query(ctx, "list labels", listLabels, in, &reply); err != nil {
			return err
		}
		for _, l := range reply.IssueLabels.Nodes {
			made.labels[strings.ToLower(l.Name)] = l
		}
		if !reply.IssueLabels.PageInfo.HasNextPage {
			break
		}
		in["after"] = reply.IssueLabels.PageInfo.EndCursor
	}
	return nil
}

// labelIDs finds labels by their names. One that Linear does not have, and a
// second one of a group, is unknown.
func (p *plan) labelIDs(names []string) (known, unknown []string) {
	groups := map[string]bool{}
	for _, n := range names {
		l, ok := p.labels[strings.ToLower(n)]
		if !ok || l.Parent != nil && groups[l.Parent.ID] {
			unknown = append(unknown, n)
			continue
		}
		if l.Parent != nil {
			groups[l.Parent.ID] = true
		}
		known = append(known, l.ID)
	}
	return known, unknown
}

// sameLabels reports whether two plans know labels by the same ids.
func (p *plan) sameLabels(other *plan, names []string) bool {
	mine, _ := p.labelIDs(names)
	theirs, _ := other.labelIDs(names)
	return slices.Equal(mine, theirs)
}
