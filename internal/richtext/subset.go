package richtext

import (
	"slices"
	"strconv"
)

// kinds is a set of kinds of blocks.
type kinds uint8

const (
	paragraphs kinds = 1 << iota
	headings
	codeBlocks
	quotes
	lists
	tables
	rules

	everything = paragraphs | headings | codeBlocks | quotes | lists | tables | rules
)

func kindOfBlock(b block) kinds {
	switch b.(type) {
	case heading:
		return headings
	case codeBlock:
		return codeBlocks
	case quote:
		return quotes
	case list:
		return lists
	case table:
		return tables
	case rule:
		return rules
	default:
		return paragraphs
	}
}

// subset says which blocks a dialect allows inside its containers. What it does
// not allow becomes paragraphs that a reader understands: a heading is bold, a
// quote begins with ">", a row of a table is a line. Paragraphs are allowed
// everywhere.
type subset struct {
	top, quote, item, cell kinds
}

// of is the blocks as the dialect can write them. The tree itself is not
// changed.
func (s subset) of(blocks []block) []block { return s.in(blocks, s.top|paragraphs) }

func (s subset) in(blocks []block, allowed kinds) []block {
	out := make([]block, 0, len(blocks))
	for _, b := range blocks {
		if kindOfBlock(b)&allowed == 0 {
			out = append(out, s.flatten(b, allowed)...)
			continue
		}
		switch x := b.(type) {
		case quote:
			if inner := s.in(x.blocks, allowed&s.quote|paragraphs); len(inner) > 0 {
				out = append(out, quote{inner})
			}
		case list:
			items := make([]item, len(x.items))
			for i, it := range x.items {
				items[i] = item{it.check, s.in(it.blocks, allowed&s.item|paragraphs)}
			}
			x.items = items
			out = append(out, x)
		case table:
			rows := make([]row, len(x.rows))
			for i, r := range x.rows {
				rows[i].cells = make([]cell, len(r.cells))
				for j, c := range r.cells {
					c.blocks = s.in(c.blocks, allowed&s.cell|paragraphs)
					rows[i].cells[j] = c
				}
			}
			out = append(out, table{rows})
		default:
			out = append(out, b)
		}
	}
	return out
}

// flatten is a block as paragraphs, and as what of its content is allowed.
func (s subset) flatten(b block, allowed kinds) []block {
	switch b := b.(type) {
	case heading:
		return []block{paragraph{marked(b.runs, true)}}
	case codeBlock:
		return []block{paragraph{codeLines(b.text)}}
	case quote:
		return s.quoted(nil, b.blocks, allowed, "> ")
	case list:
		var out []block
		for i, it := range b.items {
			sign := itemSign(b, i)
			blocks := s.in(it.blocks, allowed)
			if len(blocks) == 0 {
				blocks = []block{paragraph{}}
			}
			out = append(out, prefixed(blocks, sign, "\u00a0\u00a0")...)
		}
		return asLines(out)
	case table:
		var out []block
		for _, r := range b.expanded().rows {
			if runs := rowLine(r); !blankRuns(runs) {
				out = append(out, paragraph{runs})
			}
		}
		return asLines(out)
	default: // a rule separates nothing where it may not stand
		return nil
	}
}

// quoted adds the blocks of a quote to out, text behind prefix. Quotes in it are
// done on the way, so that depth costs nothing.
func (s subset) quoted(out, blocks []block, allowed kinds, prefix string) []block {
	for _, b := range blocks {
		if q, ok := b.(quote); ok {
			out = s.quoted(out, q.blocks, allowed, prefix+"> ")
			continue
		}
		for _, b := range s.in([]block{b}, allowed) {
			if p, ok := b.(paragraph); ok {
				b = paragraph{withPrefix(prefix, p.runs)}
			}
			out = append(out, b)
		}
	}
	return out
}

// itemSign is what a list's item begins with where there are no lists.
func itemSign(l list, i int) string {
	switch it := l.items[i]; {
	case it.check != checkNone:
		return it.check.sign()
	case l.ordered:
		return strconv.Itoa(l.start+i) + ") "
	}
	return "• "
}

// prefixed puts text before the first paragraph and before all further ones. It
// makes a paragraph of its own when the first block is none.
func prefixed(blocks []block, first, further string) []block {
	out := make([]block, 0, len(blocks)+1)
	sign := first
	for i, b := range blocks {
		p, ok := b.(paragraph)
		switch {
		case ok:
			out = append(out, paragraph{withPrefix(sign, p.runs)})
		case i == 0:
			out = append(out, paragraph{[]run{{text: sign}}}, b)
		default:
			out = append(out, b)
		}
		sign = further
	}
	return out
}

// withPrefix is runs behind plain text.
func withPrefix(text string, runs []run) []run {
	first := run{text: text}
	if len(runs) > 0 && runs[0].same(first) { // so that depth adds no runs
		first.text += runs[0].text
		runs = runs[1:]
	}
	return append(append(make([]run, 0, len(runs)+1), first), runs...)
}

// asLines makes one paragraph of those that follow each other.
func asLines(blocks []block) []block {
	var out []block
	var runs []run
	end := func() {
		if len(runs) > 0 {
			out, runs = append(out, paragraph{runs}), nil
		}
	}
	for _, b := range blocks {
		if p, ok := b.(paragraph); ok {
			if len(runs) > 0 {
				runs = append(runs, run{brk: true})
			}
			runs = append(runs, p.runs...)
			continue
		}
		end()
		out = append(out, b)
	}
	end()
	return out
}

// signed is an item's blocks with its state as a sign before the text.
func signed(it item) []block {
	if it.check == checkNone {
		return it.blocks
	}
	if len(it.blocks) == 0 {
		return []block{paragraph{[]run{{text: it.check.sign()}}}}
	}
	return append(prefixed(it.blocks[:1], it.check.sign(), ""), it.blocks[1:]...)
}

// codeLines is a code block as one paragraph.
func codeLines(text string) []run {
	var runs []run
	for i, line := range splitLines(text) {
		if i > 0 {
			runs = append(runs, run{brk: true})
		}
		if line != "" {
			runs = append(runs, run{text: line, marks: code})
		}
	}
	return runs
}

// rowLine is a table's row as one line.
func rowLine(r row) []run {
	var runs []run
	for i, c := range r.cells {
		if i > 0 {
			runs = append(runs, run{text: " | "})
		}
		runs = append(runs, marked(lineOf(c.blocks), c.header)...)
	}
	return runs
}

// lineOf is the text of blocks on one line.
func lineOf(blocks []block) []run {
	var out []run
	add := func(runs []run) {
		if len(out) > 0 && len(runs) > 0 {
			out = append(out, run{text: " "})
		}
		for _, r := range runs {
			if r.brk {
				r = run{text: " "}
			}
			out = append(out, r)
		}
	}
	for _, b := range blocks {
		switch b := b.(type) {
		case paragraph:
			add(b.runs)
		case heading:
			add(marked(b.runs, true))
		case codeBlock:
			add(codeLines(b.text))
		case quote:
			add(lineOf(b.blocks))
		case list:
			for i, it := range b.items {
				add(append([]run{{text: itemSign(b, i)}}, lineOf(it.blocks)...))
			}
		case table:
			for _, r := range b.expanded().rows { // brackets: the line may be a row's itself
				add(slices.Concat([]run{{text: "("}}, rowLine(r), []run{{text: ")"}}))
			}
		case rule:
		}
	}
	return out
}
