package gitlab

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// rolePlanner is the lowest access level that may make labels and sees
// confidential issues.
const rolePlanner = 15

// place is the project as the account sees it. It is enough for issues that
// are there already.
type place struct {
	projectID int
	public    bool // strangers can read issues that are not confidential
	// level is the account's role as the project tells it; 0: it does not, as
	// for a role by way of an invited group.
	level     int
	archived  bool
	issuesOff bool
	groupID   int // 0: it is a person's project
}

// path is the address of a part of the project. The number needs no escaping:
// some proxies do not let an escaped slash through.
func (p *place) path(rest string) string { return projectPath(p.projectID, rest) }

func projectPath(id int, rest string) string { return "/projects/" + strconv.Itoa(id) + rest }

// plan is what the settings' names mean in this GitLab, for a new issue.
type plan struct {
	*place
	epicID int // 0: none
}

// planner finds place and plan, and keeps them.
type planner struct {
	client
	places targets.Memo[*place]
	plans  targets.Memo[*plan]
}

func (p *planner) get(ctx context.Context) (*plan, error) { return p.plans.Get(ctx, p.load) }

func (p *planner) place(ctx context.Context) (*place, error) { return p.places.Get(ctx, p.findPlace) }

func (p *planner) forget() {
	p.places.Forget()
	p.plans.Forget()
}

func (p *planner) findPlace(ctx context.Context) (*place, error) {
	return p.readPlace(ctx, url.PathEscape(p.cfg.project))
}

// readPlace reads the project by its path, escaped, or its number.
func (p *planner) readPlace(ctx context.Context, id string) (*place, error) {
	const op = "read project"
	var found project
	err := p.client.get(ctx, op, "/projects/"+id, &found)
	switch {
	case err != nil && fault.KindOf(err) == fault.NotFound:
		e := *fault.From(err)
		e.Public = fmt.Sprintf("GitLab has no project %q, or does not show it to the token's account. Ask your admin to correct settings.project (its path, as in the page's address), or to make the account a member.", text.Title(p.cfg.project, 60))
		return nil, &e
	case err != nil:
		return nil, err
	case found.ID == 0:
		return nil, notGitLab(op, fmt.Errorf("no project in the answer"))
	}
	out := &place{projectID: found.ID, archived: found.Archived, issuesOff: found.IssuesLevel == "disabled",
		public: found.Visibility == "public" && found.IssuesLevel != "private"}
	if found.Namespace.Kind == "group" {
		out.groupID = found.Namespace.ID
	}
	for _, a := range []*access{found.Permissions.Project, found.Permissions.Group} {
		if a != nil {
			out.level = max(out.level, a.Level)
		}
	}
	return out, nil
}

// load always reads the project anew: a plan is as fresh as its place.
func (p *planner) load(ctx context.Context) (*plan, error) {
	found, err := p.places.Renew(ctx, p.findPlace)
	if err == nil {
		err = p.closed(found)
	}
	if err != nil {
		return nil, err
	}
	made := &plan{place: found}
	if p.cfg.epic > 0 {
		made.epicID, err = p.epic(ctx, found)
	}
	return made, err
}

// closed is why a project takes no issue from anybody; nil: it does.
func (p *planner) closed(found *place) error {
	const op = "read project"
	switch {
	case found.archived:
		return invalid(op, "The GitLab project %q is archived. Ask a GitLab admin to unarchive it, or your admin to name another in settings.project.", text.Title(p.cfg.project, 60))
	case found.issuesOff:
		return p.noIssues(op)
	}
	return nil
}

func (p *planner) noIssues(op string) error {
	return invalid(op, "The GitLab project %q has no issues. Ask a GitLab admin to switch them on (Settings > General > Visibility), or your admin to name another project in settings.project.", text.Title(p.cfg.project, 60))
}

// epic finds the id of the epic that people call "&12".
func (p *planner) epic(ctx context.Context, of *place) (int, error) {
	const op = "read epic"
	if of.groupID == 0 {
		return 0, invalid(op, "The GitLab project %q is in no group, and epics are a group's. Ask your admin to leave out settings.epic.", p.cfg.project)
	}
	var found epic
	err := p.client.get(ctx, op, fmt.Sprintf("/groups/%d/epics/%d", of.groupID, p.cfg.epic), wire.Answer{Into: &found, Bound: outbound.One().WithTexts(1, maxDescription)})
	if kind := fault.KindOf(err); err != nil && (kind == fault.NotFound || kind == fault.Forbidden) {
		e := *fault.From(err)
		e.Public = fmt.Sprintf("GitLab shows no epic &%d in the project's group. Ask your admin to correct settings.epic, or to leave it out (epics need GitLab Premium).", p.cfg.epic)
		return 0, &e
	}
	if err == nil && found.ID == 0 {
		err = notGitLab(op, fmt.Errorf("no epic in the answer"))
	}
	return found.ID, err
}
