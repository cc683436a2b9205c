package richtext

import (
	"strings"
	"unicode/utf8"
)

// BMP returns s without supplementary characters, those above U+FFFF, and how
// many it replaced. Each gives way to one U+FFFD, together with what a reader
// sees as part of it: a skin tone, the other half of a flag, a joined emoji.
//
// MySQL's utf8mb3, which older databases of trackers have, takes three bytes a
// character and no more:
// https://dev.mysql.com/doc/refman/8.0/en/charset-unicode-utf8mb3.html
func BMP(s string) (out string, replaced int) {
	if !hasSupplementary(s) {
		return s, 0
	}
	var b strings.Builder
	for s != "" {
		_, end := utf8.DecodeRuneInString(s)
		for end < len(s) && joined(s, end) {
			_, size := utf8.DecodeRuneInString(s[end:])
			end += size
		}
		if hasSupplementary(s[:end]) {
			b.WriteRune(utf8.RuneError)
			replaced++
		} else {
			b.WriteString(s[:end])
		}
		s = s[end:]
	}
	return b.String(), replaced
}

func hasSupplementary(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r > 0xffff })
}

// BMP returns the document without supplementary characters in its text, as
// [BMP] replaces them, and how many there were.
func (d Doc) BMP() (Doc, int) {
	var m bmp
	d.blocks = m.blocks(d.blocks)
	return d, m.replaced
}

// bmp makes a copy of blocks and counts.
type bmp struct{ replaced int }

func (m *bmp) text(s string) string {
	out, n := BMP(s)
	m.replaced += n
	return out
}

func (m *bmp) runs(in []run) []run {
	out := make([]run, len(in))
	for i, r := range in {
		r.text = m.text(r.text)
		out[i] = r
	}
	return out
}

func (m *bmp) blocks(in []block) []block {
	out := make([]block, len(in))
	for i, b := range in {
		switch b := b.(type) {
		case paragraph:
			out[i] = paragraph{m.runs(b.runs)}
		case heading:
			out[i] = heading{b.level, m.runs(b.runs)}
		case codeBlock:
			out[i] = codeBlock{b.lang, m.text(b.text)}
		case quote:
			out[i] = quote{m.blocks(b.blocks)}
		case list:
			items := make([]item, len(b.items))
			for n, it := range b.items {
				items[n] = item{it.check, m.blocks(it.blocks)}
			}
			b.items = items
			out[i] = b
		case table:
			out[i] = m.table(b)
		case rule:
			out[i] = b
		}
	}
	return out
}

func (m *bmp) table(t table) table {
	rows := make([]row, len(t.rows))
	for n, r := range t.rows {
		cells := make([]cell, len(r.cells))
		for k, c := range r.cells {
			c.blocks = m.blocks(c.blocks)
			cells[k] = c
		}
		rows[n] = row{cells}
	}
	return table{rows}
}
