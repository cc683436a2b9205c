package richtext

import (
	"slices"
	"strconv"
	"strings"
)

// Redcarpet writes the document in the Markdown of Redmine before version 6,
// which the library Redcarpet reads. Redmine calls it "Markdown". The result has
// no line end at its end.
//
// Redcarpet is no CommonMark: "_" underlines, "^" raises, every line end is a
// break, and lists nest by four spaces. It copies character references into the
// page, and Redmine looks for names, numbers and macros there. So those are kept
// from working by references, and no invisible characters are needed.
//
// What it cannot express is flattened: it drops HTML tags, so a table's cell is
// one line. Ordered lists count from 1, checklist items begin with "[ ]" or
// "[x]", and what nests too deep becomes lines of text.
func (d Doc) Redcarpet() string {
	w := rcWriter{}
	w.blocks(d.blocks)
	return w.b.String()
}

// Redcarpet reads text only while it has fewer buffers in use than this, and
// drops it without a trace otherwise. The other constants are what it needs for
// each container, and for a line of text with a link in it.
const (
	rcBuffers = 16
	rcQuote   = 1
	rcList    = 3
	rcTable   = 4
	rcLine    = 1
	rcLink    = 2
)

// redcarpetMarks are the marks Redcarpet has.
const redcarpetMarks = bold | italic | underline | strike | code | superscript

// rcGap is a tag that Redmine drops. It keeps apart what Redcarpet would join.
const rcGap = "<b></b>"

type rcWriter struct {
	b      strings.Builder
	prefix string // of every further line in the container
	used   int    // buffers in use
}

func (w *rcWriter) newline() {
	w.b.WriteByte('\n')
	w.b.WriteString(w.prefix)
}

func (w *rcWriter) blankLine() {
	w.b.WriteByte('\n')
	w.b.WriteString(strings.TrimRight(w.prefix, " "))
	w.newline()
}

// within writes a container's content: marker now, further lines behind prefix.
func (w *rcWriter) within(marker, prefix string, cost int, content func()) {
	outer := w.prefix
	w.b.WriteString(marker)
	w.prefix += prefix
	w.used += cost
	content()
	w.used -= cost
	w.prefix = outer
}

func (w *rcWriter) blocks(blocks []block) {
	blocks = w.shallow(blocks)
	for i, b := range blocks {
		if i > 0 {
			w.separate(blocks[i-1], b)
		}
		w.block(b)
	}
}

// separate begins b behind a.
func (w *rcWriter) separate(a, b block) {
	w.blankLine()
	if rcJoins(a, b) {
		w.b.WriteString(rcGap)
		w.blankLine()
	}
}

// shallow replaces containers that Redcarpet would not read any more by lines
// of text.
func (w *rcWriter) shallow(blocks []block) []block {
	out := make([]block, 0, len(blocks))
	for _, b := range blocks {
		cost := 0
		switch b.(type) {
		case quote:
			cost = rcQuote
		case list:
			cost = rcList
		case table:
			cost = rcTable
		}
		if w.used+cost+rcLine+rcLink > rcBuffers {
			out = append(out, subset{}.flatten(b, paragraphs)...)
		} else {
			out = append(out, b)
		}
	}
	return out
}

// rcJoins reports whether b would become a part of a, a blank line between them
// or not.
func rcJoins(a, b block) bool {
	switch a := a.(type) {
	case list:
		switch b := b.(type) {
		case list:
			return a.ordered == b.ordered
		case codeBlock:
			return rcIndented(b)
		}
	case quote:
		_, ok := b.(quote)
		return ok
	case codeBlock:
		c, ok := b.(codeBlock)
		return ok && rcIndented(a) && rcIndented(c)
	}
	return false
}

func (w *rcWriter) block(b block) {
	switch b := b.(type) {
	case paragraph:
		w.inline(b.runs, rcPlace{})
	case heading:
		w.b.WriteString(strings.Repeat("#", b.level) + " ")
		w.inline(b.runs, rcPlace{heading: true})
	case codeBlock:
		w.code(b)
	case quote:
		w.within("> ", "> ", rcQuote, func() { w.blocks(b.blocks) })
	case list:
		w.list(b)
	case table:
		w.table(b)
	case rule:
		w.b.WriteString("---")
	}
}

func (w *rcWriter) inline(runs []run, at rcPlace) {
	runs = rcRuns(runs, at, rcBuffers-rcLine-w.used)
	t := rcText{out: &w.b, at: at, newline: w.newline, lineStart: !at.heading && !at.cell && !at.boxed}
	t.write(nest(prepare(runs, redcarpetMarks)))
}

func (w *rcWriter) code(c codeBlock) {
	indent := ""
	if rcIndented(c) {
		indent = "    "
	} else {
		w.b.WriteString("```" + c.lang)
		w.newline()
	}
	for i, line := range splitLines(c.text) {
		if i > 0 && line == "" {
			w.b.WriteByte('\n')
			w.b.WriteString(strings.TrimRight(w.prefix, " "))
			continue
		}
		if i > 0 {
			w.newline()
		}
		w.b.WriteString(indent + line)
	}
	if indent == "" {
		w.newline()
		w.b.WriteString("```")
	}
}

// rcIndented reports whether code must be written without a fence. A line that
// looks like a fence ends the code, however long the fence is: Redcarpet compares
// them since its version 3.6 only.
func rcIndented(c codeBlock) bool {
	for line := range strings.SplitSeq(c.text, "\n") {
		line = strings.TrimLeft(line, " \t")
		if strings.HasPrefix(line, "```") || strings.HasPrefix(line, "~~~") {
			return true
		}
	}
	return false
}

