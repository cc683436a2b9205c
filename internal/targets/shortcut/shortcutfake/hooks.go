package shortcutfake

import (
	"net/http"
	"regexp"
	"strconv"
	"unicode/utf8"
)

// firstHook is the number of the first webhook.
const firstHook = 500107362

// Hook is a webhook, which Shortcut calls a generic integration.
type Hook struct {
	Workspace, URL, Secret string
	Disabled               bool
}

// Hooks returns the webhooks by number.
func (s *Server) Hooks() map[int]Hook {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[int]Hook{}
	for i, h := range s.hooks {
		if h != nil {
			out[firstHook+i] = *h
		}
	}
	return out
}

// AddHook adds a webhook as somebody else would, and returns its number.
func (s *Server) AddHook(h Hook) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks = append(s.hooks, &h)
	return firstHook + len(s.hooks) - 1
}

// ChangeHook changes a webhook in Shortcut's pages.
func (s *Server) ChangeHook(number int, change func(*Hook)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.hooks[number-firstHook])
}

// The vendor's API has no list of webhooks, and changes none.
func (s *Server) hookRoutes(handle func(pattern string, h handler, query ...string)) {
	handle("POST /integrations/webhook", s.createHook)
	handle("GET /integrations/webhook/{id}", func(w http.ResponseWriter, r *http.Request, workspace string) {
		if i := s.findHook(w, r, workspace); i >= 0 {
			reply(w, http.StatusOK, s.showHook(i))
		}
	})
	handle("DELETE /integrations/webhook/{id}", func(w http.ResponseWriter, r *http.Request, workspace string) {
		if i := s.findHook(w, r, workspace); i >= 0 {
			s.hooks[i] = nil
			w.WriteHeader(http.StatusNoContent)
		}
	})
}

func (s *Server) createHook(w http.ResponseWriter, r *http.Request, workspace string) {
	var in struct {
		URL    *string `json:"webhook_url"`
		Secret *string `json:"secret"`
	}
	if !body(w, r, &in) {
		return
	}
	bad := map[string]any{}
	switch {
	case in.URL == nil:
		bad["webhook_url"] = "missing-required-key"
	case !regexp.MustCompile(`^https?://.+$`).MatchString(*in.URL) || utf8.RuneCountInString(*in.URL) > 2048:
		bad["webhook_url"] = "not-a-url"
	}
	made := &Hook{Workspace: workspace}
	if in.Secret != nil {
		if made.Secret = *in.Secret; len(made.Secret) < 1 || len(made.Secret) > 128 {
			bad["secret"] = "value-length"
		}
	}
	switch {
	case len(bad) > 0:
		wrong(w, bad)
		return
	case s.Observer:
		fail(w, http.StatusForbidden, "Forbidden", nil)
		return
	}
	made.URL = *in.URL
	s.hooks = append(s.hooks, made)
	if s.Wordless {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	reply(w, http.StatusCreated, s.showHook(len(s.hooks)-1))
}

// findHook returns a webhook's place in the list, -1 if there is none.
func (s *Server) findHook(w http.ResponseWriter, r *http.Request, workspace string) int {
	number, err := strconv.Atoi(r.PathValue("id"))
	i := number - firstHook
	if err != nil || i < 0 || i >= len(s.hooks) || s.hooks[i] == nil || s.hooks[i].Workspace != workspace {
		notFound(w)
		return -1
	}
	return i
}

func (s *Server) showHook(i int) map[string]any {
	h := s.hooks[i]
	return map[string]any{"entity_type": "integration", "webhook_url": h.URL, "disabled": h.Disabled, "type": "generic", "creator_id": JaneID,
		"updated_at": when, "created_at": when, "id": firstHook + i, "has_secret": h.Secret != ""}
}
