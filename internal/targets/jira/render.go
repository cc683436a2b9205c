package jira

import (
	"encoding/json"
	"slices"
	"strings"

	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
)

// Render implements targets.Renderer.
func (d *driver) Render(draft targets.Draft) (body, format string) {
	if d.cfg.cloud {
		return d.describe(draft), text.FormatADF
	}
	return d.describe(draft), text.FormatWiki
}

func (d *driver) describe(draft targets.Draft) string {
	return draft.Render(maxText, richtext.UTF16Len, d.render)
}

// RenderField implements targets.FieldRenderer.
func (d *driver) RenderField(field targets.FieldInfo, text targets.LongText) (rendered string, ok bool) {
	if field.Type != targets.ValueLongText {
		return "", false
	}
	return text.Render(maxText, richtext.UTF16Len, d.render), true
}

// richText writes a document as descriptions, comments and text areas want it,
// within their limit.
func (c client) richText(doc richtext.Doc) any {
	return c.raw(richtext.Fit(doc, richtext.Limit{Max: maxText, Count: richtext.UTF16Len}, c.render).Text)
}

// render writes the edition's format: ADF on Cloud, wiki markup on Data Center.
func (c client) render(doc richtext.Doc) string {
	if c.cfg.cloud {
		return doc.ADF()
	}
	return doc.Wiki()
}

// raw is a rendered text as it stands in a request: ADF is JSON, no string.
func (c client) raw(rendered string) any {
	if c.cfg.cloud {
		return json.RawMessage(rendered)
	}
	return rendered
}

// line cuts a text to what a one-line field takes. Jira counts as Java does.
func line(s string) string {
	for most := maxLine; ; {
		out := text.Title(s, most)
		over := richtext.UTF16Len(out) - maxLine
		if over <= 0 {
			return out
		}
		most -= max(over/2, 1)
	}
}

// label makes a label of any text: Jira's have no spaces.
func label(s string) string {
	return strings.ReplaceAll(line(s), " ", "-")
}

// labels makes labels of names, each once.
func labels(names []string) []string {
	var out []string
	for _, n := range names {
		if l := label(n); !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}
