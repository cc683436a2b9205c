// Package redminefake is a strict little Redmine that does what Redmine 5.0.4
// was seen to do, its silent habits first. Filters, trackers and custom fields
// that it does not know are ignored. A wrong key reads as a stranger, and a
// project that cannot be used is "blank". Bodies of most errors are empty, and
// line ends become CRLF.
//
// Its source is what a running server did, and nothing of the adapter. What
// Redmine would ignore silently in a body fails the test.
//
// What must not live here: anything about this plugin.
package redminefake

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The text formats of Fake.Format.
const (
	Textile    = "textile"
	Redcarpet  = "markdown"
	CommonMark = "commonmark"
)

// The states of a project.
const (
	Active = 1
	Closed = 5
)

// Fake is a Redmine. Lock it (sync.Locker) to read or change what it holds
// while requests may come.
type Fake struct {
	sync.Mutex
	t *testing.T
	// URL is the server's root.
	URL string

	// RESTOff is a Redmine whose REST API is switched off.
	RESTOff bool
	// Format is the text format, Textile if empty. Private is set where
	// everybody has to sign in.
	Format  string
	Private bool
	// Old is a Redmine before 3.4.
	Old bool

	// Users by API key.
	Users map[string]*User
	// Projects by identifier.
	Projects map[string]*Project
	Fields   []*CustomField
	Issues   []*Issue
	// Hits are the requests that came, "GET /issues.json".
	Hits []string
}

// User is an account.
type User struct {
	ID    int
	Mail  string
	Admin bool
	// German is the language in which the account reads errors.
	German bool
	// Member lists the projects that the account belongs to, and Role is its
	// role in each of them; 3 if 0.
	Member []string
	Role   int
	// MayClose is set where the workflow lets the account close issues.
	MayClose bool
	// CommentsOnly is an account whose edits are ignored.
	CommentsOnly bool
}

// Project is one project.
type Project struct {
	ID       int
	NoIssues bool // its module is off
	Public   bool
	Status   int
	// Trackers, Categories and Versions are objects as the API shows them.
	Trackers, Categories, Versions []map[string]any
	// Needs are native fields that its workflow requires.
	Needs []string
}

// CustomField is a custom field of issues.
type CustomField struct {
	ID     int
	Name   string
	Format string // "string" if empty
	// Values are what a list field takes.
	Values                     []string
	Filter, Required, Multiple bool
	// Unlisted is a field that no issue has, whatever its lists say.
	Unlisted bool
	// MaxLength is the longest value, in characters; 0: none.
	MaxLength int
	// Trackers that have it; nil for all.
	Trackers []int
	// Project, if set, is the only one that has it.
	Project string
}

// Issue is an issue. Deleted ones stay, unseen.
type Issue struct {
	Deleted, Private    bool
	ID, Tracker, Status int
	Project             string
	Subject, Text       string
	Native              map[string]any // category_id, due_date, ...
	Fields              map[int]any    // string or []any
	Notes               []string
}

// New starts a Redmine without users, projects and custom fields, with its root
// at path.
func New(t *testing.T, path string) *Fake {
	t.Helper()
	f := &Fake{t: t, Users: map[string]*User{}, Projects: map[string]*Project{}}
	srv := httptest.NewServer(http.StripPrefix(path, f.routes()))
	t.Cleanup(srv.Close)
	f.URL = srv.URL + path
	return f
}

func (f *Fake) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h func(http.ResponseWriter, *http.Request, *User)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			f.Lock()
			defer f.Unlock()
			f.Hits = append(f.Hits, r.Method+" "+r.URL.Path)
			w.Header().Set("X-Request-Id", "req-"+strconv.Itoa(len(f.Hits)))
			if f.RESTOff {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			h(w, r, f.Users[r.Header.Get("X-Redmine-Api-Key")])
		})
	}
	handle("GET /users/{file}", f.getUser)
	handle("GET /users.json", f.listUsers)
	handle("GET /roles/{file}", func(w http.ResponseWriter, r *http.Request, _ *User) {
		id, _ := strconv.Atoi(strings.TrimSuffix(r.PathValue("file"), ".json"))
		send(w, 200, "role", roles()[id])
	})
	handle("GET /projects.json", f.listProjects)
	handle("GET /projects/{id}/versions.json", func(w http.ResponseWriter, r *http.Request, u *User) {
		if name, p := f.project(r.PathValue("id")); assert.NotNil(f.t, p) && f.sees(u, name) {
			send(w, 200, "versions", p.Versions)
			return
		}
		deny(w, u)
	})
	handle("GET /projects/{file}", f.getProject)
	handle("GET /trackers.json", func(w http.ResponseWriter, _ *http.Request, _ *User) { send(w, 200, "trackers", trackers(1, 2, 3)) })
	handle("GET /issue_statuses.json", func(w http.ResponseWriter, _ *http.Request, _ *User) {
		send(w, 200, "issue_statuses", statuses())
	})
	handle("GET /enumerations/issue_priorities.json", func(w http.ResponseWriter, _ *http.Request, _ *User) {
		send(w, 200, "issue_priorities", []map[string]any{{"id": 1, "name": "Low", "active": true}, {"id": 3, "name": "High", "active": true}, {"id": 4, "name": "Retired", "active": false}})
	})
	handle("GET /preview/text", f.previewText)
	handle("GET /custom_fields.json", f.getFields)
	handle("GET /issues.json", f.listIssues)
	handle("POST /issues.json", f.postIssue)
	handle("GET /issues/{file}", f.getIssue)
	handle("PUT /issues/{file}", f.putIssue)
	return mux
}