// list writes no blank line before an item: there a list ends when the marker
// is of the other kind, even that of a list within an item.
func (w *rcWriter) list(l list) {
	spaced := false
	for i, it := range l.items {
		if i > 0 {
			w.newline()
		}
		w.within(listMarker(l, i, false), "    ", rcList, func() {
			blocks := w.shallow(it.blocks)
			// Behind one item with a blank line all are blocks.
			spaced = spaced || w.spaced(blocks)
			w.item(it.check, blocks, !spaced)
		})
	}
}

// spaced reports whether there is a blank line in an item of these blocks. There
// is none between its own text and its first list.
func (w *rcWriter) spaced(blocks []block) bool {
	if len(blocks) > 0 && startsWithText(blocks) {
		blocks = blocks[1:]
	}
	if len(blocks) == 0 {
		return false
	}
	l, ok := blocks[0].(list)
	if !ok || len(blocks) > 1 {
		return true
	}
	w.used += rcList
	defer func() { w.used -= rcList }()
	return slices.ContainsFunc(l.items, func(it item) bool { return w.spaced(w.shallow(it.blocks)) })
}

func (w *rcWriter) item(c check, blocks []block, tight bool) {
	w.b.WriteString(c.box())
	if len(blocks) == 0 && c == checkNone {
		w.b.WriteString("&nbsp;")
	}
	lists := 0
	for i, b := range blocks {
		p, isText := b.(paragraph)
		_, isList := b.(list)
		switch {
		case isText && i == 0:
			w.inline(p.runs, rcPlace{tight: tight, boxed: c != checkNone})
			continue
		case isList && lists == 0:
			w.newline()
		case isList:
			w.blankLine()
			w.b.WriteString(rcGap)
			w.newline()
		case i == 0:
			w.blankLine()
		default:
			w.separate(blocks[i-1], b)
		}
		if isList {
			lists++
		}
		w.block(b)
	}
}

// table writes the first row as the header, because there is no table without
// one; header cells elsewhere become bold.
func (w *rcWriter) table(t table) {
	w.used += rcTable - rcLine
	t = t.expanded()
	columns := t.columns()
	for i, r := range t.rows {
		if i > 0 {
			w.newline()
		}
		w.b.WriteByte('|')
		for _, c := range r.cells {
			w.b.WriteByte(' ')
			w.inline(marked(lineOf(c.blocks), c.header && i > 0), rcPlace{cell: true})
			w.b.WriteString(" |")
		}
		if i == 0 {
			w.b.WriteString(strings.Repeat("  |", columns-len(r.cells)))
			w.newline()
			w.b.WriteString("|" + strings.Repeat(" --- |", columns))
		}
	}
	w.used -= rcTable - rcLine
}

// rcRuns makes runs what Redcarpet can read: raised text with a bracket in it is
// spelled out, code that it would misread loses marks or becomes text, and marks
// are dropped for which there is no room.
func rcRuns(runs []run, at rcPlace, room int) []run {
	if slices.ContainsFunc(runs, func(r run) bool { return r.href != "" }) {
		room -= rcLink
	}
	allowed := code
	for _, m := range [...]mark{superscript, bold, italic, strike, underline} {
		if room > 0 {
			allowed |= m
			room--
		}
	}
	runs = spell(runs, func(r run) bool {
		return r.marks&(scripts&^allowed) != 0 || r.href != "" || r.marks&code != 0 && strings.ContainsAny(r.text, `)\`)
	})
	out := make([]run, 0, len(runs))
	for _, r := range runs {
		r.marks &= allowed
		if r.marks&code != 0 {
			out = append(out, rcCode(r, at)...)
		} else {
			out = append(out, r)
		}
	}
	rcUnderlines(out)
	return out
}

// rcCode is a run of code. Redcarpet ends marks and links in the middle of code
// where it finds their signs, and a cell at a "|".
func rcCode(r run, at rcPlace) []run {
	if r.href != "" && strings.ContainsAny(r.text, "[]\\`") {
		r.marks &^= code
		return []run{r}
	}
	if strings.ContainsAny(r.text, "*_~[\\`") {
		r.marks &= code | superscript
	}
	if !at.cell || !strings.Contains(r.text, "|") {
		return []run{r}
	}
	var out []run
	for i, part := range strings.Split(r.text, "|") {
		bar, rest := r, r
		bar.text, bar.marks, rest.text = "|", r.marks&^code, part
		if i > 0 {
			out = append(out, bar)
		}
		if part != "" {
			out = append(out, rest)
		}
	}
	return out
}

// rcUnderlines drops underlining from stretches that are bold and italic too:
// bold is written "**" beside "_" and "__" beside "*", and nothing is left.
func rcUnderlines(runs []run) {
	const three = bold | italic | underline
	for i := 0; i < len(runs); i++ {
		all, j := mark(0), i
		for ; j < len(runs) && (runs[j].brk || runs[j].marks&^code != 0); j++ {
			all |= runs[j].marks
		}
		for ; i < j; i++ {
			if all&three == three {
				runs[i].marks &^= underline
			}
		}
	}
}

// rcNumber is a character reference that Redmine takes for nothing else.
func rcNumber(c byte) string { return "&#" + strconv.Itoa(int(c)) + ";" }
