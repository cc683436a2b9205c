// Package jirafake is a strict little Jira, Cloud or Data Center, for tests: it
// keeps what it is sent, refuses what the real one would refuse, and does not
// do what the real one would silently leave out. It has Jira's habits that hurt:
// strangers, and whoever comes with an ended token, are answered with empty
// lists, fields that are not on the create screen are refused, sentences come in the account's language, the search
// index is late, e-mail addresses are hidden.
//
// It shares no code with the adapter. What must not live here: misbehaviour
// that any server can have (targettest's proxy does that).
package jirafake

import (
	"encoding/base64"
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

// Options say which Jira it is.
type Options struct {
	DataCenter bool
	// Base is the path that it is mounted under ("/jira"), Data Center only.
	Base string
	// CloudID, if set, makes the API answer at the gateway's path as well.
	CloudID string
	// TextLimit is the most characters of a text area; 0: Jira's own.
	TextLimit int
}

// Account is somebody who can sign in. Any of the credentials works.
type Account struct {
	ID, Email, Name string
	// APIToken goes with the e-mail address, AccessToken at the gateway alone,
	// PAT on Data Center.
	APIToken, AccessToken, PAT string
	// Scopes of the access token.
	Scopes []string
	// Projects are the keys of those the account sees; Creates those in which
	// it may create, nil for the same.
	Projects, Creates []string
	German            bool
	// HiddenEmail keeps the address out of every answer; Inactive accounts
	// cannot be given anything.
	HiddenEmail, Inactive bool
	// Admin is a Jira admin.
	Admin bool
}

// Project is a project with its issue types.
type Project struct {
	ID, Key, Name string
	// OldKeys are those that it had before it was renamed; they lead to it.
	OldKeys  []string
	Archived bool
	Types    []Type
	// Transitions are those that every issue can make.
	Transitions []Transition
}

// Type is an issue type with its create screen.
type Type struct {
	ID, Name string
	Subtask  bool
	Level    int
	Fields   []Field
}

// Field is a field of a create screen. Schema and Allowed are in Jira's words.
type Field struct {
	ID, Name             string
	Required, HasDefault bool
	Schema               map[string]any
	Allowed              []map[string]any
}

// Transition leads to a status. Fields are those of its screen.
type Transition struct {
	ID, Name string
	To       Status
	Fields   []Field
}

// Status is where an issue stands; Category is new, indeterminate or done.
type Status struct{ ID, Name, Category string }

// Issue is an issue as it is kept.
type Issue struct {
	ID      int
	Key     string
	Project string
	Type    string
	Status  Status
	Fields  map[string]json.RawMessage
	// Properties are the issue properties by key, Comments the bodies, Links
	// the remote links by globalId.
	Properties map[string]json.RawMessage
	Comments   []string
	Links      map[string]Link
	Resolution string
	// Unseen counts the searches that still miss it.
	Unseen int
	// OldKeys are those that it had before it was moved; they lead to it.
	OldKeys []string
	// Secured keeps it from every account, as an issue security level does.
	Secured bool
	// Request is the whole body that made it.
	Request []byte
}

// Link is a remote link.
type Link struct{ URL, Title string }

// Summary is the issue's title.
func (i *Issue) Summary() string {
	var s string
	_ = json.Unmarshal(i.Fields["summary"], &s)
	return s
}

// Text is the description as it is kept: ADF on Cloud, wiki markup else.
func (i *Issue) Text() string {
	raw := i.Fields["description"]
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// Labels are the issue's labels.
func (i *Issue) Labels() []string {
	var l []string
	_ = json.Unmarshal(i.Fields["labels"], &l)
	return l
}

// Fake is the server. Its fields may be changed with Change.
type Fake struct {
	// URL is its root, Base not included.
	URL  string
	opts Options

	mu       sync.Mutex
	Accounts []*Account
	Projects []*Project
	Issues   []*Issue
	// Lag is how many searches miss a new issue.
	Lag int
	// MetaPage is how many entries createmeta gives at most at once, SearchPage
	// how many issues Cloud's search does; 0: as many as asked for.
	MetaPage, SearchPage int
	// NoLinks switches issue linking off.
	NoLinks bool
	// Version is the first number of a Data Center's version.
	Version int
	Hooks   []*Hook
	hooked  int
	hits    []string
	created int
}

// Start starts a fake with two projects, ENG and OPS, of which each of the
// accounts Mine and Other sees one.
func Start(tb testing.TB, o Options) *Fake {
	tb.Helper()
	f := &Fake{opts: o, Version: 10, Accounts: accounts(), Projects: []*Project{newProject("10000", "ENG", o), newProject("10100", "OPS", o)}}
	srv := httptest.NewServer(f.handler())
	tb.Cleanup(srv.Close)
	f.URL = srv.URL
	return f
}

// Change changes the fake, or reads it, with nobody else at it.
func (f *Fake) Change(do func(*Fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do(f)
}

// Hits lists the requests so far: method and path below the API's version.
func (f *Fake) Hits() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.hits)
}

// call is one request with who asks; account is nil for a stranger.
type call struct {
	w       http.ResponseWriter
	r       *http.Request
	account *Account
	// api is the address of the API's version.
	api string
}

func (f *Fake) handler() http.Handler {
	mux := http.NewServeMux()
	root := "/rest/api/3"
	if f.opts.DataCenter {
		root = f.opts.Base + "/rest/api/2"
	}
	f.mount(mux, root, false)
	if f.opts.CloudID != "" {
		f.mount(mux, "/ex/jira/"+f.opts.CloudID+root, true)
	}
	f.mountHooks(mux)
	return mux
}

func (f *Fake) mount(mux *http.ServeMux, root string, gateway bool) {
	handle := func(pattern, scope string, h func(call)) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+root+path, func(w http.ResponseWriter, r *http.Request) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.hits = append(f.hits, method+" "+strings.TrimPrefix(r.URL.Path, root))
			w.Header().Set("X-Arequestid", "req-"+strconv.Itoa(len(f.hits)))
			c := call{w: w, r: r, account: f.account(r, gateway), api: f.URL + root}
			if !gateway {
				w.Header().Set("X-Seraph-LoginReason", loginReason(c))
			}
			if f.let(c, scope, gateway) {
				h(c)
			}
		})
	}
	const read, write, users = "read:jira-work", "write:jira-work", "read:jira-user"
	handle("GET /myself", users, f.getMyself)
	handle("GET /project/{key}", read, f.getProject)
	handle("GET /issue/createmeta/{project}/issuetypes", read, f.getTypes)
	handle("GET /issue/createmeta/{project}/issuetypes/{type}", read, f.getFields)
	handle("GET /user/assignable/search", users, f.findUsers)
	handle("POST /issue", write, f.postIssue)
	handle("GET /issue/{id}", read, f.getIssue)
	handle("PUT /issue/{id}", write, f.putIssue)
	handle("GET /issue/{id}/transitions", read, f.getTransitions)
	handle("POST /issue/{id}/transitions", write, f.postTransition)
	handle("POST /issue/{id}/comment", write, f.postComment)
	handle("POST /issue/{id}/remotelink", write, f.postLink)
	handle("GET /mypermissions", read, f.getPermissions)
	if f.opts.DataCenter {
		handle("GET /serverInfo", read, func(c call) {
			c.send(http.StatusOK, map[string]any{"versionNumbers": []int{f.Version, 3, 1}, "deploymentType": "Server"})
		})
		handle("POST /search", read, f.search)
		handle("GET /project", read, f.listProjects)
	} else {
		handle("POST /search/jql", read, f.search)
		handle("POST /issue/bulkfetch", read, f.bulkFetch)
		handle("GET /project/search", read, f.searchProjects)
		// The search that Cloud had before is gone.
		handle("POST /search", read, func(c call) { c.refuse(http.StatusGone, "The requested API has been removed.") })
	}
}

