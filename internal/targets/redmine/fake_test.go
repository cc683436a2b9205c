package redmine

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

// fake is a strict little Redmine that does what Redmine 5.0.4 was seen to
// do, its silent habits first: filters, trackers and custom fields it does not
// know are ignored, a wrong key reads as a stranger, a project that cannot be
// used is "blank", bodies of most errors are empty, line ends become CRLF.
type fake struct {
	t   *testing.T
	url string
	// base is the path it is mounted under.
	base string

	// restOff is a Redmine whose REST API is switched off.
	restOff bool
	// format is the text format; private is set where everybody has to sign in.
	format  string
	private bool
	// old is a Redmine before 3.4.
	old bool

	mu       sync.Mutex
	users    map[string]*fakeUser // by key
	projects map[string]*fakeProject
	fields   []*fakeField
	issues   []*fakeIssue
	hits     []string
	lastBody []byte
}

type fakeUser struct {
	id       int
	mail     string
	admin    bool
	german   bool
	member   []string
	role     int // in each of these projects; 3 if 0
	mayClose bool
	// commentsOnly is an account whose edits are ignored.
	commentsOnly bool
}

type fakeProject struct {
	id         int
	noIssues   bool // its module is off
	public     bool
	status     int
	trackers   []map[string]any
	categories []map[string]any
	versions   []map[string]any
	// needs are native fields that its workflow requires.
	needs []string
}

type fakeField struct {
	id     int
	name   string
	format string // "string" if empty
	// values are what a list field takes.
	values                               []string
	filter, required, unlisted, multiple bool
	// max is the longest value, in characters; 0: none.
	max int
	// trackers that have it; nil for all.
	trackers []int
	// project, if set, is the only one that has it.
	project string
}

type fakeIssue struct {
	deleted, private    bool
	id, tracker, status int
	project             string
	subject, text       string
	native              map[string]any // category_id, due_date, ...
	fields              map[int]any    // string or []string
	notes               []string
}

var fakeRoles = map[int]map[string]any{
	3: {"id": 3, "name": "Manager", "assignable": true, "permissions": []string{"add_issues", "manage_subtasks", "set_issues_private"}},
	4: {"id": 4, "name": "Developer", "assignable": true, "permissions": []string{"add_issues"}},
	5: {"id": 5, "name": "Reporter", "assignable": false, "permissions": []string{"add_issues"}},
}

var fakeStatuses = []map[string]any{
	{"id": 1, "name": "New", "is_closed": false}, {"id": 2, "name": "In Progress", "is_closed": false},
	{"id": 5, "name": "Closed", "is_closed": true}, {"id": 6, "name": "Rejected", "is_closed": true},
}

func trackers(ids ...int) []map[string]any {
	all := map[int]string{1: "Bug", 2: "Feature", 3: "Support"}
	out := make([]map[string]any, 0, len(ids))
	for _, id := range ids {
		out = append(out, map[string]any{"id": id, "name": all[id], "default_status": map[string]any{"id": 1, "name": "New"},
			"enabled_standard_fields": coreOf(id)})
	}
	return out
}

// coreOf lists a tracker's native fields; Support has been stripped of most.
func coreOf(tracker int) []string {
	if tracker == 3 {
		return []string{"assigned_to_id", "due_date", "description"}
	}
	return []string{"assigned_to_id", "category_id", "fixed_version_id", "parent_issue_id", "start_date", "due_date", "estimated_hours", "done_ratio", "description"}
}

