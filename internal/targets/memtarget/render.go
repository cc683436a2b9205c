package memtarget

import (
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
)

// Render implements targets.Renderer.
func (d *driver) Render(draft targets.Draft) (body, format string) {
	return describe(draft), text.FormatMarkdown
}

func describe(draft targets.Draft) string { return draft.Render(maxDescription, byteLength, markdown) }

// markdown is the tracker's text format; the dialect is GitHub's.
func markdown(d richtext.Doc) string { return d.Markdown(richtext.MarkdownOptions{}) }

func byteLength(s string) int { return len(s) }
