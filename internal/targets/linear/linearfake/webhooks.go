package linearfake

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
)

// Webhook is a webhook as the fake keeps it.
type Webhook struct {
	ID, URL, Secret, Label string
	// Team is empty for all public teams.
	Team          string
	Enabled       bool
	ResourceTypes []string
	workspace     string
}

// webhookPage is how many webhooks a page holds: fewer than Linear's, so that
// whoever does not turn pages is found out.
const webhookPage = 2

// Webhooks are all of them, oldest first.
func (s *Server) Webhooks() []Webhook {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Webhook, len(s.webhooks))
	for i, w := range s.webhooks {
		out[i] = *w
	}
	return out
}

// AddWebhook adds a webhook of acme, as its admins do, and returns its id.
func (s *Server) AddWebhook(w Webhook) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addWebhook("acme", w)
}

func (s *Server) addWebhook(workspace string, w Webhook) string {
	s.webhooksMade++
	w.ID, w.workspace = fmt.Sprintf("60000000-0000-4000-8000-%012d", s.webhooksMade), workspace
	s.webhooks = append(s.webhooks, &w)
	return w.ID
}

// ChangeWebhook changes a webhook behind the adapter's back.
func (s *Server) ChangeWebhook(id string, do func(*Webhook)) {
	s.locked(func() {
		if at := s.webhook(id); at >= 0 {
			do(s.webhooks[at])
			return
		}
		s.t.Errorf("there is no webhook %s", id)
	})
}

// Demote takes the role Admin from a credential's account.
func (s *Server) Demote(key string) {
	s.locked(func() {
		a := s.accounts[key]
		a.member = true
		s.accounts[key] = a
	})
}

func (s *Server) webhook(id string) int {
	return slices.IndexFunc(s.webhooks, func(w *Webhook) bool { return w.ID == id })
}

// admin refuses who is none: such an account may not even read webhooks.
func (c *call) admin() *fault {
	switch {
	case !c.who.member:
		return nil
	case c.who.oauth:
		return &fault{message: "Invalid scope: `admin` required", code: "FORBIDDEN", typ: "forbidden", presentable: "Your application does not have the `admin` scope."}
	default:
		return &fault{message: "Invalid role: admin required", code: "FORBIDDEN", typ: "forbidden", presentable: "You need to have the admin role."}
	}
}

