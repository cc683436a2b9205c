package gitlab

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

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

// IsPublic implements targets.PublicPlace.
func (d *driver) IsPublic(ctx context.Context) (bool, error) {
	p, err := d.planner.place(ctx)
	return err == nil && p.public && !d.cfg.confidential, err
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

func (d *driver) whoAmI(ctx context.Context) (account, error) {
	const op = "read the token's account"
	var me account
	err := d.get(ctx, op, "/user", &me)
	if err == nil && me.ID == 0 {
		err = notGitLab(op, fmt.Errorf("the answer names no user"))
	}
	return me, err
}

// proveToken says whose the token is, and that it may write.
func (d *driver) proveToken(ctx context.Context) (account, error) {
	const op = "read the token's scopes"
	me, err := d.whoAmI(ctx)
	if err != nil {
		return me, err
	}
	if d.cfg.oauth {
		return me, nil // it cannot be asked for its scopes
	}
	var token tokenReply
	err = d.get(ctx, op, "/personal_access_tokens/self", &token)
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

// proveRole says that the account may make labels.
func (d *driver) proveRole(ctx context.Context, p *place, me account) error {
	const op = "read the account's role"
	if me.IsAdmin {
		return nil
	}
	able, err := d.hasRole(ctx, op, p, me)
	if err != nil || able {
		return err
	}
	return &fault.Error{Op: op, Kind: fault.Forbidden,
		Public: fmt.Sprintf("GitLab: the token's account needs the role Reporter (or Planner) in project %q: GitLab drops the labels of others. Ask a GitLab admin to give it.", text.Title(d.cfg.project, 60))}
}

// hasRole reports whether the account is more than a guest. The project's own
// answer leaves out roles by way of invited groups; the list of members has
// them.
func (d *driver) hasRole(ctx context.Context, op string, p *place, me account) (bool, error) {
	if p.level >= rolePlanner {
		return true, nil
	}
	var member account
	err := d.get(ctx, op, p.path("/members/all/"+strconv.Itoa(me.ID)), &member)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return false, err
	}
	return member.AccessLevel >= rolePlanner, nil
}

// Choices implements targets.Chooser: the projects that the account may use.
func (d *driver) Choices(ctx context.Context, setting string) ([]targets.Choice, error) {
	if setting != setProject {
		return nil, nil
	}
	q := url.Values{"membership": {"true"}, "archived": {"false"}, "with_issues_enabled": {"true"}, "min_access_level": {strconv.Itoa(rolePlanner)},
		"order_by": {"last_activity_at"}, "simple": {"true"}, "per_page": {strconv.Itoa(maxFound)}}
	var found []project
	if err := d.get(ctx, "list projects", "/projects?"+q.Encode(), wire.List(&found, 100)); err != nil {
		return nil, err
	}
	out := make([]targets.Choice, len(found))
	for i, p := range found {
		out[i] = targets.Choice{Value: p.Path, Title: p.Name}
	}
	return out, nil
}
