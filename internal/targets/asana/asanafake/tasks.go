package asanafake

import (
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// input lists the fields that a task can be given.
type input struct {
	Name        *string        `json:"name"`
	HTML        *string        `json:"html_notes"`
	Type        *string        `json:"resource_subtype"`
	Assignee    *string        `json:"assignee"`
	DueOn       *string        `json:"due_on"`
	StartOn     *string        `json:"start_on"`
	Completed   *bool          `json:"completed"`
	Fields      map[string]any `json:"custom_fields"`
	Parent      *string        `json:"parent"`
	Projects    []string       `json:"projects"`
	Memberships []struct {
		Project string `json:"project"`
		Section string `json:"section"`
	} `json:"memberships"`
	Tags     []string `json:"tags"`
	External *struct {
		GID  string `json:"gid"`
		Data string `json:"data"`
	} `json:"external"`
}

func (s *Server) createTask(w http.ResponseWriter, r *http.Request, a account) {
	var in input
	if !s.body(w, r, &in) {
		return
	}
	t := &Task{GID: strconv.Itoa(firstTask + len(s.tasks)), Type: "default_task", Created: time.Now().UTC(), Fields: map[string]any{}}
	if message := s.place(t, in, a); message != "" {
		fail(w, http.StatusBadRequest, message)
		return
	}
	if !slices.Contains(a.projects, t.Project) {
		fail(w, http.StatusForbidden, "project: Forbidden")
		return
	}
	if message := s.apply(t, in, a); message != "" {
		fail(w, http.StatusBadRequest, message)
		return
	}
	s.tasks = append(s.tasks, t)
	reply(w, http.StatusCreated, prune(s.show(t), fields(r.URL.Query().Get("opt_fields"), "name,completed,notes,permalink_url")))
}

// place puts a new task where it belongs.
func (s *Server) place(t *Task, in input, a account) string {
	switch {
	case len(in.Projects)+len(in.Memberships) != 1:
		return "workspace: You should specify one of workspace, parent, projects"
	case len(in.Projects) == 1:
		t.Project = in.Projects[0]
		t.Section, _ = sections(t.Project)[0]["gid"].(string)
	default:
		t.Project, t.Section = in.Memberships[0].Project, in.Memberships[0].Section
		if !slices.ContainsFunc(sections(t.Project), func(o map[string]any) bool { return o["gid"] == t.Section }) {
			return "memberships: section: Not a recognized ID: " + t.Section
		}
	}
	if in.Parent != nil {
		if s.visible(*in.Parent, a) == nil {
			return "parent: Not a recognized ID: " + *in.Parent
		}
		t.Parent = *in.Parent
	}
	for _, tag := range in.Tags {
		if !slices.ContainsFunc(tags(), func(o map[string]any) bool { return o["gid"] == tag }) {
			return "tags: Not a recognized ID: " + tag
		}
	}
	t.Tags = in.Tags
	if in.External != nil {
		if !a.oauth {
			return "external: This field is only available to OAuth apps"
		}
		t.External = in.External.GID
	}
	return ""
}

// apply sets what can be set at any time.
func (s *Server) apply(t *Task, in input, _ account) string {
	if in.Name != nil {
		if *in.Name == "" || utf8.RuneCountInString(*in.Name) > 1024 {
			return "name: The value is missing or too long"
		}
		t.Name = *in.Name
	}
	if in.HTML != nil {
		notes, err := plain(*in.HTML)
		if err != nil || len(*in.HTML) > maxNotes {
			return "html_notes: XML is invalid"
		}
		t.HTML, t.Notes = *in.HTML, notes
	}
	if in.Type != nil {
		t.Type = *in.Type
	}
	if in.Assignee != nil {
		if *in.Assignee != JaneGID {
			return "assignee: Not a user in Organization: " + *in.Assignee
		}
		t.Assignee = *in.Assignee
	}
	for date, into := range map[*string]*string{in.DueOn: &t.DueOn, in.StartOn: &t.Start} {
		if date == nil {
			continue
		}
		if _, err := time.Parse(time.DateOnly, *date); err != nil {
			return "due_on: Not a valid date: " + *date
		}
		*into = *date
	}
	if t.Start != "" && t.DueOn == "" {
		return "start_on: You must have a due date to set a start date"
	}
	if in.Completed != nil {
		t.Completed = *in.Completed
	}
	for gid, v := range in.Fields {
		if message := s.setField(t, gid, v); message != "" {
			return message
		}
	}
	t.Modified = time.Now().UTC()
	return ""
}

func (s *Server) setField(t *Task, gid string, v any) string {
	at := slices.IndexFunc(s.customFields(), func(f field) bool { return f.gid == gid })
	if at < 0 || t.Project != Project {
		return "custom_fields: Custom field with ID " + gid + " is not on given object"
	}
	f := s.customFields()[at]
	has := func(v any) bool {
		return slices.ContainsFunc(f.options, func(o map[string]any) bool { return o["gid"] == v && o["enabled"] == true })
	}
	each := func(is func(any) bool) bool {
		list, ok := v.([]any)
		return ok && !slices.ContainsFunc(list, func(e any) bool { return !is(e) })
	}
	ok := f.more == nil
	switch f.typ {
	case "text":
		text, isText := v.(string)
		ok = ok && isText && utf8.RuneCountInString(text) <= 1024
	case "number":
		_, isNumber := v.(float64)
		ok = ok && isNumber
	case "enum":
		ok = has(v)
	case "multi_enum":
		ok = each(has)
	case "people":
		ok = each(func(e any) bool { return e == JaneGID })
	case "date":
		o, isObject := v.(map[string]any)
		date, _ := o["date"].(string)
		_, err := time.Parse(time.DateOnly, date)
		ok = isObject && len(o) == 1 && err == nil
	default:
		ok = false
	}
	if !ok {
		return "custom_fields: The value of field " + f.name + " is not valid"
	}
	t.Fields[gid] = v
	return ""
}

// plain is the text of notes. Elements that Asana does not know are an error.
func plain(notes string) (string, error) {
	known := []string{"body", "strong", "em", "u", "s", "code", "a", "ul", "ol", "li", "blockquote", "pre", "h1", "h2", "hr"}
	dec := xml.NewDecoder(strings.NewReader(notes))
	var out strings.Builder
	depth, roots := 0, 0
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			if depth != 0 || roots != 1 {
				return "", errors.New("not one root")
			}
			return out.String(), nil
		}
		if err != nil {
			return "", err
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := token.Name.Local
			if !slices.Contains(known, e) || (depth == 0) != (e == "body") || e != "a" && len(token.Attr) > 0 {
				return "", errors.New("unknown element " + e)
			}
			if depth == 0 {
				roots++
			}
			depth++
		case xml.EndElement:
			depth--
			if slices.Contains([]string{"li", "blockquote", "pre", "h1", "h2", "hr"}, token.Name.Local) {
				out.WriteByte('\n')
			}
		case xml.CharData:
			if depth == 0 && strings.TrimSpace(string(token)) != "" {
				return "", errors.New("text outside")
			}
			out.Write(token)
		default:
			return "", errors.New("not allowed in notes")
		}
	}
}

