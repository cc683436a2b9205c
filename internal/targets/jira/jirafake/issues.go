package jirafake

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// bodyOf is what creates, updates and transitions are sent as.
type bodyOf struct {
	Fields     map[string]json.RawMessage `json:"fields"`
	Update     map[string]json.RawMessage `json:"update"`
	Properties []struct {
		Key   string          `json:"key"`
		Value json.RawMessage `json:"value"`
	} `json:"properties"`
	Transition *struct {
		ID string `json:"id"`
	} `json:"transition"`
}

func (f *Fake) postIssue(c call) {
	var in bodyOf
	raw, ok := c.read(&in)
	if !ok {
		return
	}
	if in.Transition != nil || len(in.Update) > 0 || f.opts.DataCenter && in.Properties != nil {
		c.refuse(http.StatusBadRequest, "The fake takes no transition, no update and (Data Center) no properties with a create.")
		return
	}
	var ref struct{ ID, Key string }
	_ = json.Unmarshal(in.Fields["project"], &ref)
	p := f.project(ref.ID + ref.Key)
	if c.account == nil {
		c.refuse(http.StatusBadRequest, "Anonymous users do not have permission to create issues in this project. Please try logging in first.")
		return
	}
	if p == nil || p.Archived || !c.account.mayCreate(p.Key) {
		c.refuseFields(http.StatusBadRequest, map[string]string{"project": c.say("valid project is required", "Geben Sie ein gültiges Projekt an")})
		return
	}
	ref.ID = ""
	_ = json.Unmarshal(in.Fields["issuetype"], &ref)
	t := p.issueType(ref.ID)
	if t == nil {
		c.refuseFields(http.StatusBadRequest, map[string]string{"issuetype": c.say("Specify a valid issue type", "Geben Sie einen gültigen Vorgangstyp an")})
		return
	}
	if wrong := f.wrongFields(c, p, t, in.Fields, true); len(wrong) > 0 {
		c.refuseFields(http.StatusBadRequest, wrong)
		return
	}
	f.created++ // an id is never given out again
	made := &Issue{ID: 9999 + f.created, Project: p.Key, Type: t.Name, Status: ToDo(), Fields: in.Fields, Properties: map[string]json.RawMessage{},
		Links: map[string]Link{}, Unseen: f.Lag, Request: raw}
	made.Key = fmt.Sprintf("%s-%d", p.Key, f.created)
	for _, property := range in.Properties {
		if property.Key == "" || len(property.Value) == 0 {
			c.refuse(http.StatusBadRequest, "The property has no key or no value.")
			return
		}
		made.Properties[property.Key] = property.Value
	}
	f.Issues = append(f.Issues, made)
	c.send(http.StatusCreated, map[string]any{"id": strconv.Itoa(made.ID), "key": made.Key, "self": f.self(c, made)})
}

func (f *Fake) self(c call, i *Issue) string { return c.api + "/issue/" + strconv.Itoa(i.ID) }

// issue finds the one that the path names, if the account sees it.
func (f *Fake) issue(c call) *Issue {
	name := c.r.PathValue("id")
	for _, i := range f.Issues {
		if i.called(name) && c.account.sees(i.Project) && !i.Secured {
			return i
		}
	}
	c.refuse(http.StatusNotFound, c.say("Issue does not exist or you do not have permission to see it.", "Der Vorgang existiert nicht oder Sie haben keine Berechtigung."))
	return nil
}

// called reports whether a name is the issue's id or a key of it.
func (i *Issue) called(name string) bool {
	return strconv.Itoa(i.ID) == name || i.Key == name || slices.Contains(i.OldKeys, name)
}

func showStatus(c call, s Status) map[string]any {
	ids := map[string]int{"new": 2, "indeterminate": 4, "done": 3}
	return map[string]any{"id": s.ID, "name": s.Name, "self": c.api + "/status/" + s.ID,
		"statusCategory": map[string]any{"id": ids[s.Category], "key": s.Category, "name": s.Name, "self": c.api + "/statuscategory/" + s.Category}}
}

// show returns the fields that were asked for; Cloud's search returns no others.
func (f *Fake) show(c call, i *Issue, fields []string) map[string]any {
	shown := map[string]any{}
	for _, id := range fields {
		switch value, ok := i.Fields[id]; {
		case id == "status":
			shown[id] = showStatus(c, i.Status)
		case id == "project":
			shown[id] = f.showProject(c, f.project(i.Project))
		case ok:
			shown[id] = value
		case id == "labels":
			shown[id] = []string{}
		}
	}
	return map[string]any{"id": strconv.Itoa(i.ID), "key": i.Key, "self": f.self(c, i), "fields": shown}
}

func (f *Fake) getIssue(c call) {
	if i := f.issue(c); i != nil {
		c.send(http.StatusOK, f.show(c, i, c.r.URL.Query()["fields"]))
	}
}

