// Package githubfake is a strict little GitHub: what the adapter uses of the
// REST API, with a token's permissions, an App's signature and installation
// tokens, and GitHub's silent habits. Labels, assignees, milestones and types
// from an account without write access are dropped, pull requests stand among
// the issues, a repository that a token may not see is not there, pages are
// short, and lists lag behind.
//
// Its source is GitHub's OpenAPI description and documentation, and nothing of
// the adapter; its replies pass that description (internal/conformance). What
// GitHub would ignore silently fails the test.
//
// What must not live here: anything about this plugin.
package githubfake

import (
	"crypto/rsa"
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

// Prefix is where GitHub Enterprise Server has its API.
const Prefix = "/api/v3"

// Fake is a GitHub. Lock it (sync.Locker) to read or change what it holds
// while requests may come.
type Fake struct {
	sync.Mutex
	t *testing.T
	// URL is the server's root; the API is under Prefix.
	URL string
	// Tokens are personal access tokens.
	Tokens map[string]*Account
	// App is the one GitHub App there is; nil: none.
	App *App
	// Repositories by owner/name in lower case.
	Repositories map[string]*Repository
	// Types are the issue types of every organisation.
	Types []string
	// TypesHidden makes them unreadable.
	TypesHidden bool
	// Lag is how many lists a new issue is missing from.
	Lag int
	// Hits are the requests that came, "GET /repos/acme/app".
	Hits []string

	lastID int
}

// Account is who a token acts for.
type Account struct {
	Login string
	// Repos are what the token may see, and what it may do there: "read" (see,
	// and open issues), "write"; "none" cannot open any.
	Repos map[string]string
	// Expires is what is said of the token's end; empty: it has none.
	Expires string
}

// App is a GitHub App with one installation.
type App struct {
	ID, Slug       string
	Key            *rsa.PublicKey
	InstallationID int
	// Repos are the installation's repositories.
	Repos []string
	// ReadOnly makes GitHub refuse a token that may write issues.
	ReadOnly bool
	// Life is how long a token is valid, in seconds.
	Life int
	// Issued counts tokens.
	Issued int

	tokens map[string]*Account
}

// Repository is one repository. Each has pull request #1.
type Repository struct {
	Owner, Name string
	Org         bool
	NoIssues    bool
	Archived    bool
	Public      bool
	// Moved is set once it has another name.
	Moved      bool
	Labels     []string
	Milestones []Milestone
	// Assignable are the logins that issues can be given to.
	Assignable []string
	Issues     []*Issue
}

// Milestone is a repository's milestone.
type Milestone struct {
	Number int
	Title  string
	Closed bool
}

// Issue is an issue, or a pull request.
type Issue struct {
	Number             int
	Title, Body        string
	State, StateReason string
	Labels, Assignees  []string
	Creator, Type      string
	Milestone          int
	Comments           []string
	Pull               bool
	// Gone is "deleted" or "transferred" once it is.
	Gone string

	missed int
}

// New starts a GitHub without tokens and repositories.
func New(t *testing.T) *Fake {
	t.Helper()
	f := &Fake{t: t, Tokens: map[string]*Account{}, Repositories: map[string]*Repository{}, lastID: 1000}
	srv := httptest.NewServer(http.StripPrefix(Prefix, f.routes()))
	t.Cleanup(srv.Close)
	f.URL = srv.URL
	return f
}

// Add makes a repository.
func (f *Fake) Add(fullName string) *Repository {
	owner, name, _ := strings.Cut(fullName, "/")
	r := &Repository{Owner: owner, Name: name, Org: true, Labels: []string{"bug"}}
	r.Issues = []*Issue{{Number: 1, Title: "A change", State: "open", Creator: "someone", Pull: true}}
	f.Repositories[strings.ToLower(fullName)] = r
	return r
}

// Own lists the repository's issues, pull requests left out.
func (r *Repository) Own() []*Issue {
	return slices.DeleteFunc(slices.Clone(r.Issues), func(i *Issue) bool { return i.Pull })
}

// FullName is owner/name.
func (r *Repository) FullName() string { return r.Owner + "/" + r.Name }

// call is one request of one account.
type call struct {
	*Fake
	w    http.ResponseWriter
	r    *http.Request
	base string // the API's root, as the caller addressed it
	who  *Account
	repo *Repository
	role string
}

func (f *Fake) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, do func(*call)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			f.Lock()
			defer f.Unlock()
			f.Hits = append(f.Hits, r.Method+" "+r.URL.Path)
			w.Header().Set("X-GitHub-Request-Id", fmt.Sprintf("ABCD:%d", len(f.Hits)))
			w.Header().Set("X-RateLimit-Remaining", "4999")
			c := &call{Fake: f, w: w, r: r, base: "http://" + r.Host + Prefix}
			if c.headers() {
				do(c)
			}
		})
	}
	account := func(do func(*call)) func(*call) {
		return func(c *call) {
			if c.authenticate() {
				do(c)
			}
		}
	}
	inRepo := func(do func(*call)) func(*call) {
		return account(func(c *call) {
			if c.findRepo() {
				do(c)
			}
		})
	}
	handle("GET /user", account((*call).getUser))
	handle("GET /user/repos", account((*call).listRepos))
	handle("GET /installation/repositories", account((*call).listInstallationRepos))
	handle("GET /app", (*call).getApp)
	handle("POST /app/installations/{id}/access_tokens", (*call).postToken)
	handle("GET /orgs/{org}/issue-types", account((*call).listTypes))
	handle("GET /repos/{owner}/{repo}", inRepo(func(c *call) { c.send(200, c.fullRepository()) }))
	handle("GET /repos/{owner}/{repo}/milestones", inRepo((*call).listMilestones))
	handle("GET /repos/{owner}/{repo}/assignees/{login}", inRepo((*call).getAssignee))
	handle("GET /repos/{owner}/{repo}/issues", inRepo((*call).listIssues))
	handle("POST /repos/{owner}/{repo}/issues", inRepo((*call).postIssue))
	handle("GET /repos/{owner}/{repo}/issues/{number}", inRepo((*call).getIssue))
	handle("PATCH /repos/{owner}/{repo}/issues/{number}", inRepo((*call).patchIssue))
	handle("POST /repos/{owner}/{repo}/issues/{number}/comments", inRepo((*call).postComment))
	handle("POST /repos/{owner}/{repo}/issues/{number}/labels", inRepo((*call).postLabels))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		f.t.Errorf("the fake GitHub knows no %s %s", r.Method, r.URL.Path)
		w.WriteHeader(http.StatusNotFound)
	})
	return mux
}