func (s *Server) visible(gid string, a account) *Task {
	for _, t := range s.tasks {
		if t.GID == gid && !t.Deleted && slices.Contains(a.projects, t.Project) {
			return t
		}
	}
	return nil
}

// task finds the task of a request, by its gid or its external one.
func (s *Server) task(w http.ResponseWriter, r *http.Request, a account) *Task {
	gid := r.PathValue("gid")
	if id, ok := strings.CutPrefix(gid, "external:"); ok {
		for _, t := range s.tasks {
			if a.oauth && t.External == id && !t.Deleted && slices.Contains(a.projects, t.Project) {
				return t
			}
		}
		fail(w, http.StatusNotFound, "task: Unknown object: "+gid)
		return nil
	}
	if t := s.visible(gid, a); t != nil {
		return t
	}
	if slices.ContainsFunc(s.tasks, func(t *Task) bool { return t.GID == gid && !t.Deleted }) {
		fail(w, http.StatusForbidden, "task: Forbidden")
		return nil
	}
	fail(w, http.StatusNotFound, "task: Unknown object: "+gid)
	return nil
}

func (s *Server) getTask(w http.ResponseWriter, r *http.Request, a account) {
	if t := s.task(w, r, a); t != nil {
		reply(w, http.StatusOK, prune(s.show(t), fields(r.URL.Query().Get("opt_fields"), "name,completed,notes,permalink_url")))
	}
}

