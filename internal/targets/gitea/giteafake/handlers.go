package giteafake

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

func (c *call) user(u User) map[string]any {
	email := u.Email
	if email == "" {
		email = u.Login + "@noreply.example.com"
	}
	return map[string]any{"id": 7, "login": u.Login, "full_name": "", "email": email, "avatar_url": c.base + "/avatars/7", "html_url": c.base + "/" + u.Login, "created": moment}
}

func (c *call) repository() map[string]any {
	owner, name, _ := strings.Cut(c.repo.Name, "/")
	out := map[string]any{"id": 42, "name": name, "full_name": c.repo.Name, "owner": c.user(User{Login: owner}), "private": !c.repo.Public, "internal": false, "archived": c.repo.Archived,
		"has_issues": !c.repo.NoIssues, "html_url": c.base + "/" + c.repo.Name, "permissions": map[string]any{"admin": c.role == RoleAdmin, "push": c.mayWrite(), "pull": true}, "created_at": moment}
	if c.repo.External {
		out["external_tracker"] = map[string]any{"external_tracker_url": "https://tracker.example.com"}
	} else if !c.repo.NoIssues {
		out["internal_tracker"] = map[string]any{"enable_time_tracker": true}
	}
	return out
}

func (c *call) issue(i *Issue) map[string]any {
	out := map[string]any{"id": 500 + i.Number, "number": i.Number, "title": i.Title, "body": i.Body, "state": i.State, "user": c.user(User{Login: i.Creator}),
		"url": c.base + Prefix + "/repos/" + c.repo.Name + "/issues/" + strconv.Itoa(i.Number), "html_url": c.base + "/" + c.repo.Name + "/issues/" + strconv.Itoa(i.Number),
		"comments": len(i.Comments), "created_at": moment, "updated_at": moment, "labels": c.labels(i.Labels)}
	if i.State == "closed" {
		out["closed_at"] = moment
	}
	var people []any
	for _, login := range i.Assignees {
		people = append(people, c.user(User{Login: login}))
	}
	if len(people) > 0 {
		out["assignee"], out["assignees"] = people[0], people
	}
	for _, m := range c.repo.Milestones {
		if m.ID == i.Milestone {
			out["milestone"] = milestone(m)
		}
	}
	return out
}

func (c *call) labels(ids []int) []any {
	out := []any{}
	for _, l := range c.all(c.repo) {
		if slices.Contains(ids, l.ID) {
			out = append(out, c.label(l))
		}
	}
	return out
}

func (c *call) label(l Label) map[string]any {
	return map[string]any{"id": l.ID, "name": l.Name, "color": "ededed", "description": "", "exclusive": false, "is_archived": l.Archived, "url": c.base + Prefix + "/labels/" + strconv.Itoa(l.ID)}
}

func milestone(m Milestone) map[string]any {
	return map[string]any{"id": m.ID, "title": m.Title, "description": "", "state": "open", "open_issues": 0, "closed_issues": 0, "created_at": moment}
}

func (c *call) listRepos() {
	names := []string{}
	for n := range c.who.Repos {
		names = append(names, n)
	}
	slices.Sort(names)
	from, to := c.window(len(names))
	out := []any{}
	for _, n := range names[from:to] {
		c.repo = c.Repositories[n]
		out = append(out, c.repository())
	}
	c.send(200, out)
}

func (c *call) listOrgLabels() {
	if c.r.PathValue("org") != "acme" {
		c.notFound()
		return
	}
	c.listLabels(c.OrgLabels)
}

func (c *call) listLabels(all []Label) {
	from, to := c.window(len(all))
	out := []any{}
	for _, l := range all[from:to] {
		out = append(out, c.label(l))
	}
	c.send(200, out)
}

func (c *call) postLabel() {
	var in struct {
		Name  string `json:"name"`
		Color string `json:"color"`
	}
	if !c.body(&in) || !c.writer() {
		return
	}
	switch {
	case in.Name == "" || !strings.HasPrefix(in.Color, "#"):
		c.fail(http.StatusUnprocessableEntity, "[Name]: Required")
		return
	case in.Name == c.RefuseLabel:
		c.fail(http.StatusUnprocessableEntity, "invalid label name")
		return
	}
	c.lastLabel++
	made := Label{ID: c.lastLabel, Name: in.Name}
	c.repo.Labels = append(c.repo.Labels, made) // a name may be used twice
	c.send(201, c.label(made))
}

func (c *call) mayWrite() bool { return c.role == "write" || c.role == RoleAdmin }

// writer reports whether the account may write in the repository.
func (c *call) writer() bool {
	switch {
	case c.repo.Archived:
		c.fail(http.StatusLocked, "Repo is archived.")
	case !c.mayWrite():
		c.fail(http.StatusForbidden, "user should have a permission to write to a repo")
	default:
		return true
	}
	return false
}

func (c *call) listMilestones() {
	from, to := c.window(len(c.repo.Milestones), "state")
	out := []any{}
	for _, m := range c.repo.Milestones[from:to] {
		out = append(out, milestone(m))
	}
	c.send(200, out)
}

func (c *call) listAssignees() {
	out := []any{}
	for _, u := range c.repo.Assignable {
		out = append(out, c.user(u))
	}
	c.send(200, out)
}