func (f *Fake) account(r *http.Request, gateway bool) *Account {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	for _, a := range f.Accounts {
		basic := base64.StdEncoding.EncodeToString([]byte(a.Email + ":" + a.APIToken))
		switch {
		case f.opts.DataCenter:
			if scheme == "Bearer" && a.PAT != "" && value == a.PAT {
				return a
			}
		case scheme == "Basic" && a.APIToken != "" && value == basic,
			scheme == "Bearer" && gateway && a.AccessToken != "" && value == a.AccessToken:
			return a
		}
	}
	return nil
}

// loginReason is what Jira says of the sign-in, in a header of every reply.
func loginReason(c call) string {
	switch {
	case c.account != nil:
		return "OK"
	case c.r.Header.Get("Authorization") != "":
		return "AUTHENTICATED_FAILED"
	default:
		return "OUT"
	}
}

// let turns strangers away where the real one does. Cloud's own address serves
// them, and everybody whose token ended or was revoked, as anonymous: it shows
// them nothing, and refuses little.
func (f *Fake) let(c call, scope string, gateway bool) bool {
	switch {
	case c.account == nil && gateway:
		c.send(http.StatusUnauthorized, map[string]any{"code": 401, "message": "Unauthorized"})
		return false
	case c.account == nil && f.opts.DataCenter:
		c.w.Header().Set("Content-Type", "text/html")
		c.w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(c.w, "<html><head><title>Unauthorized (401)</title></head></html>")
		return false
	case c.account == nil:
		return true
	case gateway && strings.HasPrefix(c.r.Header.Get("Authorization"), "Bearer") && !slices.Contains(c.account.Scopes, scope):
		c.send(http.StatusUnauthorized, map[string]any{"code": 401, "message": "Unauthorized; scope does not match"})
		return false
	}
	return true
}

