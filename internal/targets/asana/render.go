package asana

import (
	"strings"

	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
)

// Render implements targets.Renderer. Labels become tags as far as there are
// such tags; which of them go into the text is seen when the task is made.
func (d *driver) Render(draft targets.Draft) (body, format string) {
	return renderDescription(draft, draft.Marker, nil), text.FormatAsana
}

func renderDescription(draft targets.Draft, marker targets.Marker, labels []string) string {
	return draft.Render(maxNotes, func(s string) int { return len(s) }, func(doc richtext.Doc) string {
		if len(labels) > 0 {
			doc = doc.Append(richtext.Paragraph(richtext.Text("Labels: " + strings.Join(labels, ", "))))
		}
		return withReference(doc, marker).AsanaXML()
	})
}
