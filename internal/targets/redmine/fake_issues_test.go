package redmine

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

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
		if i.project == name && !i.deleted && !i.private && f.matches(i, q) && len(out) < limit {
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
		if want := q.Get("cf_" + strconv.Itoa(field.id)); want != "" && field.filter && i.fields[field.id] != any(want) {
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
	var in struct{ Issue fakeBody }
	if !f.body(w, r, &in) {
		return
	}
	name, p := f.project(strconv.Itoa(in.Issue.Project))
	if p == nil || p.status != 1 || len(p.trackers) == 0 || !f.sees(u, name) {
		said := []string{"Project cannot be blank", "Tracker cannot be blank", "Status cannot be blank"}
		if u.german {
			said = []string{"Projekt muss ausgefüllt werden", "Tracker muss ausgefüllt werden", "Status muss ausgefüllt werden"}
		}
		send(w, 422, "errors", said)
		return
	}
	made := &fakeIssue{id: len(f.issues) + 1, project: name, tracker: p.trackers[0]["id"].(int), status: 1, native: map[string]any{}, fields: map[int]any{}}
	for _, t := range p.trackers {
		if t["id"] == in.Issue.Tracker {
			made.tracker = in.Issue.Tracker
		}
	}
	f.write(made, in.Issue, u)
	if said := f.invalid(made, u); len(said) > 0 {
		send(w, 422, "errors", said)
		return
	}
	f.issues = append(f.issues, made)
	send(w, 201, "issue", f.show(made, nil))
}

// fakeBody is every attribute of an issue that is known here; what is not
// would be ignored, and fails the test.
type fakeBody struct {
	Project     int      `json:"project_id"`
	Tracker     int      `json:"tracker_id"`
	Status      int      `json:"status_id"`
	Notes       string   `json:"notes"`
	Subject     *string  `json:"subject"`
	Description *string  `json:"description"`
	Priority    int      `json:"priority_id"`
	Category    int      `json:"category_id"`
	Version     int      `json:"fixed_version_id"`
	Assignee    int      `json:"assigned_to_id"`
	Parent      int      `json:"parent_issue_id"`
	Start       string   `json:"start_date"`
	Due         string   `json:"due_date"`
	Hours       *float64 `json:"estimated_hours"`
	Done        *int     `json:"done_ratio"`
	Private     *bool    `json:"is_private"`
	Fields      []struct {
		ID    int `json:"id"`
		Value any `json:"value"`
	} `json:"custom_fields"`
}

// write takes what the issue's tracker and the account's role allow; the rest
// is ignored, as Redmine does.
func (f *fake) write(i *fakeIssue, in fakeBody, u *fakeUser) {
	if in.Subject != nil {
		i.subject = *in.Subject
	}
	if in.Description != nil {
		i.text = strings.ReplaceAll(*in.Description, "\n", "\r\n")
	}
	given := map[string]any{"priority_id": in.Priority, "category_id": in.Category, "fixed_version_id": in.Version, "assigned_to_id": in.Assignee, "parent_issue_id": in.Parent,
		"start_date": in.Start, "due_date": in.Due, "estimated_hours": in.Hours, "done_ratio": in.Done, "is_private": in.Private}
	may := fakeRoles[cmp.Or(u.role, 3)]["permissions"].([]string)
	for name, value := range given {
		core := slices.Contains(append(coreOf(i.tracker), "priority_id", "is_private"), name)
		right := map[string]string{"parent_issue_id": "manage_subtasks", "is_private": "set_issues_private"}[name]
		if v := reflect.Indirect(reflect.ValueOf(value)); core && v.IsValid() && value != 0 && value != "" && (right == "" || u.admin || slices.Contains(may, right)) {
			i.native[name] = v.Interface()
		}
	}
	for _, field := range f.of(i) {
		for _, given := range in.Fields {
			if given.ID == field.id {
				i.fields[field.id] = given.Value
			}
		}
	}
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
		value := i.fields[field.id]
		if field.required && (value == nil || value == "") {
			said = append(said, fmt.Sprintf(blank, humanize(field.name)))
		}
		if problem := field.refuses(value); problem != "" {
			said = append(said, humanize(field.name)+" "+problem)
		}
	}
	said = append(said, f.invalidNative(i, blank)...)
	if i.subject == "" {
		said = append(said, fmt.Sprintf(blank, "Subject"))
	}
	if utf8.RuneCountInString(i.subject) > 255 {
		said = append(said, long)
	}
	return said
}

// humanize is what Rails does to a name in an error.
func humanize(name string) string {
	name = strings.ToLower(strings.NewReplacer(".", " ", "_", " ").Replace(name))
	return strings.ToUpper(name[:1]) + name[1:]
}

