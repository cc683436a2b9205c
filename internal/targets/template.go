package targets

import (
	"errors"
	"fmt"
	htmltemplate "html/template"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets/templates"
	"pushbutton/internal/targets/text"
)

// Templates are an admin's, who need not be the operator: what they can cost
// is bounded before they run.
const (
	// maxTitleOutput bounds what the title's template writes, in bytes; the others
	// have templates.MaxOutput.
	maxTitleOutput = 16 << 10
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
	place  place
	parsed *templates.Template
	// names are the fields that it names by a literal: {{field "Effort"}}.
	names []string
	// lists is what joins a list's entries.
	lists string
	// takesItem is set if the output depends on the item.
	takesItem bool
	// describes is set if it may name the description.
	describes bool
}

// parseTemplate reads a template and tries it on a sample item, within a
// budget that the templates of one integration share. Its error is a sentence
// that goes after the setting's path.
func parseTemplate(b *templates.Budget, text string, where place) (*template, error) {
	t := &template{place: where, lists: ", ", describes: strings.Contains(text, "Description")}
	if where == placeField {
		t.lists = "\n"
	}
	parse := templates.Text
	if where == placeHTML {
		parse = templates.HTML
	}
	made, err := parse(text, t.functions(b, itemData{}))
	if errors.Is(err, templates.ErrCalls) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("is not a template: %s", errorText(err))
	}
	t.parsed = made
	found, err := templates.Inspect(made.Tree())
	if err != nil {
		return nil, err
	}
	t.names, t.takesItem = found.Fields, found.Actions
	if _, err := t.run(b, sampleItem(t.names)); err != nil {
		if exceeded := (*templates.ExceededError)(nil); errors.As(err, &exceeded) {
			return nil, fmt.Errorf("%w; %s", err, templates.Advice)
		}
		return nil, fmt.Errorf("is not a template for an item: %s", errorText(err))
	}
	return t, nil
}

// itemData is the part of an item that a template sees.
type itemData struct {
	ID, Type, Name, Link, Status string
	Tags                         []string
	Owner, Pusher                Person
	// Description is the rich text where HTML is expected, else plain text.
	Description any

	item Item
	// rich collects the rich text of a field's template.
	rich *templates.RichTexts
}

// run fills the template in.
func (t *template) run(b *templates.Budget, item Item) (string, error) {
	return t.fill(b, item, templates.NewRichTexts())
}

// compose fills the template of a field in.
func (t *template) compose(b *templates.Budget, item Item, rich *templates.RichTexts) (templates.Composed, error) {
	text, err := t.fill(b, item, rich)
	if err != nil {
		return templates.Composed{}, err
	}
	return rich.Split(text)
}

func (t *template) fill(b *templates.Budget, item Item, rich *templates.RichTexts) (string, error) {
	data := itemData{ID: item.ID, Type: item.Type, Name: item.Name, Link: item.Link, Status: item.Status, Tags: item.Tags,
		Owner: item.Owner, Pusher: item.Pusher, item: item, rich: rich}
	limit := maxTitleOutput
	switch {
	case t.place == placeHTML:
		data.Description, limit = htmltemplate.HTML(item.HTML), templates.MaxOutput //nolint:gosec // sanitised by richtext.Parse, which reads all that comes out
	case t.place == placeField && t.describes:
		data.Description, limit = rich.Add(item.HTML), templates.MaxOutput
	case t.place == placeField:
		data.Description, limit = "", templates.MaxOutput
	default:
		data.Description = lazy(func() string { return rich.Text(item.HTML) })
	}
	return t.parsed.Execute(b, limit, t.functions(b, data), data)
}

// lazy is a text that is made only if it is written.
type lazy func() string

// String implements fmt.Stringer.
func (l lazy) String() string { return l() }

// functions are what templates can call, documented in docs/trackers.md.
func (t *template) functions(b *templates.Budget, data itemData) map[string]any {
	funcs := templates.TextFunctions(b, data.rich)
	funcs["field"] = func(name string) (any, error) {
		f := data.item.field(name)
		if err := b.Charge(len(f.HTML) + len(data.item.Fields)); err != nil { // to look it up
			return nil, err
		}
		return t.fieldValue(f, data.rich), nil
	}
	return funcs
}

// fieldValue is a field as this template's place wants it.
func (t *template) fieldValue(f FieldText, rich *templates.RichTexts) any {
	switch {
	case f.HTML != "" && t.place == placeField:
		return rich.Add(f.HTML)
	case f.HTML != "" && t.place == placeHTML:
		return htmltemplate.HTML(f.HTML) //nolint:gosec // sanitised by richtext.Parse
	case f.HTML != "":
		return rich.Text(f.HTML)
	default:
		return templates.NewList(f.Texts, t.lists)
	}
}

// sampleItem is an item on which templates are tried.
func sampleItem(fields []string) Item {
	item := Item{ID: "00000000-0000-4000-8000-000000000000", Type: "feature", Name: "A wish", HTML: "<p>As they said.</p>", Link: "https://example.com/",
		Status: "New", Tags: []string{"one", "two"}, Owner: Person{"Jane Doe", "jane@example.com"}, Pusher: Person{"John Doe", "john@example.com"},
		Fields: map[string]FieldText{}}
	for _, f := range fields {
		item.Fields[f] = FieldText{Texts: []string{"1"}}
	}
	return item
}

// errorText is a template package's error without its prefixes.
func errorText(err error) string {
	message := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "html/"), "template: ")
	message = strings.TrimPrefix(message, "template:")
	return text.Cut(text.OneLine(message), 160)
}

// templateFault is the error of a template that cannot be filled in. That of an
// ended context stays what it is.
func templateFault(setting string, err error) *fault.Error {
	const op = "map item"
	if ended := fault.Wrap(fault.Invalid, op, err); ended.Kind != fault.Invalid {
		return ended
	}
	exceeded := (*templates.ExceededError)(nil)
	if errors.As(err, &exceeded) {
		return exceeded.Fault(op, "settings."+setting)
	}
	return &fault.Error{Op: op, Kind: fault.Invalid, Side: fault.SidePlugin, Err: err,
		Public: text.Cut("The template in settings."+setting+" does not work for this item. Ask your admin to correct it.", text.MaxPublic)}
}
