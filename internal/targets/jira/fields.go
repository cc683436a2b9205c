package jira

import (
	"context"
	"math"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

const (
	// maxLine is the length of a one-line text field, in UTF-16 units.
	maxLine = 255
	// jiraTime is how Jira writes a moment.
	jiraTime = "2006-01-02T15:04:05.000-0700"
)

// ListFields implements targets.FieldLister.
func (d *driver) ListFields(ctx context.Context) ([]targets.FieldInfo, error) {
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return nil, err
	}
	var out []targets.FieldInfo
	for _, id := range res.order {
		f := res.fields[id]
		if d.fills(res, f) {
			continue
		}
		required := f.Required && !f.HasDefault && id != res.epicLabel
		how, _ := d.form(f.Schema) // of no type, where it cannot be filled
		info := targets.FieldInfo{ID: id, Name: f.Name, Type: how.typ, Multiple: how.multiple, Required: required, Options: options(f.Allowed)}
		if f.Schema.Type == "string" && info.Type == targets.ValueText {
			info.Max = maxLine
		}
		out = append(out, info)
	}
	return out, nil
}

// fills reports whether the driver writes a field itself, or Jira does.
func (d *driver) fills(res *resolved, f fieldMeta) bool {
	switch f.ID {
	case "project", "issuetype", fieldSummary, fieldDescription, fieldLabels, fieldParent:
		return true
	case fieldReporter: // whose token it is, unless we say otherwise
		return true
	case fieldAssignee:
		return d.cfg.assigns || !f.Required
	case fieldPriority:
		return res.priorityID != ""
	case fieldComponents:
		return len(res.components) > 0
	default:
		return f.ID == res.epicLink
	}
}

// options lists choices; those below another are named after both.
func options(allowed []allowedValue) []targets.Option {
	var out []targets.Option
	for _, a := range allowed {
		if a.ID == "" || a.Disabled || a.Archived {
			continue
		}
		out = append(out, targets.Option{ID: string(a.ID), Name: a.title()})
		for _, child := range a.Children {
			if child.ID != "" && !child.Disabled {
				out = append(out, targets.Option{ID: string(a.ID + "/" + child.ID), Name: a.title() + " / " + child.title()})
			}
		}
	}
	return out
}

// form is how the values of one sort of field are written.
type form struct {
	typ      targets.ValueType
	multiple bool
	write    func(string) any
}

// form reads a field's schema; ok is false for a field that the plugin cannot
// fill.
func (c client) form(s fieldSchema) (f form, ok bool) {
	_, custom, _ := strings.Cut(s.Custom, ":")
	switch {
	case custom == "gh-sprint":
		return form{targets.ValueNumber, false, number}, true
	case custom == "gh-epic-link":
		return form{targets.ValueText, false, asIs}, true
	case custom == "labels":
		return form{targets.ValueText, true, func(s string) any { return label(s) }}, true
	case custom == "textarea" || s.System == "environment":
		return form{targets.ValueLongText, false, c.raw}, true
	case custom == "url":
		return form{targets.ValueURL, false, asIs}, true
	case s.Type == "array":
		f, ok = c.element(s.Items)
		f.multiple = true
		return f, ok
	default:
		return c.element(s.Type)
	}
}

func (c client) element(typ string) (form, bool) {
	id := func(v string) any { return idRef{v} }
	switch typ {
	case "string":
		return form{targets.ValueText, false, func(v string) any { return line(v) }}, true
	case "number":
		return form{targets.ValueNumber, false, number}, true
	case "date":
		return form{targets.ValueDate, false, asIs}, true
	case "datetime":
		return form{targets.ValueTime, false, moment}, true
	case "option", "priority", "resolution", "securitylevel", "version", "component", "project":
		return form{targets.ValueOption, false, id}, true
	case "option-with-child":
		return form{targets.ValueOption, false, cascaded}, true
	case "user":
		return form{targets.ValuePerson, false, c.account}, true
	case "group":
		return form{targets.ValueText, false, func(v string) any { return nameRef{v} }}, true
	case "team":
		return form{targets.ValueText, false, asIs}, true
	default:
		return form{}, false
	}
}

func asIs(v string) any { return v }

// number keeps JSON from seeing ".5" or "+5", which are numbers to people.
func number(v string) any {
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || math.IsInf(f, 0) {
		return nil
	}
	return f
}

func moment(v string) any {
	at, err := time.Parse(time.RFC3339, v)
	if err != nil {
		return nil
	}
	return at.Format(jiraTime)
}

func cascaded(v string) any {
	parent, child, ok := strings.Cut(v, "/")
	if !ok {
		return cascade{ID: parent}
	}
	return cascade{ID: parent, Child: &idRef{child}}
}

func (c client) account(id string) any {
	if c.cfg.cloud {
		return accountRef{id}
	}
	return nameRef{id}
}

// addCustomFields adds the fields of the mapping to a request.
func (d *driver) addCustomFields(res *resolved, values []targets.FieldValue, into map[string]any) error {
	for _, v := range values {
		how, ok := d.form(res.fields[v.Field.ID].Schema)
		if !ok {
			continue
		}
		elements := make([]any, 0, len(v.Values))
		for _, one := range v.Values {
			w := how.write(one)
			if w == nil {
				return wire.Invalid("write fields", "Jira: field %q does not take %q. Change the value in Productboard, or ask your admin to change settings.fields.", v.Field.Name, text.Title(one, 60))
			}
			elements = append(elements, w)
		}
		switch {
		case how.multiple:
			into[v.Field.ID] = elements
		case len(elements) > 0:
			into[v.Field.ID] = elements[0]
		}
	}
	return nil
}