func (f *Fake) putIssue(c call) {
	i := f.issue(c)
	var in bodyOf
	if i == nil {
		return
	}
	if _, ok := c.read(&in); !ok {
		return
	}
	p := f.project(i.Project)
	t := &p.Types[slices.IndexFunc(p.Types, func(t Type) bool { return t.Name == i.Type })]
	wrong := f.wrongFields(c, p, t, in.Fields, false)
	for id := range in.Update {
		if _, twice := in.Fields[id]; twice {
			wrong[id] = "Field '" + id + "' cannot appear in both 'fields' and 'update'"
		}
	}
	added, ok := addedLabels(in.Update)
	if !ok {
		wrong["labels"] = "The fake takes additions to labels alone."
	}
	if len(wrong) > 0 {
		c.refuseFields(http.StatusBadRequest, wrong)
		return
	}
	maps.Copy(i.Fields, in.Fields)
	all := i.Labels()
	for _, l := range added {
		if !slices.Contains(all, l) {
			all = append(all, l)
		}
	}
	i.Fields["labels"], _ = json.Marshal(all)
	c.w.WriteHeader(http.StatusNoContent)
}

func addedLabels(update map[string]json.RawMessage) ([]string, bool) {
	var out []string
	for id, raw := range update {
		var ops []map[string]string
		if id != "labels" || json.Unmarshal(raw, &ops) != nil {
			return nil, false
		}
		for _, op := range ops {
			l, ok := op["add"]
			if !ok || len(op) != 1 || !goodLabel(l) {
				return nil, false
			}
			out = append(out, l)
		}
	}
	return out, true
}

// query is the JQL that the fake understands.
var query = regexp.MustCompile(`^labels = "([a-z0-9-]+)" ORDER BY created ASC$`) //nolint:gochecknoglobals // a constant

func (f *Fake) search(c call) {
	var in struct {
		JQL        string   `json:"jql"`
		Fields     []string `json:"fields"`
		Properties []string `json:"properties"`
		MaxResults int      `json:"maxResults"`
		Next       string   `json:"nextPageToken"`
		Validate   *bool    `json:"validateQuery"`
	}
	if _, ok := c.read(&in); !ok {
		return
	}
	if ids := idsQuery.FindStringSubmatch(in.JQL); ids != nil && f.opts.DataCenter {
		f.searchIDs(c, strings.Split(ids[1], ", "), in.Fields, in.MaxResults, in.Validate == nil || *in.Validate)
		return
	}
	label := query.FindStringSubmatch(in.JQL)
	if label == nil || in.Validate != nil || f.opts.DataCenter && (in.Next != "" || in.Properties != nil) {
		c.refuse(http.StatusBadRequest, "Error in the JQL Query: "+in.JQL)
		return
	}
	hits := []map[string]any{}
	for _, i := range f.Issues {
		if i.Unseen > 0 {
			i.Unseen--
			continue
		}
		if c.account.sees(i.Project) && !i.Secured && slices.Contains(i.Labels(), label[1]) {
			hit := f.show(c, i, in.Fields)
			if kept := i.kept(in.Properties); len(kept) > 0 {
				hit["properties"] = kept
			}
			hits = append(hits, hit)
		}
	}
	if f.opts.DataCenter {
		c.send(http.StatusOK, map[string]any{"startAt": 0, "maxResults": in.MaxResults, "total": len(hits), "issues": hits})
		return
	}
	start, _ := strconv.Atoi(in.Next)
	most := in.MaxResults
	if f.SearchPage > 0 {
		most = f.SearchPage
	}
	end := min(start+most, len(hits))
	reply := map[string]any{"issues": hits[min(start, end):end], "isLast": end == len(hits)}
	if end < len(hits) {
		reply["nextPageToken"] = strconv.Itoa(end)
	}
	c.send(http.StatusOK, reply)
}

// idsQuery is the JQL by which Data Center is asked for known issues.
var idsQuery = regexp.MustCompile(`^id in \(([0-9]+(?:, [0-9]+)*)\)$`) //nolint:gochecknoglobals // a constant

// searchIDs refuses the whole search for one missing id, unless it is not to be
// validated.
func (f *Fake) searchIDs(c call, ids, fields []string, most int, validate bool) {
	hits := []map[string]any{}
	for _, id := range ids {
		i := f.find(id)
		seen := i != nil && c.account.sees(i.Project) && !i.Secured
		switch {
		case !seen && validate:
			c.refuse(http.StatusBadRequest, "A value with ID '"+id+"' does not exist for the field 'id'.")
			return
		case !seen:
		case i.Unseen > 0:
			i.Unseen--
		default:
			hits = append(hits, f.show(c, i, fields))
		}
	}
	c.send(http.StatusOK, map[string]any{"startAt": 0, "maxResults": most, "total": len(hits), "issues": hits[:min(most, len(hits))]})
}

