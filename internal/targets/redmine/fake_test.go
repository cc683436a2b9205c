package redmine

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

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

	mu       sync.Mutex
	users    map[string]*fakeUser // by key
	projects map[string]*fakeProject
	fields   []*fakeField
	issues   []*fakeIssue
	hits     []string
}

type fakeUser struct {
	id       int
	admin    bool
	german   bool
	member   []string
	mayClose bool
}

type fakeProject struct {
	id       int
	public   bool
	status   int
	trackers []map[string]any
}

type fakeField struct {
	id                         int
	name                       string
	filter, required, unlisted bool
	// trackers that have it; nil for all.
	trackers []int
	// project, if set, is the only one that has it.
	project string
}

type fakeIssue struct {
	id, tracker, status int
	project             string
	subject, text       string
	fields              map[int]string
	notes               []string
}

var fakeStatuses = []map[string]any{
	{"id": 1, "name": "New", "is_closed": false}, {"id": 2, "name": "In Progress", "is_closed": false},
	{"id": 5, "name": "Closed", "is_closed": true}, {"id": 6, "name": "Rejected", "is_closed": true},
}

func trackers(ids ...int) []map[string]any {
	all := map[int]string{1: "Bug", 2: "Feature", 3: "Support"}
	out := make([]map[string]any, 0, len(ids))
	for _, id := range ids {
		out = append(out, map[string]any{"id": id, "name": all[id], "default_status": map[string]any{"id": 1, "name": "New"}})
	}
	return out
}

func newFake(t *testing.T, base string) *fake {
	f := &fake{t: t, base: base, users: map[string]*fakeUser{
		adminKey: {id: 1, admin: true, mayClose: true},
		mineKey:  {id: 5, member: []string{"mine", "strict"}, german: true, mayClose: true},
		otherKey: {id: 6, member: []string{"other"}, mayClose: true},
	}, projects: map[string]*fakeProject{
		"mine": {id: 1, status: 1, trackers: trackers(1, 2, 3)}, "other": {id: 2, status: 1, trackers: trackers(1, 2, 3)},
		"strict": {id: 3, status: 1, trackers: trackers(2)}, "open": {id: 4, status: 1, public: true, trackers: trackers(1, 2)},
		"closed": {id: 5, status: 5, public: true, trackers: trackers(1)}, "wiki": {id: 6, status: 1, public: true},
	}, fields: []*fakeField{
		{id: 7, name: "Productboard ID", filter: true}, {id: 8, name: "Productboard link"},
		{id: 9, name: "Component", required: true, project: "strict"}, {id: 10, name: "No filter"},
		{id: 11, name: "Bugs only", filter: true, trackers: []int{1}},
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
			h(w, r, f.users[r.Header.Get("X-Redmine-Api-Key")])
		})
	}
	handle("GET /users/current.json", func(w http.ResponseWriter, _ *http.Request, u *fakeUser) {
		if u == nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		send(w, 200, "user", map[string]any{"id": u.id, "login": "jo"})
	})
	handle("GET /projects/{file}", f.getProject)
	handle("GET /trackers.json", func(w http.ResponseWriter, _ *http.Request, _ *fakeUser) { send(w, 200, "trackers", trackers(1, 2, 3)) })
	handle("GET /issue_statuses.json", func(w http.ResponseWriter, _ *http.Request, _ *fakeUser) {
		send(w, 200, "issue_statuses", fakeStatuses)
	})
	handle("GET /enumerations/issue_priorities.json", func(w http.ResponseWriter, _ *http.Request, _ *fakeUser) {
		send(w, 200, "issue_priorities", []map[string]any{{"id": 1, "name": "Low"}, {"id": 3, "name": "High"}})
	})
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
		send(w, 200, "project", map[string]any{"id": p.id, "identifier": name, "status": p.status, "trackers": p.trackers, "issue_custom_fields": own})
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
		out = append(out, map[string]any{"id": field.id, "name": field.name, "customized_type": "issue", "field_format": "string",
			"is_filter": field.filter, "is_required": field.required, "multiple": false, "trackers": trackers(ids...)})
	}
	send(w, 200, "custom_fields", out)
}

func (f *fake) listIssues(w http.ResponseWriter, r *http.Request, u *fakeUser) {
	q := r.URL.Query()
	name, p := f.project(q.Get("project_id"))
	if p == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if !f.sees(u, name) {
		deny(w, u)
		return
	}
	limit, err := strconv.Atoi(q.Get("limit"))
	assert.NoError(f.t, err)
	assert.Equal(f.t, "*", q.Get("status_id"), "closed issues count too")
	out := []map[string]any{}
	for _, i := range f.issues {
		if i.project == name && f.matches(i, q) && len(out) < limit {
			out = append(out, f.show(i, nil))
		}
	}
	send(w, 200, "issues", out)
}

func (f *fake) matches(i *fakeIssue, q url.Values) bool {
	if id := q.Get("tracker_id"); id != "" && id != strconv.Itoa(i.tracker) {
		return false
	}
	for _, field := range f.fields {
		if want := q.Get("cf_" + strconv.Itoa(field.id)); want != "" && field.filter && i.fields[field.id] != want {
			return false
		}
	}
	return true
}

