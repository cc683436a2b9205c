package githubfake

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Hook is a repository's webhook.
type Hook struct {
	ID                                    int
	URL, Secret, ContentType, InsecureSSL string
	Events                                []string
	Active                                bool
}

// What a token may do with webhooks, in Account.Hooks.
const (
	// HooksWrite: manage them.
	HooksWrite = "write"
	// HooksHidden: a classic token without the scope, which is told that there are none.
	HooksHidden = "hidden"
)

// maxHooks is how many webhooks a repository may have for one event.
const maxHooks = 20

// AddHook makes a webhook behind the adapter's back.
func (f *Fake) AddHook(r *Repository, url string, active bool, events ...string) *Hook {
	h := &Hook{ID: f.nextID(), URL: url, ContentType: "form", InsecureSSL: "0", Events: events, Active: active}
	r.Hooks = append(r.Hooks, h)
	return h
}

// hookInput is what GitHub's description lists for a new and a changed webhook.
type hookInput struct {
	Name   *string  `json:"name"`
	Active *bool    `json:"active"`
	Events []string `json:"events"`
	Config *struct {
		URL         string `json:"url"`
		ContentType string `json:"content_type"`
		Secret      string `json:"secret"`
		InsecureSSL string `json:"insecure_ssl"`
	} `json:"config"`
}

// mayHook answers whoever may not manage webhooks.
func (c *call) mayHook() bool {
	switch c.who.Hooks {
	case HooksWrite:
		return true
	case HooksHidden:
		c.fail(http.StatusNotFound, "Not Found")
	default:
		c.w.Header().Set("X-Accepted-GitHub-Permissions", "repository_hooks=write")
		c.fail(http.StatusForbidden, "Resource not accessible by personal access token")
	}
	return false
}

func (c *call) listHooks() {
	c.query("per_page", "page")
	if !c.mayHook() {
		return
	}
	q := c.r.URL.Query()
	per, err := strconv.Atoi(q.Get("per_page"))
	if err != nil || per < 1 || per > 100 {
		c.t.Errorf("GitHub gives 100 at most: %s", c.r.URL.RawQuery)
		per = 30
	}
	page := max(1, atoi(q.Get("page")))
	all := c.repo.Hooks
	from, to := min((page-1)*per, len(all)), min(page*per, len(all))
	if to < len(all) {
		c.w.Header().Set("Link", `<`+c.base+c.r.URL.Path+`?page=`+strconv.Itoa(page+1)+`>; rel="next"`)
	}
	out := []any{}
	for _, h := range all[from:to] {
		out = append(out, c.hook(h))
	}
	c.send(200, out)
}

func (c *call) postHook() {
	var in hookInput
	if !c.mayHook() || !c.body(&in) {
		return
	}
	if in.Name != nil && *in.Name != "web" {
		c.refuseHook("The hook " + *in.Name + " does not exist")
		return
	}
	h := &Hook{ID: c.nextID(), Active: true, Events: []string{"push"}, ContentType: "form", InsecureSSL: "0"}
	if c.apply(h, in) {
		c.repo.Hooks = append(c.repo.Hooks, h)
		c.send(201, c.hook(h))
	}
}

func (c *call) patchHook() {
	var in hookInput
	if !c.mayHook() {
		return
	}
	h := c.findHook()
	if h == nil || !c.body(&in) {
		return
	}
	if in.Name != nil {
		c.t.Error("GitHub ignores the name in a change of a webhook")
	}
	changed := *h
	if in.Config != nil { // it is replaced whole, the secret too
		changed.ContentType, changed.InsecureSSL, changed.Secret = "form", "0", ""
	}
	if c.apply(&changed, in) {
		*h = changed
		c.send(200, c.hook(h))
	}
}

// apply writes what a create and a change share, and refuses what GitHub does.
func (c *call) apply(h *Hook, in hookInput) bool {
	if in.Active != nil {
		h.Active = *in.Active
	}
	if in.Events != nil {
		h.Events = in.Events
	}
	if in.Config != nil {
		h.URL, h.Secret = in.Config.URL, in.Config.Secret
		if in.Config.ContentType != "" {
			h.ContentType = in.Config.ContentType
		}
		if in.Config.InsecureSSL != "" {
			h.InsecureSSL = in.Config.InsecureSSL
		}
	}
	same := 0
	for _, other := range c.repo.Hooks {
		if other.ID == h.ID {
			continue
		}
		if other.URL == h.URL {
			c.refuseHook("Hook already exists on this repository")
			return false
		}
		if slices.Contains(other.Events, "issues") {
			same++
		}
	}
	switch {
	case !strings.HasPrefix(h.URL, "http://") && !strings.HasPrefix(h.URL, "https://"):
		c.refuseHook("url is missing a scheme")
	case h.ContentType != "json" && h.ContentType != "form", h.InsecureSSL != "0" && h.InsecureSSL != "1":
		c.refuseHook("Config is not valid")
	case slices.Contains(h.Events, "issues") && same >= maxHooks:
		c.refuseHook(`The "issues" event cannot have more than 20 hooks`)
	default:
		return true
	}
	return false
}

func (c *call) deleteHook() {
	if !c.mayHook() {
		return
	}
	if h := c.findHook(); h != nil {
		c.repo.Hooks = slices.DeleteFunc(c.repo.Hooks, func(o *Hook) bool { return o == h })
		c.w.WriteHeader(http.StatusNoContent)
	}
}

// findHook returns the webhook of the address, or answers.
func (c *call) findHook() *Hook {
	for _, h := range c.repo.Hooks {
		if strconv.Itoa(h.ID) == c.r.PathValue("hook") {
			return h
		}
	}
	c.fail(http.StatusNotFound, "Not Found")
	return nil
}

func (c *call) refuseHook(message string) {
	c.send(http.StatusUnprocessableEntity, map[string]any{"message": "Validation Failed", "documentation_url": "https://docs.github.com/rest/repos/webhooks#create-a-repository-webhook",
		"errors": []any{map[string]any{"resource": "Hook", "code": "custom", "message": message}}})
}

// hook is a webhook as GitHub shows it: it never shows the secret.
func (c *call) hook(h *Hook) map[string]any {
	address := c.base + "/repos/" + c.repo.FullName() + "/hooks/" + strconv.Itoa(h.ID)
	config := map[string]any{"url": h.URL, "content_type": h.ContentType, "insecure_ssl": h.InsecureSSL}
	if h.Secret != "" {
		config["secret"] = "********"
	}
	return map[string]any{"type": "Repository", "id": h.ID, "name": "web", "active": h.Active, "events": h.Events, "config": config, "url": address,
		"test_url": address + "/test", "ping_url": address + "/pings", "deliveries_url": address + "/deliveries", "created_at": moment, "updated_at": moment,
		"last_response": map[string]any{"code": nil, "status": "unused", "message": nil}}
}
