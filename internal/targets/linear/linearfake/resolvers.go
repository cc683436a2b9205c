package linearfake

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

func errInput(text string) error { return errors.New(text) }

// call is one request under way.
type call struct {
	server *Server
	who    account
	vars   map[string]json.RawMessage
}

type resolver func(args map[string]string) (any, *fault)

func (c *call) resolver(kind, name string) resolver {
	return map[string]resolver{
		"query viewer":              func(map[string]string) (any, *fault) { return map[string]any{"id": "me", "name": "Push"}, nil },
		"query teams":               c.listTeams,
		"query team":                c.getTeam,
		"query issueLabels":         c.listLabels,
		"query users":               c.listUsers,
		"query issue":               c.getIssue,
		"query issues":              c.listIssues,
		"mutation issueCreate":      c.createIssue,
		"mutation issueUpdate":      c.updateIssue,
		"mutation attachmentCreate": c.createLink,
		"mutation commentCreate":    c.createComment,
		"query webhooks":            c.listWebhooks,
		"mutation webhookCreate":    c.createWebhook,
		"mutation webhookUpdate":    c.updateWebhook,
		"mutation webhookDelete":    c.deleteWebhook,
	}[kind+" "+name]
}

// arg reads an argument's variable into out, strictly.
func (c *call) arg(args map[string]string, name string, out any) *fault {
	raw, ok := c.vars[strings.TrimPrefix(args[name], "$")]
	if !ok {
		return input("Variable \""+args[name]+"\" was not provided", "")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(out); err != nil {
		c.server.t.Errorf("Linear refuses the variable %s: %v", args[name], err)
		return input("Variable \""+args[name]+"\" got invalid value: "+err.Error(), "")
	}
	return nil
}

// sees reports whether the account sees a team.
func (c *call) sees(t *team) bool {
	return t != nil && t.workspace == c.who.workspace && !t.hidden && (c.who.only == "" || c.who.only == t.id)
}

func connection(nodes []map[string]any) map[string]any {
	if nodes == nil {
		nodes = []map[string]any{}
	}
	return map[string]any{"nodes": nodes, "pageInfo": map[string]any{"hasNextPage": false, "endCursor": nil}}
}

func show(t *team) map[string]any {
	var retired any
	if t.retired {
		retired = "2026-01-01T00:00:00.000Z"
	}
	return map[string]any{"id": t.id, "key": t.key, "name": t.name, "retiredAt": retired, "issueEstimationType": t.estimates,
		"states": connection(t.states), "projects": connection(t.projects), "issues": connection(nil)}
}

func (c *call) listTeams(map[string]string) (any, *fault) {
	var out []map[string]any
	for _, t := range c.server.teams {
		if c.sees(t) {
			out = append(out, show(t))
		}
	}
	return connection(out), nil
}

func (c *call) getTeam(args map[string]string) (any, *fault) {
	var id string
	if f := c.arg(args, "id", &id); f != nil {
		return nil, f
	}
	if t := c.server.team(id); c.sees(t) {
		return show(t), nil
	}
	return nil, notFound("Team")
}

// listLabels returns one label a page, which is fewer than Linear's but as many
// as it likes, so that whoever does not turn pages is found out.
func (c *call) listLabels(args map[string]string) (any, *fault) {
	var filter struct {
		IsGroup struct{ Eq bool }
		Or      []struct {
			Team struct {
				ID   struct{ Eq string }
				Null bool
			}
		}
	}
	if f := c.arg(args, "filter", &filter); f != nil {
		return nil, f
	}
	all := []map[string]any{label("7", "Everywhere", "")} // the workspace's
	for _, or := range filter.Or {
		if t := c.server.team(or.Team.ID.Eq); c.sees(t) {
			all = append(all, t.labels...)
		}
	}
	at := 0
	if raw := c.vars["after"]; len(raw) > 0 {
		var after string
		if f := c.arg(args, "after", &after); f != nil {
			return nil, f
		}
		at, _ = strconv.Atoi(after)
	}
	page := all[min(at, len(all)):]
	page = page[:min(len(page), 3)]
	next := at + len(page)
	return map[string]any{"nodes": page, "pageInfo": map[string]any{"hasNextPage": next < len(all), "endCursor": strconv.Itoa(next)}}, nil
}

func (c *call) listUsers(args map[string]string) (any, *fault) {
	var filter struct {
		Email  struct{ EqIgnoreCase string }
		Active struct{ Eq *bool }
	}
	if f := c.arg(args, "filter", &filter); f != nil {
		return nil, f
	}
	var out []map[string]any
	for _, u := range c.server.users {
		active := filter.Active.Eq == nil || u["active"] == *filter.Active.Eq
		if active && u["workspace"] == c.who.workspace && strings.EqualFold(u["email"].(string), filter.Email.EqIgnoreCase) {
			out = append(out, u)
		}
	}
	return connection(out), nil
}

// issue finds one that the account sees, by its id or its number.
func (c *call) issue(id string) *Issue {
	if i := c.server.find(id); i != nil && c.sees(c.server.team(i.Team)) {
		return i
	}
	return nil
}

// changeable is an issue that takes changes. What Linear says of one in the
// trash is not published: this is the answer that is the easiest to misread.
func (c *call) changeable(id string) *Issue {
	if i := c.issue(id); i != nil && !i.Trashed {
		return i
	}
	return nil
}

func (c *call) getIssue(args map[string]string) (any, *fault) {
	var id string
	if f := c.arg(args, "id", &id); f != nil {
		return nil, f
	}
	if i := c.issue(id); i != nil {
		return c.show(i), nil
	}
	return nil, notFound("Issue")
}

// listIssues lists issues by their ids. Linear gives 50 at a time unless it is
// asked for another number, at most 250, and archived ones only if it is asked.
func (c *call) listIssues(args map[string]string) (any, *fault) {
	var filter struct {
		ID struct{ In []string }
	}
	if f := c.arg(args, "filter", &filter); f != nil {
		return nil, f
	}
	first := 50
	if n, ok := args["first"]; ok {
		first, _ = strconv.Atoi(n)
	}
	if first < 1 || first > 250 {
		return nil, input("Argument Validation Error", "first must not be greater than 250.")
	}
	var out []map[string]any
	for _, i := range c.server.issues {
		archived := i.Trashed || i.Archived != ""
		if slices.Contains(filter.ID.In, i.ID) && c.sees(c.server.team(i.Team)) && (!archived || args["includeArchived"] == "true") && len(out) < first {
			out = append(out, c.show(i))
		}
	}
	return connection(out), nil
}

func (c *call) show(i *Issue) map[string]any {
	t := c.server.team(i.Team)
	var state map[string]any
	for _, s := range t.states {
		if s["id"] == i.State {
			state = s
		}
	}
	var trashed any
	if i.Trashed {
		trashed = true
	}
	orNull := func(text string) any {
		if text == "" {
			return nil
		}
		return text
	}
	return map[string]any{"archivedAt": orNull(i.Archived), "autoArchivedAt": orNull(i.AutoArchived), "previousIdentifiers": append([]string{}, i.Previous...),
		"id": i.ID, "identifier": i.Key, "title": i.Title, "url": "https://linear.app/" + c.who.workspace + "/issue/" + i.Key,
		"trashed": trashed, "state": state, "team": show(t)}
}

// issueInput is what Linear's schema lists for a create and an update, as far
// as the fake takes it.
type issueInput struct {
	ID            *string  `json:"id"`
	TeamID        *string  `json:"teamId"`
	Title         *string  `json:"title"`
	Description   *string  `json:"description"`
	LabelIDs      []string `json:"labelIds"`
	AddedLabelIDs []string `json:"addedLabelIds"`
	AssigneeID    *string  `json:"assigneeId"`
	StateID       *string  `json:"stateId"`
	ProjectID     *string  `json:"projectId"`
	ParentID      *string  `json:"parentId"`
	Priority      *int     `json:"priority"`
	Estimate      *int     `json:"estimate"`
	DueDate       *string  `json:"dueDate"`
}

func isV4(id string) bool {
	return regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id)
}

