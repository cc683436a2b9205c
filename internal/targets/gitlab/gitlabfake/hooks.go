package gitlabfake

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// levelMaintainer is the lowest access level that may manage webhooks.
const levelMaintainer = 40

// Hook is a project's webhook. Events are those that are on.
type Hook struct {
	ID, Project int
	URL, Token  string
	Verify      bool
	Events      []string
	// Status is "executable", or why GitLab sends nothing.
	Status string
}

// hookInput is what GitLab's documentation lists for a new and a changed webhook, as
// far as the fake takes it. An event that is left out keeps its value.
type hookInput struct {
	URL    *string `json:"url"`
	Token  *string `json:"token"`
	Verify *bool   `json:"enable_ssl_verification"`

	Issues             *bool `json:"issues_events"`
	ConfidentialIssues *bool `json:"confidential_issues_events"`
	Push               *bool `json:"push_events"`
	TagPush            *bool `json:"tag_push_events"`
	MergeRequests      *bool `json:"merge_requests_events"`
	Notes              *bool `json:"note_events"`
	ConfidentialNotes  *bool `json:"confidential_note_events"`
	Jobs               *bool `json:"job_events"`
	Pipelines          *bool `json:"pipeline_events"`
	WikiPages          *bool `json:"wiki_page_events"`
	Deployments        *bool `json:"deployment_events"`
	FeatureFlags       *bool `json:"feature_flag_events"`
	Releases           *bool `json:"releases_events"`
	AccessTokens       *bool `json:"resource_access_token_events"`
}

func (in *hookInput) events() map[string]*bool {
	return map[string]*bool{"issues": in.Issues, "confidential_issues": in.ConfidentialIssues, "push": in.Push, "tag_push": in.TagPush, "merge_requests": in.MergeRequests,
		"note": in.Notes, "confidential_note": in.ConfidentialNotes, "job": in.Jobs, "pipeline": in.Pipelines, "wiki_page": in.WikiPages, "deployment": in.Deployments,
		"feature_flag": in.FeatureFlags, "releases": in.Releases, "resource_access_token": in.AccessTokens}
}

// AddHook makes a webhook of acme/mine behind the adapter's back, and returns its id.
func (s *Server) AddHook(url, status string) int {
	var id int
	s.locked(func() {
		s.lastHook++
		id = s.lastHook
		s.hooks = append(s.hooks, &Hook{ID: id, Project: 11, URL: url, Verify: true, Events: []string{"push"}, Status: status})
	})
	return id
}

// Hooks are those of acme/mine.
func (s *Server) Hooks() []Hook {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Hook
	for _, h := range s.hooks {
		if h.Project == 11 {
			out = append(out, *h)
		}
	}
	return out
}

// maintained lets only maintainers through.
func (s *Server) maintained(h func(http.ResponseWriter, *http.Request, *project)) func(http.ResponseWriter, *http.Request, *user, *project) {
	return func(w http.ResponseWriter, r *http.Request, u *user, p *project) {
		if p.levels[u.id] < levelMaintainer {
			say(w, 403, "Forbidden")
			return
		}
		h(w, r, p)
	}
}

func (s *Server) listHooks(w http.ResponseWriter, r *http.Request, p *project) {
	s.known(r, "per_page", "page")
	per, err := strconv.Atoi(r.URL.Query().Get("per_page"))
	if err != nil || per > 100 {
		s.t.Errorf("GitLab gives 100 at most: %s", r.URL.RawQuery)
		per = 20
	}
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	all := slices.DeleteFunc(slices.Clone(s.hooks), func(h *Hook) bool { return h.Project != p.id })
	from, to := min((max(page, 1)-1)*per, len(all)), min(max(page, 1)*per, len(all))
	if to < len(all) {
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?page=%d>; rel="next"`, s.URL, r.URL.Path, page+1))
	}
	out := []map[string]any{}
	for _, h := range all[from:to] {
		out = append(out, h.show())
	}
	send(w, 200, out)
}

// show is a webhook as GitLab shows it: it never shows the token.
func (h *Hook) show() map[string]any {
	out := map[string]any{"id": h.ID, "url": h.URL, "name": nil, "description": nil, "project_id": h.Project, "created_at": "2026-01-31T12:00:00Z", "enable_ssl_verification": h.Verify,
		"alert_status": h.Status, "disabled_until": nil, "url_variables": []any{}, "push_events_branch_filter": "", "repository_update_events": false, "custom_headers": []any{}}
	for name := range (&hookInput{}).events() {
		out[name+"_events"] = slices.Contains(h.Events, name)
	}
	return out
}

func (s *Server) postHook(w http.ResponseWriter, r *http.Request, p *project) {
	s.lastHook++
	h := &Hook{ID: s.lastHook, Project: p.id, Verify: true, Events: []string{"push"}, Status: "executable"}
	if s.applyHook(w, r, h) {
		s.hooks = append(s.hooks, h)
		send(w, 201, h.show())
	}
}

// putHook changes a webhook. Whether it is switched off stays as it was.
func (s *Server) putHook(w http.ResponseWriter, r *http.Request, p *project) {
	if h := s.findHook(w, r, p); h != nil && s.applyHook(w, r, h) {
		send(w, 200, h.show())
	}
}

func (s *Server) applyHook(w http.ResponseWriter, r *http.Request, h *Hook) bool {
	var in hookInput
	if _, ok := s.body(w, r, &in); !ok {
		return false
	}
	switch {
	case in.URL == nil:
		send(w, 400, map[string]any{"error": "url is missing"})
		return false
	case !strings.HasPrefix(*in.URL, "http://") && !strings.HasPrefix(*in.URL, "https://"):
		send(w, 422, map[string]any{"error": "Invalid url given"})
		return false
	}
	h.URL = *in.URL
	if in.Token != nil {
		h.Token = *in.Token
	}
	if in.Verify != nil {
		h.Verify = *in.Verify
	}
	for name, on := range in.events() {
		if on == nil {
			continue
		}
		h.Events = slices.DeleteFunc(h.Events, func(e string) bool { return e == name })
		if *on {
			h.Events = append(h.Events, name)
		}
	}
	slices.Sort(h.Events)
	return true
}

func (s *Server) deleteHook(w http.ResponseWriter, r *http.Request, p *project) {
	if h := s.findHook(w, r, p); h != nil {
		s.hooks = slices.DeleteFunc(s.hooks, func(o *Hook) bool { return o == h })
		w.WriteHeader(http.StatusNoContent)
	}
}

// findHook returns the webhook of the address, or answers.
func (s *Server) findHook(w http.ResponseWriter, r *http.Request, p *project) *Hook {
	for _, h := range s.hooks {
		if h.Project == p.id && strconv.Itoa(h.ID) == r.PathValue("hook") {
			return h
		}
	}
	say(w, 404, "Not found")
	return nil
}
