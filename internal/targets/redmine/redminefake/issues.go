package redminefake

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

func (f *Fake) listIssues(w http.ResponseWriter, r *http.Request, u *User) {
	q := r.URL.Query()
	if q.Has("issue_id") {
		f.listByID(w, q, u)
		return
	}
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
	if err != nil {
		f.t.Error(err)
	}
	assert.Equal(f.t, "*", q.Get("status_id"), "closed issues count too")
	out := []map[string]any{}
	for _, i := range f.Issues {
		if i.Project == name && !i.Deleted && !i.Private && f.matches(i, q) && len(out) < limit {
			out = append(out, f.show(i, nil))
		}
	}
	send(w, 200, "issues", out)
}

// listByID lists issues of all projects that the account sees. Like every list
// it leaves out closed issues unless it is asked for them, and has 25 of them
// unless it is asked for more, at most 100.
func (f *Fake) listByID(w http.ResponseWriter, q url.Values, u *User) {
	limit := 25
	if given, err := strconv.Atoi(q.Get("limit")); err == nil {
		limit = min(given, 100)
	}
	ids := strings.Split(q.Get("issue_id"), ",")
	out := []map[string]any{}
	for _, i := range f.Issues {
		closed, _ := statusOf(i.Status)["is_closed"].(bool)
		if slices.Contains(ids, strconv.Itoa(i.ID)) && f.shows(u, i) && (!closed || q.Get("status_id") == "*") && len(out) < limit {
			out = append(out, f.show(i, nil))
		}
	}
	send(w, 200, "issues", out)
}

// shows reports whether the account sees an issue.
func (f *Fake) shows(u *User, i *Issue) bool {
	return !i.Deleted && !i.Private && f.sees(u, i.Project) && !f.Projects[i.Project].NoIssues
}

func (f *Fake) matches(i *Issue, q url.Values) bool {
	if id := q.Get("tracker_id"); id != "" && id != strconv.Itoa(i.Tracker) {
		return false
	}
	for _, field := range f.Fields {
		if want := q.Get("cf_" + strconv.Itoa(field.ID)); want != "" && field.Filter && i.Fields[field.ID] != any(want) {
			return false
		}
	}
	return true
}

func (f *Fake) postIssue(w http.ResponseWriter, r *http.Request, u *User) {
	if u == nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var in struct{ Issue input }
	if !f.body(w, r, &in) {
		return
	}
	name, p := f.project(strconv.Itoa(in.Issue.Project))
	if p == nil || p.Status != 1 || len(p.Trackers) == 0 || !f.sees(u, name) {
		said := []string{"Project cannot be blank", "Tracker cannot be blank", "Status cannot be blank"}
		if u.German {
			said = []string{"Projekt muss ausgefüllt werden", "Tracker muss ausgefüllt werden", "Status muss ausgefüllt werden"}
		}
		send(w, 422, "errors", said)
		return
	}
	made := &Issue{ID: len(f.Issues) + 1, Project: name, Tracker: p.Trackers[0]["id"].(int), Status: 1, Native: map[string]any{}, Fields: map[int]any{}}
	for _, t := range p.Trackers {
		if t["id"] == in.Issue.Tracker {
			made.Tracker = in.Issue.Tracker
		}
	}
	f.write(made, in.Issue, u)
	if said := f.invalid(made, u); len(said) > 0 {
		send(w, 422, "errors", said)
		return
	}
	f.Issues = append(f.Issues, made)
	send(w, 201, "issue", f.show(made, nil))
}