func (c call) send(status int, body any) {
	c.w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	c.w.WriteHeader(status)
	_ = json.NewEncoder(c.w).Encode(body)
}

// refuse answers in Jira's form for errors.
func (c call) refuse(status int, messages ...string) { c.refuseFields(status, nil, messages...) }

func (c call) refuseFields(status int, fields map[string]string, messages ...string) {
	if messages == nil {
		messages = []string{}
	}
	if fields == nil {
		fields = map[string]string{}
	}
	c.send(status, map[string]any{"errorMessages": messages, "errors": fields})
}

// read decodes a body strictly: what Jira would silently leave out is refused.
func (c call) read(out any) ([]byte, bool) {
	if !strings.HasPrefix(c.r.Header.Get("Content-Type"), "application/json") {
		c.refuse(http.StatusUnsupportedMediaType)
		return nil, false
	}
	raw, err := io.ReadAll(c.r.Body)
	if err != nil {
		c.refuse(http.StatusBadRequest)
		return nil, false
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(out); err != nil {
		c.refuse(http.StatusBadRequest, "Invalid request payload. Refer to the REST API documentation and try again. "+err.Error())
		return nil, false
	}
	return raw, true
}

// say speaks the account's language.
func (c call) say(english, german string, args ...any) string {
	if c.account != nil && c.account.German {
		return fmt.Sprintf(german, args...)
	}
	return fmt.Sprintf(english, args...)
}

func (f *Fake) project(name string) *Project {
	for _, p := range f.Projects {
		if p.ID == name || strings.EqualFold(p.Key, name) || slices.Contains(p.OldKeys, name) {
			return p
		}
	}
	return nil
}

func (a *Account) sees(key string) bool { return a != nil && slices.Contains(a.Projects, key) }

func (a *Account) mayCreate(key string) bool {
	if a == nil || a.Creates == nil {
		return a.sees(key)
	}
	return slices.Contains(a.Creates, key)
}
