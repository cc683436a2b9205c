package richtext

import (
	"strings"

	"golang.org/x/net/html"
)

// asanaMarks are the marks that Asana has.
const asanaMarks = htmlMarks &^ scripts

// asanaSubset: no lists in quotes and no blocks in list items, no tables at all.
func asanaSubset() subset {
	return subset{
		top:   everything &^ tables,
		quote: paragraphs,
		item:  lists,
	}
}

// AsanaXML writes the document in the XML of Asana's html_notes: <body> with
// strong, em, u, s, code, a, ul, ol, li, blockquote, pre, h1, h2 and hr. Asana
// has neither <p> nor <br>; it shows line ends as they are. Tables, and in
// lists and quotes everything but text, become lines of text; checklist items
// begin with ☐ or ☑; ordered lists count from 1. The result is well-formed XML,
// also for an empty document. A link to a mail address shows it, since Asana
// documents only links to pages.
func (d Doc) AsanaXML() string {
	w := asanaWriter{}
	w.b.WriteString("<body>")
	w.blocks(asanaSubset().of(d.blocks))
	w.b.WriteString("</body>")
	return w.b.String()
}

type asanaWriter struct{ b strings.Builder }

func (w *asanaWriter) blocks(blocks []block) {
	for i, b := range blocks {
		if i > 0 {
			_, text := b.(paragraph)
			_, textBefore := blocks[i-1].(paragraph)
			w.b.WriteString("\n")
			if text && textBefore {
				w.b.WriteString("\n")
			}
		}
		w.block(b)
	}
}

func (w *asanaWriter) block(b block) {
	switch b := b.(type) {
	case paragraph:
		htmlInline(&w.b, webLinks(b.runs), asanaMarks, "\n")
	case heading:
		element := "h1"
		if b.level > 1 {
			element = "h2"
		}
		w.b.WriteString("<" + element + ">")
		htmlInline(&w.b, webLinks(b.runs), asanaMarks, " ")
		w.b.WriteString("</" + element + ">")
	case codeBlock:
		w.b.WriteString("<pre>" + html.EscapeString(b.text) + "</pre>")
	case quote:
		w.b.WriteString("<blockquote>")
		w.blocks(b.blocks)
		w.b.WriteString("</blockquote>")
	case list:
		w.list(b)
	case rule:
		w.b.WriteString("<hr/>")
	case table: // not in the subset
	}
}

func (w *asanaWriter) list(l list) {
	element := "ul"
	if l.ordered {
		element = "ol"
	}
	w.b.WriteString("<" + element + ">")
	for _, it := range l.items {
		w.b.WriteString("<li>")
		for i, b := range signed(it) {
			if _, nested := b.(list); i > 0 && !nested {
				w.b.WriteString("\n")
			}
			w.block(b)
		}
		w.b.WriteString("</li>")
	}
	w.b.WriteString("</" + element + ">")
}

// webLinks replaces links to mail addresses by the address in brackets.
func webLinks(runs []run) []run {
	out := make([]run, 0, len(runs))
	label := ""
	for i, r := range runs {
		address, mail := strings.CutPrefix(r.href, "mailto:")
		if !mail {
			out = append(out, r)
			continue
		}
		last := i+1 == len(runs) || runs[i+1].href != r.href
		r.href = ""
		label += r.text
		out = append(out, r)
		if last {
			if !strings.Contains(label, address) {
				out = append(out, run{text: " (" + address + ")"})
			}
			label = ""
		}
	}
	return out
}
