// Package richtext turns Productboard's rich text into the markup dialects of
// the trackers.
//
// There is one way through it: [Parse] sanitises the HTML and walks it once
// into a small document tree, and each dialect is a back-end that only reads
// that tree ([Doc.Markdown], [Doc.Redcarpet], [Doc.Textile], [Doc.ADF], [Doc.Wiki],
// [Doc.HTML], [Doc.AsanaXML], [Doc.Plain]). A new dialect is one more back-end; it never
// looks at HTML. [Fit] cuts a document to a tracker's
// length limit by pruning the tree, so that what is left is whole markup.
//
// What does not belong here: anything that knows a tracker's API, limits or
// wording (those are arguments), network access, and the texts shown to users.
package richtext

import "strings"

// Doc is a document: a sequence of blocks that no back-end can misread,
// because only this package can build one. The zero Doc is empty. A Doc is
// never changed after it was made, so it may be shared.
type Doc struct {
	blocks  []block
	remarks Remarks
}

// block is one of paragraph, heading, codeBlock, quote, list, table, rule. The
// set is closed on purpose: a back-end handles all seven or it is not finished.
type block interface{ isBlock() }

type (
	paragraph struct{ runs []run }

	heading struct {
		level int // 1-6
		runs  []run
	}

	// codeBlock holds its text verbatim, lines separated by "\n", without a
	// final line end.
	codeBlock struct {
		lang string
		text string
	}

	quote struct{ blocks []block }

	list struct {
		ordered bool
		start   int // number of the first item when ordered
		items   []item
	}

	item struct {
		check  check
		blocks []block
	}

	// table has rows of possibly different lengths. Its spans fit together and
	// end with the grid; a back-end without spans, or one that needs a
	// rectangle, asks for the table expanded or padded.
	table struct{ rows []row }

	row struct{ cells []cell }

	cell struct {
		header bool
		blocks []block

		colspan, rowspan int // 0 where the cell covers one
	}

	rule struct{}
)

func (paragraph) isBlock() {}
func (heading) isBlock()   {}
func (codeBlock) isBlock() {}
func (quote) isBlock()     {}
func (list) isBlock()      {}
func (table) isBlock()     {}
func (rule) isBlock()      {}

// check is the state of a checklist item.
type check uint8

const (
	checkNone check = iota // an ordinary list item
	checkOpen
	checkDone
)

// box is the checklist marker shared by the dialects that write it as text.
func (c check) box() string {
	switch c {
	case checkOpen:
		return "[ ] "
	case checkDone:
		return "[x] "
	case checkNone:
	}
	return ""
}

// mark is a set of character styles.
type mark uint8

const (
	bold mark = 1 << iota
	italic
	underline
	strike
	code        // excludes nothing in the tree; back-ends treat the run as a leaf
	superscript // never with subscript
	subscript
)

// run is a stretch of text that has one style and one link, or a line break.
// Links are a property of runs and not nodes with children, so that marks and
// links that overlap in the source need no repair before the back-ends nest
// them the way their dialect wants.
type run struct {
	text  string
	marks mark
	href  string // http, https or mailto; "" when not a link
	bare  bool   // the text is an address that nobody made a link of
	brk   bool   // a line break; text is empty
}

func (r run) same(o run) bool {
	return !r.brk && !o.brk && r.marks == o.marks && r.href == o.href && r.bare == o.bare
}

// Span is a piece of a [Paragraph] made by a caller.
type Span struct{ run run }

// Text is a plain span. Whatever looks like markup in it is shown as it is.
func Text(s string) Span { return Span{run{text: cleanText(s)}} }

// Bold is a bold span.
func Bold(s string) Span { return Span{run{text: cleanText(s), marks: bold}} }

// Link is a span that links to address. An address that is not http, https or
// mailto is dropped and the label stays as text; an empty label shows the
// address.
func Link(label, address string) Span {
	address = linkAddress(address)
	label = cleanText(label)
	if strings.TrimSpace(label) == "" {
		label = address
	}
	return Span{run{text: label, href: address}}
}

// Paragraph is a document of one paragraph, for the notes and back-links that
// callers put before or after an entity's own text. It is empty when the spans
// show nothing.
func Paragraph(spans ...Span) Doc {
	runs := make([]run, 0, len(spans))
	for _, s := range spans {
		runs = append(runs, s.run)
	}
	if blankRuns(runs) {
		return Doc{}
	}
	return Doc{blocks: []block{paragraph{linkBare(runs)}}}
}

// Rule is a document of one horizontal line.
func Rule() Doc { return Doc{blocks: []block{rule{}}} }

// Join is the documents one after the other.
func Join(docs ...Doc) Doc {
	var out Doc
	for _, d := range docs {
		out.blocks = append(out.blocks, d.blocks...)
		out.remarks = out.remarks.plus(d.remarks)
	}
	return out
}

// Append is d followed by the others; d itself does not change.
func (d Doc) Append(more ...Doc) Doc {
	return Join(append([]Doc{d}, more...)...)
}

// Empty reports whether the document shows nothing.
func (d Doc) Empty() bool { return len(d.blocks) == 0 }

// Remarks returns what of its source the document does not hold.
func (d Doc) Remarks() Remarks { return d.remarks }
