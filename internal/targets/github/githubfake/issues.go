package githubfake

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

func (c *call) getUser() {
	if c.App != nil && c.App.tokens[c.bearer()] != nil {
		c.fail(http.StatusForbidden, "Resource not accessible by integration")
		return
	}
	c.send(200, c.publicUser(c.who.Login))
}

func (c *call) listRepos() {
	c.query("sort", "per_page")
	out := []any{}
	for name := range c.who.Repos {
		c.repo = c.Repositories[name]
		out = append(out, c.fullRepository())
	}
	c.send(200, out)
}

func (c *call) listTypes() {
	if c.TypesHidden {
		c.fail(http.StatusNotFound, "Not Found")
		return
	}
	out := []any{}
	for i, name := range c.Types {
		out = append(out, issueType(i+1, name))
	}
	c.send(200, out)
}

func (c *call) listMilestones() {
	c.query("state", "per_page")
	out := []any{}
	for _, m := range c.repo.Milestones {
		if !m.Closed {
			out = append(out, c.milestone(m))
		}
	}
	c.send(200, out)
}

func (c *call) listLabels() {
	c.query("per_page", "page")
	out := c.labels(c.repo.Labels)
	size, page := max(1, atoi(c.r.URL.Query().Get("per_page"))), max(1, atoi(c.r.URL.Query().Get("page")))
	from, to := min((page-1)*size, len(out)), min(page*size, len(out))
	if to < len(out) {
		c.w.Header().Set("Link", fmt.Sprintf(`<%s/repositories/%d/labels?page=%d>; rel="next"`, c.base, c.repo.ID, page+1))
	}
	c.send(200, out[from:to])
}

func atoi(s string) int { n, _ := strconv.Atoi(s); return n }

func (c *call) getAssignee() {
	if !contains(c.repo.Assignable, c.r.PathValue("login")) {
		c.fail(http.StatusNotFound, "Not Found")
		return
	}
	c.w.WriteHeader(http.StatusNoContent)
}

func (c *call) listIssues() {
	c.query("state", "sort", "direction", "labels", "creator", "per_page", "page")
	q := c.r.URL.Query()
	if q.Get("state") != "all" || q.Get("sort") != "created" || q.Get("direction") != "desc" {
		c.t.Errorf("closed issues count too, and the newest come first: %s", c.r.URL.RawQuery)
	}
	size, err1 := strconv.Atoi(q.Get("per_page"))
	page, err2 := strconv.Atoi(q.Get("page"))
	if err1 != nil || err2 != nil || size < 1 || size > 100 || page < 1 {
		c.t.Errorf("page: %s", c.r.URL.RawQuery)
		return
	}
	var all []*Issue
	for _, i := range slices.Backward(c.repo.Issues) {
		if i.missed < c.Lag {
			i.missed++
			continue
		}
		label, creator := q.Get("labels"), q.Get("creator")
		if !i.Deleted && i.To.Repository == nil && (label == "" || contains(i.Labels, label)) && (creator == "" || strings.EqualFold(i.Creator, creator)) {
			all = append(all, i)
		}
	}
	from, to := min((page-1)*size, len(all)), min(page*size, len(all))
	if to < len(all) {
		c.w.Header().Set("Link", fmt.Sprintf(`<%s/repositories/%d/issues?page=%d>; rel="next"`, c.base, c.repo.ID, page+1))
	}
	out := []any{}
	for _, i := range all[from:to] {
		out = append(out, c.issue(i))
	}
	c.send(200, out)
}

// input lists the fields that a new or changed issue may have.
type input struct {
	Title       *string   `json:"title"`
	Body        *string   `json:"body"`
	Labels      *[]string `json:"labels"`
	Assignees   []string  `json:"assignees"`
	Milestone   int       `json:"milestone"`
	Type        string    `json:"type"`
	State       string    `json:"state"`
	StateReason string    `json:"state_reason"`
}

// may reports whether the account may change something in the repository.
func (c *call) may() bool {
	switch {
	case c.repo.Archived:
		c.fail(http.StatusForbidden, "Repository was archived so is read-only.")
	case c.role == "none":
		c.inaccessible()
	default:
		return true
	}
	return false
}

func (c *call) postIssue() {
	var in input
	if !c.may() || !c.body(&in) {
		return
	}
	if in.Title == nil || strings.TrimSpace(*in.Title) == "" {
		c.refuse(map[string]any{"field": "title", "code": "missing_field"})
		return
	}
	if c.tooLong(in) {
		return
	}
	made := &Issue{Number: len(c.repo.Issues) + 1, State: "open", Creator: c.who.Login, Title: *in.Title}
	if in.Body != nil {
		made.Body = *in.Body
	}
	if c.role == "write" { // else dropped without a word
		if in.Labels != nil && !c.addLabels(made, *in.Labels) {
			return
		}
		for _, login := range in.Assignees {
			if !contains(c.repo.Assignable, login) {
				c.refuse(map[string]any{"field": "assignees", "code": "invalid", "value": login})
				return
			}
		}
		known := slices.ContainsFunc(c.repo.Milestones, func(m Milestone) bool { return m.Number == in.Milestone })
		if in.Milestone != 0 && !known {
			c.refuse(map[string]any{"field": "milestone", "code": "invalid", "value": strconv.Itoa(in.Milestone)})
			return
		}
		made.Assignees, made.Milestone = in.Assignees, in.Milestone
		if slices.Contains(c.Types, in.Type) {
			made.Type = in.Type
		}
	}
	c.repo.Issues = append(c.repo.Issues, made)
	c.send(201, c.issue(made))
}

