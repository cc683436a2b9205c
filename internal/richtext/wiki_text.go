package richtext

import (
	"strings"
	"unicode"
)

// wikiText writes one line of text.
type wikiText struct {
	out       *strings.Builder
	cell      bool
	lineStart bool

	open   mark   // marks around
	braces string // delimiters of those of them that end in braces
	inLink bool
}

// write reports whether it wrote anything.
func (t *wikiText) write(events []event) bool {
	for i := 0; i < len(events); i++ {
		switch e := events[i]; e.kind {
		case evText:
			t.text(e.text, follows(events, i))
		case evCode:
			t.code(e.text, wikiTouches(events, i))
		case evOpen:
			t.delimiter(wikiDelimiter(e.mark), t.touched())
			t.open |= e.mark
			if wikiTouches(events, closing(events, i)) {
				t.braces += wikiDelimiter(e.mark)
			}
		case evClose:
			t.delimiter(wikiDelimiter(e.mark), wikiTouches(events, i))
			t.open &^= e.mark
			t.braces = strings.TrimSuffix(t.braces, wikiDelimiter(e.mark))
		case evOpenLink:
			if t.ownLink(events, i) {
				i += 2
				continue
			}
			t.out.WriteByte('[')
			t.inLink = true
		case evCloseLink:
			t.out.WriteString("|" + t.address(e.href) + "]")
			t.inLink = false
		case evBreak: // lines were taken apart before
		}
		t.lineStart = false
	}
	return len(events) > 0
}

// ownLink writes a link that shows its own address without showing it twice,
// and reports whether it could.
func (t *wikiText) ownLink(events []event, i int) bool {
	address := events[i].href
	if !ownText(events, i, address) || !wikiPlain(address) {
		return false
	}
	begins := t.lineStart || strings.HasSuffix(t.out.String(), " ") || strings.HasSuffix(t.out.String(), "(")
	switch {
	case events[i].bare && t.open == 0 && begins && wikiEndsAddress(textAfter(events, i+2)):
		t.out.WriteString(address)
	case wikiCalm(address):
		t.out.WriteString("[" + address + "]")
	default:
		return false
	}
	t.lineStart = false
	return true
}

// delimiter begins or ends a mark. In braces it needs no border of a word
// beside it.
func (t *wikiText) delimiter(s string, inWord bool) {
	if inWord {
		s = "{" + s + "}"
	}
	t.out.WriteString(s)
}

func wikiDelimiter(m mark) string {
	switch m {
	case bold:
		return "*"
	case italic:
		return "_"
	case underline:
		return "+"
	case superscript:
		return "^"
	case subscript:
		return "~"
	default:
		return "-"
	}
}

// wikiBorder reports whether a mark may begin or end beside r for every reader
// of wiki markup; some take all that is not ASCII for letters.
func wikiBorder(r rune) bool {
	return r < 0x80 && !isASCIIAlnum(byte(r)) || r == 0xa0
}

// touched reports whether the character written last keeps a mark from
// beginning.
func (t *wikiText) touched() bool {
	return !t.lineStart && !wikiBorder(lastRune(t.out.String()))
}

// wikiTouches reports whether what follows event i keeps a mark from ending.
func wikiTouches(events []event, i int) bool {
	return i+1 < len(events) && events[i+1].kind == evText && !wikiBorder(firstRune(events[i+1].text))
}

func (t *wikiText) code(s string, inWordAfter bool) {
	t.delimiter("{{", t.touched())
	core := strings.Trim(s, " \n\r\t")
	lead := len(s) - len(strings.TrimLeft(s, " \n\r\t"))
	edge := func(n int) { t.out.WriteString(strings.Repeat("&#160;", n)) } // plain spaces there would undo the mark
	edge(lead)
	e := wikiEscaper{wikiText: t, s: core, strict: true, more: true, notURL: len(core)}
	e.run()
	edge(len(s) - lead - len(core))
	t.delimiter("}}", inWordAfter)
}

// closing is the event that closes what event i opens.
func closing(events []event, i int) int {
	for j := i + 1; j < len(events); j++ {
		if events[j].kind == evClose && events[j].mark == events[i].mark {
			return j
		}
	}
	return i
}

// address is a link's address here. Atlassian's newer reader takes the first
// delimiter after a mark's beginning, in an address too, for the form that
// ends the mark.
func (t *wikiText) address(s string) string {
	s = wikiAddress(s)
	for _, d := range t.braces {
		s = strings.ReplaceAll(s, string(d), percent(byte(d)))
	}
	return s
}

// wikiAddress writes a link's address with nothing in it that could end it or
// make it something else (an attachment, a macro).
func wikiAddress(s string) string {
	scheme, rest, _ := strings.Cut(s, ":")
	var b strings.Builder
	b.WriteString(strings.ToLower(scheme) + ":")
	for i := 0; i < len(rest); i++ {
		c := rest[i]
		entity := c == '&' && entityAhead(rest[i+1:])
		if entity || c <= ' ' || c == 0x7f || strings.IndexByte("|[]{}\\^!*'\"<>`", c) >= 0 {
			b.WriteString(percent(c))
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

func (t *wikiText) text(s string, more bool) {
	e := wikiEscaper{wikiText: t, s: s, more: more, strict: t.open != 0 || t.inLink}
	e.run()
}

// wikiWord is a character beside which Jira sees no border of a word.
func wikiWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
