package linear

import (
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
)

// Render implements targets.Renderer.
func (d *driver) Render(draft targets.Draft) (body, format string) {
	return describe(draft), text.FormatMarkdown
}

func describe(draft targets.Draft) string { return draft.Render(maxDescription, nil, render) }

func render(doc richtext.Doc) string { return doc.Markdown(richtext.LinearMarkdown()) }