func newFake(t *testing.T, base string) *fake {
	f := &fake{t: t, base: base, users: map[string]*fakeUser{
		adminKey:  {id: 1, mail: "admin@example.net", admin: true, mayClose: true},
		mineKey:   {id: 5, mail: "jane@example.com", member: []string{"mine", "strict"}, german: true, mayClose: true},
		otherKey:  {id: 6, mail: "bob@example.com", member: []string{"other"}, mayClose: true},
		"reports": {id: 7, mail: "ann@example.com", member: []string{"mine"}, role: 5},
		"longer":  {id: 8, mail: "mary.jane@example.com", member: []string{"mine"}, role: 4},
	}, projects: map[string]*fakeProject{
		"mine": {id: 1, status: 1, trackers: trackers(1, 2, 3), categories: []map[string]any{{"id": 21, "name": "Backend"}, {"id": 22, "name": "Frontend"}},
			versions: []map[string]any{{"id": 31, "name": "1.0", "status": "closed"}, {"id": 32, "name": "2.0", "status": "open"}}}, "other": {id: 2, status: 1, trackers: trackers(1, 2, 3)},
		"strict": {id: 3, status: 1, trackers: trackers(2)}, "open": {id: 4, status: 1, public: true, trackers: trackers(1, 2)},
		"closed": {id: 5, status: 5, public: true, trackers: trackers(1)}, "wiki": {id: 6, status: 1, public: true},
	}, fields: []*fakeField{
		{id: 7, name: "Productboard ID", filter: true}, {id: 8, name: "Productboard link"},
		{id: 9, name: "Component", required: true, project: "strict"}, {id: 10, name: "No filter"},
		{id: 11, name: "Bugs only", filter: true, trackers: []int{1}},
		{id: 12, name: "Severity", format: "list", values: []string{"Low", "High"}}, {id: 13, name: "Teams", format: "enumeration", values: []string{"3", "4"}, multiple: true},
		{id: 14, name: "Billable", format: "bool"}, {id: 15, name: "Points", format: "int"}, {id: 16, name: "Contact", format: "user"},
		{id: 17, name: "Elsewhere", required: true, project: "closed"}, {id: 18, name: "Plan", format: "attachment"}, {id: 19, name: "Notes", format: "text"},
		{id: 20, name: "Shipped In", format: "version", trackers: []int{2}},
	}}
	srv := httptest.NewServer(http.StripPrefix(base, f.routes()))
	t.Cleanup(srv.Close)
	f.url = srv.URL + base
	return f
}

