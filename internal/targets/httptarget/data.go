package httptarget

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"unicode/utf8"

	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
)

// What the templates of each request see. A name that is not here is an error
// when the description is read.
type (
	// checkData is for check.
	checkData struct{}
	// findData is for find.
	findData struct{ Marker, Cursor string }
	// issueData is for read and close.
	issueData struct{ ID string }
	// manyData is for readMany.
	manyData struct{ IDs []string }
	// commentData is for comment: .Comment is in the description's format.
	commentData struct {
		ID, Text string
		Comment  any
	}
	// partData is for templates of an issue's parts.
	partData struct{ ID, Key, Marker string }
	// updateData is for update.
	updateData struct {
		*draftData
		ID string
	}
)

// draftData is the data of the templates of create and update. It serves one request at a time.
type draftData struct {
	Marker, Title, Link, Reporter string
	Labels                        []string
	// Fields are the custom fields that settings.fields maps, each of the type
	// that settings.fieldTypes says.
	Fields map[string]any

	draft  targets.Draft
	writer writer
	known  []string
	// rendered holds the text by format, as far as it was asked for.
	rendered map[string]string
}

// Description is the text in the description's own format.
func (w *draftData) Description() any {
	text := w.render(inFormat, w.writer.render)
	if w.writer.format == formatADF {
		return jsonText(text)
	}
	return text
}

// HTML is the text in HTML.
func (w *draftData) HTML() string { return w.render(formatHTML, richtext.Doc.HTML) }

// Markdown is the text in Markdown.
func (w *draftData) Markdown() string {
	return w.render(formatMarkdown, func(d richtext.Doc) string { return d.Markdown(w.writer.markdown) })
}

// Text is the text without any markup.
func (w *draftData) Text() string { return w.render(formatPlain, richtext.Doc.Plain) }

// inFormat stands for the description's own format among those of a wish.
const inFormat = ""

// render writes the text once in each format, however often a template asks.
func (w *draftData) render(format string, how func(richtext.Doc) string) string {
	text, ok := w.rendered[format]
	if !ok {
		text = w.draft.Render(w.writer.limit, w.writer.count, how)
		w.rendered[format] = text
	}
	return text
}

// Field is a custom field by its name, nil if the item has no value for it.
func (w *draftData) Field(name string) (any, error) {
	for _, known := range w.known {
		if strings.EqualFold(known, name) {
			return w.Fields[known], nil
		}
	}
	return nil, fmt.Errorf("settings.fields does not map %q", name)
}

// writer is how descriptions are written.
type writer struct {
	format   string
	markdown richtext.MarkdownOptions
	limit    int
	count    func(string) int
}

func (w writer) render(doc richtext.Doc) string {
	switch w.format {
	case formatHTML:
		return doc.HTML()
	case formatWiki:
		return doc.Wiki()
	case formatTextile:
		return doc.Textile()
	case formatRedcarpet:
		return doc.Redcarpet()
	case formatADF:
		return doc.ADF()
	case formatPlain:
		return doc.Plain()
	default:
		return doc.Markdown(w.markdown)
	}
}

// comment writes a plain remark in the description's format.
func (w writer) comment(remark string) any {
	out := w.render(text.PlainText(remark))
	if w.format == formatADF {
		return jsonText(out)
	}
	return out
}

// counter measures texts for Limits.
func counter(unit string) func(string) int {
	switch unit {
	case countBytes:
		return func(s string) int { return len(s) }
	case countCRLF:
		return func(s string) int { return len(s) + strings.Count(s, "\n") }
	default:
		return utf8.RuneCountInString
	}
}

func (d *driver) draftData(draft targets.Draft) *draftData {
	w := &draftData{Marker: string(draft.Marker), Title: draft.Title, Link: draft.Link, Reporter: draft.Reporter, Labels: draft.Labels,
		Fields: map[string]any{}, draft: draft, writer: d.writer, rendered: map[string]string{}}
	for _, f := range d.fields {
		w.known = append(w.known, f.Name)
	}
	for _, f := range draft.Fields {
		w.Fields[f.Field.Name] = d.writer.typed(f)
	}
	return w
}

// number returns digits the form that JSON wants ("+.5" is "0.5").
func number(v string) json.Number {
	if json.Valid([]byte(v)) {
		return json.Number(v)
	}
	r, ok := new(big.Rat).SetString(v)
	if !ok {
		return "0" // the shared layer has seen that it is a number
	}
	return json.Number(strings.TrimRight(strings.TrimRight(r.FloatString(9), "0"), "."))
}

// typed is a custom field's value as JSON has it.
func (w writer) typed(f targets.FieldValue) any {
	switch v := f.Values[0]; f.Field.Type {
	case targets.ValueNumber:
		return number(v)
	case targets.ValueBool:
		return v == "true"
	case targets.ValueLongText:
		if w.format == formatADF {
			return jsonText(v)
		}
		return v
	case targets.ValueText, targets.ValueDate, targets.ValueTime, targets.ValueURL, targets.ValueOption, targets.ValuePerson:
		return v
	default:
		return v
	}
}
