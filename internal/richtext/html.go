package richtext

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// HTML writes the document as an HTML fragment with plain elements only: p,
// h1-h6, strong, em, u, s, sup, sub, code, pre, blockquote, ul, ol, li, table, tr, th, td,
// hr, br, a. The only attributes are href (http, https or mailto), start, colspan
// and rowspan. Checklist items begin with ☐ or ☑.
func (d Doc) HTML() string {
	w := htmlWriter{}
	w.blocks(d.blocks)
	return w.b.String()
}

type htmlWriter struct{ b strings.Builder }

func (w *htmlWriter) blocks(blocks []block) {
	for _, b := range blocks {
		w.block(b)
	}
}

func (w *htmlWriter) block(b block) {
	switch b := b.(type) {
	case paragraph:
		w.line("p", b.runs)
	case heading:
		w.line("h"+strconv.Itoa(b.level), b.runs)
	case codeBlock:
		w.b.WriteString("<pre>")
		if strings.HasPrefix(b.text, "\n") {
			w.b.WriteByte('\n') // the first line end after <pre> is not part of the text
		}
		w.b.WriteString("<code>" + html.EscapeString(b.text) + "</code></pre>")
	case quote:
		w.b.WriteString("<blockquote>")
		w.blocks(b.blocks)
		w.b.WriteString("</blockquote>")
	case list:
		w.list(b)
	case table:
		w.table(b)
	case rule:
		w.b.WriteString("<hr>")
	}
}

func (w *htmlWriter) line(element string, runs []run) {
	w.b.WriteString("<" + element + ">")
	htmlInline(&w.b, runs, htmlMarks, "<br>")
	w.b.WriteString("</" + element + ">")
}

func (w *htmlWriter) list(l list) {
	element := "ul"
	if l.ordered {
		element = "ol"
	}
	w.b.WriteString("<" + element)
	if l.ordered && l.start != 1 {
		w.b.WriteString(` start="` + strconv.Itoa(l.start) + `"`)
	}
	w.b.WriteString(">")
	for _, it := range l.items {
		w.b.WriteString("<li>")
		w.tight(signed(it))
		w.b.WriteString("</li>")
	}
	w.b.WriteString("</" + element + ">")
}

// tight writes blocks where a first paragraph needs no element of its own.
func (w *htmlWriter) tight(blocks []block) {
	for i, b := range blocks {
		p, ok := b.(paragraph)
		if i == 0 && ok && !hasParagraph(blocks[1:]) {
			htmlInline(&w.b, p.runs, htmlMarks, "<br>")
			continue
		}
		w.block(b)
	}
}

func hasParagraph(blocks []block) bool {
	for _, b := range blocks {
		if _, ok := b.(paragraph); ok {
			return true
		}
	}
	return false
}

func (w *htmlWriter) table(t table) {
	w.b.WriteString("<table>")
	for _, r := range t.padded().rows {
		w.b.WriteString("<tr>")
		for _, c := range r.cells {
			element := "td"
			if c.header {
				element = "th"
			}
			w.b.WriteString("<" + element + htmlSpan("colspan", c.colspan) + htmlSpan("rowspan", c.rowspan) + ">")
			w.tight(c.blocks)
			w.b.WriteString("</" + element + ">")
		}
		w.b.WriteString("</tr>")
	}
	w.b.WriteString("</table>")
}

func htmlSpan(name string, n int) string {
	if n == 0 {
		return ""
	}
	return " " + name + `="` + strconv.Itoa(n) + `"`
}

// htmlMarks are the marks that HTML has, all of them.
const htmlMarks = bold | italic | underline | strike | code | scripts

// htmlInline writes text with the elements that HTML and Asana's XML share.
func htmlInline(b *strings.Builder, runs []run, have mark, lineBreak string) {
	for _, e := range nest(prepare(runs, have)) {
		switch e.kind {
		case evText:
			b.WriteString(html.EscapeString(e.text))
		case evCode:
			b.WriteString("<code>" + html.EscapeString(e.text) + "</code>")
		case evBreak:
			b.WriteString(lineBreak)
		case evOpen:
			b.WriteString("<" + htmlElement(e.mark) + ">")
		case evClose:
			b.WriteString("</" + htmlElement(e.mark) + ">")
		case evOpenLink:
			b.WriteString(`<a href="` + html.EscapeString(e.href) + `">`)
		case evCloseLink:
			b.WriteString("</a>")
		}
	}
}

func htmlElement(m mark) string {
	switch m {
	case bold:
		return "strong"
	case italic:
		return "em"
	case underline:
		return "u"
	case superscript:
		return "sup"
	case subscript:
		return "sub"
	default:
		return "s"
	}
}
