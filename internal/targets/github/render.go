package github

import (
	"unicode/utf8"

	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
)

// Render implements targets.Renderer.
func (d *driver) Render(draft targets.Draft) (body, format string) {
	return issueText(draft), text.FormatMarkdown
}

// issueText returns an issue's text with the marker at its end.
func issueText(draft targets.Draft) string {
	marker := "\n\n" + draft.Marker.Comment()
	return draft.Render(maxBody-len(marker), utf8.RuneCountInString, markdown) + marker
}

func markdown(doc richtext.Doc) string { return doc.Markdown(richtext.GitHubMarkdown()) }
