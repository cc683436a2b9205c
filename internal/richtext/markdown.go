package richtext

import (
	"strconv"
	"strings"
)

// markdownMarks are the marks Markdown has. It has no underline, and the HTML
// element for it is not shown by every tracker, so underlined text is plain.
const markdownMarks = bold | italic | strike | code

// marks are the ones that the dialect has: sup and sub are HTML in Markdown.
func (o *MarkdownOptions) marks() mark {
	if o.NoHTML {
		return markdownMarks
	}
	return markdownMarks | scripts
}

// Markdown writes the document in GitHub Flavored Markdown: tables, task lists,
// strikethrough and fenced code on top of CommonMark. Text stays text, however
// much it looks like markup. The result has no line end at its end.
func (d Doc) Markdown(o MarkdownOptions) string {
	w := mdWriter{o: o}
	w.blocks(d.blocks, false)
	return w.b.String()
}

// mdWriter writes blocks line by line; prefix is what every further line of
// the container it is in begins with.
type mdWriter struct {
	b      strings.Builder
	o      MarkdownOptions
	prefix string
	items  int // list items around
}

func (w *mdWriter) newline() {
	w.b.WriteByte('\n')
	w.b.WriteString(w.prefix)
}

func (w *mdWriter) blankLine() {
	w.b.WriteByte('\n')
	w.b.WriteString(strings.TrimRight(w.prefix, " "))
	w.newline()
}

// within writes a container's content: marker now, further lines behind prefix.
func (w *mdWriter) within(marker, prefix string, content func()) {
	outer := w.prefix
	w.b.WriteString(marker)
	w.prefix += prefix
	content()
	w.prefix = outer
}

func (w *mdWriter) blocks(blocks []block, tight bool) {
	alternate := false
	for i, b := range blocks {
		if i > 0 {
			if tight {
				w.newline()
			} else {
				w.blankLine()
			}
		}
		// Two lists in a row stay two lists when their markers differ.
		l, isList := b.(list)
		if before, ok := previousList(blocks, i); isList && ok && before.ordered == l.ordered {
			alternate = !alternate
		} else {
			alternate = false
		}
		w.block(b, alternate)
	}
}

func previousList(blocks []block, i int) (list, bool) {
	if i == 0 {
		return list{}, false
	}
	l, ok := blocks[i-1].(list)
	return l, ok
}

func (w *mdWriter) block(b block, alternate bool) {
	switch b := b.(type) {
	case paragraph:
		w.inline(b.runs, mdPlace{item: w.items > 0})
	case heading:
		w.b.WriteString(strings.Repeat("#", b.level) + " ")
		w.inline(b.runs, mdPlace{heading: true})
	case codeBlock:
		w.code(b)
	case quote:
		w.within("> ", "> ", func() { w.blocks(b.blocks, false) })
	case list:
		w.list(b, alternate)
	case table:
		w.table(b)
	case rule:
		if w.items > 0 || w.b.Len() == 0 {
			// "- ---" would be a line and not an item, and some take a first
			// line of "---" for the beginning of metadata.
			w.b.WriteString("___")
		} else {
			w.b.WriteString("---")
		}
	}
}

func (w *mdWriter) inline(runs []run, at mdPlace) {
	t := mdText{out: &w.b, o: &w.o, at: at, newline: w.newline}
	t.write(nest(prepare(runs, w.o.marks())))
}

func (w *mdWriter) code(c codeBlock) {
	fence := strings.Repeat("`", max(3, longestRun(c.text, '`')+1))
	w.b.WriteString(fence)
	w.b.WriteString(c.lang)
	for line := range strings.SplitSeq(c.text, "\n") {
		if line == "" {
			w.b.WriteByte('\n')
			w.b.WriteString(strings.TrimRight(w.prefix, " "))
			continue
		}
		w.newline()
		w.b.WriteString(line)
	}
	w.newline()
	w.b.WriteString(fence)
}

func longestRun(s string, c byte) int {
	longest, n := 0, 0
	for i := range len(s) {
		if s[i] != c {
			n = 0
			continue
		}
		n++
		longest = max(longest, n)
	}
	return longest
}

func (w *mdWriter) list(l list, alternate bool) {
	tight := true
	for _, it := range l.items {
		tight = tight && tightItem(it)
	}
	w.items++
	for i, it := range l.items {
		if i > 0 {
			if tight {
				w.newline()
			} else {
				w.blankLine()
			}
		}
		marker := listMarker(l, i, alternate)
		if len(it.blocks) == 0 && it.check == checkNone {
			w.b.WriteString(strings.TrimRight(marker, " "))
			continue
		}
		w.within(marker, strings.Repeat(" ", len(marker)), func() {
			w.b.WriteString(it.check.box())
			if it.check != checkNone && !startsWithText(it.blocks) {
				// A task needs text on its line.
				w.b.WriteString("&nbsp;")
				if len(it.blocks) > 0 {
					w.blankLine()
				}
			}
			w.blocks(it.blocks, tight)
		})
	}
	w.items--
}

