package jirafake

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Hook is a webhook of an admin. Filter is its JQL.
type Hook struct {
	ID                        int
	Name, URL, Filter, Secret string
	Events                    []string
	Enabled                   bool
}

// AddHook adds a webhook as an admin does in Jira's pages.
func (f *Fake) AddHook(h Hook) *Hook {
	f.hooked++
	h.ID = f.hooked
	f.Hooks = append(f.Hooks, &h)
	return &h
}

func (f *Fake) getPermissions(c call) {
	admin := c.account != nil && c.account.Admin
	if asked := c.r.URL.Query().Get("permissions"); asked != "ADMINISTER" && !f.opts.DataCenter {
		c.refuse(http.StatusBadRequest, "The permissions query parameter is required.")
		return
	}
	c.send(http.StatusOK, map[string]any{"permissions": map[string]any{"ADMINISTER": map[string]any{"id": "0", "key": "ADMINISTER", "name": "Administer Jira",
		"type": "GLOBAL", "description": "Create and administer projects", "havePermission": admin}}})
}

// mountHooks serves what the product has for webhooks of admins: Cloud's, or
// that of a Data Center since version 10. The gateway has neither.
func (f *Fake) mountHooks(mux *http.ServeMux) {
	root := "/rest/webhooks/1.0/webhook"
	if f.opts.DataCenter {
		root = f.opts.Base + "/rest/jira-webhook/1.0/webhooks"
	}
	handle := func(method, path string, h func(call)) {
		mux.HandleFunc(method+" "+root+path, func(w http.ResponseWriter, r *http.Request) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.hits = append(f.hits, method+" webhook"+strings.TrimPrefix(r.URL.Path, root))
			c := call{w: w, r: r, account: f.account(r, false), api: f.URL + root}
			w.Header().Set("X-Seraph-LoginReason", loginReason(c))
			switch {
			case f.opts.DataCenter && f.Version < 10:
				http.NotFound(w, r)
			case !f.let(c, "", false):
			case c.account == nil || !c.account.Admin:
				c.refuse(http.StatusForbidden, "You do not have permission to administer webhooks.")
			default:
				h(c)
			}
		})
	}
	handle("GET", "", func(c call) {
		all := []any{}
		for _, h := range f.Hooks {
			all = append(all, f.showHook(c, h))
		}
		c.send(http.StatusOK, all)
	})
	handle("POST", "", func(c call) {
		if h := (&Hook{Enabled: true}); f.readHook(c, h) {
			h = f.AddHook(*h)
			c.send(http.StatusCreated, f.showHook(c, h))
		}
	})
	handle("PUT", "/{id}", func(c call) {
		if h := f.findHook(c); h != nil && f.readHook(c, h) {
			c.send(http.StatusOK, f.showHook(c, h))
		}
	})
	handle("DELETE", "/{id}", func(c call) {
		if h := f.findHook(c); h != nil {
			f.Hooks = slices.DeleteFunc(f.Hooks, func(o *Hook) bool { return o == h })
			c.w.WriteHeader(http.StatusNoContent)
		}
	})
}

func (f *Fake) findHook(c call) *Hook {
	for _, h := range f.Hooks {
		if strconv.Itoa(h.ID) == c.r.PathValue("id") {
			return h
		}
	}
	c.refuse(http.StatusNotFound, "The webhook does not exist.")
	return nil
}

// readHook reads what is sent of a webhook. Cloud keeps the secret of one that is
// changed without, and does not switch one on.
func (f *Fake) readHook(c call, h *Hook) bool {
	var common struct {
		Name   string   `json:"name"`
		URL    string   `json:"url"`
		Events []string `json:"events"`
	}
	var secret string
	if f.opts.DataCenter {
		var in struct {
			Name          string            `json:"name"`
			URL           string            `json:"url"`
			Events        []string          `json:"events"`
			Active        *bool             `json:"active"`
			Configuration map[string]string `json:"configuration"`
		}
		if _, ok := c.read(&in); !ok {
			return false
		}
		common.Name, common.URL, common.Events, secret = in.Name, in.URL, in.Events, in.Configuration["SECRET"]
		if in.Active != nil {
			h.Enabled = *in.Active
		}
	} else {
		var in struct {
			Name        string            `json:"name"`
			URL         string            `json:"url"`
			Events      []string          `json:"events"`
			Filters     map[string]string `json:"filters"`
			ExcludeBody bool              `json:"excludeBody"`
			Secret      string            `json:"secret"`
		}
		if _, ok := c.read(&in); !ok {
			return false
		}
		common.Name, common.URL, common.Events, secret = in.Name, in.URL, in.Events, in.Secret
		h.Filter = in.Filters["issue-related-events-section"]
	}
	known := []string{"jira:issue_created", "jira:issue_updated", "jira:issue_deleted"}
	switch {
	case common.Name == "" || len(common.Events) == 0:
		c.refuse(http.StatusBadRequest, "A webhook needs a name and events.")
		return false
	case !strings.HasPrefix(common.URL, "https://"):
		c.refuse(http.StatusBadRequest, "The URL "+common.URL+" is not valid.")
		return false
	case slices.ContainsFunc(common.Events, func(e string) bool { return !slices.Contains(known, e) }):
		c.refuse(http.StatusBadRequest, "An event is not known.")
		return false
	}
	h.Name, h.URL, h.Events = common.Name, common.URL, common.Events
	if secret != "" {
		h.Secret = secret
	}
	return true
}

func (f *Fake) showHook(c call, h *Hook) map[string]any {
	out := map[string]any{"name": h.Name, "url": h.URL, "events": h.Events}
	if f.opts.DataCenter {
		out["id"], out["active"], out["configuration"] = h.ID, h.Enabled, map[string]any{"EXCLUDE_BODY": "false"}
		return out
	}
	out["self"], out["enabled"], out["isSigned"] = c.api+"/"+strconv.Itoa(h.ID), h.Enabled, h.Secret != ""
	out["filters"], out["excludeBody"], out["lastUpdatedDisplayName"] = map[string]any{"issue-related-events-section": h.Filter}, false, "Push Button"
	return out
}