func send(w http.ResponseWriter, status int, key string, value any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{key: value})
}

// project finds one by identifier or number.
func (f *Fake) project(name string) (string, *Project) {
	for key, p := range f.Projects {
		if key == name || strconv.Itoa(p.ID) == name {
			return key, p
		}
	}
	return "", nil
}

func (f *Fake) sees(u *User, name string) bool {
	_, p := f.project(name)
	return p != nil && (p.Public || u != nil && (u.Admin || slices.Contains(u.Member, name)))
}

func deny(w http.ResponseWriter, u *User) {
	if u == nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.WriteHeader(http.StatusForbidden)
}

func (f *Fake) getProject(w http.ResponseWriter, r *http.Request, u *User) {
	name, p := f.project(strings.TrimSuffix(r.PathValue("file"), ".json"))
	switch {
	case p == nil:
		w.WriteHeader(http.StatusNotFound)
	case !f.sees(u, name):
		deny(w, u)
	default:
		own := []map[string]any{}
		for _, field := range f.Fields {
			if field.Project == name {
				own = append(own, map[string]any{"id": field.ID, "name": field.Name})
			}
		}
		modules := []map[string]any{{"id": 2, "name": "issue_tracking"}}
		if p.NoIssues {
			modules = []map[string]any{}
		}
		shown := map[string]any{"enabled_modules": modules, "id": p.ID, "identifier": name, "status": p.Status, "is_public": p.Public, "trackers": p.Trackers, "issue_custom_fields": own, "issue_categories": p.Categories}
		if !f.Old {
			shown["time_entry_activities"] = []map[string]any{}
		}
		send(w, 200, "project", shown)
	}
}

func (f *Fake) getFields(w http.ResponseWriter, _ *http.Request, u *User) {
	if u == nil || !u.Admin {
		deny(w, u)
		return
	}
	out := []map[string]any{{"id": 99, "name": "Productboard ID", "customized_type": "project", "field_format": "string", "trackers": trackers(1, 2, 3)}}
	for _, field := range f.Fields {
		ids := field.Trackers
		if ids == nil {
			ids = []int{1, 2, 3}
		}
		shown := map[string]any{"id": field.ID, "name": field.Name, "customized_type": "issue", "field_format": cmp.Or(field.Format, "string"),
			"is_filter": field.Filter, "is_required": field.Required, "multiple": field.Multiple, "default_value": nil, "trackers": trackers(ids...)}
		if field.MaxLength > 0 {
			shown["max_length"] = field.MaxLength
		}
		if len(field.Values) > 0 {
			var values []map[string]any
			for _, v := range field.Values {
				values = append(values, map[string]any{"value": v, "label": label(field, v)})
			}
			shown["possible_values"] = values
		}
		out = append(out, shown)
	}
	send(w, 200, "custom_fields", out)
}

// label returns the name of a choice: a key/value list has numbers behind it.
func label(field *CustomField, value string) string {
	if field.Format == "enumeration" {
		return "Team " + value
	}
	return value
}

// getUser shows another's address and rank to administrators alone.
func (f *Fake) getUser(w http.ResponseWriter, r *http.Request, u *User) {
	file := strings.TrimSuffix(r.PathValue("file"), ".json")
	if u == nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	found := u
	if file != "current" {
		found = f.user(file)
	}
	if found == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	shown := map[string]any{"id": found.ID, "login": "jo"}
	if u.Admin || found == u {
		shown["admin"], shown["mail"] = found.Admin, found.Mail
	}
	if r.URL.Query().Get("include") == "memberships" {
		list := []map[string]any{}
		for _, name := range found.Member {
			list = append(list, map[string]any{"id": 1, "project": map[string]any{"id": f.Projects[name].ID, "name": name}, "roles": []any{roles()[cmp.Or(found.Role, 3)]}})
		}
		shown["memberships"] = list
	}
	send(w, 200, "user", shown)
}

func (f *Fake) user(id string) *User {
	for _, u := range f.Users {
		if strconv.Itoa(u.ID) == id {
			return u
		}
	}
	return nil
}

// listUsers finds parts of addresses, too.
func (f *Fake) listUsers(w http.ResponseWriter, r *http.Request, u *User) {
	if u == nil || !u.Admin {
		deny(w, u)
		return
	}
	out := []map[string]any{}
	for _, id := range []string{"8", "7", "6", "5", "1"} {
		if found := f.user(id); found != nil && strings.Contains(found.Mail, strings.ToLower(r.URL.Query().Get("name"))) {
			out = append(out, map[string]any{"id": found.ID, "login": "jo", "mail": found.Mail})
		}
	}
	send(w, 200, "users", out)
}

// listProjects returns two at a time, to have pages.
func (f *Fake) listProjects(w http.ResponseWriter, r *http.Request, u *User) {
	offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
	var all []map[string]any
	for _, name := range slices.Sorted(maps.Keys(f.Projects)) {
		if p := f.Projects[name]; f.sees(u, name) {
			modules := []map[string]any{{"id": 1, "name": "wiki"}}
			if len(p.Trackers) > 0 {
				modules = append(modules, map[string]any{"id": 2, "name": "issue_tracking"})
			}
			all = append(all, map[string]any{"id": p.ID, "identifier": name, "name": "The " + name, "status": p.Status, "enabled_modules": modules})
		}
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(map[string]any{"projects": all[min(offset, len(all)):min(offset+2, len(all))], "total_count": len(all), "offset": offset, "limit": 2})
}
