package linear

import (
	"context"
	"errors"
	"slices"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// maxLabelPages bounds the labels that are read, 250 to a page.
const maxLabelPages = 8

// resolved is what the settings' names mean in this Linear.
type resolved struct {
	team      team
	labels    map[string]label // by name, in lower case
	stateID   string           // empty: the team's default
	projectID string           // empty: none
	parentID  string           // empty: none
}

func (d *driver) resolveSettings(ctx context.Context) (*resolved, error) {
	res := &resolved{}
	if err := d.findTeam(ctx, res); err != nil {
		return nil, err
	}
	if d.cfg.state != "" {
		found, ok := targets.Pick(res.team.States.Nodes, d.cfg.state, func(s state) []string { return []string{s.Name} })
		if !ok {
			return nil, wire.Invalid("find status", "Linear's team %q has no status %q%s. Ask your admin to correct settings.state.",
				d.cfg.team, d.cfg.state, text.OnlyNames(res.team.States.Nodes, func(s state) string { return s.Name }))
		}
		res.stateID = found.ID
	}
	if d.cfg.project != "" {
		found, ok := targets.Pick(res.team.Projects.Nodes, d.cfg.project, func(p project) []string { return []string{p.ID, p.SlugID, p.Name} })
		if !ok {
			return nil, wire.Invalid("find project", "Linear's team %q has no project %q. Ask your admin to correct settings.project.", d.cfg.team, d.cfg.project)
		}
		res.projectID = found.ID
	}
	if err := d.findParent(ctx, res); err != nil {
		return nil, err
	}
	return res, d.readLabels(ctx, res)
}

// findTeam finds the team by its key, its id or its name, in this order.
func (d *driver) findTeam(ctx context.Context, res *resolved) error {
	const op = "find team"
	all, err := d.teams(ctx)
	if err != nil {
		return err
	}
	found := pickTeam(all, d.cfg.team)
	if found == nil || found.RetiredAt != "" {
		return d.noTeam(op, all)
	}
	var whole struct{ Team team }
	if err := d.query(ctx, "read team", readTeam, vars{"id": found.ID}, &whole); err != nil {
		return err
	}
	if whole.Team.ID != found.ID {
		return notLinear(op, errors.New("no team in the answer"))
	}
	res.team = whole.Team
	res.team.Key, res.team.Name = found.Key, found.Name
	return nil
}

func (d *driver) noTeam(op string, all []team) error {
	e := wire.Invalid(op, "Linear has no team %q that the integration's account sees%s. Ask your admin to correct settings.team.",
		text.Title(d.cfg.team, 40), text.OnlyNames(all, func(t team) string { return t.Key }))
	e.Kind = fault.NotFound
	return e
}

func (d *driver) teams(ctx context.Context) ([]team, error) {
	var reply struct {
		Viewer struct{ ID string }
		Teams  nodes[team]
	}
	err := d.query(ctx, "list teams", listTeams, nil, &reply)
	if err == nil && reply.Viewer.ID == "" {
		err = notLinear("list teams", errors.New("the answer names no account"))
	}
	return reply.Teams.Nodes, err
}

func pickTeam(all []team, name string) *team {
	for _, of := range []func(team) string{
		func(t team) string { return t.Key },
		func(t team) string { return t.ID },
		func(t team) string { return t.Name },
	} {
		if found, ok := targets.Pick(all, name, func(t team) []string { return []string{of(t)} }); ok {
			return &found
		}
	}
	return nil
}

func (d *driver) findParent(ctx context.Context, res *resolved) error {
	if d.cfg.parent == "" {
		return nil
	}
	const op = "find parent"
	var reply struct{ Issue issue }
	err := d.query(ctx, op, readIssue, vars{"id": d.cfg.parent}, &reply)
	if absent(err, entityIssue) || err == nil && reply.Issue.Trashed {
		return wire.Invalid(op, "Linear has no issue %q that the integration's account sees. Ask your admin to correct settings.parent.", text.Title(d.cfg.parent, 40))
	}
	if err == nil && reply.Issue.ID == "" {
		err = notLinear(op, errors.New("no issue in the answer"))
	}
	res.parentID = reply.Issue.ID
	return err
}

// readLabels reads the labels of the team and of the workspace, without groups.
func (d *driver) readLabels(ctx context.Context, res *resolved) error {
	res.labels = map[string]label{}
	filter := vars{"isGroup": vars{"eq": false}, "or": []vars{{"team": vars{"id": vars{"eq": res.team.ID}}}, {"team": vars{"null": true}}}}
	in := vars{"filter": filter}
	for range maxLabelPages {
		var reply struct{ IssueLabels nodes[label] }
		if err := d.query(ctx, "list labels", listLabels, in, &reply); err != nil {
			return err
		}
		for _, l := range reply.IssueLabels.Nodes {
			res.labels[strings.ToLower(l.Name)] = l
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
func (r *resolved) labelIDs(names []string) (known, unknown []string) {
	groups := map[string]bool{}
	for _, n := range names {
		l, ok := r.labels[strings.ToLower(n)]
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

// sameLabels reports whether both know the labels by the same ids.
func (r *resolved) sameLabels(other *resolved, names []string) bool {
	mine, _ := r.labelIDs(names)
	theirs, _ := other.labelIDs(names)
	return slices.Equal(mine, theirs)
}
