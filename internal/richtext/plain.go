package richtext

import (
	"strconv"
	"strings"
)

// Plain writes the document as text without markup, for trackers and fields
// that show what they get. Lists, quotes and tables keep their shape with the
// signs people use in plain mail; a link shows its address in brackets. The
// result has no line end at its end.
func (d Doc) Plain() string {
	w := plainWriter{}
	w.blocks(d.blocks, false)
	return w.b.String()
}

type plainWriter struct {
	b      strings.Builder
	prefix string
	cell   bool // everything on one line
	label  int  // where the text of the link began that is being written
}

func (w *plainWriter) newline() {
	if w.cell {
		w.b.WriteString(" / ")
		return
	}
	w.b.WriteByte('\n')
	w.b.WriteString(w.prefix)
}

func (w *plainWriter) blankLine() {
	if !w.cell {
		w.b.WriteByte('\n')
		w.b.WriteString(strings.TrimRight(w.prefix, " "))
	}
	w.newline()
}

func (w *plainWriter) within(marker, prefix string, content func()) {
	outer := w.prefix
	w.b.WriteString(marker)
	w.prefix += prefix
	content()
	w.prefix = outer
}

func (w *plainWriter) blocks(blocks []block, tight bool) {
	for i, b := range blocks {
		if i > 0 {
			if tight {
				w.newline()
			} else {
				w.blankLine()
			}
		}
		switch b := b.(type) {
		case paragraph:
			w.line(b.runs)
		case heading:
			w.line(b.runs)
		case codeBlock:
			for i, line := range strings.Split(b.text, "\n") {
				if i > 0 {
					w.newline()
				}
				w.b.WriteString(line)
			}
		case quote:
			w.within("> ", "> ", func() { w.blocks(b.blocks, false) })
		case list:
			w.list(b)
		case table:
			w.table(b)
		case rule:
			w.b.WriteString("---")
		}
	}
}

func (w *plainWriter) list(l list) {
	for i, it := range l.items {
		if i > 0 {
			w.newline()
		}
		marker := "- "
		if l.ordered {
			marker = strconv.Itoa(l.start+i) + ". "
		}
		if len(it.blocks) == 0 {
			w.b.WriteString(strings.TrimRight(marker+it.check.box(), " "))
			continue
		}
		w.within(marker+it.check.box(), strings.Repeat(" ", len(marker)), func() { w.blocks(it.blocks, true) })
	}
}

func (w *plainWriter) table(t table) {
	outer := w.cell
	for i, r := range t.expanded().rows {
		if i > 0 {
			w.newline()
		}
		if outer { // the line may be a row's itself
			w.b.WriteByte('(')
		}
		w.cell = true
		for j, c := range r.cells {
			if j > 0 {
				w.b.WriteString(" | ")
			}
			w.blocks(c.blocks, true)
		}
		if outer {
			w.b.WriteByte(')')
		}
		w.cell = outer
	}
}

func (w *plainWriter) line(runs []run) {
	for _, e := range nest(prepare(runs, 0)) {
		switch e.kind {
		case evText:
			w.b.WriteString(e.text)
		case evBreak:
			w.newline()
		case evOpenLink:
			w.label = w.b.Len()
		case evCloseLink:
			// Showing the address twice helps nobody.
			label, address := w.b.String()[w.label:], strings.TrimPrefix(e.href, "mailto:")
			if !e.bare && !strings.HasSuffix(label, address) && linkAddress(label) != e.href {
				w.b.WriteString(" (" + address + ")")
			}
		case evCode, evOpen, evClose:
		}
	}
}
