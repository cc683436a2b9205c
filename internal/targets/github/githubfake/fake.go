// Package githubfake is a strict little GitHub: what the adapter uses of the
// REST API, with a token's permissions, an App's signature and installation
// tokens, and GitHub's silent habits. Labels, assignees, milestones and types
// from an account without write access are dropped, pull requests stand among
// the issues, a repository that a token may not see is not there, pages are
// short, and lists lag behind.
//
// Its source is GitHub's OpenAPI description and documentation, and nothing of
// the adapter; its replies pass that description (internal/proof/conformance). What
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

// Prefix is where GitHub Enterprise Server has its REST API, and GraphPath where
// it has GraphQL.
const (
	Prefix    = "/api/v3"
	GraphPath = "/api/graphql"
)

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
	// Renamed leads from former names to repositories.
	Renamed map[string]*Repository
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
	// and open issues), "write"; "none" cannot open any, and "metadata" not see
	// any either.
	Repos map[string]string
	// Hooks is what the token may do with webhooks; "": nothing.
	Hooks string
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
	// Suspended is set while an owner has suspended the installation.
	Suspended bool
	// Events are what the App's webhook tells of.
	Events []string
	// Life is how long a token is valid, in seconds.
	Life int
	// Issued counts tokens.
	Issued int

	tokens map[string]*Account
}

// Repository is one repository. Each has pull request #1.
type Repository struct {
	ID          int
	Owner, Name string
	Org         bool
	NoIssues    bool
	Archived    bool
	Public      bool
	// NoNewLabels makes GitHub refuse labels that are not there yet.
	NoNewLabels bool
	Labels      []string
	Milestones  []Milestone
	// Assignable are the logins that issues can be given to.
	Assignable []string
	Issues     []*Issue
	Hooks      []*Hook
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
	Deleted            bool
	// To is where it was transferred to; the zero value: it was not.
	To struct {
		Repository *Repository
		Number     int
	}

	missed int
}

// New starts a GitHub without tokens and repositories.
func New(t *testing.T) *Fake {
	t.Helper()
	f := &Fake{t: t, Tokens: map[string]*Account{}, Repositories: map[string]*Repository{}, Renamed: map[string]*Repository{}, lastID: 1000}
	mux := http.NewServeMux()
	mux.Handle("/", http.StripPrefix(Prefix, f.routes()))
	mux.Handle("POST "+GraphPath, f.handler((*call).postGraphQL))
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	f.URL = srv.URL
	return f
}

// Add makes a repository.
func (f *Fake) Add(fullName string) *Repository {
	owner, name, _ := strings.Cut(fullName, "/")
	r := &Repository{ID: 42 + len(f.Repositories), Owner: owner, Name: name, Org: true, Labels: []string{"bug"}}
	r.Issues = []*Issue{{Number: 1, Title: "A change", State: "open", Creator: "someone", Pull: true}}
	f.Repositories[strings.ToLower(fullName)] = r
	return r
}

// Own lists the repository's issues, pull requests left out.
func (r *Repository) Own() []*Issue {
	return slices.DeleteFunc(slices.Clone(r.Issues), func(i *Issue) bool { return i.Pull })
}

// Rename gives a repository another name, which is in lower case.
func (f *Fake) Rename(from, to string) {
	r := f.Repositories[from]
	r.Owner, r.Name, _ = strings.Cut(to, "/")
	f.Repositories[to], f.Renamed[from] = r, r
	delete(f.Repositories, from)
	for _, a := range f.Tokens {
		if role := a.Repos[from]; role != "" {
			a.Repos[to] = role
		}
	}
}

// Transfer moves an issue to another repository.
func (f *Fake) Transfer(from string, number int, to string) {
	old, target := f.Repositories[from].Issues[number-1], f.Repositories[to]
	moved := *old
	moved.Number = len(target.Issues) + 1
	target.Issues = append(target.Issues, &moved)
	old.To.Repository, old.To.Number = target, moved.Number
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
	handle := func(pattern string, do func(*call)) { mux.Handle(pattern, f.handler(do)) }
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
	for _, repo := range []string{"/repos/{owner}/{repo}", "/repositories/{repository}"} {
		handle("GET "+repo, inRepo(func(c *call) { c.send(200, c.fullRepository()) }))
		handle("GET "+repo+"/labels", inRepo((*call).listLabels))
		handle("GET "+repo+"/milestones", inRepo((*call).listMilestones))
		handle("GET "+repo+"/assignees/{login}", inRepo((*call).getAssignee))
		handle("GET "+repo+"/hooks", inRepo((*call).listHooks))
		handle("POST "+repo+"/hooks", inRepo((*call).postHook))
		handle("PATCH "+repo+"/hooks/{hook}", inRepo((*call).patchHook))
		handle("DELETE "+repo+"/hooks/{hook}", inRepo((*call).deleteHook))
		handle("GET "+repo+"/issues", inRepo((*call).listIssues))
		handle("POST "+repo+"/issues", inRepo((*call).postIssue))
		handle("GET "+repo+"/issues/{number}", inRepo((*call).getIssue))
		handle("PATCH "+repo+"/issues/{number}", inRepo((*call).patchIssue))
		handle("POST "+repo+"/issues/{number}/comments", inRepo((*call).postComment))
		handle("POST "+repo+"/issues/{number}/labels", inRepo((*call).postLabels))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		f.t.Errorf("the fake GitHub knows no %s %s", r.Method, r.URL.Path)
		w.WriteHeader(http.StatusNotFound)
	})
	return mux
}

// handler serves one request at a time.
func (f *Fake) handler(do func(*call)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
	if id := c.r.PathValue("repository"); id != "" {
		for n, r := range c.Repositories {
			if strconv.Itoa(r.ID) == id {
				name = n
			}
		}
	}
	c.repo, c.role = c.Repositories[name], c.roleIn(name)
	former := c.Renamed[name]
	switch {
	case former != nil && c.roleIn(strings.ToLower(former.FullName())) != "":
		rest := strings.TrimPrefix(c.r.URL.Path, "/repos/"+c.r.PathValue("owner")+"/"+c.r.PathValue("repo"))
		status := http.StatusMovedPermanently
		if c.r.Method != http.MethodGet {
			status = http.StatusTemporaryRedirect
		}
		c.redirect(status, former.ID, rest)
	case c.repo == nil || c.role == "":
		c.fail(http.StatusNotFound, "Not Found")
	case c.role == "metadata" && strings.Contains(c.r.URL.Path, "/issues"):
		c.inaccessible()
	case c.repo.NoIssues && strings.Contains(c.r.URL.Path, "/issues"):
		c.fail(http.StatusGone, "Issues has been disabled in this repository.")
	default:
		return true
	}
	return false
}

// roleIn returns the account's role in a repository; "" if it does not see it.
func (c *call) roleIn(name string) string {
	if c.App != nil && c.App.tokens[c.bearer()] == c.who && !contains(c.App.Repos, name) {
		return ""
	}
	return c.who.Repos[name]
}

func (c *call) redirect(status, repository int, rest string) {
	to := fmt.Sprintf("%s/repositories/%d%s", c.base, repository, rest)
	c.w.Header().Set("Location", to)
	c.send(status, map[string]any{"message": http.StatusText(status), "url": to, "documentation_url": "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects"})
}

// inaccessible refuses what the token has no permission for.
func (c *call) inaccessible() {
	c.w.Header().Set("X-Accepted-GitHub-Permissions", "issues=write")
	c.fail(http.StatusForbidden, "Resource not accessible by personal access token")
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
