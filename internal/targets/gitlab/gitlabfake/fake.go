// Package gitlabfake is a strict, stateful GitLab for tests: the part of its
// REST API v4 that the adapter uses, written from GitLab's OpenAPI file and
// documentation. It does what GitLab does, its silent habits first (labels of
// guests are dropped, weights on the Free tier ignored, a project that is not
// shown does not exist), and fails the test on a request that GitLab would
// silently take otherwise than it was meant.
//
// What must not live here: the adapter's own types; the two agree by GitLab's
// schema alone.
package gitlabfake

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/targettest"
)

// Base is the path that the fake is mounted under, as a self-managed GitLab
// may be.
const Base = "/gitlab"

// The tokens that the fake knows. Each belongs to an account of its own.
const (
	Mine   = "glpat-0a00000000000000cafe" // Reporter in acme/mine and the broken projects
	Other  = "glpat-0b00000000000000cafe" // Reporter in globex/other
	Guest  = "glpat-0c00000000000000cafe" // Guest in acme/mine
	Reader = "glpat-0d00000000000000cafe" // Reporter in acme/mine, scope read_api
	OAuth  = "oauth-0e00000000000000cafe" // an OAuth access token, Reporter in acme/mine
	Invite = "glpat-0f00000000000000cafe" // Reporter in acme/mine by way of an invited group
)

// Server is one running GitLab.
type Server struct {
	// URL is its address, Base included.
	URL string

	t        testing.TB
	mu       sync.Mutex
	users    map[string]*user
	projects []*project
	issues   []*Issue
	hooks    []*Hook
	lastHook int
	labels   map[int][]string // of a project
	revoked  []string
	lag      int
	// textLimit is the most characters of a description; 0: GitLab's own.
	textLimit int
	premium   bool
	// refuseEpics: an issue is saved before its epic is refused.
	refuseEpics bool
	bodies      []string
	hits        []string
}

type user struct {
	id                        int
	name, state               string
	publicEmail, privateEmail string
	scopes                    []string
	oauth                     bool
	expires                   any // a day, or nil
}

type project struct {
	id         int
	path       string
	archived   bool
	issues     string
	group      int // 0: a person's
	public     bool
	levels     map[int]int // user -> access level
	invited    map[int]bool
	milestones []map[string]any
	epics      map[int]int // iid -> id
}

// Issue is an issue as the fake keeps it.
type Issue struct {
	Project, IID       int
	Title, Description string
	State, Type        string
	Labels             []string
	Author             int
	Assignees          []int
	Notes              []string
	Confidential       bool
	Due                string
	Weight             *int
	Milestone, Epic    int
	MovedTo            int // the other issue's id over all projects
	hidden             int // list requests that still miss it
}

// New starts a GitLab with a few projects and no issues.
func New(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{t: tb, labels: map[int][]string{}, users: map[string]*user{
		Mine:   {id: 1, name: "mine", state: "active", scopes: []string{"api"}, publicEmail: "mine@example.com"},
		Other:  {id: 2, name: "other", state: "active", scopes: []string{"api"}, publicEmail: "other@example.com"},
		Guest:  {id: 3, name: "guest", state: "active", scopes: []string{"api"}, privateEmail: "guest@example.com"},
		Reader: {id: 4, name: "reader", state: "blocked", scopes: []string{"read_api"}, publicEmail: "reader@example.com"},
		OAuth:  {id: 5, name: "oauth", state: "active", scopes: []string{"api"}, oauth: true},
		Invite: {id: 6, name: "invite", state: "active", scopes: []string{"api"}, publicEmail: "invite@example.com"},
	}, projects: []*project{
		{id: 11, path: "acme/mine", issues: "enabled", group: 7, levels: map[int]int{1: 20, 3: 10, 4: 20, 5: 15, 6: 20}, invited: map[int]bool{6: true},
			milestones: []map[string]any{{"id": 31, "iid": 1, "title": "v1.0", "state": "active"}, {"id": 32, "iid": 2, "title": "v2.0", "state": "active"}},
			epics:      map[int]int{4: 404}},
		{id: 12, path: "globex/other", issues: "enabled", group: 8, levels: map[int]int{2: 20}},
		{id: 13, path: "acme/old", issues: "enabled", archived: true, group: 7, levels: map[int]int{1: 20}},
		{id: 14, path: "acme/silent", issues: "disabled", group: 7, levels: map[int]int{1: 20}},
		{id: 15, path: "mine/own", issues: "enabled", levels: map[int]int{1: 50}},
		{id: 16, path: "public/open", issues: "enabled", group: 9, public: true, levels: map[int]int{}},
	}}
	srv := httptest.NewServer(http.StripPrefix(Base, s.routes()))
	tb.Cleanup(srv.Close)
	s.URL = srv.URL + Base
	return s
}

