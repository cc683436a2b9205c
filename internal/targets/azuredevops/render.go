package azuredevops

import (
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
)

// Render implements targets.Renderer.
func (d *driver) Render(draft targets.Draft) (body, format string) {
	return renderDescription(draft), text.FormatHTML
}

func renderDescription(draft targets.Draft) string {
	return draft.Render(maxDescription, richtext.UTF16Len, richtext.Doc.HTML)
}

// RenderField implements targets.FieldRenderer.
func (d *driver) RenderField(field targets.FieldInfo, text targets.LongText) (rendered string, ok bool) {
	if field.Type != targets.ValueLongText {
		return "", false
	}
	return text.Render(maxDescription, richtext.UTF16Len, richtext.Doc.HTML), true
}
