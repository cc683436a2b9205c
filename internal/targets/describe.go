package targets

import "pushbutton/internal/richtext"

// Render writes the draft's description in a tracker's format, within limit
// as count measures it (nil: characters), cut at a block or word with a link
// to the rest. It ends with where the issue comes from and who asked for it.
func (d Draft) Render(limit int, count func(string) int, render func(richtext.Doc) string) string {
	fitted := d.fitted("", d.Description, richtext.Limit{Max: limit, Count: count, Note: d.note(), Footer: d.footer()}, render)
	if d.shortened != nil {
		*d.shortened = fitted.Cut
	}
	return fitted.Text
}

func (d Draft) note() richtext.Doc {
	return richtext.Paragraph(richtext.Bold("The text is longer than fits here."), richtext.Text(" It goes on in "), d.home(), richtext.Text("."))
}

func (d Draft) footer() richtext.Doc {
	if d.Link == "" && d.Reporter == "" && len(d.footerLines) == 0 {
		return richtext.Doc{}
	}
	spans := []richtext.Span{richtext.Text("Pushed from "), d.home()}
	if d.Reporter != "" {
		spans = append(spans, richtext.Text(" by "+d.Reporter))
	}
	footer := richtext.Join(richtext.Rule(), richtext.Paragraph(spans...))
	for _, line := range d.footerLines {
		footer = footer.Append(richtext.Paragraph(richtext.Text(line)))
	}
	return footer
}

func (d Draft) home() richtext.Span {
	if d.Link == "" {
		return richtext.Text("Productboard")
	}
	return richtext.Link("Productboard", d.Link)
}
