// Package giteafake is a strict little Gitea that does what Gitea 1.26.0 was
// seen to do: labels are numbers and their names may be used twice, a filter
// for a label that does not exist is left out, and refusals are one text. What
// an account without write access sends beside title and text is dropped without
// a word, and so are labels and milestones that do not exist (any more). A change
// is answered with 201, a remark on a deleted issue with 500.
//
// Its source is Gitea's Swagger description and what a running server did, and
// nothing of the adapter; its replies pass that description
// (internal/proof/conformance). What Gitea would ignore silently fails the test.
//
// What must not live here: anything about this plugin.
package giteafake

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Prefix is where the API is, under the server's root.
const Prefix = "/api/v1"

const moment = "2026-01-31T12:00:00Z"

// Fake is a Gitea. Lock it (sync.Locker) to read or change what it holds while
// requests may come.
type Fake struct {
	sync.Mutex
	t *testing.T
	// URL is the server's root.
	URL string
	// Users by token.
	Users map[string]*User
	// Repositories by owner/name in lower case.
	Repositories map[string]*Repository
	// Renamed leads from former names to present ones, in lower case.
	Renamed map[string]string
	// OrgLabels are those of the organisation acme.
	OrgLabels []Label
	// RefuseLabel is a name that no label may have.
	RefuseLabel string
	// Hits are the requests that came, "GET /repos/acme/app".
	Hits []string

	// NoHooks is set where the server's operator has switched webhooks off.
	NoHooks bool

	lastLabel, lastHook int
}

// RoleAdmin is the role that may manage a repository's webhooks.
const RoleAdmin = "admin"

// User is an account and one token of its own.
type User struct {
	Login, Email string
	// Scopes the token lacks, "write:issue".
	Lacks []string
	// Repos are what the account may see, and what it may do there: "read"
	// (see, and open issues), "write", RoleAdmin, or "code" (none of its issues).
	Repos map[string]string
}

// Repository is one repository.
type Repository struct {
	Name                         string // owner/name
	NoIssues, External, Archived bool
	Public                       bool
	Labels                       []Label
	Milestones                   []Milestone
	// Assignable are the accounts that issues can be given to.
	Assignable []User
	Issues     []*Issue
	Hooks      []*Hook
}

// Label is a label of a repository or an organisation.
type Label struct {
	ID       int
	Name     string
	Archived bool
}

// Milestone is an open milestone.
type Milestone struct {
	ID    int
	Title string
}

// Issue is an issue. Deleted ones stay, unseen.
type Issue struct {
	Number             int
	Title, Body, State string
	Labels             []int
	Assignees          []string
	Milestone          int
	Creator            string
	Comments           []string
	Deleted, Blocked   bool
}

// New starts a Gitea without users and repositories, with its root at path.
func New(t *testing.T, path string) *Fake {
	t.Helper()
	f := &Fake{t: t, Users: map[string]*User{}, Repositories: map[string]*Repository{}, Renamed: map[string]string{}, lastLabel: 10}
	srv := httptest.NewServer(http.StripPrefix(path+Prefix, f.routes(path)))
	t.Cleanup(srv.Close)
	f.URL = srv.URL + path
	return f
}

// Add makes a repository.
func (f *Fake) Add(name string) *Repository {
	r := &Repository{Name: name}
	f.Repositories[strings.ToLower(name)] = r
	return r
}

// Rename gives a repository another name, which is in lower case.
func (f *Fake) Rename(from, to string) {
	f.Repositories[to], f.Renamed[from] = f.Repositories[from], to
	f.Repositories[to].Name = to
	delete(f.Repositories, from)
	for _, u := range f.Users {
		if role := u.Repos[from]; role != "" {
			u.Repos[to] = role
		}
	}
}

// LabelNames returns the names of an issue's labels.
func (f *Fake) LabelNames(r *Repository, i *Issue) []string {
	var out []string
	for _, l := range f.all(r) {
		if slices.Contains(i.Labels, l.ID) {
			out = append(out, l.Name)
		}
	}
	return out
}

func (f *Fake) all(r *Repository) []Label { return append(slices.Clone(r.Labels), f.OrgLabels...) }

// call is one request of one account.
type call struct {
	*Fake
	w    http.ResponseWriter
	r    *http.Request
	base string // the server's root, as the caller addressed it
	root string // its path
	who  *User
	repo *Repository
	role string
}