func (c *call) listWebhooks(args map[string]string) (any, *fault) {
	if f := c.admin(); f != nil {
		return nil, f
	}
	if n, _ := strconv.Atoi(args["first"]); n < 1 || n > 250 {
		return nil, input("Argument Validation Error", "first must not be greater than 250.")
	}
	all := []map[string]any{}
	for _, w := range c.server.webhooks {
		if w.workspace == c.who.workspace {
			all = append(all, c.showWebhook(w))
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
	page = page[:min(len(page), webhookPage)]
	next := at + len(page)
	return map[string]any{"nodes": page, "pageInfo": map[string]any{"hasNextPage": next < len(all), "endCursor": strconv.Itoa(next)}}, nil
}

func (c *call) showWebhook(w *Webhook) map[string]any {
	var team any
	if t := c.server.team(w.Team); t != nil {
		team = show(t)
	}
	types := []any{}
	for _, t := range w.ResourceTypes {
		types = append(types, t)
	}
	return map[string]any{"id": w.ID, "url": w.URL, "label": w.Label, "enabled": w.Enabled, "resourceTypes": types, "team": team}
}

// webhookInput is what Linear's schema lists for a create and an update.
type webhookInput struct {
	ID             *string  `json:"id"`
	URL            *string  `json:"url"`
	Secret         *string  `json:"secret"`
	Label          *string  `json:"label"`
	Enabled        *bool    `json:"enabled"`
	ResourceTypes  []string `json:"resourceTypes"`
	TeamID         *string  `json:"teamId"`
	AllPublicTeams *bool    `json:"allPublicTeams"`
}

func (c *call) createWebhook(args map[string]string) (any, *fault) {
	var in webhookInput
	if f := c.arg(args, "input", &in); f != nil {
		return nil, f
	}
	if f := c.admin(); f != nil {
		return nil, f
	}
	if in.URL == nil || in.ResourceTypes == nil {
		return nil, input("Argument Validation Error", "url and resourceTypes are required.")
	}
	if in.TeamID == nil || !c.sees(c.server.team(*in.TeamID)) {
		return nil, notFound("Team")
	}
	made := Webhook{Team: *in.TeamID, Enabled: true}
	if f := c.writeWebhook(&made, in); f != nil {
		return nil, f
	}
	id := c.server.addWebhook(c.who.workspace, made)
	return map[string]any{"success": true, "webhook": c.showWebhook(c.server.webhooks[c.server.webhook(id)])}, nil
}

func (c *call) updateWebhook(args map[string]string) (any, *fault) {
	var in webhookInput
	w, f := c.ownWebhook(args)
	if f != nil {
		return nil, f
	}
	if f := c.arg(args, "input", &in); f != nil {
		return nil, f
	}
	if in.ID != nil || in.TeamID != nil || in.AllPublicTeams != nil {
		c.server.t.Error("WebhookUpdateInput has no id, teamId or allPublicTeams")
	}
	changed := *w
	if f := c.writeWebhook(&changed, in); f != nil {
		return nil, f
	}
	*w = changed
	return map[string]any{"success": true, "webhook": c.showWebhook(w)}, nil
}

func (c *call) deleteWebhook(args map[string]string) (any, *fault) {
	w, f := c.ownWebhook(args)
	if f != nil {
		return nil, f
	}
	c.server.webhooks = slices.DeleteFunc(c.server.webhooks, func(other *Webhook) bool { return other == w })
	return map[string]any{"success": true, "entityId": w.ID}, nil
}

func (c *call) ownWebhook(args map[string]string) (*Webhook, *fault) {
	var id string
	if f := c.arg(args, "id", &id); f != nil {
		return nil, f
	}
	if f := c.admin(); f != nil {
		return nil, f
	}
	at := c.server.webhook(id)
	if at < 0 || c.server.webhooks[at].workspace != c.who.workspace {
		return nil, notFound("Webhook")
	}
	return c.server.webhooks[at], nil
}

// writeWebhook writes what a create and an update share, and refuses what Linear
// does: an address without https, and one that another webhook has.
func (c *call) writeWebhook(w *Webhook, in webhookInput) *fault {
	if in.URL != nil {
		u, err := url.Parse(*in.URL)
		if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.Hostname() == "localhost" {
			return input("Argument Validation Error", "url must be a valid https URL.")
		}
		if slices.ContainsFunc(c.server.webhooks, func(other *Webhook) bool {
			return other.ID != w.ID && other.workspace == c.who.workspace && other.URL == *in.URL
		}) {
			return input("Webhook already exists", "A webhook with this URL already exists.")
		}
		w.URL = *in.URL
	}
	if in.ResourceTypes != nil {
		if len(in.ResourceTypes) == 0 || slices.ContainsFunc(in.ResourceTypes, func(t string) bool {
			return !slices.Contains([]string{"Issue", "Comment", "IssueLabel", "Project", "Cycle", "Reaction", "User"}, t)
		}) {
			return input("Argument Validation Error", "each value in resourceTypes must be a valid resource type.")
		}
		w.ResourceTypes = in.ResourceTypes
	}
	if in.Secret != nil {
		if *in.Secret == "" {
			return input("Argument Validation Error", "secret should not be empty.")
		}
		w.Secret = *in.Secret
	}
	if in.Label != nil {
		w.Label = *in.Label
	}
	if in.Enabled != nil {
		w.Enabled = *in.Enabled
	}
	return nil
}

// RemoveWebhook removes a webhook, as an admin does.
func (s *Server) RemoveWebhook(id string) {
	s.locked(func() { s.webhooks = slices.DeleteFunc(s.webhooks, func(w *Webhook) bool { return w.ID == id }) })
}
