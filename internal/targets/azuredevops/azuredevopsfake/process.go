package azuredevopsfake

import (
	"net/http"
	"slices"
)

// fieldDef is a field of the process.
type fieldDef struct {
	ref, name, typ     string
	readOnly, identity bool
	suggested          bool
	allowed            []any
	required           bool
	byDefault          any
	// types that have it; nil for all.
	types []string
}

// The process: Agile, cut down, with some custom fields.
func fieldDefs() []fieldDef {
	return []fieldDef{
		{ref: "System.Id", name: "ID", typ: "integer", readOnly: true},
		{ref: "System.Rev", name: "Rev", typ: "integer", readOnly: true},
		{ref: "System.Title", name: "Title", typ: "string", required: true},
		{ref: "System.State", name: "State", typ: "string", required: true, byDefault: "New", allowed: []any{"Active", "Closed", "New", "Removed", "Resolved"}},
		{ref: "System.Tags", name: "Tags", typ: "plainText"},
		{ref: "System.Description", name: "Description", typ: "html"},
		{ref: "Microsoft.VSTS.TCM.ReproSteps", name: "Repro Steps", typ: "html", types: []string{"Bug"}},
		{ref: "System.History", name: "History", typ: "history"},
		{ref: "System.AreaPath", name: "Area Path", typ: "treePath"},
		{ref: "System.IterationPath", name: "Iteration Path", typ: "treePath"},
		{ref: "System.IterationId", name: "Iteration ID", typ: "integer", required: true},
		{ref: "System.WorkItemType", name: "Work Item Type", typ: "string", readOnly: true},
		{ref: "System.AssignedTo", name: "Assigned To", typ: "string", identity: true},
		{ref: "Microsoft.VSTS.Common.Priority", name: "Priority", typ: "integer", allowed: []any{"1", "2", "3", "4"}, byDefault: "2"},
		{ref: "Microsoft.VSTS.Common.ValueArea", name: "Value Area", typ: "string", required: true, allowed: []any{"Architectural", "Business"}, byDefault: "Business"},
		{ref: "Microsoft.VSTS.Build.FoundIn", name: "Found In", typ: "string", allowed: []any{"<None>"}, types: []string{"Bug"}},
		{ref: "Microsoft.VSTS.Scheduling.StoryPoints", name: "Story Points", typ: "double"},
		{ref: "Microsoft.VSTS.Scheduling.TargetDate", name: "Target Date", typ: "dateTime"},
		{ref: "Microsoft.VSTS.Common.AcceptanceCriteria", name: "Acceptance Criteria", typ: "html"},
		{ref: "Custom.Sponsor", name: "Sponsor", typ: "string", identity: true},
		{ref: "Custom.Urgent", name: "Urgent", typ: "boolean"},
		{ref: "Custom.Notes", name: "Notes", typ: "plainText"},
		{ref: "Custom.Component", name: "Component", typ: "picklistString", allowed: []any{"Backend", "Frontend"}},
		{ref: "Custom.Region", name: "Region", typ: "picklistString", suggested: true, allowed: []any{"EMEA"}},
		{ref: "Custom.Activity", name: "Activity", typ: "string", required: true, types: []string{"Strict"}},
		{ref: "Custom.GUID", name: "Some GUID", typ: "guid"},
	}
}

func typeNames() []string { return []string{"Bug", "User Story", "Strict", "Retired"} }

func (d fieldDef) of(typ string) bool { return d.types == nil || slices.Contains(d.types, typ) }

func find(ref, typ string) *fieldDef {
	for _, d := range fieldDefs() {
		if d.ref == ref && (typ == "" || d.of(typ)) {
			return &d
		}
	}
	return nil
}

// states are Agile's, with their colours.
func states() []map[string]any {
	return []map[string]any{
		{"name": "New", "color": "b2b2b2", "category": "Proposed"}, {"name": "Active", "color": "007acc", "category": "InProgress"},
		{"name": "Resolved", "color": "ff9d00", "category": "Resolved"}, {"name": "Closed", "color": "339933", "category": "Completed"},
		{"name": "Removed", "color": "ffffff", "category": "Removed"},
	}
}

func (s *Server) knownType(w http.ResponseWriter, r *http.Request, project string) (string, bool) {
	typ := r.PathValue("type")
	if !slices.Contains(typeNames(), typ) {
		fail(w, http.StatusNotFound, "WorkItemTypeNotFoundException", "VS402323: Work item type "+typ+" does not exist in project "+project+" or you do not have permission to access it.")
		return "", false
	}
	return typ, true
}

func showType(typ, project string) map[string]any {
	fields := []any{}
	for _, d := range fieldDefs() {
		if d.of(typ) {
			f := reference(d.ref, d.name)
			f["alwaysRequired"] = d.required
			fields = append(fields, f)
		}
	}
	return map[string]any{"name": typ, "referenceName": "Custom." + typ, "color": "009CCC", "isDisabled": typ == "Retired", "fields": fields, "states": states(),
		"url": "https://dev.azure.com/fabrikam/" + projectID(project) + "/_apis/wit/workItemTypes/" + typ}
}

func (s *Server) listTypes(w http.ResponseWriter, _ *http.Request, project string) {
	out := []any{}
	for _, typ := range typeNames() {
		out = append(out, showType(typ, project))
	}
	reply(w, wrap(out))
}

func (s *Server) getType(w http.ResponseWriter, r *http.Request, project string) {
	if typ, ok := s.knownType(w, r, project); ok {
		reply(w, showType(typ, project))
	}
}

func (s *Server) listStates(w http.ResponseWriter, r *http.Request, project string) {
	if _, ok := s.knownType(w, r, project); ok {
		reply(w, wrap(states()))
	}
}

func (s *Server) listTypeFields(w http.ResponseWriter, r *http.Request, project string) {
	typ, ok := s.knownType(w, r, project)
	if !ok {
		return
	}
	out := []any{}
	for _, d := range fieldDefs() {
		if !d.of(typ) {
			continue
		}
		f := reference(d.ref, d.name)
		f["alwaysRequired"] = d.required
		if r.URL.Query().Get("$expand") == "all" {
			f["defaultValue"], f["allowedValues"], f["dependentFields"] = d.byDefault, d.allowed, []any{}
			if d.allowed == nil {
				f["allowedValues"] = []any{}
			}
			if d.identity {
				f["allowedValues"] = []any{map[string]any{"displayName": "Jane", "uniqueName": Jane}}
			}
		}
		out = append(out, f)
	}
	reply(w, wrap(out))
}

func (s *Server) listFields(w http.ResponseWriter, _ *http.Request, _ string) {
	out := []any{}
	for _, d := range fieldDefs() {
		f := reference(d.ref, d.name)
		f["type"], f["readOnly"], f["usage"] = d.typ, d.readOnly, "workItem"
		f["isIdentity"], f["isPicklist"], f["isPicklistSuggested"] = d.identity, len(d.typ) > 8 && d.typ[:8] == "picklist", d.suggested
		out = append(out, f)
	}
	reply(w, wrap(out))
}

func paths(group string) []string {
	if group == "areas" {
		return []string{Project, Project + `\Web`}
	}
	return []string{Project, Project + `\Sprint 3`}
}

func (s *Server) getNodes(w http.ResponseWriter, r *http.Request, project string) {
	kind, child := "area", "Web"
	if r.PathValue("group") == "iterations" {
		kind, child = "iteration", "Sprint 3"
	}
	reply(w, map[string]any{"id": 1, "name": project, "structureType": kind, "hasChildren": true,
		"children": []any{map[string]any{"id": 2, "name": child, "structureType": kind, "hasChildren": false}}})
}