func (c *call) createIssue(args map[string]string) (any, *fault) {
	var in issueInput
	c.server.variables = append(c.server.variables, string(c.vars[strings.TrimPrefix(args["input"], "$")]))
	if f := c.arg(args, "input", &in); f != nil {
		return nil, f
	}
	if in.ID == nil || !isV4(*in.ID) {
		return nil, input("Argument Validation Error", "id must be a UUID.")
	}
	if c.server.find(*in.ID) != nil {
		return nil, input("conflict on insert of Issue: \"id\" must be unique", "An issue with this id already exists.")
	}
	if in.TeamID == nil || !c.sees(c.server.team(*in.TeamID)) {
		return nil, notFound("Team")
	}
	if in.AddedLabelIDs != nil {
		c.server.t.Error("IssueCreateInput has no addedLabelIds")
	}
	t := c.server.team(*in.TeamID)
	made := &Issue{ID: *in.ID, Team: t.id, Key: t.key + "-" + strconv.Itoa(c.server.next(t)), State: t.states[0]["id"].(string)}
	if f := c.apply(made, in, t, in.LabelIDs); f != nil {
		return nil, f
	}
	c.server.issues = append(c.server.issues, made)
	return map[string]any{"success": true, "issue": c.show(made)}, nil
}

func (c *call) updateIssue(args map[string]string) (any, *fault) {
	var id string
	var in issueInput
	if f := c.arg(args, "id", &id); f != nil {
		return nil, f
	}
	if f := c.arg(args, "input", &in); f != nil {
		return nil, f
	}
	i := c.changeable(id)
	if i == nil {
		return nil, notFound("Issue")
	}
	if in.ID != nil || in.LabelIDs != nil {
		c.server.t.Error("an update must not set id, nor labelIds, which takes away what people added")
	}
	changed := *i
	if f := c.apply(&changed, in, c.server.team(i.Team), in.AddedLabelIDs); f != nil {
		return nil, f
	}
	*i = changed
	return map[string]any{"success": true, "issue": c.show(i)}, nil
}