func (f *fake) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h func(http.ResponseWriter, *http.Request, *fakeUser)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.hits = append(f.hits, r.Method+" "+r.URL.Path)
			w.Header().Set("X-Request-Id", "req-"+strconv.Itoa(len(f.hits)))
			if f.restOff {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			h(w, r, f.users[r.Header.Get("X-Redmine-Api-Key")])
		})
	}
	handle("GET /users/{file}", f.getUser)
	handle("GET /users.json", f.listUsers)
	handle("GET /roles/{file}", func(w http.ResponseWriter, r *http.Request, _ *fakeUser) {
		id, _ := strconv.Atoi(strings.TrimSuffix(r.PathValue("file"), ".json"))
		send(w, 200, "role", fakeRoles[id])
	})
	handle("GET /projects.json", f.listProjects)
	handle("GET /projects/{id}/versions.json", func(w http.ResponseWriter, r *http.Request, u *fakeUser) {
		if name, p := f.project(r.PathValue("id")); assert.NotNil(f.t, p) && f.sees(u, name) {
			send(w, 200, "versions", p.versions)
			return
		}
		deny(w, u)
	})
	handle("GET /projects/{file}", f.getProject)
	handle("GET /trackers.json", func(w http.ResponseWriter, _ *http.Request, _ *fakeUser) { send(w, 200, "trackers", trackers(1, 2, 3)) })
	handle("GET /issue_statuses.json", func(w http.ResponseWriter, _ *http.Request, _ *fakeUser) {
		send(w, 200, "issue_statuses", fakeStatuses)
	})
	handle("GET /enumerations/issue_priorities.json", func(w http.ResponseWriter, _ *http.Request, _ *fakeUser) {
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
func (f *fake) project(name string) (string, *fakeProject) {
	for key, p := range f.projects {
		if key == name || strconv.Itoa(p.id) == name {
			return key, p
		}
	}
	return "", nil
}

func (f *fake) sees(u *fakeUser, name string) bool {
	_, p := f.project(name)
	return p != nil && (p.public || u != nil && (u.admin || slices.Contains(u.member, name)))
}

func deny(w http.ResponseWriter, u *fakeUser) {
	if u == nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.WriteHeader(http.StatusForbidden)
}

func (f *fake) getProject(w http.ResponseWriter, r *http.Request, u *fakeUser) {
	name, p := f.project(strings.TrimSuffix(r.PathValue("file"), ".json"))
	switch {
	case p == nil:
		w.WriteHeader(http.StatusNotFound)
	case !f.sees(u, name):
		deny(w, u)
	default:
		own := []map[string]any{}
		for _, field := range f.fields {
			if field.project == name {
				own = append(own, map[string]any{"id": field.id, "name": field.name})
			}
		}
		modules := []map[string]any{{"id": 2, "name": "issue_tracking"}}
		if p.noIssues {
			modules = []map[string]any{}
		}
		shown := map[string]any{"enabled_modules": modules, "id": p.id, "identifier": name, "status": p.status, "is_public": p.public, "trackers": p.trackers, "issue_custom_fields": own, "issue_categories": p.categories}
		if !f.old {
			shown["time_entry_activities"] = []map[string]any{}
		}
		send(w, 200, "project", shown)
	}
}

func (f *fake) getFields(w http.ResponseWriter, _ *http.Request, u *fakeUser) {
	if u == nil || !u.admin {
		deny(w, u)
		return
	}
	out := []map[string]any{{"id": 99, "name": "Productboard ID", "customized_type": "project", "field_format": "string", "trackers": trackers(1, 2, 3)}}
	for _, field := range f.fields {
		ids := field.trackers
		if ids == nil {
			ids = []int{1, 2, 3}
		}
		shown := map[string]any{"id": field.id, "name": field.name, "customized_type": "issue", "field_format": cmp.Or(field.format, "string"),
			"is_filter": field.filter, "is_required": field.required, "multiple": field.multiple, "default_value": nil, "trackers": trackers(ids...)}
		if field.max > 0 {
			shown["max_length"] = field.max
		}
		if len(field.values) > 0 {
			var values []map[string]any
			for _, v := range field.values {
				values = append(values, map[string]any{"value": v, "label": label(field, v)})
			}
			shown["possible_values"] = values
		}
		out = append(out, shown)
	}
	send(w, 200, "custom_fields", out)
}

// label is what people call a choice: a key/value list has numbers behind it.
func label(field *fakeField, value string) string {
	if field.format == "enumeration" {
		return "Team " + value
	}
	return value
}

// getUser shows another's address and rank to administrators alone.
func (f *fake) getUser(w http.ResponseWriter, r *http.Request, u *fakeUser) {
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
	shown := map[string]any{"id": found.id, "login": "jo"}
	if u.admin || found == u {
		shown["admin"], shown["mail"] = found.admin, found.mail
	}
	if r.URL.Query().Get("include") == "memberships" {
		list := []map[string]any{}
		for _, name := range found.member {
			list = append(list, map[string]any{"id": 1, "project": map[string]any{"id": f.projects[name].id, "name": name}, "roles": []any{fakeRoles[cmp.Or(found.role, 3)]}})
		}
		shown["memberships"] = list
	}
	send(w, 200, "user", shown)
}

func (f *fake) user(id string) *fakeUser {
	for _, u := range f.users {
		if strconv.Itoa(u.id) == id {
			return u
		}
	}
	return nil
}

// listUsers finds parts of addresses, too.
func (f *fake) listUsers(w http.ResponseWriter, r *http.Request, u *fakeUser) {
	if u == nil || !u.admin {
		deny(w, u)
		return
	}
	out := []map[string]any{}
	for _, id := range []string{"8", "7", "6", "5", "1"} {
		if found := f.user(id); found != nil && strings.Contains(found.mail, strings.ToLower(r.URL.Query().Get("name"))) {
			out = append(out, map[string]any{"id": found.id, "login": "jo", "mail": found.mail})
		}
	}
	send(w, 200, "users", out)
}

// listProjects gives two at a time, to have pages.
func (f *fake) listProjects(w http.ResponseWriter, r *http.Request, u *fakeUser) {
	offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
	var all []map[string]any
	for _, name := range slices.Sorted(maps.Keys(f.projects)) {
		if p := f.projects[name]; f.sees(u, name) {
			modules := []map[string]any{{"id": 1, "name": "wiki"}}
			if len(p.trackers) > 0 {
				modules = append(modules, map[string]any{"id": 2, "name": "issue_tracking"})
			}
			all = append(all, map[string]any{"id": p.id, "identifier": name, "name": "The " + name, "status": p.status, "enabled_modules": modules})
		}
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(map[string]any{"projects": all[min(offset, len(all)):min(offset+2, len(all))], "total_count": len(all), "offset": offset, "limit": 2})
}
