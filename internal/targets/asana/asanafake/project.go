package asanafake

import (
	"maps"
	"net/http"
	"slices"
)

func (s *Server) listProjects(w http.ResponseWriter, r *http.Request, a account) {
	if r.URL.Query().Get("workspace") != a.workspace {
		fail(w, http.StatusForbidden, "workspace: Forbidden")
		return
	}
	all := []map[string]any{}
	for _, p := range a.projects {
		if p != Archived {
			all = append(all, object("project", p, "Push"))
		}
	}
	s.list(w, r, all)
}

// project finds the project of a request.
func (s *Server) project(w http.ResponseWriter, gid string, a account) bool {
	switch {
	case slices.Contains(a.projects, gid):
		return true
	case gid == Project || gid == OtherProject:
		fail(w, http.StatusForbidden, "project: Forbidden")
	default:
		fail(w, http.StatusNotFound, "project: Unknown object: "+gid)
	}
	return false
}

func (s *Server) getProject(w http.ResponseWriter, r *http.Request, a account) {
	gid := r.PathValue("gid")
	if !s.project(w, gid, a) {
		return
	}
	o := object("project", gid, "Push")
	o["archived"], o["workspace"] = gid == Archived, object("workspace", a.workspace, "Example")
	reply(w, http.StatusOK, prune(o, fields(r.URL.Query().Get("opt_fields"), "name,archived,workspace.name")))
}

func sections(project string) []map[string]any {
	if project != Project {
		return []map[string]any{object("section", "1400000000000009", "Untitled section")}
	}
	return []map[string]any{object("section", Backlog, "Backlog"), object("section", Doing, "Doing")}
}

func (s *Server) listSections(w http.ResponseWriter, r *http.Request, a account) {
	if s.project(w, r.PathValue("gid"), a) {
		s.list(w, r, sections(r.PathValue("gid")))
	}
}

// field is a custom field of Project.
type field struct {
	gid, name, typ string
	options        []map[string]any
	more           map[string]any
}

func option(gid, name, color string, enabled bool) map[string]any {
	return map[string]any{"gid": gid, "resource_type": "enum_option", "name": name, "color": color, "enabled": enabled}
}

func (s *Server) customFields() []field {
	return []field{
		{gid: "1600000000000001", name: "Stage", typ: "enum", options: []map[string]any{option("1700000000000001", "Wanted", s.StageColor, true), option("1700000000000002", "In review", "indigo", true), option("1700000000000003", "Old", "none", false)}},
		{gid: "1600000000000002", name: "Teams", typ: "multi_enum", options: []map[string]any{option("1700000000000004", "Web", "red", true), option("1700000000000005", "App", "blue", true)}},
		{gid: "1600000000000003", name: "Effort", typ: "number"},
		{gid: "1600000000000004", name: "Customer", typ: "text"},
		{gid: "1600000000000005", name: "Promised", typ: "date"},
		{gid: "1600000000000006", name: "Sponsors", typ: "people"},
		{gid: "1600000000000007", name: "Score", typ: "number", more: map[string]any{"is_formula_field": true}},
		{gid: "1600000000000008", name: "Ticket", typ: "text", more: map[string]any{"id_prefix": "PB"}},
		{gid: "1600000000000009", name: "Locked", typ: "text", more: map[string]any{"is_value_read_only": true}},
		{gid: "1600000000000010", name: "Related", typ: "reference"},
	}
}

func (f field) show() map[string]any {
	o := object("custom_field", f.gid, f.name)
	o["resource_subtype"], o["type"] = f.typ, f.typ
	if f.options != nil {
		o["enum_options"] = f.options
	}
	maps.Copy(o, f.more)
	return o
}

func (s *Server) listFields(w http.ResponseWriter, r *http.Request, a account) {
	if !s.project(w, r.PathValue("gid"), a) {
		return
	}
	all := []map[string]any{}
	for _, f := range s.customFields() {
		o := map[string]any{"gid": "18" + f.gid[2:], "resource_type": "custom_field_setting", "custom_field": f.show()}
		all = append(all, o)
	}
	s.list(w, r, all)
}

func tags() []map[string]any {
	return []map[string]any{object("tag", "1900000000000001", "wish"), object("tag", "1900000000000002", "Urgent"), object("tag", "1900000000000003", "wish")}
}

func (s *Server) listTags(w http.ResponseWriter, r *http.Request, a account) {
	if r.PathValue("gid") != a.workspace {
		fail(w, http.StatusForbidden, "workspace: Forbidden")
		return
	}
	s.list(w, r, tags())
}

func (s *Server) getUser(w http.ResponseWriter, r *http.Request, _ account) {
	var o map[string]any
	switch r.PathValue("user") {
	case Jane:
		o = object("user", JaneGID, "Jane Doe")
		o["workspaces"] = []map[string]any{object("workspace", Workspace, "Example")}
	case Joe:
		o = object("user", "1300000000000002", "Joe Roe")
		o["workspaces"] = []map[string]any{object("workspace", "1100000000000007", "Elsewhere")}
	default:
		fail(w, http.StatusNotFound, "user: Unknown object: "+r.PathValue("user"))
		return
	}
	reply(w, http.StatusOK, prune(o, fields(r.URL.Query().Get("opt_fields"), "name,workspaces.name")))
}