func (f *Fake) routes(path string) http.Handler {
	mux := http.NewServeMux()
	// scope is what the token needs, as Gitea groups its API.
	handle := func(pattern, scope string, do func(*call)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			f.Lock()
			defer f.Unlock()
			f.Hits = append(f.Hits, r.Method+" "+r.URL.Path)
			c := &call{Fake: f, w: w, r: r, base: "http://" + r.Host + path, root: path}
			if c.authenticate(scope) && (r.PathValue("repo") == "" || c.findRepo()) {
				do(c)
			}
		})
	}
	const repo = "/repos/{owner}/{repo}"
	handle("GET /user", "read:user", func(c *call) { c.send(200, c.user(*c.who)) })
	handle("GET /user/repos", "read:user", (*call).listRepos)
	handle("GET /orgs/{org}/labels", "read:organization", (*call).listOrgLabels)
	handle("GET "+repo, "read:repository", func(c *call) { c.send(200, c.repository()) })
	handle("GET "+repo+"/assignees", "read:repository", (*call).listAssignees)
	handle("GET "+repo+"/labels", "read:issue", func(c *call) { c.listLabels(c.repo.Labels) })
	handle("POST "+repo+"/labels", "write:issue", (*call).postLabel)
	handle("GET "+repo+"/milestones", "read:issue", (*call).listMilestones)
	handle("GET "+repo+"/hooks", "read:repository", (*call).listHooks)
	handle("POST "+repo+"/hooks", "write:repository", (*call).postHook)
	handle("DELETE "+repo+"/hooks/{hook}", "write:repository", (*call).deleteHook)
	handle("GET "+repo+"/issues", "read:issue", (*call).listIssues)
	handle("POST "+repo+"/issues", "write:issue", (*call).postIssue)
	handle("GET "+repo+"/issues/{index}", "read:issue", (*call).getIssue)
	handle("PATCH "+repo+"/issues/{index}", "write:issue", (*call).patchIssue)
	handle("POST "+repo+"/issues/{index}/comments", "write:issue", (*call).postComment)
	handle("POST "+repo+"/issues/{index}/labels", "write:issue", (*call).postLabels)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		f.t.Errorf("the fake Gitea knows no %s %s", r.Method, r.URL.Path)
		w.WriteHeader(http.StatusNotFound)
	})
	return mux
}

func (c *call) authenticate(scope string) bool {
	token, _ := strings.CutPrefix(c.r.Header.Get("Authorization"), "token ")
	if c.who = c.Users[token]; c.who == nil {
		c.fail(http.StatusUnauthorized, "invalid username, password or token")
		return false
	}
	if slices.Contains(c.who.Lacks, scope) {
		c.fail(http.StatusForbidden, fmt.Sprintf("token does not have at least one of required scope(s), required=[%s], token scope=read:misc", scope))
		return false
	}
	return true
}

func (c *call) findRepo() bool {
	name := strings.ToLower(c.r.PathValue("owner") + "/" + c.r.PathValue("repo"))
	c.repo, c.role = c.Repositories[name], c.who.Repos[name]
	switch {
	case c.Renamed[name] != "": // whether or not the account may see it
		moved := strings.Replace(c.r.URL.Path, c.r.PathValue("owner")+"/"+c.r.PathValue("repo"), c.Renamed[name], 1)
		c.r.URL.Path = c.root + Prefix + moved
		http.Redirect(c.w, c.r, c.r.URL.RequestURI(), http.StatusTemporaryRedirect)
		return false
	case c.repo == nil || c.role == "":
		c.notFound()
		return false
	case (c.repo.NoIssues || c.repo.External || c.role == "code") && strings.Contains(c.r.URL.Path, "/issues"):
		c.notFound()
		return false
	}
	return true
}

func (c *call) send(status int, body any) {
	c.w.Header().Set("Content-Type", "application/json;charset=utf-8")
	c.w.WriteHeader(status)
	_ = json.NewEncoder(c.w).Encode(body)
}

func (c *call) fail(status int, message string) {
	c.send(status, map[string]any{"message": message, "url": c.base + "/api/swagger"})
}

func (c *call) notFound() {
	c.send(http.StatusNotFound, map[string]any{"errors": nil, "message": "not found", "url": c.base + "/api/swagger"})
}

// body reads strictly: what Gitea would ignore silently fails the test.
func (c *call) body(out any) bool {
	raw, err := io.ReadAll(c.r.Body)
	if got := c.r.Header.Get("Content-Type"); got != "application/json" {
		c.t.Errorf("Content-Type: %s", got)
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	if err == nil {
		err = dec.Decode(out)
	}
	if err != nil {
		c.t.Errorf("body of %s %s: %v", c.r.Method, c.r.URL.Path, err)
		c.fail(http.StatusUnprocessableEntity, err.Error())
		return false
	}
	return true
}

// window returns the part of n things that page and limit ask for, and sets the
// headers that say whether more follow.
func (c *call) window(n int, known ...string) (from, to int) {
	q := c.r.URL.Query()
	for name := range q {
		if !slices.Contains(append(known, "page", "limit"), name) {
			c.t.Errorf("Gitea ignores the parameter %q of %s", name, c.r.URL.Path)
		}
	}
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil || limit < 1 || limit > 50 {
		c.t.Errorf("Gitea gives 50 at most: %s", c.r.URL.RawQuery)
		limit = 50
	}
	page := max(1, atoi(q.Get("page")))
	from, to = min((page-1)*limit, n), min(page*limit, n)
	c.w.Header().Set("X-Total-Count", strconv.Itoa(n))
	if to < n {
		c.w.Header().Set("Link", fmt.Sprintf(`<%s%s?page=%d>; rel="next",<%s%s?page=99>; rel="last"`, c.base, c.r.URL.Path, page+1, c.base, c.r.URL.Path))
	}
	return from, to
}

func atoi(s string) int { n, _ := strconv.Atoi(s); return n }
