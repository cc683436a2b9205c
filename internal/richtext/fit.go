package richtext

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Limit says how long a rendered text may be and what cutting it adds.
type Limit struct {
	// Max is the tracker's limit.
	Max int
	// Count measures a text the way the tracker does; nil counts characters
	// (runes). [UTF16Len] is for trackers written in Java or JavaScript.
	Count func(string) int
	// Note is put at the end when something was cut: that the text goes on
	// elsewhere, with a link.
	Note Doc
	// Footer is put at the very end, cut or not, and is kept when the text
	// must be cut.
	Footer Doc
}

// UTF16Len is the length of s in UTF-16 units.
func UTF16Len(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}

// Fitted is a document that fits a [Limit].
type Fitted struct {
	Doc  Doc    // with footer and, if cut, with note
	Text string // Doc as rendered
	Cut  bool   // part of the document is missing
}

// Fit cuts a document until what render makes of it is within the limit. It
// prunes the tree and renders what is left, so the markup is always whole: a
// table loses rows, a code block lines, a paragraph words, never half of a
// delimiter. Only a row or a line that is long by itself is cut inside. A link
// in a document that is cut loses an address that alone is over the limit and
// over maxAddress. When not even note and footer fit, they are cut as well, and
// when not even an empty document does (the frame of ADF), Text is "".
//
// The work is in proportion to the document and the limit: what cannot fit is
// dropped before each rendering, and there are at most maxRenders of the document
// and as many of note and footer, each with one more that is empty.
func Fit(d Doc, limit Limit, render func(Doc) string) Fitted {
	count := limit.Count
	if count == nil {
		count = utf8.RuneCountInString
	}
	start := search{most: max(limit.Max, 0), count: count, render: render}
	s := start
	if f, ok := s.whole(d, limit.Footer); ok {
		return f
	}
	end := limit.Note.Append(limit.Footer)
	if f, ok := s.beginning(d, end); ok {
		return f
	}
	s = start
	if f, ok := s.whole(end, Doc{}); ok {
		f.Cut = true
		return f
	}
	f, ok := s.beginning(end, Doc{})
	if !ok {
		return Fitted{Cut: true}
	}
	return f
}

// cut is the beginning of blocks that costs at most budget, without what cannot
// be in a text of most characters; and the cutter that made it.
func cut(blocks []block, budget, most int) ([]block, cutter) {
	c := cutter{left: budget, most: most}
	beginning := c.blocks(blocks)
	return beginning, c
}

// cutter spends a budget of characters. Once it is spent, everything after is
// left out.
type cutter struct {
	left int
	most int // characters that the rendered text may have
	done bool
	over bool // the rest would not fit, whatever the budget
}

// blockCost is what the separation of two blocks, items or cells costs at
// least in any dialect, roughly.
const blockCost = 2

func (c *cutter) spend(n int) bool {
	if c.done || n > c.left {
		c.done = true
		return false
	}
	c.left -= n
	return true
}

func (c *cutter) blocks(blocks []block) []block {
	var out []block
	for _, b := range blocks {
		if !c.spend(blockCost) {
			break
		}
		if b = c.block(b); b != nil {
			out = append(out, b)
		}
		if c.done {
			break
		}
	}
	return out
}

// block is what of b the budget allows, nil when nothing.
func (c *cutter) block(b block) block {
	switch b := b.(type) {
	case paragraph:
		if runs := c.runs(b.runs); !blankRuns(runs) {
			return paragraph{runs}
		}
	case heading:
		if runs := c.runs(b.runs); !blankRuns(runs) {
			return heading{b.level, runs}
		}
	case codeBlock:
		if text := c.lines(b.text); strings.TrimFunc(text, isSpace) != "" {
			return codeBlock{b.lang, text}
		}
	case quote:
		if blocks := c.blocks(b.blocks); len(blocks) > 0 {
			return quote{blocks}
		}
	case list:
		return c.list(b)
	case table:
		return c.table(b)
	case rule:
		return b
	}
	return nil
}

