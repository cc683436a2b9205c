package richtext

import (
	"strconv"
	"strings"
)

// Textile writes the document in Redmine's Textile. The result has no line end
// at its end.
//
// Redmine does not parse Textile, it rewrites it with one pattern after the
// other. So characters that could take part in a pattern are written as
// character references, which Redmine passes through to the browser. What its
// Textile cannot express is flattened: lists and quotes inside table cells and
// quotes and tables inside list items become lines of text, checklist items
// begin with "[ ]" or "[x]", ordered lists always count from 1.
func (d Doc) Textile() string {
	w := texWriter{}
	w.blocks(d.blocks)
	return w.b.String()
}

type texWriter struct {
	b      strings.Builder
	prefix string // of every line inside quotes
}

func (w *texWriter) newline() {
	w.b.WriteByte('\n')
	w.b.WriteString(w.prefix)
}

func (w *texWriter) blankLine() {
	w.b.WriteByte('\n')
	w.b.WriteString(strings.TrimRight(w.prefix, " "))
	w.newline()
}

func (w *texWriter) blocks(blocks []block) {
	for i, b := range blocks {
		if i > 0 {
			w.blankLine()
		}
		w.block(b)
	}
}

func (w *texWriter) block(b block) {
	switch b := b.(type) {
	case paragraph:
		text := w.line(b.runs)
		if texNeedsP(text) {
			w.b.WriteString("p. ")
		}
		w.b.WriteString(text)
	case heading:
		w.b.WriteString("h" + strconv.Itoa(b.level) + ". " + w.line(b.runs))
	case codeBlock:
		w.code(b)
	case quote:
		outer := w.prefix
		w.b.WriteString("> ")
		w.prefix += "> "
		w.blocks(b.blocks)
		w.prefix = outer
	case list:
		w.list(b, "")
	case table:
		w.table(b)
	case rule:
		w.b.WriteString("---")
	}
}

// texNeedsP finds paragraphs that Redmine would take for something else: those
// that begin like a block prefix ("h1. "), and those that begin with a tag,
// which it takes for finished HTML.
func texNeedsP(text string) bool {
	if strings.HasPrefix(text, "<") {
		return true
	}
	rest := strings.TrimLeft(text, "bfhnpq")
	word := text[:len(text)-len(rest)]
	number := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
	if rest = rest[number:]; rest == "" || isASCIIAlnum(rest[0]) {
		return false
	}
	return (word == "p" || word == "bq") && number == 0 || word == "h" && number > 0 || word == "fn"
}

// line renders text with its breaks; further lines carry the quote prefix.
func (w *texWriter) line(runs []run) string {
	t := texText{newline: "\n" + w.prefix}
	t.write(nest(prepare(runs, htmlMarks)))
	return t.out.String()
}

func (w *texWriter) code(c codeBlock) {
	if texHasCodeTag(c.text) {
		// Redmine looks for these tags even inside <pre>; inline code is the
		// place where they can be written as references.
		texAtCode(&w.b, c.text, "\n"+w.prefix)
		return
	}
	open, end := "<pre>", "</pre>"
	if lang := texLanguage(c.lang); lang != "" {
		open, end = `<pre><code class="`+lang+`">`, "</code></pre>"
	}
	// No prefix inside: Redmine takes the code out before it reads quotes.
	w.b.WriteString(open + "\n" + c.text + "\n" + end)
}

// texHasCodeTag reports whether there is a tag in s that makes Redmine leave
// out, or end, verbatim text.
func texHasCodeTag(s string) bool {
	for {
		_, rest, found := strings.Cut(s, "<")
		if !found {
			return false
		}
		s = rest
		rest = strings.TrimPrefix(rest, "/")
		for _, tag := range [...]string{"code", "pre", "kbd", "notextile"} {
			if len(rest) >= len(tag) && strings.EqualFold(rest[:len(tag)], tag) &&
				(len(rest) == len(tag) || !isASCIIAlnum(rest[len(tag)]) && rest[len(tag)] != '_') {
				return true
			}
		}
	}
}

