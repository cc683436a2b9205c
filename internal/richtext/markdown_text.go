package richtext

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mdPlace is where a line of text stands; it decides what a line break and a
// "|" may look like.
type mdPlace struct {
	cell    bool
	heading bool
	item    bool
}

// mdText writes one block's text.
//
// Emphasis is "_" and strong "**", never both "*": adjacent delimiters of two
// kinds cannot be read as one run. Where CommonMark would still not see a
// delimiter, because a letter outside touches it and punctuation inside
// ("a**(b)**"), the letter is written as a character reference: it reads the
// same and counts as punctuation.
type mdText struct {
	out     *strings.Builder
	o       *MarkdownOptions
	at      mdPlace
	newline func()

	inLink    bool
	lineStart bool
}

func (t *mdText) write(events []event) {
	t.lineStart = true
	for i := 0; i < len(events); i++ {
		switch e := events[i]; e.kind {
		case evText:
			t.text(e.text, t.touches(events, i, -1), t.touches(events, i, +1), follows(events, i))
		case evCode:
			mdCodeSpan(t.out, e.text, t.at.cell, t.o.NoHTML)
			t.lineStart = false
		case evBreak:
			t.lineBreak()
		case evOpen, evClose:
			t.out.WriteString(mdDelimiter(e))
			t.lineStart = false
		case evOpenLink:
			t.lineStart = false
			if n := t.ownLink(events, i); n > 0 {
				i += n
				continue
			}
			t.inLink = true
			t.out.WriteByte('[')
		case evCloseLink:
			t.inLink = false
			t.out.WriteString("](" + mdAddress(e.href) + ")")
		}
	}
}

func mdDelimiter(e event) string {
	switch e.mark {
	case bold:
		return "**"
	case italic:
		return "_"
	case strike:
		return "~~"
	case superscript, subscript:
		if e.opens() {
			return "<" + htmlElement(e.mark) + ">"
		}
		return "</" + htmlElement(e.mark) + ">"
	default: // dropped before
		return ""
	}
}

func (t *mdText) lineBreak() {
	switch {
	case t.at.heading, t.at.cell && t.o.NoHTML:
		t.out.WriteByte(' ')
	case t.at.cell:
		t.out.WriteString("<br>")
	default:
		t.out.WriteByte('\\')
		t.newline()
		t.lineStart = true
	}
}

// touches reports whether the text's first (step -1) or last (step +1)
// character must be written as a reference for the delimiters beside it.
func (t *mdText) touches(events []event, i, step int) bool {
	text := events[i].text
	edge := firstRune(text)
	if step > 0 {
		edge = lastRune(text)
	}
	if isSpace(edge) || unicode.IsPunct(edge) || edge < 0x80 && isASCIIPunct(byte(edge)) {
		return false
	}
	// cmark-gfm looks through "~" for the character beside a delimiter, so a
	// strike that ends here does not stand between.
	j := i + step
	through := false
	for j >= 0 && j < len(events) && events[j].mark == strike && !towards(events[j], step) {
		through = true
		j += step
	}
	nearest := j
	for j >= 0 && j < len(events) && towards(events[j], step) {
		j += step
	}
	delimiters := (j - nearest) * step
	if delimiters == 0 || j < 0 || j >= len(events) || events[nearest].mark&^scripts == 0 {
		return false // a bracket of a link is one anywhere, and so is a tag
	}
	if through || delimiters > 1 || events[nearest].mark == italic || events[j].kind != evText {
		return true
	}
	inside := events[j].text
	inner := firstRune(inside)
	if step < 0 {
		inner = lastRune(inside)
	}
	// One character may itself have become a reference, and so punctuation.
	return !isWord(inner) || utf8.RuneLen(inner) == len(inside)
}

// towards reports whether e belongs to what is beyond it: it opens what comes
// after (step +1) or closes what came before (step -1).
func towards(e event, step int) bool {
	return step > 0 && e.opens() || step < 0 && e.closes()
}

// mdAddress writes a link's destination. Backslashes and brackets cannot end
// it early, and what the tracker decodes is the address as it was.
func mdAddress(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '(' || c == ')':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c <= ' ' || strings.IndexByte("<>\\|\"'`", c) >= 0 || c == 0x7f:
			b.WriteString(percent(c))
		case c == '&' && entityAhead(s[i+1:]):
			b.WriteString("&amp;")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// entityAhead reports whether s could be the rest of a character reference.
func entityAhead(s string) bool {
	for i := 0; i < len(s) && i < 40; i++ {
		if c := s[i]; c == ';' {
			return i > 0
		} else if !isASCIIAlnum(c) && (c != '#' || i > 0) {
			return false
		}
	}
	return false
}

// mdCodeSpan writes code in backticks, in a fence longer than any inside.
func mdCodeSpan(b *strings.Builder, text string, cell, noHTML bool) {
	text = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, text)
	if cell && strings.Contains(text, "|") {
		// In a table "|" ends the cell even in code; "\|" is code's own "|",
		// unless the backslash is taken by one before it.
		if strings.Contains(text, `\|`) && !noHTML {
			b.WriteString("<code>" + mdHTMLCode(text) + "</code>")
			return
		}
		text = strings.ReplaceAll(text, "|", `\|`)
	}
	fence := strings.Repeat("`", longestRun(text, '`')+1)
	pad := ""
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") ||
		strings.HasPrefix(text, " ") && strings.HasSuffix(text, " ") {
		pad = " " // the reader takes one space off at each side
	}
	b.WriteString(fence + pad + text + pad + fence)
}

// mdHTMLCode escapes code for an HTML element in the middle of Markdown, where
// markup characters still count.
func mdHTMLCode(text string) string {
	var out strings.Builder
	for _, r := range text {
		if r < 0x80 && isASCIIPunct(byte(r)) {
			out.WriteString(charRef(r))
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}

// charRef is a numeric character reference.
func charRef(r rune) string { return "&#" + strconv.Itoa(int(r)) + ";" }

// text writes a stretch of plain text; refFirst and refLast ask for a
// character reference at that end, more says that something follows directly.
func (t *mdText) text(s string, refFirst, refLast, more bool) {
	begin, last := 0, ""
	if refFirst {
		r, n := utf8.DecodeRuneInString(s)
		t.out.WriteString(charRef(r))
		begin, t.lineStart = n, false
	}
	if refLast && begin < len(s) {
		r, n := utf8.DecodeLastRuneInString(s)
		s, last = s[:len(s)-n], charRef(r)
	}
	e := mdEscaper{mdText: t, s: s, i: begin, begin: begin, more: more || last != ""}
	e.run()
	t.out.WriteString(last)
	t.lineStart = false
}
