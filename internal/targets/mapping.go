package targets

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"pushbutton/internal/richtext"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/templates"
	"pushbutton/internal/targets/text"
)

// The settings that every kind has: how an item becomes an issue.
const (
	setTitle          = "title"
	setDescription    = "description"
	setLabels         = "labels"
	setLabelsFromTags = "labelsFromTags"
	setStatusColors   = "statusColors"
	setAssignee       = "assignee"
	setReporter       = "reporter"
	setPushedBy       = "pushedBy"
	setFields         = "fields"
)

// Whose address assignee and reporter can be, beside an address itself.
const (
	personOwner  = "owner"
	personPusher = "pusher"
	personNone   = "none"
)

const (
	// maxFieldValues bounds the values of a custom field that takes several.
	maxFieldValues = 100
)

// CommonSettings describes the settings that kinds share; assignee, reporter
// and fields are there only where the tracker has the ability.
func CommonSettings() []settings.Field {
	return []settings.Field{
		{Name: setTitle, Default: "{{.Name}}", Example: `"[{{.Type}}] {{.Name}}"`,
			Help: "Template of the issue's title."},
		{Name: setDescription, Default: "{{.Description}}", Example: `"{{.Description}}<p>Effort: {{field \"Effort\"}}</p>"`,
			Help: "Template of the issue's description, in HTML; it is converted to the tracker's format."},
		{Name: setLabels, Type: settings.TypeList, Example: "[productboard, wish]",
			Help: "Labels (tags) that every issue gets. A tracker without any ignores them."},
		{Name: setLabelsFromTags, Type: settings.TypeBool, Default: "true", Example: "false",
			Help: "Whether the item's tags become labels too."},
		{Name: setStatusColors, Type: settings.TypeMap, Enum: text.Colors(), Example: "{ In Progress: yellow }",
			Help: "Colours of the button by the issue's status. Default: by how far the issue is."},
		{Name: setAssignee, Default: personNone, Example: personOwner,
			Help: "Who the issue is assigned to: owner (of the item), pusher (who clicked), none, or an e-mail address. Somebody without an account is named in the description."},
		{Name: setReporter, Default: personNone, Example: personPusher,
			Help: "Who is the issue's reporter where the tracker lets it be set: owner, pusher, none, or an e-mail address. pushedBy sets what the description says of whoever clicked."},
		{Name: setPushedBy, Enum: []string{pushedByFull, pushedByName, pushedByNone}, Default: pushedByName, Example: pushedByNone,
			Help: "What the issue says of the person who clicked: full (name and e-mail address), name, or none."},
		{Name: setFields, Type: settings.TypeMap, Example: `{ Component: Backend, Story Points: "{{field \"Effort\"}}" }`,
			Help: "Custom and other fields of the issue, by name or id, and a template for each value. A field that takes several values gets one per line or tag; a long one keeps the form of rich text."},
	}
}

// mappingFields are the common settings that a kind has the abilities for.
func (k Kind) mappingFields() []settings.Field {
	_, people := Ability[People](k.Driver)
	_, custom := Ability[FieldLister](k.Driver)
	return slices.DeleteFunc(CommonSettings(), func(f settings.Field) bool {
		switch f.Name {
		case setAssignee, setReporter:
			return !people
		case setFields:
			return !custom
		default:
			return false
		}
	})
}

// mapping turns items into drafts as the settings say.
type mapping struct {
	title, description *template
	labels             []string
	fromTags           bool
	colors             map[string]string
	assignee, reporter string
	pushedBy           string
	fields             []fieldTemplate
}

type fieldTemplate struct {
	name  string
	value *template
}

// unresolved has the parts of a draft that only the tracker can resolve.
type unresolved struct {
	assignee, requester string // e-mail addresses
	// assigneeText is what the description calls an assignee without an account.
	assigneeText string
	fields       []rawField
}

// rawField is a custom field as the mapping gave it.
type rawField struct {
	name  string
	value templates.Composed
}