// texLanguage is the name Redmine's highlighter has for a language. Its
// pattern for the attribute wants a plain word.
func texLanguage(lang string) string {
	switch lang {
	case "c++":
		return "cpp"
	case "c#":
		return "csharp"
	case "f#":
		return "fsharp"
	case "objective-c":
		return "objc"
	}
	if strings.Trim(lang, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return ""
	}
	return lang
}

// list writes items one per line; markers are those of the lists around.
func (w *texWriter) list(l list, markers string) {
	if l.ordered {
		markers += "#"
	} else {
		markers += "*"
	}
	for i, it := range l.items {
		if i > 0 {
			w.newline()
		}
		w.item(it, markers)
	}
}

// item writes an item's own text and then its lists. Text after a list would
// belong to the list's last item, so it becomes an item of its own.
func (w *texWriter) item(it item, markers string) {
	w.b.WriteString(markers + " " + it.check.box())
	empty, afterList := true, false
	for _, b := range it.blocks {
		if l, ok := b.(list); ok {
			w.newline()
			w.list(l, markers)
			afterList = true
			continue
		}
		if _, ok := b.(rule); ok {
			continue
		}
		switch {
		case afterList:
			w.newline()
			w.b.WriteString(markers + " ")
		case !empty:
			w.newline()
		}
		w.flow([]block{b}, "")
		empty, afterList = false, false
	}
}

// flow writes blocks as lines of text, for the places where Textile has no
// blocks. lead begins every block (the sign of a quote or a list item).
func (w *texWriter) flow(blocks []block, lead string) {
	first := true
	begin := func() {
		if !first {
			w.newline()
		}
		first = false
		w.b.WriteString(lead)
	}
	for _, b := range blocks {
		switch b := b.(type) {
		case paragraph:
			begin()
			w.b.WriteString(w.line(b.runs))
		case heading:
			begin()
			w.b.WriteString(w.line(marked(b.runs, true)))
		case codeBlock:
			begin()
			w.code(b)
		case quote:
			if !first {
				w.newline()
			}
			first = false
			w.flow(b.blocks, lead+"&gt; ")
		case list:
			for i, it := range b.items {
				if !first {
					w.newline()
				}
				first = false
				w.flowItem(b, i, it, lead)
			}
		case table:
			for _, r := range b.expanded().rows {
				begin()
				for i, c := range r.cells {
					if i > 0 {
						w.b.WriteString(" " + charRef('|') + " ")
					}
					w.flow(c.blocks, "")
				}
			}
		case rule:
		}
	}
}

func (w *texWriter) flowItem(l list, i int, it item, lead string) {
	sign := "• "
	switch {
	case it.check != checkNone:
		sign = it.check.sign()
	case l.ordered:
		sign = strconv.Itoa(l.start+i) + ") "
	}
	if len(it.blocks) == 0 {
		w.b.WriteString(lead + sign)
		return
	}
	w.flow(it.blocks[:1], lead+sign)
	if len(it.blocks) > 1 {
		w.newline()
		w.flow(it.blocks[1:], lead+"&#160;&#160;")
	}
}

func (w *texWriter) table(t table) {
	for i, r := range t.rows {
		if i > 0 {
			w.newline()
		}
		w.b.WriteByte('|')
		for _, c := range r.cells {
			w.b.WriteString(texCellStyle(c))
			w.b.WriteByte(' ') // keeps what follows from being read as the cell's style
			w.flow(c.blocks, "")
			w.b.WriteString(" |")
		}
	}
}

// texCellStyle is what marks a cell as a header or as wider or higher than one.
func texCellStyle(c cell) string {
	style := ""
	if c.header {
		style = "_"
	}
	if c.colspan > 0 {
		style += `\` + strconv.Itoa(c.colspan)
	}
	if c.rowspan > 0 {
		style += "/" + strconv.Itoa(c.rowspan)
	}
	if style == "" {
		return ""
	}
	return style + "."
}
