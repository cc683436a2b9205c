package gitlab

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
)

// rolePlanner is the lowest access level that may make labels.
const rolePlanner = 15

// plan is what the settings' names mean in this GitLab.
type plan struct {
	projectID int
	public    bool // strangers can read issues that are not confidential
	epicID    int  // 0: none
	// level is the account's role as the project tells it; 0: it does not, as
	// for a role by way of an invited group.
	level int
}

// path is the address of a part of the project. The number needs no escaping:
// some proxies do not let an escaped slash through.
func (p *plan) path(rest string) string { return "/projects/" + strconv.Itoa(p.projectID) + rest }

// planner finds the plan and keeps it.
type planner struct {
	client
	memo targets.Memo[*plan]
}

func (p *planner) get(ctx context.Context) (*plan, error) { return p.memo.Get(ctx, p.load) }

func (p *planner) forget() { p.memo.Forget() }

func (p *planner) load(ctx context.Context) (*plan, error) {
	const op = "read project"
	var found project
	err := p.client.get(ctx, op, "/projects/"+url.PathEscape(p.cfg.project), &found)
	switch {
	case err != nil && fault.KindOf(err) == fault.NotFound:
		e := *fault.From(err)
		e.Public = fmt.Sprintf("GitLab has no project %q, or does not show it to the token's account. Ask your admin to correct settings.project (its path, as in the page's address), or to make the account a member.", targets.Title(p.cfg.project, 60))
		return nil, &e
	case err != nil:
		return nil, err
	case found.ID == 0:
		return nil, notGitLab(op, fmt.Errorf("no project in the answer"))
	case found.Archived:
		return nil, invalid(op, "The GitLab project %q is archived. Ask a GitLab admin to unarchive it, or your admin to name another in settings.project.", p.cfg.project)
	case found.IssuesLevel == "disabled":
		return nil, invalid(op, "The GitLab project %q has no issues. Ask a GitLab admin to switch them on (Settings > General > Visibility), or your admin to name another project in settings.project.", p.cfg.project)
	}
	made := &plan{projectID: found.ID, public: found.Visibility == "public" && found.IssuesLevel != "private"}
	for _, a := range []*access{found.Permissions.Project, found.Permissions.Group} {
		if a != nil {
			made.level = max(made.level, a.Level)
		}
	}
	if p.cfg.epic > 0 {
		made.epicID, err = p.epic(ctx, found)
	}
	return made, err
}

// IsPublic implements targets.PublicPlace.
func (d *driver) IsPublic(ctx context.Context) (bool, error) {
	p, err := d.planner.get(ctx)
	return err == nil && p.public && !d.cfg.confidential, err
}

// epic finds the id of the epic that people call "&12".
func (p *planner) epic(ctx context.Context, of project) (int, error) {
	const op = "read epic"
	if of.Namespace.Kind != "group" {
		return 0, invalid(op, "The GitLab project %q is in no group, and epics are a group's. Ask your admin to leave out settings.epic.", p.cfg.project)
	}
	var found epic
	err := p.client.get(ctx, op, fmt.Sprintf("/groups/%d/epics/%d", of.Namespace.ID, p.cfg.epic), &found)
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

// proveToken says whose the token is, and that it may write.
func (d *driver) proveToken(ctx context.Context) (account, error) {
	const op = "read the token's account"
	var me account
	if err := d.get(ctx, op, "/user", &me); err != nil {
		return me, err
	}
	if me.ID == 0 {
		return me, notGitLab(op, fmt.Errorf("the answer names no user"))
	}
	if d.cfg.oauth {
		return me, nil // it cannot be asked for its scopes
	}
	var token tokenReply
	err := d.get(ctx, "read the token's scopes", "/personal_access_tokens/self", &token)
	switch {
	case err != nil && fault.KindOf(err).Transient():
		return me, err
	case err != nil: // GitLab before 15.5 does not know the question
		return me, nil //nolint:nilerr // a token without the scope shows at the first push
	case slices.Contains(token.Scopes, "api") || slices.Contains(token.Scopes, "granular"):
		return me, nil
	}
	return me, &fault.Error{Op: op, Kind: fault.Forbidden,
		Public: "GitLab: the token may not write. Ask your admin for a token with the scope api."}
}

// Expires implements targets.Expirer. A token ends with the beginning of its
// last day, UTC. An OAuth token lives two hours and whoever renews it, outside
// this plugin, knows.
func (d *driver) Expires(ctx context.Context) (time.Time, error) {
	const op = "read the token's end"
	if d.cfg.oauth {
		return time.Time{}, nil
	}
	var token tokenReply
	err := d.get(ctx, op, "/personal_access_tokens/self", &token)
	switch {
	case err != nil && fault.KindOf(err) == fault.NotFound: // GitLab before 15.5 does not know the question
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, err
	case token.ExpiresAt == "":
		return time.Time{}, nil
	}
	at, err := time.Parse(time.DateOnly, token.ExpiresAt)
	if err != nil {
		return time.Time{}, notGitLab(op, fmt.Errorf("expires_at is no day"))
	}
	return at, nil
}

// proveRole says that the account may make labels. The project's own answer
// leaves out roles by way of invited groups; the list of members has them.
func (d *driver) proveRole(ctx context.Context, p *plan, me account) error {
	const op = "read the account's role"
	if p.level >= rolePlanner || me.IsAdmin {
		return nil
	}
	var member account
	err := d.get(ctx, op, p.path("/members/all/"+strconv.Itoa(me.ID)), &member)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	if member.AccessLevel >= rolePlanner {
		return nil
	}
	return &fault.Error{Op: op, Kind: fault.Forbidden,
		Public: fmt.Sprintf("GitLab: the token's account needs the role Reporter (or Planner) in project %q: GitLab drops the labels of others. Ask a GitLab admin to give it.", targets.Title(d.cfg.project, 60))}
}

// Choices implements targets.Chooser: the projects that the account may use.
func (d *driver) Choices(ctx context.Context, setting string) ([]targets.Choice, error) {
	if setting != setProject {
		return nil, nil
	}
	q := url.Values{"membership": {"true"}, "archived": {"false"}, "with_issues_enabled": {"true"}, "min_access_level": {strconv.Itoa(rolePlanner)},
		"order_by": {"last_activity_at"}, "simple": {"true"}, "per_page": {strconv.Itoa(maxFound)}}
	var found []project
	if err := d.get(ctx, "list projects", "/projects?"+q.Encode(), &found); err != nil {
		return nil, err
	}
	out := make([]targets.Choice, len(found))
	for i, p := range found {
		out[i] = targets.Choice{Value: p.Path, Title: p.Name}
	}
	return out, nil
}