// headers checks what GitHub asks of every request.
func (c *call) headers() bool {
	if got := c.r.Header.Get("Accept"); got != "application/vnd.github+json" {
		c.t.Errorf("Accept: %s", got)
	}
	if got := c.r.Header.Get("X-GitHub-Api-Version"); got != "2022-11-28" {
		c.t.Errorf("X-GitHub-Api-Version: %s", got)
	}
	if c.r.UserAgent() == "" {
		c.fail(http.StatusForbidden, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.")
		return false
	}
	return true
}

func (c *call) bearer() string {
	token, _ := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	return token
}

func (c *call) authenticate() bool {
	c.who = c.Tokens[c.bearer()]
	if c.who == nil && c.App != nil {
		c.who = c.App.tokens[c.bearer()]
	}
	if c.who == nil {
		c.fail(http.StatusUnauthorized, "Bad credentials")
		return false
	}
	if c.who.Expires != "" {
		c.w.Header().Set("GitHub-Authentication-Token-Expiration", c.who.Expires)
	}
	return true
}

func (c *call) findRepo() bool {
	name := strings.ToLower(c.r.PathValue("owner") + "/" + c.r.PathValue("repo"))
	c.repo, c.role = c.Repositories[name], c.who.Repos[name]
	switch {
	case c.repo == nil || c.role == "":
		c.fail(http.StatusNotFound, "Not Found")
		return false
	case c.repo.Moved:
		c.w.Header().Set("Location", c.base+"/repositories/42")
		c.fail(http.StatusMovedPermanently, "Moved Permanently")
		return false
	}
	return true
}

func (c *call) send(status int, body any) {
	c.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	c.w.WriteHeader(status)
	_ = json.NewEncoder(c.w).Encode(body)
}

func (c *call) fail(status int, message string) {
	c.send(status, map[string]any{"message": message, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(status)})
}

// refuse answers 422 with details, each of resource Issue.
func (c *call) refuse(details ...map[string]any) {
	for _, d := range details {
		d["resource"] = "Issue"
	}
	c.send(http.StatusUnprocessableEntity, map[string]any{"message": "Validation Failed", "errors": details, "documentation_url": "https://docs.github.com/rest/issues/issues#create-an-issue"})
}

// body reads strictly: what GitHub would ignore silently fails the test.
func (c *call) body(out any) bool {
	raw, err := io.ReadAll(c.r.Body)
	if got := c.r.Header.Get("Content-Type"); got != "application/json" {
		c.t.Errorf("Content-Type: %s", got)
	}
	if err != nil || !json.Valid(raw) {
		c.fail(http.StatusBadRequest, "Problems parsing JSON")
		return false
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(out); err != nil {
		c.t.Errorf("body of %s %s: %v", c.r.Method, c.r.URL.Path, err)
		c.fail(http.StatusUnprocessableEntity, "Invalid request.")
		return false
	}
	return true
}

// query checks that only known parameters are there, since others are ignored.
func (c *call) query(known ...string) {
	for name := range c.r.URL.Query() {
		if !slices.Contains(known, name) {
			c.t.Errorf("GitHub ignores the parameter %q of %s", name, c.r.URL.Path)
		}
	}
}

func (f *Fake) nextID() int { f.lastID++; return f.lastID }