func listMarker(l list, i int, alternate bool) string {
	switch {
	case l.ordered && alternate:
		return strconv.Itoa(min(l.start+i, 999_999_999)) + ") "
	case l.ordered:
		return strconv.Itoa(min(l.start+i, 999_999_999)) + ". "
	case alternate:
		return "* "
	}
	return "- "
}

func startsWithText(blocks []block) bool {
	if len(blocks) == 0 {
		return false
	}
	_, ok := blocks[0].(paragraph)
	return ok
}

// tightItem reports whether an item needs no blank lines: it is one block, or
// text with lists that may follow text directly.
func tightItem(it item) bool {
	if len(it.blocks) <= 1 {
		return it.check == checkNone || startsWithText(it.blocks)
	}
	if !startsWithText(it.blocks) {
		return false
	}
	for _, b := range it.blocks[1:] {
		if l, ok := b.(list); !ok || l.ordered && l.start != 1 {
			return false
		}
	}
	return true
}

// table writes the first row as the header, because Markdown has no table
// without one; header cells elsewhere become bold.
func (w *mdWriter) table(t table) {
	t = t.expanded()
	columns := t.columns()
	for i, r := range t.rows {
		if i > 0 {
			w.newline()
		}
		w.b.WriteByte('|')
		for _, c := range r.cells {
			w.b.WriteByte(' ')
			w.cell(c.blocks, c.header && i > 0)
			w.b.WriteString(" |")
		}
		if i == 0 {
			w.b.WriteString(strings.Repeat("  |", columns-len(r.cells)))
			w.newline()
			w.b.WriteString("|" + strings.Repeat(" --- |", columns))
		}
	}
}

// cell writes the blocks of a table cell on one line.
func (w *mdWriter) cell(blocks []block, strong bool) {
	first := true
	separate := func() {
		if !first {
			w.b.WriteString(w.cellBreak())
		}
		first = false
	}
	for _, b := range blocks {
		switch b := b.(type) {
		case paragraph:
			separate()
			w.inline(marked(b.runs, strong), mdPlace{cell: true})
		case heading:
			separate()
			w.inline(marked(b.runs, true), mdPlace{cell: true})
		case codeBlock:
			for line := range strings.SplitSeq(b.text, "\n") {
				separate()
				if strings.TrimSpace(line) != "" {
					mdCodeSpan(&w.b, line, true, w.o.NoHTML)
				}
			}
		case quote:
			separate()
			w.cell(b.blocks, strong)
		case list:
			if w.o.NoHTML {
				separate()
				w.cellItems(b, strong)
			} else {
				w.cellList(b, strong)
				first = true // a list breaks the line itself
			}
		case table:
			for _, r := range b.expanded().rows {
				separate()
				w.cellRow(r, strong)
			}
		case rule:
		}
	}
}

// cellRow writes a row of a table inside a cell. Where rows are not on lines of
// their own they are in brackets.
func (w *mdWriter) cellRow(r row, strong bool) {
	open, end := "", ""
	if w.o.NoHTML {
		open, end = "(", ")"
	}
	w.b.WriteString(open)
	for i, c := range r.cells {
		if i > 0 {
			w.b.WriteString(" " + charRef('|') + " ")
		}
		w.cell(c.blocks, strong || c.header)
	}
	w.b.WriteString(end)
}

func (w *mdWriter) cellBreak() string {
	if w.o.NoHTML {
		return " "
	}
	return "<br>"
}

func (w *mdWriter) cellList(l list, strong bool) {
	open, end := "<ul>", "</ul>"
	if l.ordered {
		open, end = "<ol>", "</ol>"
		if l.start != 1 {
			open = `<ol start="` + strconv.Itoa(l.start) + `">`
		}
	}
	w.b.WriteString(open)
	for _, it := range l.items {
		w.b.WriteString("<li>" + it.check.sign())
		w.cell(it.blocks, strong)
		w.b.WriteString("</li>")
	}
	w.b.WriteString(end)
}

func (w *mdWriter) cellItems(l list, strong bool) {
	for i, it := range l.items {
		if i > 0 {
			w.b.WriteByte(' ')
		}
		switch {
		case it.check != checkNone:
			w.b.WriteString(it.check.sign())
		case l.ordered:
			w.b.WriteString(strconv.Itoa(l.start+i) + ") ")
		default:
			w.b.WriteString("• ")
		}
		w.cell(it.blocks, strong)
	}
}

// sign is the state of a checklist item where the dialect has no checklists.
func (c check) sign() string {
	switch c {
	case checkOpen:
		return "☐ "
	case checkDone:
		return "☑ "
	case checkNone:
	}
	return ""
}

func marked(runs []run, strong bool) []run {
	if !strong {
		return runs
	}
	out := make([]run, len(runs))
	for i, r := range runs {
		r.marks |= bold
		out[i] = r
	}
	return out
}