// apply writes what a create and an update share, and refuses what Linear does.
func (c *call) apply(i *Issue, in issueInput, t *team, labels []string) *fault {
	if in.Title != nil {
		i.Title = *in.Title
	}
	if strings.TrimSpace(i.Title) == "" {
		return input("Argument Validation Error", "title should not be empty.")
	}
	if in.Description != nil {
		i.Description = *in.Description
	}
	if f := c.place(i, in, t); f != nil {
		return f
	}
	if in.AssigneeID != nil {
		if !has(c.server.users, *in.AssigneeID) {
			return notFound("User")
		}
		i.Assignee = *in.AssigneeID
	}
	if in.Priority != nil {
		if *in.Priority < 0 || *in.Priority > 4 {
			return input("Argument Validation Error", "priority must not be greater than 4.")
		}
		i.Priority = *in.Priority
	}
	if in.Estimate != nil {
		if t.estimates == "notUsed" {
			c.server.t.Error("the team has no estimates")
		}
		i.Estimate = in.Estimate
	}
	if in.DueDate != nil {
		if _, err := time.Parse(time.DateOnly, *in.DueDate); err != nil {
			return input("Argument Validation Error", "dueDate must be a date.")
		}
		i.Due = *in.DueDate
	}
	return c.label(i, t, labels)
}

// place writes the status, the project and the parent.
func (c *call) place(i *Issue, in issueInput, t *team) *fault {
	if in.StateID != nil {
		if !has(t.states, *in.StateID) {
			return notFound("WorkflowState")
		}
		i.State = *in.StateID
	}
	if in.ProjectID != nil {
		if !has(t.projects, *in.ProjectID) {
			return notFound("Project")
		}
		i.Project = *in.ProjectID
	}
	if in.ParentID != nil {
		parent := c.issue(*in.ParentID)
		if parent == nil {
			return notFound("Issue")
		}
		i.Parent = parent.Key
	}
	return nil
}

func (c *call) label(i *Issue, t *team, ids []string) *fault {
	groups := map[any]bool{}
	for _, id := range ids {
		at := slices.IndexFunc(t.labels, func(l map[string]any) bool { return l["id"] == id })
		if c.server.refuseLabels || at < 0 && id != label("7", "", "")["id"] {
			return input("Entity not found in validateAccess: labelIds", "labelIds contained an entry that could not be found.")
		}
		if at >= 0 {
			if parent, ok := t.labels[at]["parent"].(map[string]any); ok {
				if groups[parent["id"]] {
					return input("labelIds not exclusive child labels", "The labels are of one group.")
				}
				groups[parent["id"]] = true
			}
		}
		if !slices.Contains(i.Labels, id) {
			i.Labels = append(slices.Clone(i.Labels), id)
		}
	}
	return nil
}

func has(all []map[string]any, id string) bool {
	return slices.ContainsFunc(all, func(one map[string]any) bool { return one["id"] == id })
}