func (s *Server) updateTask(w http.ResponseWriter, r *http.Request, a account) {
	t := s.task(w, r, a)
	var in input
	if t == nil || !s.body(w, r, &in) {
		return
	}
	if in.Projects != nil || in.Memberships != nil || in.Tags != nil || in.Parent != nil {
		fail(w, http.StatusBadRequest, "Cannot write this property")
		return
	}
	changed := *t
	changed.Fields = map[string]any{}
	maps.Copy(changed.Fields, t.Fields)
	if message := s.apply(&changed, in, a); message != "" {
		fail(w, http.StatusBadRequest, message)
		return
	}
	*t = changed
	reply(w, http.StatusOK, prune(s.show(t), fields(r.URL.Query().Get("opt_fields"), "name,completed,notes,permalink_url")))
}

func (s *Server) comment(w http.ResponseWriter, r *http.Request, a account) {
	t := s.task(w, r, a)
	var in struct {
		Text string `json:"text"`
	}
	if t == nil || !s.body(w, r, &in) {
		return
	}
	t.Comments = append(t.Comments, in.Text)
	reply(w, http.StatusCreated, map[string]any{"gid": "2000000000000001", "resource_type": "story", "text": in.Text, "type": "comment"})
}

func (s *Server) addTag(w http.ResponseWriter, r *http.Request, a account) {
	t := s.task(w, r, a)
	var in struct {
		Tag string `json:"tag"`
	}
	if t == nil || !s.body(w, r, &in) {
		return
	}
	t.Tags = append(t.Tags, in.Tag)
	reply(w, http.StatusOK, map[string]any{})
}

func (s *Server) listTasks(w http.ResponseWriter, r *http.Request, a account) {
	q := r.URL.Query()
	if !s.project(w, q.Get("project"), a) {
		return
	}
	var since time.Time
	if v := q.Get("modified_since"); v != "" {
		var err error
		if since, err = time.Parse(time.RFC3339, v); err != nil {
			fail(w, http.StatusBadRequest, "modified_since: Not a valid date: "+v)
			return
		}
	}
	all := []map[string]any{}
	for _, t := range slices.Backward(s.tasks) {
		if t.Project == q.Get("project") && !t.Deleted && !t.Modified.Before(since) {
			all = append(all, s.show(t))
		}
	}
	s.list(w, r, all)
}

// show is a task with all that it has.
func (s *Server) show(t *Task) map[string]any {
	o := object("task", t.GID, t.Name)
	o["completed"], o["notes"], o["html_notes"], o["resource_subtype"] = t.Completed, t.Notes, t.HTML, t.Type
	o["created_at"], o["modified_at"] = t.Created.Format("2006-01-02T15:04:05.000Z"), t.Modified.Format("2006-01-02T15:04:05.000Z")
	o["permalink_url"] = "https://app.asana.com/0/" + t.Project + "/" + t.GID
	section := object("section", t.Section, "")
	for _, known := range sections(t.Project) {
		if known["gid"] == t.Section {
			section = known
		}
	}
	o["memberships"] = []map[string]any{{"project": object("project", t.Project, "Push"), "section": section}}
	var tagList []map[string]any
	for _, gid := range t.Tags {
		tagList = append(tagList, object("tag", gid, ""))
	}
	o["tags"] = tagList
	values := []map[string]any{}
	for _, f := range s.customFields() {
		v := f.show()
		if f.typ == "enum" { // the published schema has no null here
			for _, option := range f.options {
				if option["gid"] == t.Fields[f.gid] {
					v["enum_value"] = option
				}
			}
		}
		values = append(values, v)
	}
	o["custom_fields"] = values
	return o
}