func (c *call) listIssues() {
	q := c.r.URL.Query()
	if q.Get("state") != "all" || q.Get("type") != "issues" {
		c.t.Errorf("closed issues count too, and pull requests do not: %s", c.r.URL.RawQuery)
	}
	var wanted []int // ids of the labels of that name: none if it does not exist
	for _, l := range c.repo.Labels {
		if l.Name == q.Get("labels") {
			wanted = append(wanted, l.ID)
		}
	}
	var all []*Issue
	for _, i := range slices.Backward(c.repo.Issues) {
		labelled := len(wanted) == 0 || slices.ContainsFunc(wanted, func(id int) bool { return slices.Contains(i.Labels, id) })
		if !i.Deleted && labelled && (q.Get("created_by") == "" || i.Creator == q.Get("created_by")) {
			all = append(all, i)
		}
	}
	from, to := c.window(len(all), "state", "type", "labels", "created_by")
	out := []any{}
	for _, i := range all[from:to] {
		out = append(out, c.issue(i))
	}
	c.send(200, out)
}

// input lists the fields that a new or changed issue may have.
type input struct {
	Title     *string  `json:"title"`
	Body      *string  `json:"body"`
	Labels    []int    `json:"labels"`
	Assignees []string `json:"assignees"`
	Milestone int      `json:"milestone"`
	State     string   `json:"state"`
}

func (c *call) postIssue() {
	var in input
	switch {
	case c.repo.Archived:
		c.fail(http.StatusLocked, "Repo is archived.")
		return
	case !c.body(&in):
		return
	case in.Title == nil || strings.TrimSpace(*in.Title) == "":
		c.fail(http.StatusUnprocessableEntity, "[Title]: Required")
		return
	case utf8.RuneCountInString(*in.Title) > 255:
		c.fail(http.StatusInternalServerError, "pq: value too long for type character varying(255)")
		return
	}
	made := &Issue{Number: len(c.repo.Issues) + 1, Title: *in.Title, State: "open", Creator: c.who.Login}
	if in.Body != nil {
		made.Body = *in.Body
	}
	if c.mayWrite() { // else dropped without a word
		for _, login := range in.Assignees {
			if !slices.ContainsFunc(c.repo.Assignable, func(u User) bool { return u.Login == login }) {
				c.fail(http.StatusUnprocessableEntity, "Assignee does not exist: [name: "+login+"]")
				return
			}
		}
		made.Assignees = in.Assignees
		// Those that do not exist are dropped without a word.
		made.Labels = c.existing(in.Labels)
		if slices.ContainsFunc(c.repo.Milestones, func(m Milestone) bool { return m.ID == in.Milestone }) {
			made.Milestone = in.Milestone
		}
	}
	c.repo.Issues = append(c.repo.Issues, made)
	c.send(201, c.issue(made))
}

// existing keeps the labels that there are.
func (c *call) existing(ids []int) []int {
	var out []int
	for _, l := range c.all(c.repo) {
		if slices.Contains(ids, l.ID) {
			out = append(out, l.ID)
		}
	}
	return out
}

// find returns the issue of the address, or answers.
func (c *call) find() *Issue {
	i := c.stored()
	if i == nil {
		c.notFound()
	}
	return i
}

func (c *call) stored() *Issue {
	n := atoi(c.r.PathValue("index"))
	if n < 1 || n > len(c.repo.Issues) || c.repo.Issues[n-1].Deleted {
		return nil
	}
	return c.repo.Issues[n-1]
}

func (c *call) getIssue() {
	if i := c.find(); i != nil {
		c.send(200, c.issue(i))
	}
}

func (c *call) patchIssue() {
	var in input
	i := c.find()
	if i == nil || !c.body(&in) {
		return
	}
	if in.Labels != nil {
		c.t.Error("Gitea ignores labels in a change")
	}
	switch {
	case !c.mayWrite() && i.Creator != c.who.Login:
		c.fail(http.StatusForbidden, "")
		return
	case in.State == "closed" && i.Blocked:
		c.fail(http.StatusPreconditionFailed, "cannot close this issue or pull request because it still has open dependencies")
		return
	}
	if in.Title != nil {
		i.Title = *in.Title
	}
	if in.Body != nil {
		i.Body = *in.Body
	}
	if in.State != "" {
		i.State = in.State
	}
	if in.Milestone != 0 && c.mayWrite() {
		i.Milestone = in.Milestone
	}
	c.send(201, c.issue(i))
}

func (c *call) postComment() {
	var in struct {
		Body string `json:"body"`
	}
	i := c.stored()
	if i == nil { // the message is for administrators only
		c.fail(http.StatusInternalServerError, "")
		return
	}
	if !c.body(&in) {
		return
	}
	if strings.TrimSpace(in.Body) == "" {
		c.fail(http.StatusUnprocessableEntity, "[Body]: Required")
		return
	}
	i.Comments = append(i.Comments, in.Body)
	c.send(201, map[string]any{"id": 900 + len(i.Comments), "body": in.Body, "user": c.user(*c.who), "created_at": moment, "updated_at": moment})
}

func (c *call) postLabels() {
	var in struct {
		Labels []int `json:"labels"`
	}
	i := c.find()
	if i == nil || !c.body(&in) || !c.writer() {
		return
	}
	for _, id := range c.existing(in.Labels) {
		if !slices.Contains(i.Labels, id) {
			i.Labels = append(i.Labels, id)
		}
	}
	c.send(200, c.labels(i.Labels))
}
