package asanafake

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Webhook is a web hook.
type Webhook struct {
	GID, Resource, Target string
	Active                bool
	// Secret is what the handshake told.
	Secret string
	// Failing is set if the last delivery failed.
	Failing bool
	Filters []Filter

	owner string
}

// Filter is one of a web hook's filters.
type Filter struct {
	Type    string   `json:"resource_type"`
	Subtype string   `json:"resource_subtype"`
	Action  string   `json:"action"`
	Fields  []string `json:"fields"`
}

// handshakeTimeout is how long Asana waits for the answer to a handshake.
const handshakeTimeout = 10 * time.Second

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

// AddWebhook adds a web hook of the account of Token, as another program of it
// does.
func (s *Server) AddWebhook(w Webhook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.owner = "Bearer " + Token
	s.addWebhook(w)
}

func (s *Server) addWebhook(w Webhook) *Webhook {
	s.webhooksMade++
	w.GID = strconv.Itoa(2000000000000000 + s.webhooksMade)
	s.webhooks = append(s.webhooks, &w)
	return &w
}

// ChangeWebhooks changes web hooks, as time and others do; those for which change
// returns false are deleted.
func (s *Server) ChangeWebhooks(change func(*Webhook) (keep bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.webhooks = slices.DeleteFunc(s.webhooks, func(w *Webhook) bool { return !change(w) })
}

func (s *Server) webhookRoutes(handle func(pattern string, query string, h handler)) {
	guarded := func(h handler) handler {
		return func(w http.ResponseWriter, r *http.Request, a account) {
			if s.NoWebhooks {
				fail(w, http.StatusForbidden, "Your app is missing a required scope")
				return
			}
			h(w, r, a)
		}
	}
	handle("GET /webhooks", "limit offset opt_fields workspace resource", guarded(s.listWebhooks))
	handle("POST /webhooks", "opt_fields", guarded(s.createWebhook))
	handle("DELETE /webhooks/{gid}", "", guarded(s.deleteWebhook))
}

func (s *Server) listWebhooks(w http.ResponseWriter, r *http.Request, a account) {
	q := r.URL.Query()
	if q.Get("workspace") != a.workspace {
		fail(w, http.StatusForbidden, "workspace: Forbidden")
		return
	}
	all := []map[string]any{}
	for _, hook := range s.webhooks {
		if hook.owner == r.Header.Get("Authorization") && (q.Get("resource") == "" || q.Get("resource") == hook.Resource) {
			all = append(all, showWebhook(hook))
		}
	}
	s.list(w, r, all)
}

func showWebhook(w *Webhook) map[string]any {
	o := map[string]any{"gid": w.GID, "resource_type": "webhook", "active": w.Active, "target": w.Target, "resource": object("project", w.Resource, "Push"),
		"last_failure_at": nil, "failure_deletion_timestamp": nil}
	if w.Failing {
		o["last_failure_at"], o["failure_deletion_timestamp"] = "2026-01-01T00:00:00.000Z", "2026-01-04T00:00:00.000Z"
	}
	return o
}

func (s *Server) createWebhook(w http.ResponseWriter, r *http.Request, a account) {
	var in struct {
		Resource string   `json:"resource"`
		Target   string   `json:"target"`
		Filters  []Filter `json:"filters"`
	}
	if !s.body(w, r, &in) {
		return
	}
	owner := r.Header.Get("Authorization")
	u, err := url.Parse(in.Target)
	switch {
	case in.Resource == "":
		fail(w, http.StatusBadRequest, "You should specify one of resource")
		return
	case !s.project(w, in.Resource, a):
		return
	case err != nil || u.Hostname() == "":
		fail(w, http.StatusBadRequest, "target: Not a valid URL")
		return
	case u.Hostname() == "localhost":
		fail(w, http.StatusForbidden, "target: Forbidden")
		return
	case slices.ContainsFunc(in.Filters, wrongFilter):
		fail(w, http.StatusBadRequest, "filters: Not a valid filter")
		return
	case slices.ContainsFunc(s.webhooks, func(h *Webhook) bool {
		return h.owner == owner && h.Resource == in.Resource && h.Target == in.Target
	}):
		fail(w, http.StatusForbidden, "Duplicated webhook. You already have an existing webhook for the given resource and target. Delete the old one before creating another.")
		return
	}
	s.handshakes++
	secret := fmt.Sprintf("%064d", s.handshakes)
	s.mu.Unlock() // while others are served
	shaken := handshake(r.Context(), in.Target, secret)
	s.mu.Lock()
	if !shaken {
		fail(w, http.StatusBadRequest, "Could not complete activation handshake with target URL. Please ensure that the receiving server is accepting connections and supports SSL")
		return
	}
	made := s.addWebhook(Webhook{Resource: in.Resource, Target: in.Target, Active: true, Secret: secret, Filters: in.Filters, owner: owner})
	reply(w, http.StatusCreated, prune(showWebhook(made), fields(r.URL.Query().Get("opt_fields"), "active,resource,target")))
}

func wrongFilter(f Filter) bool {
	actions := []string{"changed", "added", "removed", "deleted", "undeleted"}
	return f.Type == "" || !slices.Contains(actions, f.Action) || f.Fields != nil && f.Action != "changed"
}

// handshake sends a new secret to the address and looks whether it comes back.
func handshake(ctx context.Context, target, secret string) bool {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader("{}"))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Hook-Secret", secret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	return (resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusNoContent) && resp.Header.Get("X-Hook-Secret") == secret
}

func (s *Server) deleteWebhook(w http.ResponseWriter, r *http.Request, _ account) {
	at := slices.IndexFunc(s.webhooks, func(h *Webhook) bool { return h.GID == r.PathValue("gid") })
	switch {
	case at < 0:
		fail(w, http.StatusNotFound, "webhook: Unknown object: "+r.PathValue("gid"))
	case s.webhooks[at].owner != r.Header.Get("Authorization"):
		fail(w, http.StatusForbidden, "webhook: Forbidden")
	default:
		s.webhooks = slices.Delete(s.webhooks, at, at+1)
		reply(w, http.StatusOK, map[string]any{})
	}
}
