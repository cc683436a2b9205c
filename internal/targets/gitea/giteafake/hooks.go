package giteafake

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Hook is a repository's webhook.
type Hook struct {
	ID                             int
	Type, URL, Secret, ContentType string
	Events                         []string
	Active                         bool
}

// AddHook makes a webhook behind the adapter's back.
func (f *Fake) AddHook(r *Repository, url string, active bool) *Hook {
	f.lastHook++
	h := &Hook{ID: f.lastHook, Type: "gitea", URL: url, ContentType: "form", Events: []string{"push"}, Active: active}
	r.Hooks = append(r.Hooks, h)
	return h
}

// mayHook answers whoever may not manage webhooks.
func (c *call) mayHook() bool {
	switch {
	case c.role != RoleAdmin:
		c.fail(http.StatusForbidden, "user should be an owner or a collaborator with admin write of a repository")
	case c.NoHooks:
		c.fail(http.StatusForbidden, "webhooks disabled by administrator")
	default:
		return true
	}
	return false
}

// listHooks answers a page, and does not say whether another one follows.
func (c *call) listHooks() {
	if !c.mayHook() {
		return
	}
	from, to := c.window(len(c.repo.Hooks))
	c.w.Header().Del("Link")
	out := []any{}
	for _, h := range c.repo.Hooks[from:to] {
		out = append(out, hook(h))
	}
	c.send(200, out)
}

func (c *call) postHook() {
	var in struct {
		Type   string            `json:"type"`
		Active bool              `json:"active"`
		Events []string          `json:"events"`
		Config map[string]string `json:"config"`
	}
	if !c.mayHook() || !c.body(&in) {
		return
	}
	switch {
	case !slices.Contains([]string{"gitea", "gogs", "slack", "discord"}, in.Type):
		c.fail(http.StatusUnprocessableEntity, "Invalid hook type: "+in.Type)
		return
	case in.Config["url"] == "" || in.Config["content_type"] == "":
		c.fail(http.StatusUnprocessableEntity, "Missing config option: url")
		return
	case in.Config["content_type"] != "json" && in.Config["content_type"] != "form":
		c.fail(http.StatusUnprocessableEntity, "Invalid content type")
		return
	}
	for name := range in.Config {
		if !slices.Contains([]string{"url", "content_type", "secret"}, name) {
			c.t.Errorf("Gitea ignores %q in a webhook's config", name)
		}
	}
	for _, e := range in.Events {
		if !slices.Contains([]string{"issues", "issues_only", "issue_assign", "issue_label", "issue_milestone", "issue_comment", "push"}, e) {
			c.t.Errorf("Gitea ignores the event %q", e)
		}
	}
	c.lastHook++
	h := &Hook{ID: c.lastHook, Type: in.Type, URL: in.Config["url"], Secret: in.Config["secret"], ContentType: in.Config["content_type"], Events: in.Events, Active: in.Active}
	c.repo.Hooks = append(c.repo.Hooks, h) // an address may be used twice
	c.send(201, hook(h))
}

func (c *call) deleteHook() {
	if !c.mayHook() {
		return
	}
	before := len(c.repo.Hooks)
	c.repo.Hooks = slices.DeleteFunc(c.repo.Hooks, func(h *Hook) bool { return strconv.Itoa(h.ID) == c.r.PathValue("hook") })
	if len(c.repo.Hooks) == before {
		c.notFound()
		return
	}
	c.w.WriteHeader(http.StatusNoContent)
}

// hook is a webhook as Gitea shows it. "issues" stands for five events, and the secret
// is never shown.
func hook(h *Hook) map[string]any {
	var events []string
	for _, e := range h.Events {
		if e == "issues" {
			events = append(events, "issue_assign", "issue_comment", "issue_label", "issue_milestone")
		}
		events = append(events, strings.TrimSuffix(e, "_only"))
	}
	return map[string]any{"id": h.ID, "type": h.Type, "active": h.Active, "branch_filter": "", "authorization_header": "", "created_at": moment, "updated_at": moment,
		"config": map[string]any{"url": h.URL, "content_type": h.ContentType}, "events": events}
}
