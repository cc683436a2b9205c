package targets

import (
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"strings"
	texttemplate "text/template"
	"text/template/parse"
	"time"

	"pushbutton/internal/fault"
)

// Templates are an admin's, who need not be the operator: what they can cost
// is bounded before they run.
const (
	// maxTitleOutput and maxHTMLOutput bound what a template writes, in bytes.
	// Productboard's rich text has up to 524,288 characters.
	maxTitleOutput = 16 << 10
	maxHTMLOutput  = 4 << 20
	// maxNumber bounds the numbers in a template, and maxLoops how deep loops
	// may nest: `range` counts.
	maxNumber = 1000
	maxLoops  = 2
)

// place is where a template's output goes.
type place uint8

const (
	placeTitle place = iota // plain text, lists joined by commas
	placeField              // text with rich text in it, lists one per line
	placeHTML               // HTML, everything but rich text escaped
)

// template is a parsed template over an Item.
type template struct {
	place place
	exec  func(io.Writer, any) error
	// names are the fields that it names by a literal: {{field "Effort"}}.
	names []string
	// lists is what joins a list's entries.
	lists string
	// takesItem is set if the output depends on the item.
	takesItem bool
	// describes is set if it may name the description.
	describes bool
}

// parseTemplate reads a template and tries it on a made-up item. Its error is
// a sentence that goes after the setting's path.
func parseTemplate(text string, where place) (*template, error) {
	t := &template{place: where, lists: ", ", describes: strings.Contains(text, "Description")}
	if where == placeField {
		t.lists = "\n"
	}
	var tree *parse.Tree
	var err error
	if where == placeHTML {
		var made *htmltemplate.Template
		if made, err = htmltemplate.New("template").Option("missingkey=error").Funcs(t.functions(itemData{})).Parse(text); err == nil {
			tree = made.Tree
			t.exec = func(w io.Writer, data any) error { return executeHTML(made, t, w, data) }
		}
	} else {
		var made *texttemplate.Template
		if made, err = texttemplate.New("template").Option("missingkey=error").Funcs(t.functions(itemData{})).Parse(text); err == nil {
			tree = made.Tree
			t.exec = func(w io.Writer, data any) error { return executeText(made, t, w, data) }
		}
	}
	if err != nil {
		return nil, fmt.Errorf("is not a template: %s", said(err))
	}
	walk, err := inspect(tree)
	if err != nil {
		return nil, err
	}
	t.names, t.takesItem = walk.names, walk.actions
	if _, err := t.run(madeUp(t.names)); err != nil {
		return nil, fmt.Errorf("is not a template for an item: %s", said(err))
	}
	return t, nil
}

// The clones keep a parsed template clean: its functions belong to one run.
func executeHTML(made *htmltemplate.Template, t *template, w io.Writer, data any) error {
	own, err := made.Clone()
	if err != nil {
		return err
	}
	return own.Funcs(t.functions(data.(itemData))).Execute(w, data)
}

func executeText(made *texttemplate.Template, t *template, w io.Writer, data any) error {
	own, err := made.Clone()
	if err != nil {
		return err
	}
	return own.Funcs(t.functions(data.(itemData))).Execute(w, data)
}

// itemData is what a template sees of an item.
type itemData struct {
	ID, Type, Name, Link, Status string
	Tags                         []string
	Owner, Pusher                Person
	// Description is the rich text where HTML is wanted, else plain text.
	Description any

	item Item
	// rich collects the rich text of a field's template.
	rich *richTexts
}

// run fills the template in.
func (t *template) run(item Item) (string, error) {
	return t.fill(item, newRichTexts())
}

// compose fills the template of a field in.
func (t *template) compose(item Item, rich *richTexts) (composed, error) {
	text, err := t.fill(item, rich)
	if err != nil {
		return composed{}, err
	}
	return rich.split(text)
}

func (t *template) fill(item Item, rich *richTexts) (string, error) {
	if t.exec == nil {
		return "", nil
	}
	data := itemData{ID: item.ID, Type: item.Type, Name: item.Name, Link: item.Link, Status: item.Status, Tags: item.Tags,
		Owner: item.Owner, Pusher: item.Pusher, item: item, rich: rich}
	limit := maxTitleOutput
	switch {
	case t.place == placeHTML:
		data.Description, limit = htmltemplate.HTML(item.HTML), maxHTMLOutput //nolint:gosec // sanitised by richtext.Parse, which reads all that comes out
	case t.place == placeField && t.describes:
		data.Description, limit = rich.add(item.HTML), maxHTMLOutput
	case t.place == placeField:
		data.Description, limit = "", maxHTMLOutput
	default:
		data.Description = lazy(func() string { return plain(item.HTML) })
	}
	return Bounded(limit, func(w io.Writer) error { return t.exec(w, data) })
}

// lazy is a text that is made only if it is written.
type lazy func() string

