package richtext

import (
	"strconv"
	"strings"
)

// wikiSubset is what Jira's wiki markup allows where.
var wikiSubset = subset{ //nolint:gochecknoglobals // a constant
	top:   everything,
	quote: paragraphs | codeBlocks | lists,
	item:  paragraphs | lists,
	cell:  paragraphs | lists,
}

// Wiki writes the document in Jira's wiki markup, the form of Jira Data
// Center's descriptions. Text stays text, however much it looks like markup.
// Ordered lists count from 1, checklist items begin with ☐ or ☑. The result has
// no line end at its end.
func (d Doc) Wiki() string {
	w := wikiWriter{}
	w.blocks(wikiSubset.of(d.blocks))
	return w.b.String()
}

type wikiWriter struct{ b strings.Builder }

func (w *wikiWriter) blocks(blocks []block) {
	for i, b := range blocks {
		if i > 0 {
			w.b.WriteString("\n\n")
		}
		w.block(b)
	}
}

func (w *wikiWriter) block(b block) {
	switch b := b.(type) {
	case paragraph:
		wikiInline(&w.b, b.runs, "\n")
	case heading:
		w.b.WriteString("h" + strconv.Itoa(b.level) + ". ")
		wikiInline(&w.b, b.runs, " ")
	case codeBlock:
		w.b.WriteString("{code")
		if b.lang != "" {
			w.b.WriteString(":" + b.lang)
		}
		w.b.WriteString("}\n" + strings.ReplaceAll(b.text, "{code", "{\u200bcode") + "\n{code}")
	case quote:
		w.b.WriteString("{quote}\n")
		w.blocks(b.blocks)
		w.b.WriteString("\n{quote}")
	case list:
		w.list(b, "")
	case table:
		w.table(b)
	case rule:
		w.b.WriteString("----")
	}
}

func (w *wikiWriter) list(l list, markers string) {
	if l.ordered {
		markers += "#"
	} else {
		markers += "*"
	}
	for i, it := range l.items {
		if i > 0 {
			w.b.WriteString("\n")
		}
		w.b.WriteString(markers + " ")
		for j, b := range signed(it) {
			switch b := b.(type) {
			case list:
				w.b.WriteString("\n")
				w.list(b, markers)
			case paragraph:
				if j > 0 {
					w.b.WriteString(`\\ `)
				}
				wikiInline(&w.b, b.runs, `\\ `)
			}
		}
	}
}

func (w *wikiWriter) table(t table) {
	for i, r := range t.rows {
		if i > 0 {
			w.b.WriteString("\n")
		}
		end := "|"
		for _, c := range r.cells {
			end = "|"
			if c.header {
				end = "||"
			}
			w.b.WriteString(end + " ")
			for j, b := range c.blocks {
				switch b := b.(type) {
				case list:
					w.b.WriteString("\n")
					w.list(b, "")
				case paragraph:
					if j > 0 {
						w.b.WriteString("\n")
					}
					wikiInline(&w.b, b.runs, "\n")
				}
			}
			w.b.WriteString(" ")
		}
		w.b.WriteString(end)
	}
}

func wikiInline(b *strings.Builder, runs []run, lineBreak string) {
	for _, e := range nest(prepare(runs, bold|italic|underline|strike|code)) {
		switch e.kind {
		case evText:
			wikiEscape(b, e.text)
		case evCode:
			b.WriteString("{{")
			wikiEscape(b, e.text)
			b.WriteString("}}")
		case evBreak:
			b.WriteString(lineBreak)
		case evOpen, evClose:
			b.WriteString(wikiDelimiter(e.mark))
		case evOpenLink:
			b.WriteString("[")
		case evCloseLink:
			b.WriteString("|" + strings.NewReplacer("|", "%7C", "]", "%5D", "[", "%5B", "{", "%7B", "}", "%7D").Replace(e.href) + "]")
		}
	}
}

func wikiDelimiter(m mark) string {
	switch m {
	case bold:
		return "*"
	case italic:
		return "_"
	case underline:
		return "+"
	default:
		return "-"
	}
}

func wikiEscape(b *strings.Builder, s string) {
	for _, r := range s {
		if strings.ContainsRune(`\{}[]*_-+^~?!|#@`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
}