// bulkFetch returns the issues in the order of their ids, however they are asked
// for, and leaves out those that the account does not see.
func (f *Fake) bulkFetch(c call) {
	var in struct {
		IDs    []string `json:"issueIdsOrKeys"`
		Fields []string `json:"fields"`
	}
	if _, ok := c.read(&in); !ok {
		return
	}
	if len(in.IDs) == 0 || len(in.IDs) > 100 {
		c.refuse(http.StatusBadRequest, "The number of issues must be between 1 and 100.")
		return
	}
	found := []map[string]any{}
	for _, i := range f.Issues { // ids rise
		asked := slices.ContainsFunc(in.IDs, func(name string) bool { return i.called(name) })
		if asked && c.account.sees(i.Project) && !i.Secured {
			found = append(found, f.show(c, i, in.Fields))
		}
	}
	c.send(http.StatusOK, map[string]any{"issueErrors": []any{}, "issues": found})
}

func (i *Issue) kept(keys []string) map[string]any {
	out := map[string]any{}
	for _, k := range keys {
		if v, ok := i.Properties[k]; ok {
			out[k] = v
		}
	}
	return out
}

func (f *Fake) getTransitions(c call) {
	i := f.issue(c)
	if i == nil {
		return
	}
	out := []map[string]any{}
	for _, t := range f.project(i.Project).Transitions {
		shown := map[string]any{"id": t.ID, "name": t.Name, "to": showStatus(c, t.To), "hasScreen": len(t.Fields) > 0}
		if c.r.URL.Query().Get("expand") == "transitions.fields" {
			fields := map[string]any{}
			for _, field := range t.Fields {
				one := showField(field)
				delete(one, "fieldId")
				fields[field.ID] = one
			}
			shown["fields"] = fields
		}
		out = append(out, shown)
	}
	c.send(http.StatusOK, map[string]any{"expand": "transitions", "transitions": out})
}

func (f *Fake) postTransition(c call) {
	i := f.issue(c)
	var in bodyOf
	if i == nil {
		return
	}
	if _, ok := c.read(&in); !ok {
		return
	}
	all := f.project(i.Project).Transitions
	at := -1
	if in.Transition != nil {
		at = slices.IndexFunc(all, func(t Transition) bool { return t.ID == in.Transition.ID })
	}
	if at < 0 {
		c.refuse(http.StatusBadRequest, "It seems that you have tried to perform a workflow operation that is not valid for the current state of this issue.")
		return
	}
	wrong := map[string]string{}
	for _, field := range all[at].Fields {
		if _, given := in.Fields[field.ID]; field.Required && !given {
			wrong[field.ID] = field.Name + " is required."
		}
	}
	for id, raw := range in.Fields {
		var ref struct{ ID string }
		_ = json.Unmarshal(raw, &ref)
		k := slices.IndexFunc(all[at].Fields, func(field Field) bool { return field.ID == id })
		if k < 0 || !allows(all[at].Fields[k].Allowed, ref.ID) {
			wrong[id] = "Field '" + id + "' cannot be set. It is not on the appropriate screen, or unknown."
			continue
		}
		i.Resolution = ref.ID
	}
	if len(wrong) > 0 {
		c.refuseFields(http.StatusBadRequest, wrong)
		return
	}
	i.Status = all[at].To
	c.w.WriteHeader(http.StatusNoContent)
}

func (f *Fake) postComment(c call) {
	i := f.issue(c)
	var in struct {
		Body json.RawMessage `json:"body"`
	}
	if i == nil {
		return
	}
	if _, ok := c.read(&in); !ok {
		return
	}
	if said := f.wrongText(in.Body); said != "" {
		c.refuseFields(http.StatusBadRequest, map[string]string{"comment": said})
		return
	}
	i.Comments = append(i.Comments, string(in.Body))
	id := strconv.Itoa(len(i.Comments))
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Format(time.RFC3339)
	c.send(http.StatusCreated, map[string]any{"id": id, "self": f.self(c, i) + "/comment/" + id, "body": in.Body, "created": now, "updated": now})
}

func (f *Fake) postLink(c call) {
	i := f.issue(c)
	var in struct {
		GlobalID     string `json:"globalId"`
		Relationship string `json:"relationship"`
		Object       struct {
			URL   string `json:"url"`
			Title string `json:"title"`
		} `json:"object"`
	}
	if i == nil {
		return
	}
	if _, ok := c.read(&in); !ok {
		return
	}
	switch {
	case f.NoLinks:
		c.refuse(http.StatusForbidden, "Issue linking is currently disabled.")
		return
	case in.Object.Title == "" || in.Object.URL == "" || len(in.GlobalID) > 255 || len([]rune(in.Object.Title)) > 255:
		c.refuseFields(http.StatusBadRequest, map[string]string{"title": "'title' is required."})
		return
	}
	status := http.StatusCreated
	if _, there := i.Links[in.GlobalID]; there {
		status = http.StatusOK
	}
	i.Links[in.GlobalID] = Link{in.Object.URL, in.Object.Title}
	c.send(status, map[string]any{"id": 10000 + len(i.Links), "self": f.self(c, i) + "/remotelink/10000"})
}
