package gitlab

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
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

// resolved is what the settings' names mean in this GitLab, for a new issue.
type resolved struct {
	*place
	epicID int // 0: none
}

func (d *driver) forget() {
	d.places.Forget()
	d.resolved.Forget()
}

func (d *driver) findPlace(ctx context.Context) (*place, error) {
	return d.readPlace(ctx, url.PathEscape(d.cfg.project))
}

// readPlace reads the project by its path, escaped, or its number.
func (d *driver) readPlace(ctx context.Context, id string) (*place, error) {
	const op = "read project"
	var found project
	err := d.get(ctx, op, "/projects/"+id, &found)
	switch {
	case err != nil && fault.KindOf(err) == fault.NotFound:
		e := *fault.From(err)
		e.Public = fmt.Sprintf("GitLab has no project %q, or does not show it to the token's account. Ask your admin to correct settings.project (its path, as in the page's address), or to make the account a member.", text.Title(d.cfg.project, 60))
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

// resolveSettings always reads the project anew, so that what it returns is as
// fresh as its place.
func (d *driver) resolveSettings(ctx context.Context) (*resolved, error) {
	found, err := d.places.Renew(ctx)
	if err == nil {
		err = d.closed(found)
	}
	if err != nil {
		return nil, err
	}
	res := &resolved{place: found}
	if d.cfg.epic > 0 {
		res.epicID, err = d.epic(ctx, found)
	}
	return res, err
}

// closed returns why a project takes no issue from anybody; nil if it does.
func (d *driver) closed(found *place) error {
	const op = "read project"
	switch {
	case found.archived:
		return wire.Invalid(op, "The GitLab project %q is archived. Ask a GitLab admin to unarchive it, or your admin to name another in settings.project.", text.Title(d.cfg.project, 60))
	case found.issuesOff:
		return d.noIssues(op)
	}
	return nil
}

func (d *driver) noIssues(op string) error {
	return wire.Invalid(op, "The GitLab project %q has no issues. Ask a GitLab admin to switch them on (Settings > General > Visibility), or your admin to name another project in settings.project.", text.Title(d.cfg.project, 60))
}

// epic finds the id of the epic that people call "&12".
func (d *driver) epic(ctx context.Context, of *place) (int, error) {
	const op = "read epic"
	if of.groupID == 0 {
		return 0, wire.Invalid(op, "The GitLab project %q is in no group, and epics are a group's. Ask your admin to leave out settings.epic.", d.cfg.project)
	}
	var found epic
	err := d.get(ctx, op, fmt.Sprintf("/groups/%d/epics/%d", of.groupID, d.cfg.epic), wire.Answer{Into: &found, Bound: outbound.One().WithTexts(1, maxDescription)})
	if kind := fault.KindOf(err); err != nil && (kind == fault.NotFound || kind == fault.Forbidden) {
		e := *fault.From(err)
		e.Public = fmt.Sprintf("GitLab shows no epic &%d in the project's group. Ask your admin to correct settings.epic, or to leave it out (epics need GitLab Premium).", d.cfg.epic)
		return 0, &e
	}
	if err == nil && found.ID == 0 {
		err = notGitLab(op, fmt.Errorf("no epic in the answer"))
	}
	return found.ID, err
}
