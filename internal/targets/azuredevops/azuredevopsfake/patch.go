package azuredevopsfake

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

type operation struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value"`
}

// refusal is a status and what goes with it.
type refusal struct {
	status           int
	typeKey, message string
	custom           map[string]any
}

func (r *refusal) write(w http.ResponseWriter) {
	if r.custom != nil {
		fail(w, r.status, r.typeKey, r.message, r.custom)
		return
	}
	fail(w, r.status, r.typeKey, r.message)
}

func bad(typeKey, message string) *refusal {
	return &refusal{status: http.StatusBadRequest, typeKey: typeKey, message: message}
}

// body reads JSON of a content type; unknown members are refused.
func (s *Server) body(w http.ResponseWriter, r *http.Request, contentType string, out any) bool {
	if got := r.Header.Get("Content-Type"); got != contentType {
		fail(w, http.StatusUnsupportedMediaType, "VssRequestContentTypeNotSupportedException",
			"The request indicated a Content-Type of \""+got+"\" for method type \""+r.Method+"\" which is not supported. Valid content types for this method are: "+contentType+".")
		return false
	}
	raw, _ := io.ReadAll(r.Body)
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(out); err != nil {
		fail(w, http.StatusBadRequest, "VssPropertyValidationException", "You must pass a valid patch document in the body of the request.")
		return false
	}
	return true
}

func (s *Server) createItem(w http.ResponseWriter, r *http.Request, project string) {
	typ, dollar := strings.CutPrefix(r.PathValue("type"), "$")
	if !dollar || !slices.Contains(typeNames(), typ) {
		fail(w, http.StatusNotFound, "WorkItemTypeNotFoundException", "VS402323: Work item type "+typ+" does not exist in project "+project+" or you do not have permission to access it.")
		return
	}
	var ops []operation
	if !s.body(w, r, "application/json-patch+json", &ops) {
		return
	}
	made := &Item{ID: len(s.items) + 1, Rev: 1, Project: project, hidden: s.Lag, Fields: map[string]any{"System.WorkItemType": typ, "System.State": "New",
		"System.TeamProject": project, "System.AreaPath": project, "System.IterationPath": project, "Microsoft.VSTS.Common.Priority": 2}}
	if no := s.apply(made, ops); no != nil {
		no.write(w)
		return
	}
	if r.URL.Query().Get("validateOnly") != "true" || s.Careless {
		s.items = append(s.items, made)
		s.keepTags(made)
	}
	reply(w, s.show(made, "", false))
}

func (s *Server) patchItem(w http.ResponseWriter, r *http.Request, project string) {
	i := s.asked(r, project)
	if i == nil {
		noItem(w, r.PathValue("id"))
		return
	}
	var ops []operation
	if !s.body(w, r, "application/json-patch+json", &ops) {
		return
	}
	changed := *i
	changed.Fields = map[string]any{}
	maps.Copy(changed.Fields, i.Fields)
	changed.Relations, changed.Comments = slices.Clone(i.Relations), slices.Clone(i.Comments)
	if no := s.apply(&changed, ops); no != nil {
		no.write(w)
		return
	}
	changed.Rev++
	*i = changed
	s.keepTags(i)
	reply(w, s.show(i, "", false))
}

func (s *Server) keepTags(i *Item) {
	tags, _ := i.Fields["System.Tags"].(string)
	for tag := range strings.SplitSeq(tags, "; ") {
		s.tags[strings.ToLower(tag)] = true
	}
}

// apply carries out a patch on an item and then checks the process's rules.
func (s *Server) apply(i *Item, ops []operation) *refusal {
	for _, o := range ops {
		var no *refusal
		switch {
		case o.Op == "test" && o.Path == "/rev":
			if string(o.Value) != strconv.Itoa(i.Rev) {
				no = &refusal{status: http.StatusPreconditionFailed, typeKey: "WorkItemRevisionMismatchException",
					message: "TF26071: This work item has been changed by someone else since you opened it. You will need to refresh it and discard your changes."}
			}
		case o.Op != "add":
			no = bad("VssPropertyValidationException", "The operation "+o.Op+" is not supported for "+o.Path+".")
		case o.Path == "/relations/-":
			no = s.link(i, o.Value)
		case strings.HasPrefix(o.Path, "/fields/"):
			no = s.set(i, strings.TrimPrefix(o.Path, "/fields/"), o.Value)
		default:
			no = bad("VssPropertyValidationException", "The path "+o.Path+" is not valid.")
		}
		if no != nil {
			return no
		}
	}
	return s.rules(i)
}

func (s *Server) link(i *Item, raw json.RawMessage) *refusal {
	var rel Relation
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	if dec.Decode(&rel) != nil {
		return bad("VssPropertyValidationException", "The relation is not valid.")
	}
	switch rel.Rel {
	case "Hyperlink":
		if u, err := url.Parse(rel.URL); err != nil || u.Host == "" {
			return bad("WorkItemLinkInvalidException", "The hyperlink is not valid.")
		}
	case "System.LinkTypes.Hierarchy-Reverse":
		path, ok := strings.CutPrefix(rel.URL, s.URL+"/"+Organization+"/_apis/wit/workItems/")
		if !ok { // behind a proxy the address differs, its end does not
			path = rel.URL[strings.LastIndexByte(rel.URL, '/')+1:]
		}
		if s.visible(path, i.Project) == nil {
			return &refusal{status: http.StatusNotFound, typeKey: "WorkItemUnauthorizedAccessException", message: "TF401232: Work item " + path + " does not exist, or you do not have permissions to read it."}
		}
	default:
		return bad("WorkItemLinkTypeNotFoundException", "The link type "+rel.Rel+" does not exist.")
	}
	if slices.ContainsFunc(i.Relations, func(have Relation) bool { return have.Rel == rel.Rel && have.URL == rel.URL }) {
		return bad("RelationAlreadyExistsException", "Relation already exists.")
	}
	i.Relations = append(i.Relations, rel)
	return nil
}