// String implements fmt.Stringer.
func (l lazy) String() string { return l() }

// functions are what templates can call, documented in docs/targets.md.
func (t *template) functions(data itemData) map[string]any {
	funcs := TextFunctions()
	funcs["field"] = func(name string) any { return t.fieldValue(data.item.field(name), data.rich) }
	return funcs
}

// TextFunctions are the functions that templates of any kind can call.
func TextFunctions() map[string]any {
	return map[string]any{
		"join":     join,
		"printf":   printf,
		"plain":    func(v any) string { return textOf(v) },
		"upper":    func(v any) string { return strings.ToUpper(textOf(v)) },
		"lower":    func(v any) string { return strings.ToLower(textOf(v)) },
		"trim":     func(v any) string { return strings.TrimSpace(textOf(v)) },
		"replace":  replace,
		"truncate": func(limit int, v any) string { return cut(textOf(v), limit) },
		"default": func(fallback string, v any) any {
			if textOf(v) == "" {
				return fallback
			}
			return v
		},
		"date": formatDate,
	}
}

var errTooMuch = errors.New("it makes too long a text")

func join(sep string, v any) (string, error) {
	list, ok := v.([]string)
	if field, isField := v.(listValue); isField {
		list, ok = field.texts, true
	}
	if !ok {
		return textOf(v), nil
	}
	if len(list)*len(sep) > maxHTMLOutput {
		return "", errTooMuch
	}
	return strings.Join(list, sep), nil
}

func replace(old, with string, v any) (string, error) {
	s := textOf(v)
	if len(s)+strings.Count(s, old)*len(with) > maxHTMLOutput {
		return "", errTooMuch
	}
	return strings.ReplaceAll(s, old, with), nil
}

// printf is the usual one without widths, which inspection refuses, and with
// a bound.
func printf(format string, args ...any) (string, error) {
	size := len(format)
	for i, a := range args {
		if rich, ok := a.(richText); ok {
			args[i] = string(rich)
		}
		size += len(textOf(a))
	}
	if size > maxHTMLOutput {
		return "", errTooMuch
	}
	return fmt.Sprintf(format, args...), nil
}

// fieldValue is a field as this template's place wants it.
func (t *template) fieldValue(f FieldText, rich *richTexts) any {
	switch {
	case f.HTML != "" && t.place == placeField:
		return rich.add(f.HTML)
	case f.HTML != "" && t.place == placeHTML:
		return htmltemplate.HTML(f.HTML) //nolint:gosec // sanitised by richtext.Parse
	case f.HTML != "":
		return plain(f.HTML)
	default:
		return listValue{f.Texts, t.lists}
	}
}

// listValue is a field with any number of values.
type listValue struct {
	texts []string
	sep   string
}

// String implements fmt.Stringer.
func (l listValue) String() string { return strings.Join(l.texts, l.sep) }

func textOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case richText:
		return string(v)
	case htmltemplate.HTML:
		return plain(string(v))
	case []string:
		return strings.Join(v, ", ")
	default:
		return fmt.Sprint(v)
	}
}

// formatDate writes a date or a time by Go's layout; what is neither stays.
func formatDate(layout string, v any) string {
	s := textOf(v)
	for _, known := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(known, s); err == nil {
			return t.Format(layout)
		}
	}
	return s
}

// Bounded gives what write writes, unless it is more than limit bytes.
func Bounded(limit int, write func(io.Writer) error) (string, error) {
	out := boundedBuilder{left: limit}
	if err := write(&out); err != nil {
		return "", err
	}
	return out.String(), nil
}

// boundedBuilder refuses more than a template may write.
type boundedBuilder struct {
	strings.Builder
	left int
}

// Write implements io.Writer.
func (b *boundedBuilder) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errors.New("it writes too much")
	}
	return b.Builder.Write(p)
}

// madeUp is an item on which templates are tried.
func madeUp(fields []string) Item {
	item := Item{ID: "00000000-0000-4000-8000-000000000000", Type: "feature", Name: "A wish", HTML: "<p>As they said.</p>", Link: "https://example.com/",
		Status: "New", Tags: []string{"one", "two"}, Owner: Person{"Jane Doe", "jane@example.com"}, Pusher: Person{"John Doe", "john@example.com"},
		Fields: map[string]FieldText{}}
	for _, f := range fields {
		item.Fields[f] = FieldText{Texts: []string{"1"}}
	}
	return item
}

// said is a template package's error without its prefixes.
func said(err error) string {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "html/"), "template: ")
	text = strings.TrimPrefix(text, "template:")
	return cut(oneLine(text), 160)
}

func templateFault(setting string, err error) *fault.Error {
	return &fault.Error{Op: "map item", Kind: fault.Invalid, Side: fault.SidePlugin, Err: err,
		Public: cut("The template in settings."+setting+" does not work for this item. Ask your admin to correct it.", MaxPublic)}
}