// refuses says what is wrong with a value, which is always a text.
func (field *fakeField) refuses(value any) string {
	values, several := value.([]any)
	if !several && value != nil {
		values = []any{value}
	}
	if several && !field.multiple {
		return "is invalid"
	}
	for _, v := range values {
		s, ok := v.(string)
		_, err := strconv.Atoi(s)
		switch {
		case !ok:
			return "is invalid"
		case len(field.values) > 0 && !slices.Contains(field.values, s), field.format == "version" && s != "32", field.format == "bool" && s != "0" && s != "1":
			return "is not included in the list"
		case field.max > 0 && utf8.RuneCountInString(s) > field.max, len(s)+strings.Count(s, "\n") > 65535:
			return fmt.Sprintf("ist zu lang (mehr als %d Zeichen)", cmp.Or(field.max, 65535))
		case field.format == "int" && err != nil:
			return "is not a number"
		}
	}
	return ""
}

// invalidNative checks numbers against the project. Its words are English but
// for those of a missing field.
func (f *fake) invalidNative(i *fakeIssue, blank string) []string {
	p := f.projects[i.project]
	var said []string
	names := map[string]string{"category_id": "Category", "due_date": "Due date"}
	if strings.Contains(blank, "muss") {
		names = map[string]string{"category_id": "Kategorie", "due_date": "Abgabedatum"}
	}
	for _, need := range p.needs {
		if i.native[need] == nil {
			said = append(said, fmt.Sprintf(blank, names[need]))
		}
	}
	in := func(list []map[string]any, name, status string) bool {
		return i.native[name] == nil || slices.ContainsFunc(list, func(e map[string]any) bool {
			return e["id"] == i.native[name] && (status == "" || e["status"] == status)
		})
	}
	if !in(p.categories, "category_id", "") {
		said = append(said, "Category is not included in the list")
	}
	if !in(p.versions, "fixed_version_id", "open") {
		said = append(said, "Target version is not included in the list")
	}
	if id, ok := i.native["assigned_to_id"].(int); ok {
		if u := f.user(strconv.Itoa(id)); u == nil || !slices.Contains(u.member, i.project) || u.role == 5 {
			said = append(said, "Assignee is invalid")
		}
	}
	return said
}

func (f *fake) show(i *fakeIssue, allowed []map[string]any) map[string]any {
	fields := []map[string]any{}
	for _, field := range f.of(i) {
		shown := map[string]any{"id": field.id, "name": field.name, "value": i.fields[field.id]}
		if field.multiple {
			shown["multiple"] = true
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
	if err != nil || id < 1 || id > len(f.issues) || f.issues[id-1].deleted {
		w.WriteHeader(http.StatusNotFound)
		return nil
	}
	if i := f.issues[id-1]; !f.sees(u, i.project) || i.private || f.projects[i.project].noIssues {
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
	if i := f.issue(w, r, u); i != nil && !strings.HasSuffix(r.URL.Path, ".json") {
		script := map[string]string{markdown: "markdown", commonMark: "common_mark"}[f.format]
		_, _ = fmt.Fprintf(w, `<html><script src="/javascripts/jstoolbar/jstoolbar.js"></script><script src="/javascripts/jstoolbar/%s.js">`, cmp.Or(script, "textile"))
	} else if i != nil {
		send(w, 200, "issue", f.show(i, f.allowed(u)))
	}
}

// previewText does not know API keys.
func (f *fake) previewText(w http.ResponseWriter, r *http.Request, _ *fakeUser) {
	if f.private {
		w.Header().Set("Location", "/login")
		w.WriteHeader(http.StatusFound)
		return
	}
	text := r.URL.Query().Get("text")
	switch f.format {
	case markdown:
		text = strings.NewReplacer("^(3)", "<sup>3</sup>", "**b**", "<strong>b</strong>").Replace(text)
	case commonMark:
		text = strings.ReplaceAll(text, "**b**", "<strong>b</strong>")
	default:
		text = strings.ReplaceAll(text, "**b**", "<b>b</b>")
	}
	_, _ = fmt.Fprintf(w, "<fieldset><p>%s</p></fieldset>", text)
}

func (f *fake) putIssue(w http.ResponseWriter, r *http.Request, u *fakeUser) {
	i := f.issue(w, r, u)
	var in struct{ Issue fakeBody }
	if i == nil || !f.body(w, r, &in) {
		return
	}
	if !u.commentsOnly {
		f.write(i, in.Issue, u)
	}
	if slices.ContainsFunc(f.allowed(u), func(s map[string]any) bool { return s["id"] == in.Issue.Status }) {
		i.status = in.Issue.Status
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
	f.lastBody = raw
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	return assert.NoError(f.t, dec.Decode(out))
}