func (s *Server) set(i *Item, ref string, raw json.RawMessage) *refusal {
	typ, _ := i.Fields["System.WorkItemType"].(string)
	d := find(ref, typ)
	if d == nil {
		return bad("WorkItemTrackingFieldDefinitionNotFoundException", "TF51535: Cannot find field "+ref+".")
	}
	var value any
	if json.Unmarshal(raw, &value) != nil {
		return bad("VssPropertyValidationException", "The value is not valid.")
	}
	text, isText := value.(string)
	invalid := &refusal{status: http.StatusBadRequest, typeKey: "WorkItemFieldInvalidException", custom: map[string]any{"ReferenceName": ref},
		message: "The value for field '" + d.name + "' is not valid."}
	switch {
	case d.readOnly:
		return broken(ruleOf(*d, "readOnly, invalidNotOldValue"))
	case d.identity:
		if text != Jane {
			invalid.message = "The identity value '" + text + "' for field '" + d.name + "' is an unknown identity."
			return invalid
		}
		i.Fields[ref] = map[string]any{"displayName": "Jane Doe", "uniqueName": Jane, "id": "d291b0c4-a05c-4ea6-8df1-4b41d5f39eff"}
		return nil
	case ref == "System.History":
		i.Comments = append(i.Comments, text)
		return nil
	case ref == "System.Tags":
		return s.setTags(i, text)
	case d.typ == "treePath":
		group := map[string]string{"System.AreaPath": "areas", "System.IterationPath": "iterations"}[ref]
		if !slices.Contains(paths(group), text) {
			return bad("WorkItemInvalidTreeNameException", "TF401347: Invalid tree name given for work item -1, field '"+ref+"'.")
		}
	case d.typ == "integer" || d.typ == "double":
		if n, ok := value.(float64); !ok || d.typ == "integer" && n != float64(int(n)) {
			return invalid
		}
	case d.typ == "boolean":
		if _, ok := value.(bool); !ok {
			return invalid
		}
	case !isText:
		return invalid
	}
	i.Fields[ref] = value
	return nil
}

func (s *Server) setTags(i *Item, text string) *refusal {
	var tags []string
	for tag := range strings.SplitSeq(text, ";") {
		if tag = strings.TrimSpace(tag); tag == "" {
			continue
		}
		if strings.Contains(tag, ",") || utf8.RuneCountInString(tag) > 400 {
			return bad("WorkItemFieldInvalidException", "The tag "+tag+" is not valid.")
		}
		if s.NoTags && !s.tags[strings.ToLower(tag)] {
			return &refusal{status: http.StatusBadRequest, typeKey: "CreateTagPermissionException", message: "TF401289: The current user does not have permissions to create tags."}
		}
		tags = append(tags, tag)
	}
	slices.Sort(tags) // Azure DevOps shows them in its own order
	i.Fields["System.Tags"] = strings.Join(slices.Compact(tags), "; ")
	return nil
}

// rules checks the whole item; all that is wrong comes in one answer.
func (s *Server) rules(i *Item) *refusal {
	typ, _ := i.Fields["System.WorkItemType"].(string)
	var out []map[string]any
	for _, d := range fieldDefs() {
		if !d.of(typ) {
			continue
		}
		v, given := i.Fields[d.ref]
		text, isText := v.(string)
		automatic := d.ref == "System.IterationId" || d.byDefault != nil
		switch {
		case (d.required && !automatic || slices.Contains(s.Require, d.ref)) && (!given || v == ""):
			out = append(out, ruleOf(d, "required, hasValues, limitedToValues, allowsOldValue, invalidEmpty"))
		case given && isText && d.allowed != nil && !d.suggested && d.allowed[0] != "<None>" && !slices.Contains(d.allowed, v):
			out = append(out, ruleOf(d, "hasValues, limitedToValues, invalidListValue"))
		case (d.typ == "string" || d.typ == "picklistString") && len(utf16.Encode([]rune(text))) > 255:
			out = append(out, ruleOf(d, "invalidTooLong"))
		case d.typ == "html" && s.TextLimit > 0 && utf8.RuneCountInString(text) > s.TextLimit:
			out = append(out, ruleOf(d, "invalidTooLong"))
		}
	}
	if len(out) == 0 {
		return nil
	}
	return broken(out...)
}

func ruleOf(d fieldDef, flags string) map[string]any {
	return map[string]any{"fieldReferenceName": d.ref, "fieldStatusFlags": flags, "fieldStatusCode": 0, "ruleValidationErrors": nil,
		"errorMessage": "TF401320: Rule Error for field " + d.name + ". Error code: " + flags + "."}
}

func broken(rules ...map[string]any) *refusal {
	message, _ := rules[0]["errorMessage"].(string)
	return &refusal{status: http.StatusBadRequest, typeKey: "RuleValidationException", message: message,
		custom: map[string]any{"ErrorMessage": nil, "RuleValidationErrors": rules}}
}