func (c *call) tooLong(in input) bool {
	switch {
	case in.Title != nil && utf8.RuneCountInString(*in.Title) > 256:
		c.refuse(map[string]any{"field": "title", "code": "custom", "message": "title is too long (maximum is 256 characters)"})
	case in.Body != nil && utf8.RuneCountInString(*in.Body) > 65536:
		c.refuse(map[string]any{"field": "body", "code": "custom", "message": "body is too long (maximum is 65536 characters)"})
	default:
		return false
	}
	return true
}

func (c *call) addLabels(i *Issue, names []string) bool {
	for _, name := range names {
		if name == "" || utf8.RuneCountInString(name) > 50 {
			c.send(http.StatusUnprocessableEntity, map[string]any{"message": "Validation Failed", "documentation_url": "https://docs.github.com/rest",
				"errors": []any{map[string]any{"resource": "Label", "code": "custom", "field": "name", "message": "name is too long (maximum is 50 characters)"}}})
			return false
		}
		if !contains(c.repo.Labels, name) && c.repo.NoNewLabels {
			c.send(http.StatusForbidden, map[string]any{"message": "You do not have permission to create labels on this repository.", "documentation_url": "https://docs.github.com/v3/issues/labels/",
				"errors": []any{map[string]any{"resource": "Repository", "field": "label", "code": "unauthorized"}}, "status": "403"})
			return false
		}
		if !contains(c.repo.Labels, name) {
			c.repo.Labels = append(c.repo.Labels, name)
		}
		if !contains(i.Labels, name) {
			i.Labels = append(i.Labels, name)
		}
	}
	return true
}

// find returns the issue of the address. Where it cannot, it answers and returns
// nil.
func (c *call) find() *Issue {
	number, err := strconv.Atoi(c.r.PathValue("number"))
	if err != nil || number < 1 || number > len(c.repo.Issues) {
		c.fail(http.StatusNotFound, "Not Found")
		return nil
	}
	i := c.repo.Issues[number-1]
	to := i.To.Repository
	switch {
	case i.Deleted:
		c.fail(http.StatusGone, "This issue was deleted")
	case to != nil && c.roleIn(strings.ToLower(to.FullName())) == "":
		c.fail(http.StatusNotFound, "Not Found")
	case to != nil:
		_, part, _ := strings.Cut(c.r.URL.Path, "/issues/"+c.r.PathValue("number"))
		c.redirect(http.StatusMovedPermanently, to.ID, fmt.Sprintf("/issues/%d%s", i.To.Number, part))
	default:
		return i
	}
	return nil
}

func (c *call) getIssue() {
	if i := c.find(); i != nil {
		c.send(200, c.issue(i))
	}
}

func (c *call) patchIssue() {
	var in input
	i := c.find()
	if i == nil || !c.may() || !c.body(&in) || c.tooLong(in) {
		return
	}
	if in.Labels != nil {
		c.t.Error("labels in a change replace those that people gave")
	}
	if c.role != "write" && !strings.EqualFold(i.Creator, c.who.Login) {
		c.fail(http.StatusForbidden, "Must have admin rights to Repository.")
		return
	}
	if in.Title != nil {
		i.Title = *in.Title
	}
	if in.Body != nil {
		i.Body = *in.Body
	}
	if in.State != "" && in.State != i.State {
		i.State, i.StateReason = in.State, in.StateReason
	}
	c.send(200, c.issue(i))
}

func (c *call) postComment() {
	var in struct {
		Body string `json:"body"`
	}
	i := c.find()
	if i == nil || !c.may() || !c.body(&in) {
		return
	}
	if strings.TrimSpace(in.Body) == "" {
		c.refuse(map[string]any{"field": "body", "code": "missing_field"})
		return
	}
	i.Comments = append(i.Comments, in.Body)
	c.send(201, c.comment(i, in.Body))
}

func (c *call) postLabels() {
	var in struct {
		Labels []string `json:"labels"`
	}
	i := c.find()
	if i == nil || !c.may() || !c.body(&in) {
		return
	}
	if c.role != "write" {
		c.fail(http.StatusForbidden, "Must have admin rights to Repository.")
		return
	}
	if c.addLabels(i, in.Labels) {
		c.send(200, c.labels(i.Labels))
	}
}

func contains(list []string, wanted string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, wanted) })
}