func (c *cutter) list(l list) block {
	items := make([]item, 0, min(len(l.items), c.left/blockCost+1))
	for _, it := range l.items {
		if !c.spend(blockCost) {
			break
		}
		blocks := c.blocks(it.blocks)
		if len(blocks) > 0 || len(it.blocks) == 0 {
			items = append(items, item{it.check, blocks})
		}
		if c.done {
			break
		}
	}
	if len(items) == 0 {
		return nil
	}
	l.items = items
	return l
}

// worthCutting is how much room must be left before a table's row or a line of
// code is cut in the middle rather than left out.
const worthCutting = 200

// table keeps whole rows, unless one alone would leave much room unused, and no
// header without a row below it.
func (c *cutter) table(t table) block {
	part := false
	var rows []row
	for _, r := range t.rows {
		if len(r.cells) > c.most { // every cell has a character of its own
			c.over = true
		}
		if c.over || len(r.cells) > c.left {
			c.done = true
			break
		}
		try := *c
		cells := try.row(r)
		if try.done {
			if c.left > worthCutting {
				rows, part = append(rows, row{cells}), true
			}
			c.done, c.over = true, try.over
			break
		}
		*c = try
		rows = append(rows, row{cells})
	}
	if len(rows) == 0 || len(rows) == 1 && len(t.rows) > 1 && !part {
		return nil
	}
	return table{rows}.top(len(rows))
}

// row is a row's cells; those behind the cut are empty.
func (c *cutter) row(r row) []cell {
	cells := make([]cell, len(r.cells))
	for i, cell := range r.cells {
		c.spend(blockCost)
		if blocks := cell.blocks; c.done {
			cell.blocks = nil
		} else {
			cell.blocks = c.blocks(blocks)
		}
		cells[i] = cell
	}
	return cells
}

// ellipsis ends a text in whose middle the cut was made.
const ellipsis = "…"

func (c *cutter) runs(runs []run) []run {
	runs, all := c.shortLinks(runs)
	for i, r := range runs {
		if r.brk {
			if !c.spend(1) {
				return runs[:i]
			}
			continue
		}
		n := len(r.text)
		if n > c.left { // fewer bytes cannot be more characters
			n = prefixLen(r.text, c.left)
		}
		if n == len(r.text) {
			c.left -= utf8.RuneCountInString(r.text)
			continue
		}
		c.done = true
		r.text = strings.TrimRightFunc(r.text[:wordEnd(r.text, n)], isSpace)
		if r.text == "" && i == 0 {
			return nil
		}
		r.text, r.bare = r.text+ellipsis, false
		return append(runs[:i:i], r)
	}
	c.done = c.done || !all
	return runs
}

// maxAddress is the longest address, in characters, that is kept where it does
// not fit: browsers take about as much.
const maxAddress = 2048

// shortLinks is runs without the addresses that cannot fit: behind one nothing
// else would fit either.
func (c *cutter) shortLinks(runs []run) (short []run, all bool) {
	most := max(c.most, maxAddress)
	long := func(r run) bool { return len(r.href) > most && utf8.RuneCountInString(r.href) > most }
	reach := min(len(runs), c.left+1) // a run costs one character at least
	if !slices.ContainsFunc(runs[:reach], long) {
		return runs, true
	}
	all = reach == len(runs)
	runs = slices.Clone(runs[:reach])
	for i, r := range runs {
		if long(r) {
			runs[i].href, runs[i].bare = "", false
		}
	}
	return runs, all
}

func (c *cutter) lines(text string) string {
	n := prefixLen(text, c.left)
	if n == len(text) {
		c.left -= utf8.RuneCountInString(text)
		return text
	}
	c.done = true
	c.over = prefixLen(text, c.most) < len(text) // blank lines are cut, but not shorter
	if i := strings.LastIndexByte(text[:n], '\n'); i >= 0 && n-i <= worthCutting {
		n = i
	}
	return strings.TrimRight(text[:characterEnd(text, n)], "\n")
}

// wordEnd moves a cut at n back to the end of a word if one is near, and
// otherwise at least to the end of what a reader sees as one character.
func wordEnd(s string, n int) int {
	const near = 60
	for i := n; i > 0 && n-i < near; {
		r, size := utf8.DecodeRuneInString(s[i:])
		if size > 0 && isSpace(r) {
			return i
		}
		_, size = utf8.DecodeLastRuneInString(s[:i])
		i -= size
	}
	return characterEnd(s, n)
}
