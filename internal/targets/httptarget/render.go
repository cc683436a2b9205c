package httptarget

import (
	"cmp"

	"pushbutton/internal/targets"
)

// Render implements targets.Renderer: the text as {{.Description}} gives it.
func (d *driver) Render(draft targets.Draft) (body, format string) {
	return draft.Render(d.writer.limit, d.writer.count, d.writer.render), cmp.Or(d.writer.format, formatMarkdown)
}

// RenderField implements targets.FieldRenderer: long texts are written as the
// description is.
func (d *driver) RenderField(field targets.FieldInfo, text targets.LongText) (rendered string, ok bool) {
	if field.Type != targets.ValueLongText {
		return "", false
	}
	return text.Render(d.writer.limit, d.writer.count, d.writer.render), true
}
