package targets

import (
	"math"
	"unicode/utf8"

	"pushbutton/internal/richtext"
	"pushbutton/internal/targets/templates"
	"pushbutton/internal/targets/text"
)

// maxFieldLine bounds a one-line text of a field that names no limit, in
// characters.
const maxFieldLine = 16 << 10

// FieldRenderer is the ability to write long texts of custom fields in the
// tracker's format. Without it they are plain text.
type FieldRenderer interface {
	// RenderField returns what Create writes into the field. It is asked for
	// every ValueLongText that is not Plain, and for rich text that goes into a
	// ValueText: ok is false where that takes one line of plain text.
	RenderField(field FieldInfo, text LongText) (rendered string, ok bool)
}

// LongText is the text for a custom field, not yet in a tracker's format.
type LongText struct {
	doc   richtext.Doc
	text  string // the plain form
	rich  bool
	field string
	draft Draft
	cut   *bool
}

// Rich reports whether any of the text was formatted.
func (l LongText) Rich() bool { return l.rich }

// Render writes the text in a tracker's format, within limit as count measures
// it (nil: characters; no limit: 0), cut at a block or word with a link to the
// rest.
func (l LongText) Render(limit int, count func(string) int, render func(richtext.Doc) string) string {
	if limit <= 0 {
		limit = math.MaxInt32
	}
	fitted := l.draft.fitted(l.field, l.doc, richtext.Limit{Max: limit, Count: count, Note: l.draft.note()}, render)
	if l.cut != nil && fitted.Cut {
		*l.cut = true
	}
	return fitted.Text
}

// Plain is Render without markup. Text that was never formatted stays as it is
// if it fits.
func (l LongText) Plain(limit int, count func(string) int) string {
	if count == nil {
		count = utf8.RuneCountInString
	}
	if size := count(l.text); !l.rich && l.draft.shrink == nil && (limit <= 0 || size <= limit) {
		if l.draft.sizes != nil {
			l.draft.sizes[l.field] = size
		}
		return l.text
	}
	return l.Render(limit, count, richtext.Doc.Plain)
}

// longValue writes the value of a field that takes more than a line; ok is
// false for the others.
func (t *Target) longValue(d *Draft, info FieldInfo, value templates.Composed) (out string, ok bool) {
	long := info.Type == ValueLongText
	if !long && (info.Type != ValueText || info.Multiple || !value.Rich()) {
		return "", false
	}
	plain := text.TrimLines(value.Plain())
	if plain == "" {
		return "", long
	}
	cut := false
	l := LongText{doc: value.Doc(), text: plain, rich: value.Rich(), field: info.ID, draft: *d, cut: &cut}
	if driver, able := Ability[FieldRenderer](t.driver); able && !info.Plain {
		out, ok = driver.RenderField(info, l)
	}
	if !ok && !long {
		return "", false
	}
	if !ok {
		out = l.Plain(info.Max, nil)
	}
	if cut {
		d.warn("The field %q is cut to what %s takes; it ends with a link to the rest.", info.Name, t.traits.Name)
	}
	return out, true
}

// cutLine cuts a one-line text to what its field takes.
func (t *Target) cutLine(d *Draft, info FieldInfo, line string) string {
	limit := info.Max
	if limit <= 0 {
		limit = maxFieldLine
	}
	if d.shrink != nil && d.shrink.field == info.ID && d.shrink.limit > 0 {
		limit = min(limit, d.shrink.limit)
	}
	if d.sizes != nil {
		d.sizes[info.ID] = utf8.RuneCountInString(line)
	}
	out := text.Cut(line, limit)
	if out != line {
		d.warn("The field %q is cut to %d characters.", info.Name, limit)
	}
	return out
}
