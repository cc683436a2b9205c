package jirafake

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func (f *Fake) getMyself(c call) {
	if c.account == nil {
		c.refuse(http.StatusUnauthorized, "Client must be authenticated to access this resource.")
		return
	}
	c.send(http.StatusOK, f.showUser(c, c.account))
}

func (f *Fake) showUser(c call, a *Account) map[string]any {
	shown := map[string]any{"displayName": a.Name, "active": !a.Inactive, "self": c.api + "/user?id=" + a.ID}
	if f.opts.DataCenter {
		shown["name"], shown["key"] = a.ID, "JIRAUSER"+a.ID
	} else {
		shown["accountId"], shown["accountType"] = a.ID, "atlassian"
	}
	if !a.HiddenEmail {
		shown["emailAddress"] = a.Email
	}
	return shown
}

func (f *Fake) findUsers(c call) {
	q := c.r.URL.Query()
	p := f.project(q.Get("project"))
	if p == nil || !c.account.sees(p.Key) {
		c.refuse(http.StatusNotFound, "No project could be found with key '"+q.Get("project")+"'.")
		return
	}
	wanted := q.Get("query")
	if f.opts.DataCenter {
		wanted = q.Get("username")
	}
	found := []map[string]any{}
	for _, a := range f.Accounts {
		hit := strings.HasPrefix(strings.ToLower(a.Email), strings.ToLower(wanted)) || strings.HasPrefix(a.Name, wanted)
		if wanted != "" && hit && a.sees(p.Key) {
			found = append(found, f.showUser(c, a))
		}
	}
	c.send(http.StatusOK, found)
}

func (f *Fake) showProject(c call, p *Project) map[string]any {
	shown := map[string]any{"id": p.ID, "key": p.Key, "name": p.Name, "self": c.api + "/project/" + p.ID}
	if p.Archived {
		shown["archived"] = true
	}
	return shown
}

func (f *Fake) getProject(c call) {
	p := f.project(c.r.PathValue("key"))
	if p == nil || !c.account.sees(p.Key) {
		c.refuse(http.StatusNotFound, c.say("No project could be found with key '%s'.", "Es konnte kein Projekt mit Schlüssel '%s' gefunden werden.", c.r.PathValue("key")))
		return
	}
	c.send(http.StatusOK, f.showProject(c, p))
}

func (f *Fake) listProjects(c call) {
	out := []map[string]any{}
	for _, p := range f.Projects {
		if c.account.sees(p.Key) {
			out = append(out, f.showProject(c, p))
		}
	}
	c.send(http.StatusOK, out)
}

func (f *Fake) searchProjects(c call) {
	out := []map[string]any{}
	for _, p := range f.Projects {
		if c.account.mayCreate(p.Key) {
			out = append(out, f.showProject(c, p))
		}
	}
	c.send(http.StatusOK, map[string]any{"values": out, "startAt": 0, "maxResults": 50, "total": len(out), "isLast": true})
}

// part answers with a part of a list, as the query asks for it.
func part[T any](f *Fake, c call, cloudName string, all []T) {
	q := c.r.URL.Query()
	start, err1 := strconv.Atoi(q.Get("startAt"))
	most, err2 := strconv.Atoi(q.Get("maxResults"))
	if err1 != nil || err2 != nil || most > 200 {
		c.refuse(http.StatusBadRequest, "Parameter 'maxResults' must not exceed the limit '200'")
		return
	}
	if f.MetaPage > 0 {
		most = min(most, f.MetaPage)
	}
	start = min(start, len(all))
	list := all[start:min(start+most, len(all))]
	body := map[string]any{"startAt": start, "maxResults": most, "total": len(all), cloudName: slices.Clone(list)}
	if f.opts.DataCenter {
		delete(body, cloudName)
		body["values"], body["isLast"] = list, start+len(list) >= len(all)
	}
	c.send(http.StatusOK, body)
}

func (f *Fake) getTypes(c call) {
	p := f.project(c.r.PathValue("project"))
	if p == nil || !c.account.sees(p.Key) {
		c.refuse(http.StatusNotFound, "No project could be found.")
		return
	}
	out := []map[string]any{}
	for _, t := range p.Types {
		if !c.account.mayCreate(p.Key) {
			break
		}
		shown := map[string]any{"id": t.ID, "name": t.Name, "subtask": t.Subtask, "description": "", "self": c.api + "/issuetype/" + t.ID}
		if !f.opts.DataCenter {
			shown["hierarchyLevel"] = t.Level
		}
		out = append(out, shown)
	}
	part(f, c, "issueTypes", out)
}

func (f *Fake) getFields(c call) {
	p := f.project(c.r.PathValue("project"))
	if p == nil || !c.account.mayCreate(p.Key) {
		c.refuse(http.StatusNotFound, "No project could be found.")
		return
	}
	t := p.issueType(c.r.PathValue("type"))
	if t == nil {
		c.refuse(http.StatusNotFound, "The issue type is not of this project.")
		return
	}
	out := []map[string]any{}
	for _, field := range t.Fields {
		out = append(out, showField(field))
	}
	part(f, c, "fields", out)
}

func showField(field Field) map[string]any {
	shown := map[string]any{"fieldId": field.ID, "key": field.ID, "name": field.Name, "required": field.Required,
		"hasDefaultValue": field.HasDefault, "operations": []string{"set"}, "schema": field.Schema}
	if field.Allowed != nil {
		shown["allowedValues"] = field.Allowed
	}
	return shown
}

func (p *Project) issueType(id string) *Type {
	for i := range p.Types {
		if p.Types[i].ID == id {
			return &p.Types[i]
		}
	}
	return nil
}

func (t *Type) field(id string) *Field {
	for i := range t.Fields {
		if t.Fields[i].ID == id {
			return &t.Fields[i]
		}
	}
	return nil
}