// input is every attribute of an issue that is known here; what is not
// would be ignored, and fails the test.
type input struct {
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
func (f *Fake) write(i *Issue, in input, u *User) {
	if in.Subject != nil {
		i.Subject = *in.Subject
	}
	if in.Description != nil {
		i.Text = strings.ReplaceAll(*in.Description, "\n", "\r\n")
	}
	given := map[string]any{"priority_id": in.Priority, "category_id": in.Category, "fixed_version_id": in.Version, "assigned_to_id": in.Assignee, "parent_issue_id": in.Parent,
		"start_date": in.Start, "due_date": in.Due, "estimated_hours": in.Hours, "done_ratio": in.Done, "is_private": in.Private}
	may := roles()[cmp.Or(u.Role, 3)]["permissions"].([]string)
	for name, value := range given {
		core := slices.Contains(append(coreOf(i.Tracker), "priority_id", "is_private"), name)
		right := map[string]string{"parent_issue_id": "manage_subtasks", "is_private": "set_issues_private"}[name]
		if v := reflect.Indirect(reflect.ValueOf(value)); core && v.IsValid() && value != 0 && value != "" && (right == "" || u.Admin || slices.Contains(may, right)) {
			i.Native[name] = v.Interface()
		}
	}
	for _, field := range f.of(i) {
		for _, given := range in.Fields {
			if given.ID == field.ID {
				i.Fields[field.ID] = given.Value
			}
		}
	}
}

// of lists the fields that an issue has.
func (f *Fake) of(i *Issue) []*CustomField {
	var out []*CustomField
	for _, field := range f.Fields {
		if (field.Trackers == nil || slices.Contains(field.Trackers, i.Tracker)) && (field.Project == "" || field.Project == i.Project) && !field.Unlisted {
			out = append(out, field)
		}
	}
	return out
}

func (f *Fake) invalid(i *Issue, u *User) []string {
	blank, long := "%s cannot be blank", "Subject is too long (maximum is 255 characters)"
	if u.German {
		blank, long = "%s muss ausgefüllt werden", "Thema ist zu lang (nicht mehr als 255 Zeichen)"
	}
	var said []string
	for _, field := range f.of(i) {
		value := i.Fields[field.ID]
		if field.Required && (value == nil || value == "") {
			said = append(said, fmt.Sprintf(blank, humanize(field.Name)))
		}
		if problem := field.refuses(value); problem != "" {
			said = append(said, humanize(field.Name)+" "+problem)
		}
	}
	said = append(said, f.invalidNative(i, blank)...)
	if i.Subject == "" {
		said = append(said, fmt.Sprintf(blank, "Subject"))
	}
	if utf8.RuneCountInString(i.Subject) > 255 {
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
func (field *CustomField) refuses(value any) string {
	values, several := value.([]any)
	if !several && value != nil {
		values = []any{value}
	}
	if several && !field.Multiple {
		return "is invalid"
	}
	for _, v := range values {
		s, ok := v.(string)
		_, err := strconv.Atoi(s)
		switch {
		case !ok:
			return "is invalid"
		case len(field.Values) > 0 && !slices.Contains(field.Values, s), field.Format == "version" && s != "32", field.Format == "bool" && s != "0" && s != "1":
			return "is not included in the list"
		case field.MaxLength > 0 && utf8.RuneCountInString(s) > field.MaxLength, len(s)+strings.Count(s, "\n") > 65535:
			return fmt.Sprintf("ist zu lang (mehr als %d Zeichen)", cmp.Or(field.MaxLength, 65535))
		case field.Format == "int" && err != nil:
			return "is not a number"
		}
	}
	return ""
}

// invalidNative checks numbers against the project. Its words are English but
// for those of a missing field.
func (f *Fake) invalidNative(i *Issue, blank string) []string {
	p := f.Projects[i.Project]
	var said []string
	names := map[string]string{"category_id": "Category", "due_date": "Due date"}
	if strings.Contains(blank, "muss") {
		names = map[string]string{"category_id": "Kategorie", "due_date": "Abgabedatum"}
	}
	for _, need := range p.Needs {
		if i.Native[need] == nil {
			said = append(said, fmt.Sprintf(blank, names[need]))
		}
	}
	in := func(list []map[string]any, name, status string) bool {
		return i.Native[name] == nil || slices.ContainsFunc(list, func(e map[string]any) bool {
			return e["id"] == i.Native[name] && (status == "" || e["status"] == status)
		})
	}
	if !in(p.Categories, "category_id", "") {
		said = append(said, "Category is not included in the list")
	}
	if !in(p.Versions, "fixed_version_id", "open") {
		said = append(said, "Target version is not included in the list")
	}
	if id, ok := i.Native["assigned_to_id"].(int); ok {
		if u := f.user(strconv.Itoa(id)); u == nil || !slices.Contains(u.Member, i.Project) || u.Role == 5 {
			said = append(said, "Assignee is invalid")
		}
	}
	return said
}

func (f *Fake) show(i *Issue, allowed []map[string]any) map[string]any {
	fields := []map[string]any{}
	for _, field := range f.of(i) {
		shown := map[string]any{"id": field.ID, "name": field.Name, "value": i.Fields[field.ID]}
		if field.Multiple {
			shown["multiple"] = true
		}
		fields = append(fields, shown)
	}
	out := map[string]any{"id": i.ID, "subject": i.Subject, "description": i.Text, "custom_fields": fields,
		"tracker": map[string]any{"id": i.Tracker}, "status": statusOf(i.Status)}
	if allowed != nil {
		out["allowed_statuses"] = allowed
	}
	return out
}

func statusOf(id int) map[string]any {
	all := statuses()
	return all[slices.IndexFunc(all, func(s map[string]any) bool { return s["id"] == id })]
}

func (f *Fake) issue(w http.ResponseWriter, r *http.Request, u *User) *Issue {
	id, err := strconv.Atoi(strings.TrimSuffix(r.PathValue("file"), ".json"))
	if err != nil || id < 1 || id > len(f.Issues) || f.Issues[id-1].Deleted {
		w.WriteHeader(http.StatusNotFound)
		return nil
	}
	if !f.shows(u, f.Issues[id-1]) {
		deny(w, u)
		return nil
	}
	return f.Issues[id-1]
}

func (f *Fake) allowed(u *User) []map[string]any {
	if u.MayClose {
		return statuses()
	}
	return statuses()[:2]
}

func (f *Fake) getIssue(w http.ResponseWriter, r *http.Request, u *User) {
	if i := f.issue(w, r, u); i != nil && !strings.HasSuffix(r.URL.Path, ".json") {
		script := map[string]string{Redcarpet: "markdown", CommonMark: "common_mark"}[f.Format]
		_, _ = fmt.Fprintf(w, `<html><script src="/javascripts/jstoolbar/jstoolbar.js"></script><script src="/javascripts/jstoolbar/%s.js">`, cmp.Or(script, "textile"))
	} else if i != nil {
		send(w, 200, "issue", f.show(i, f.allowed(u)))
	}
}

// previewText does not know API keys.
func (f *Fake) previewText(w http.ResponseWriter, r *http.Request, _ *User) {
	if f.Private {
		w.Header().Set("Location", "/login")
		w.WriteHeader(http.StatusFound)
		return
	}
	text := r.URL.Query().Get("text")
	switch f.Format {
	case Redcarpet:
		text = strings.NewReplacer("^(3)", "<sup>3</sup>", "**b**", "<strong>b</strong>").Replace(text)
	case CommonMark:
		text = strings.ReplaceAll(text, "**b**", "<strong>b</strong>")
	default:
		text = strings.ReplaceAll(text, "**b**", "<b>b</b>")
	}
	_, _ = fmt.Fprintf(w, "<fieldset><p>%s</p></fieldset>", text) //nolint:gosec // a fake, whose preview only the driver reads
}

func (f *Fake) putIssue(w http.ResponseWriter, r *http.Request, u *User) {
	i := f.issue(w, r, u)
	var in struct{ Issue input }
	if i == nil || !f.body(w, r, &in) {
		return
	}
	if !u.CommentsOnly {
		f.write(i, in.Issue, u)
	}
	if slices.ContainsFunc(f.allowed(u), func(s map[string]any) bool { return s["id"] == in.Issue.Status }) {
		i.Status = in.Issue.Status
	}
	if in.Issue.Notes != "" {
		i.Notes = append(i.Notes, in.Issue.Notes)
	}
	w.WriteHeader(http.StatusNoContent)
}

// body reads strictly: what Redmine would silently ignore fails the test.
func (f *Fake) body(w http.ResponseWriter, r *http.Request, out any) bool {
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
