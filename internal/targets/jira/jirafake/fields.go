package jirafake

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
)

const (
	maxLine = 255   // one-line texts and labels, in UTF-16 units
	maxText = 32767 // descriptions, text areas and comments
)

// wrongFields says what Jira has against the fields of a create or an update.
func (f *Fake) wrongFields(c call, p *Project, t *Type, given map[string]json.RawMessage, create bool) map[string]string {
	wrong := map[string]string{}
	for id, raw := range given {
		field := t.field(id)
		if field == nil {
			wrong[id] = c.say("Field '%s' cannot be set. It is not on the appropriate screen, or unknown.", "Das Feld '%s' kann nicht gesetzt werden. Es ist nicht auf dem Bildschirm oder unbekannt.", id)
			continue
		}
		if said := f.wrongValue(p, *field, raw); said != "" {
			wrong[id] = said
		}
	}
	for _, field := range t.Fields {
		_, there := given[field.ID]
		if create && field.Required && !field.HasDefault && !there {
			wrong[field.ID] = c.say("%s is required.", "%s ist erforderlich.", field.Name)
		}
	}
	return wrong
}

// wrongValue holds one field's value against its schema; "" if it is good.
func (f *Fake) wrongValue(p *Project, field Field, raw json.RawMessage) string {
	kind, _ := field.Schema["type"].(string)
	full, _ := field.Schema["custom"].(string)
	_, short, _ := strings.Cut(full, ":")
	switch {
	case field.ID == "project" || field.ID == "issuetype":
		return "" // seen before
	case field.ID == "description" || field.ID == "environment" || short == "textarea":
		return f.wrongText(raw)
	case field.ID == "summary":
		return wrongSummary(raw)
	case field.ID == "parent":
		var ref struct{ Key string }
		if !strictly(raw, &ref) || !f.has(ref.Key, p) {
			return "The parent issue must exist in the same project."
		}
		return ""
	case short == "gh-epic-link":
		var key string
		if !strictly(raw, &key) || !f.has(key, p) {
			return "Issue '" + key + "' does not exist for the field 'Epic Link'."
		}
		return ""
	case short == "gh-sprint":
		kind = "number"
	case kind == "array":
		return f.wrongList(p, field, raw)
	}
	return f.wrongElement(p, field, kind, raw)
}

func (f *Fake) has(key string, p *Project) bool {
	return slices.ContainsFunc(f.Issues, func(i *Issue) bool { return i.Key == key && i.Project == p.Key })
}

func (f *Fake) wrongList(p *Project, field Field, raw json.RawMessage) string {
	items, _ := field.Schema["items"].(string)
	var all []json.RawMessage
	if !strictly(raw, &all) {
		return "data was not an array"
	}
	for _, one := range all {
		if items == "string" {
			var l string
			if !strictly(one, &l) || !goodLabel(l) {
				return "The label '" + l + "' contains spaces which is invalid."
			}
			continue
		}
		if said := f.wrongElement(p, field, items, one); said != "" {
			return said
		}
	}
	return ""
}

func (f *Fake) wrongElement(p *Project, field Field, kind string, raw json.RawMessage) string {
	switch kind {
	case "string":
		var s string
		if !strictly(raw, &s) {
			return "Operation value must be a string"
		}
		if units(s) > maxLine {
			return "The entered text is too long. It exceeds the allowed limit of 255 characters."
		}
	case "number":
		var n float64
		if !strictly(raw, &n) {
			return "Operation value must be a number"
		}
	case "date", "datetime":
		var s string
		layout := map[string]string{"date": time.DateOnly, "datetime": "2006-01-02T15:04:05.000-0700"}[kind]
		if !strictly(raw, &s) {
			return "Operation value must be a string"
		}
		if _, err := time.Parse(layout, s); err != nil {
			return "Error parsing date string: " + s
		}
	case "user":
		return f.wrongUser(p, raw)
	case "group":
		var ref struct{ Name string }
		if !strictly(raw, &ref) || ref.Name == "" {
			return "Could not find group with the name"
		}
	case "option", "priority", "version", "component":
		var ref struct{ ID string }
		if !strictly(raw, &ref) || !allows(field.Allowed, ref.ID) {
			return "Option id '" + ref.ID + "' is not valid"
		}
	case "option-with-child":
		return wrongCascade(field, raw)
	default:
		return "The fake knows no value for a field of type " + kind
	}
	return ""
}

func wrongCascade(field Field, raw json.RawMessage) string {
	var ref struct {
		ID    string
		Child *struct{ ID string }
	}
	if !strictly(raw, &ref) || !allows(field.Allowed, ref.ID) {
		return "Option id '" + ref.ID + "' is not valid"
	}
	if ref.Child == nil {
		return ""
	}
	for _, a := range field.Allowed {
		if children, _ := a["children"].([]map[string]any); a["id"] == ref.ID && allows(children, ref.Child.ID) {
			return ""
		}
	}
	return "The option '" + ref.Child.ID + "' is not a child of '" + ref.ID + "'"
}

func (f *Fake) wrongUser(p *Project, raw json.RawMessage) string {
	var ref struct{ AccountID, Name string }
	ok := strictly(raw, &ref)
	for _, a := range f.Accounts {
		right := a.ID == ref.AccountID && ref.Name == ""
		if f.opts.DataCenter {
			right = a.ID == ref.Name && ref.AccountID == ""
		}
		if ok && right && a.sees(p.Key) && !a.Inactive {
			return ""
		}
	}
	return "User '" + ref.AccountID + ref.Name + "' cannot be assigned issues."
}

// wrongText holds rich text against the edition's format. ADF is looked at as
// far as the document's root; Atlassian's schema does the rest elsewhere.
func (f *Fake) wrongText(raw json.RawMessage) string {
	limit := cmp.Or(f.opts.TextLimit, maxText)
	if f.opts.DataCenter {
		var s string
		if !strictly(raw, &s) {
			return "Operation value must be a string"
		}
		if units(s) > limit {
			return fmt.Sprintf("The entered text is too long. It exceeds the allowed limit of %d,%03d characters.", limit/1000, limit%1000)
		}
		return ""
	}
	var doc struct {
		Version int
		Type    string
		Content []json.RawMessage
	}
	if !strictly(raw, &doc) || doc.Version != 1 || doc.Type != "doc" || doc.Content == nil {
		return "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
	}
	if units(string(raw)) > limit {
		return "CONTENT_LIMIT_EXCEEDED"
	}
	return ""
}

func wrongSummary(raw json.RawMessage) string {
	var s string
	switch {
	case !strictly(raw, &s) || strings.TrimSpace(s) == "":
		return "You must specify a summary of the issue."
	case strings.ContainsAny(s, "\r\n"):
		return "The summary is invalid because it contains newline characters."
	case units(s) > maxLine:
		return "Summary can't exceed 255 characters."
	}
	return ""
}

func goodLabel(l string) bool {
	return l != "" && units(l) <= maxLine && !strings.ContainsAny(l, " \t\r\n")
}

func allows(allowed []map[string]any, id string) bool {
	return slices.ContainsFunc(allowed, func(a map[string]any) bool { return a["id"] == id && a["disabled"] == nil && a["archived"] == nil })
}

func strictly(raw json.RawMessage, out any) bool {
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	return dec.Decode(out) == nil
}

func units(s string) int { return len(utf16.Encode([]rune(s))) }