// newMapping reads the settings that every kind has.
func newMapping(v settings.Values) (*mapping, settings.FieldErrors) {
	var errs settings.FieldErrors
	budget := templates.NewBudget(context.Background()) // of all templates together
	parse := func(path, text, fallback string, how place) *template {
		if text == "" {
			text = fallback
		}
		spent := budget.Err() != nil // the others would say the same
		t, err := parseTemplate(budget, text, how)
		if err != nil && !spent {
			errs = append(errs, settings.FieldError{Path: "settings." + path, Message: err.Error()})
		}
		return t
	}
	person := func(name string) string {
		s := v.String(name)
		if s != "" && s != personOwner && s != personPusher && s != personNone && !strings.Contains(s, "@") {
			errs = append(errs, settings.FieldError{Path: "settings." + name, Message: "must be owner, pusher, none or an e-mail address"})
		}
		return s
	}
	m := &mapping{
		title:       parse(setTitle, v.String(setTitle), "{{.Name}}", placeTitle),
		description: parse(setDescription, v.String(setDescription), "{{.Description}}", placeHTML),
		labels:      v.List(setLabels),
		colors:      v.Map(setStatusColors),
		assignee:    person(setAssignee),
		reporter:    person(setReporter),
		pushedBy:    cmp.Or(v.String(setPushedBy), pushedByName),
	}
	fromTags, set := v[setLabelsFromTags].(bool)
	m.fromTags = fromTags || !set
	custom := v.Map(setFields)
	for _, name := range slices.Sorted(maps.Keys(custom)) {
		m.fields = append(m.fields, fieldTemplate{name, parse(setFields+"."+name, custom[name], "", placeField)})
	}
	return m, errs
}

// ItemFields lists the fields of an item that the mapping's templates name,
// each once: ids, or names as they stand in Productboard.
func (t *Target) ItemFields() []string {
	m := t.opts.mapping
	names := slices.Concat(m.title.names, m.description.names)
	for _, f := range m.fields {
		names = append(names, f.value.names...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Draft is DraftContext without a context.
func (t *Target) Draft(marker Marker, item Item) (Draft, error) {
	return t.DraftContext(context.Background(), marker, item)
}

// DraftContext maps an item to the desired issue. A description that
// cannot be read must not stop a push: the issue links to it instead. The
// templates share one budget, and end with the context.
func (t *Target) DraftContext(ctx context.Context, marker Marker, item Item) (Draft, error) {
	m := t.opts.mapping
	budget := templates.NewBudget(ctx)
	title, err := m.title.run(budget, item)
	if err != nil {
		return Draft{}, templateFault(setTitle, err)
	}
	html, err := m.description.run(budget, item)
	if err != nil {
		return Draft{}, templateFault(setDescription, err)
	}
	doc, err := richtext.Parse(html)
	if err != nil {
		doc = richtext.Paragraph(richtext.Text("The description is too large to be shown here; see Productboard."))
	}
	d := Draft{Marker: marker, Title: title, Description: doc, Link: item.Link, Labels: slices.Clone(m.labels), Reporter: m.pusher(item.Pusher)}
	if m.fromTags {
		d.Labels = append(d.Labels, item.Tags...)
	}
	d.unresolved.assignee, d.unresolved.requester = address(m.assignee, item), address(m.reporter, item)
	d.unresolved.assigneeText = m.assigneeText(item)
	rich := templates.NewRichTexts()
	for _, f := range m.fields {
		value, err := f.value.compose(budget, item, rich)
		if err != nil {
			return Draft{}, templateFault(setFields+"."+f.name, err)
		}
		d.unresolved.fields = append(d.unresolved.fields, rawField{f.name, value})
	}
	return d, nil
}

// address returns the e-mail address that a setting stands for.
func address(who string, item Item) string {
	switch who {
	case "", personNone:
		return ""
	case personOwner:
		return item.Owner.Email
	case personPusher:
		return item.Pusher.Email
	default:
		return who
	}
}

func (m *mapping) color(status string) string {
	if status == "" {
		return ""
	}
	for name, color := range m.colors {
		if strings.EqualFold(name, status) {
			return color
		}
	}
	return ""
}