func (f *fake) postIssue(w http.ResponseWriter, r *http.Request, u *fakeUser) {
	if u == nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var in struct{ Issue newIssue }
	if !f.body(w, r, &in) {
		return
	}
	name, p := f.project(strconv.Itoa(in.Issue.ProjectID))
	if p == nil || p.status != 1 || len(p.trackers) == 0 || !f.sees(u, name) {
		said := []string{"Project cannot be blank", "Tracker cannot be blank", "Status cannot be blank"}
		if u.german {
			said = []string{"Projekt muss ausgefüllt werden", "Tracker muss ausgefüllt werden", "Status muss ausgefüllt werden"}
		}
		send(w, 422, "errors", said)
		return
	}
	made := &fakeIssue{id: len(f.issues) + 1, project: name, tracker: p.trackers[0]["id"].(int), status: 1,
		subject: in.Issue.Subject, text: strings.ReplaceAll(in.Issue.Description, "\n", "\r\n"), fields: map[int]string{}}
	for _, t := range p.trackers {
		if t["id"] == in.Issue.TrackerID {
			made.tracker = in.Issue.TrackerID
		}
	}
	for _, field := range f.of(made) {
		for _, given := range in.Issue.Fields {
			if given.ID == field.id {
				made.fields[field.id] = given.Value
			}
		}
	}
	if said := f.invalid(made, u); len(said) > 0 {
		send(w, 422, "errors", said)
		return
	}
	f.issues = append(f.issues, made)
	send(w, 201, "issue", f.show(made, nil))
}

// of lists the fields that an issue has.
func (f *fake) of(i *fakeIssue) []*fakeField {
	var out []*fakeField
	for _, field := range f.fields {
		if (field.trackers == nil || slices.Contains(field.trackers, i.tracker)) && (field.project == "" || field.project == i.project) && !field.unlisted {
			out = append(out, field)
		}
	}
	return out
}

func (f *fake) invalid(i *fakeIssue, u *fakeUser) []string {
	blank, long := "%s cannot be blank", "Subject is too long (maximum is 255 characters)"
	if u.german {
		blank, long = "%s muss ausgefüllt werden", "Thema ist zu lang (nicht mehr als 255 Zeichen)"
	}
	var said []string
	for _, field := range f.of(i) {
		if field.required && i.fields[field.id] == "" {
			said = append(said, fmt.Sprintf(blank, field.name))
		}
	}
	if i.subject == "" {
		said = append(said, fmt.Sprintf(blank, "Subject"))
	}
	if utf8.RuneCountInString(i.subject) > 255 {
		said = append(said, long)
	}
	return said
}

func (f *fake) show(i *fakeIssue, allowed []map[string]any) map[string]any {
	fields := []map[string]any{}
	for _, field := range f.of(i) {
		shown := map[string]any{"id": field.id, "name": field.name, "value": nil}
		if v := i.fields[field.id]; v != "" {
			shown["value"] = v
		}
		fields = append(fields, shown)
	}
	out := map[string]any{"id": i.id, "subject": i.subject, "description": i.text, "custom_fields": fields,
		"tracker": map[string]any{"id": i.tracker}, "status": fakeStatus(i.status)}
	if allowed != nil {
		out["allowed_statuses"] = allowed
	}
	return out
}

func fakeStatus(id int) map[string]any {
	return fakeStatuses[slices.IndexFunc(fakeStatuses, func(s map[string]any) bool { return s["id"] == id })]
}

func (f *fake) issue(w http.ResponseWriter, r *http.Request, u *fakeUser) *fakeIssue {
	id, err := strconv.Atoi(strings.TrimSuffix(r.PathValue("file"), ".json"))
	if err != nil || id < 1 || id > len(f.issues) {
		w.WriteHeader(http.StatusNotFound)
		return nil
	}
	if !f.sees(u, f.issues[id-1].project) {
		deny(w, u)
		return nil
	}
	return f.issues[id-1]
}

func (f *fake) allowed(u *fakeUser) []map[string]any {
	if u.mayClose {
		return fakeStatuses
	}
	return fakeStatuses[:2]
}

func (f *fake) getIssue(w http.ResponseWriter, r *http.Request, u *fakeUser) {
	if i := f.issue(w, r, u); i != nil {
		send(w, 200, "issue", f.show(i, f.allowed(u)))
	}
}

func (f *fake) putIssue(w http.ResponseWriter, r *http.Request, u *fakeUser) {
	i := f.issue(w, r, u)
	var in struct{ Issue changeIssue }
	if i == nil || !f.body(w, r, &in) {
		return
	}
	if slices.ContainsFunc(f.allowed(u), func(s map[string]any) bool { return s["id"] == in.Issue.StatusID }) {
		i.status = in.Issue.StatusID
	}
	if in.Issue.Notes != "" {
		i.notes = append(i.notes, in.Issue.Notes)
	}
	w.WriteHeader(http.StatusNoContent)
}

// body reads strictly: what Redmine would silently ignore fails the test.
func (f *fake) body(w http.ResponseWriter, r *http.Request, out any) bool {
	raw, err := io.ReadAll(r.Body)
	assert.Equal(f.t, "application/json", r.Header.Get("Content-Type"))
	if err != nil || !json.Valid(raw) {
		w.WriteHeader(http.StatusBadRequest)
		return false
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	return assert.NoError(f.t, dec.Decode(out))
}