// Account is a project and a token for it; more is name, value, name, value...
// The address that its settings are given is without Base.
func Account(token, projectPath string, more ...any) targettest.Account {
	cred := "token"
	if token == OAuth {
		cred = "oauthToken"
	}
	return targettest.Account{
		Credentials: map[string]secret.String{cred: secret.New(token)},
		Settings: func(url string) map[string]any {
			return targettest.With(map[string]any{"url": url + Base, "project": projectPath}, more...)
		},
	}
}

// Root is the fake's address without Base, as Account's settings want it.
func (s *Server) Root() string { return strings.TrimSuffix(s.URL, Base) }

// Lag makes the next n lists miss every issue that is created from now on.
func (s *Server) Lag(n int) { s.locked(func() { s.lag = n }) }

// Premium switches the paid tier on, which has weights and epics.
func (s *Server) Premium() { s.locked(func() { s.premium = true }) }

// Change changes an issue of acme/mine behind the adapter's back.
func (s *Server) Change(iid int, do func(*Issue)) {
	s.locked(func() {
		if i := s.find(11, iid); i != nil {
			do(i)
			return
		}
		s.t.Errorf("there is no issue #%d", iid)
	})
}

// Demote gives the account of a token another level in acme/mine; 0 takes it
// out of the project.
func (s *Server) Demote(token string, level int) {
	s.locked(func() { s.projects[0].levels[s.users[token].id] = level })
}

// Expires sets a token's last day ("2027-01-01"); nil: it has none.
func (s *Server) Expires(token string, day any) { s.locked(func() { s.users[token].expires = day }) }

// Revoke makes a token worthless.
func (s *Server) Revoke(token string) { s.locked(func() { s.revoked = append(s.revoked, token) }) }

// Bodies are those of every create, raw and in order.
func (s *Server) Bodies() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.bodies)
}

// Hits lists every request as method and path.
func (s *Server) Hits() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.hits)
}

// Issues are those of a project, oldest first.
func (s *Server) Issues(path string) []Issue {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Issue
	for _, i := range s.issues {
		if i.Project == s.project(path).id {
			out = append(out, *i)
		}
	}
	return out
}

func (s *Server) stored(path string, marker targets.Marker) []targettest.StoredIssue {
	var out []targettest.StoredIssue
	for _, i := range s.Issues(path) {
		if marker == "" || slices.Contains(i.Labels, string(marker)) {
			out = append(out, targettest.StoredIssue{ID: strconv.Itoa(i.IID), Title: i.Title, Text: i.Description})
		}
	}
	return out
}

func (s *Server) locked(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

// project finds one by path or number; nil: there is none.
func (s *Server) project(name string) *project {
	for _, p := range s.projects {
		if p.path == name || strconv.Itoa(p.id) == name {
			return p
		}
	}
	return nil
}

func (s *Server) find(project, iid int) *Issue {
	for _, i := range s.issues {
		if i.Project == project && i.IID == iid {
			return i
		}
	}
	return nil
}

func send(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

// say answers as GitLab does to most failures: a text with the status in it.
func say(w http.ResponseWriter, status int, text string) {
	send(w, status, map[string]any{"message": strconv.Itoa(status) + " " + text})
}
