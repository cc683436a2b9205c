package richtext

import (
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
// delimiter. Only a row or a line that is long by itself is cut inside. When not even note and footer fit, they are cut as well, and when
// not even an empty document does (the frame of ADF), Text is "".
func Fit(d Doc, limit Limit, render func(Doc) string) Fitted {
	count := limit.Count
	if count == nil {
		count = utf8.RuneCountInString
	}
	most := max(limit.Max, 0)
	whole := d.Append(limit.Footer)
	if text := render(whole); count(text) <= most {
		return Fitted{Doc: whole, Text: text}
	}
	if f, ok := search(d, limit.Note.Append(limit.Footer), most, count, render); ok {
		return f
	}
	f, _ := search(limit.Note.Append(limit.Footer), Doc{}, most, count, render)
	return f
}

// search finds the largest budget of characters whose rendering, with tail at
// the end, is within most. It doubles the budget as long as everything fits, so
// no attempt renders much more than the limit. A text that leaves less than a
// two hundredth of the limit unused is not worth further attempts.
func search(d, tail Doc, most int, count func(string) int, render func(Doc) string) (Fitted, bool) {
	best, ok := Fitted{Cut: true}, false
	low, high, bounded := 0, most, false
	for low <= high {
		mid := low + (high-low)/2
		if !bounded {
			mid = high
		}
		blocks, all := cut(d.blocks, mid)
		doc := Doc{blocks: blocks, remarks: d.remarks}.Append(tail)
		text := render(doc)
		size := count(text)
		if size > most {
			high, bounded = mid-1, true
			continue
		}
		best, ok = Fitted{Doc: doc, Text: text, Cut: true}, true
		if most-size <= most/200 || all {
			break
		}
		if low = mid + 1; !bounded {
			high = 2 * low
		}
	}
	return best, ok
}

// cut is the beginning of blocks that costs at most budget, and whether that is
// all of them.
func cut(blocks []block, budget int) (beginning []block, all bool) {
	c := cutter{left: budget}
	beginning = c.blocks(blocks)
	return beginning, !c.done
}

// cutter spends a budget of characters. Once it is spent, everything after is
// left out.
type cutter struct {
	left int
	done bool
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
	rows := 0
	var part []row
	for _, r := range t.rows {
		try := *c
		cells := try.row(r)
		if try.done {
			if c.left > worthCutting {
				part = []row{{cells}}
			}
			c.done = true
			break
		}
		*c = try
		rows++
	}
	if kept := rows + len(part); kept == 0 || kept == 1 && len(t.rows) > 1 && rows == 1 {
		return nil
	}
	return table{append(t.rows[:rows:rows], part...)}.top(rows + len(part))
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
	return runs
}

func (c *cutter) lines(text string) string {
	n := prefixLen(text, c.left)
	if n == len(text) {
		c.left -= utf8.RuneCountInString(text)
		return text
	}
	c.done = true
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
