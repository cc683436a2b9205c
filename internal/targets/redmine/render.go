package redmine

import (
	"strings"
	"unicode/utf8"

	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
)

// Render implements targets.Renderer.
func (d *driver) Render(draft targets.Draft) (body, format string) {
	limit := maxDescription
	if res, ok := d.resolved.Last(); ok {
		limit = res.description
	}
	if d.cfg.textFormat == textile {
		return d.describe(limit, draft), text.FormatTextile
	}
	return d.describe(limit, draft), text.FormatMarkdown
}

func (d *driver) describe(limit int, draft targets.Draft) string {
	return draft.Render(limit, stored, d.render)
}

// render writes the server's text format.
func (d *driver) render(doc richtext.Doc) string {
	switch d.cfg.textFormat {
	case markdown:
		return doc.Redcarpet()
	case commonMark:
		return doc.Markdown(richtext.RedmineCommonMark())
	default:
		return doc.Textile()
	}
}

// stored is how many bytes a text takes in Redmine, which makes CRLF of every
// line end.
func stored(s string) int { return len(s) + strings.Count(s, "\n") }

// RenderField implements targets.FieldRenderer. Text that was never formatted
// stays as it is, since the field may show markup as text. A field whose format
// only administrators are shown takes rich text of several lines like a long one.
func (d *driver) RenderField(field targets.FieldInfo, text targets.LongText) (rendered string, ok bool) {
	if field.Type != targets.ValueLongText {
		seen := d.formatless.Load()
		if seen == nil || !(*seen)[field.ID] || !strings.Contains(text.Plain(0, nil), "\n") {
			return "", false
		}
	}
	limit, count := maxValue, stored
	if field.Max > 0 {
		limit, count = field.Max, func(s string) int {
			if stored(s) > maxValue {
				return field.Max + 1
			}
			return utf8.RuneCountInString(s) + strings.Count(s, "\n")
		}
	}
	if !text.Rich() {
		return text.Plain(limit, count), true
	}
	return text.Render(limit, count, d.render), true
}
