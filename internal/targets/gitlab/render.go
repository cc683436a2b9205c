package gitlab

import (
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
)

// Render implements targets.Renderer.
func (d *driver) Render(draft targets.Draft) (body, format string) {
	return d.describe(draft), text.FormatMarkdown
}

// describe writes the description and, below it, the marker.
func (d *driver) describe(draft targets.Draft) string {
	if draft.Marker == "" {
		return draft.Render(maxDescription, size, render)
	}
	tail := "\n\n" + hidden(draft.Marker)
	return draft.Render(maxDescription-len(tail), size, render) + tail
}

func size(s string) int { return len(s) }

func render(doc richtext.Doc) string { return doc.Markdown(richtext.GitLabMarkdown()) }
