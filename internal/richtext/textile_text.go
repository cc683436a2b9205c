package richtext

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// texGap is nothing at all to the reader, but a tag to Redmine's patterns:
// what stands beside it stands at the border of a word.
const texGap = "<notextile></notextile>"

// texText writes one block's text.
type texText struct {
	out     strings.Builder
	newline string

	opened    []mark // marks opened directly before this point
	depth     int    // marks that are open
	afterMark bool   // a mark or inline code was closed directly before
	afterLink bool   // a link's address ended directly before
	inLink    bool
	tail      string // address to add in brackets at the end of a link
}

func (t *texText) write(events []event) {
	for i := 0; i < len(events); i++ {
		switch e := events[i]; e.kind {
		case evText:
			t.text(e.text, follows(events, i))
		case evCode:
			t.code(e.text)
		case evBreak:
			t.lineBreak()
		case evOpen:
			t.open(e.mark)
		case evClose:
			if t.last() == '@' && e.mark == italic { // "_" counts as a letter there
				t.out.WriteString(texGap)
			}
			t.settle()
			t.out.WriteByte(texDelimiter(e.mark))
			t.afterMark = true
			t.depth--
		case evOpenLink:
			if t.plainLink(events, i) {
				i += 2
				continue
			}
			t.openLink(e.href)
		case evCloseLink:
			t.closeLink(e.href)
		}
	}
}

// settle forgets what stood directly before, because something was written.
func (t *texText) settle() {
	t.opened, t.afterMark, t.afterLink = t.opened[:0], false, false
}

func (t *texText) last() byte {
	s := t.out.String()
	if s == "" {
		return '\n'
	}
	return s[len(s)-1]
}

func texDelimiter(m mark) byte {
	switch m {
	case bold:
		return '*'
	case strike:
		return '-'
	case italic:
		return '_'
	case superscript:
		return '^'
	case subscript:
		return '~'
	default:
		return '+'
	}
}

// texRank is the order in which Redmine looks for the marks.
func texRank(m mark) int { return strings.IndexByte("*-_+^~", texDelimiter(m)) }

// open writes a mark's first delimiter. Redmine wants a border before it; a
// mark it has already replaced by a tag is one, and one mark that it has yet
// to replace may stand between.
func (t *texText) open(m mark) {
	if t.afterLink {
		t.out.WriteString(texGap)
	}
	pending := 0
	for _, o := range t.opened {
		if texRank(o) > texRank(m) {
			pending++
		}
	}
	border := strings.IndexByte(" \n>(", t.last()) >= 0
	if len(t.opened) > 0 {
		border = pending == 0 || len(t.opened) == 1
	}
	if !border {
		t.out.WriteString(texGap)
		t.opened = t.opened[:0]
	}
	t.afterMark, t.afterLink = false, false
	t.opened = append(t.opened, m)
	t.depth++
	t.out.WriteByte(texDelimiter(m))
}

func (t *texText) lineBreak() {
	if t.inLink && t.tail == "" { // Redmine makes no link of two lines
		t.out.WriteByte(' ')
	} else {
		if t.last() == '\n' || strings.HasSuffix(t.out.String(), t.newline) {
			t.out.WriteString("&#160;") // an empty line would end the block
		}
		t.out.WriteString(t.newline)
	}
	t.settle()
}

// plainLink writes a bare address as it is where Redmine sees both its ends and
// makes a link of it, and reports whether it did.
func (t *texText) plainLink(events []event, i int) bool {
	if !events[i].bare || t.depth > 0 || t.afterLink || strings.IndexByte("\n (", t.last()) < 0 {
		return false
	}
	address := events[i].href
	for _, text := range [...]string{address, strings.TrimPrefix(address, "http://")} {
		if ownText(events, i, text) && texPlain(text) && texEndsAddress(textAfter(events, i+2)) {
			t.settle()
			t.out.WriteString(text)
			return true
		}
	}
	return false
}

func (t *texText) openLink(href string) {
	t.inLink = true
	if texAddress(href) == "" {
		t.tail = href
		return
	}
	if t.afterLink {
		t.out.WriteString(texGap)
	}
	t.settle()
	t.out.WriteByte('"')
}

func (t *texText) closeLink(href string) {
	t.inLink = false
	if t.tail != "" {
		t.tail = ""
		t.text(" ("+href+")", true)
		return
	}
	t.settle()
	t.out.WriteString(`":` + texAddress(href))
	t.afterLink = true
}

func (t *texText) text(s string, more bool) {
	e := texEscaper{s: s, more: more, inLink: t.inLink, marked: t.depth > 0}
	if t.afterLink && !texEndsLink(s, more) {
		t.out.WriteString(texGap)
	}
	r, n := utf8.DecodeRuneInString(s)
	if alone := n == len(s) && len(t.opened) > 0; (t.afterMark && (isWord(r) || r >= utf8.RuneSelf)) ||
		(alone && !isWord(r)) {
		// A closing mark wants punctuation behind it; and a mark wants more
		// inside it than one character that is no letter.
		t.out.WriteString(charRef(r))
		e.i, e.begin = n, n
	}
	t.settle()
	e.out = &t.out
	e.run()
}

// texEndsLink reports whether Redmine sees that an address ends before s: at
// white space, before which it allows the punctuation of a sentence.
func texEndsLink(s string, more bool) bool {
	i := 0
	if strings.HasPrefix(s, ")") {
		i++
	}
	for i < len(s) && strings.IndexByte(".,:", s[i]) >= 0 {
		i++
	}
	if i == len(s) {
		return !more
	}
	return s[i] == ' '
}

func (t *texText) code(s string) {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, s)
	if !texHasCodeTag(s) {
		// The tag and not "@": it needs no border, its text is taken as it
		// is, and "@admin@" would notify a user of that name.
		t.settle()
		t.out.WriteString("<code>" + s + "</code>")
		return
	}
	if t.afterLink || isASCIIAlnum(t.last()) || t.last() >= 0x80 || t.last() == '_' {
		t.out.WriteString(texGap)
	}
	t.settle()
	texAtCode(&t.out, s, " ")
	t.afterMark = true
}

// texAtCode writes code between "@", every character that could mean anything
// as a reference.
func texAtCode(b *strings.Builder, text, newline string) {
	b.WriteByte('@')
	begun := false
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			b.WriteString(newline)
		}
		if strings.TrimSpace(line) == "" {
			line = "\u00a0"
		}
		space := true // so that the first of several is kept too
		for _, r := range line {
			switch {
			case r == '\t':
				b.WriteString("&#160;&#160;&#160;&#160;")
			case r == ' ' && space, r == 0xa0:
				b.WriteString("&#160;")
			case !begun, r < 0x80 && r != ' ' && isASCIIPunct(byte(r)):
				b.WriteString(charRef(r)) // the first one: "@name" is a mention
			default:
				b.WriteRune(r)
			}
			begun, space = true, r == ' '
		}
	}
	b.WriteByte('@')
}

// texAddress writes a link's address so that no pattern of Redmine's finds
// anything in it. It is empty when Redmine would not make a link of it.
func texAddress(s string) string {
	start := 0
	for _, p := range [...]string{"http://", "https://", "mailto:"} {
		if len(s) > len(p) && strings.EqualFold(s[:len(p)], p) {
			start = len(p)
		}
	}
	s = strings.TrimRight(s, "?#&")
	if start == 0 || len(s) < start+2 || !isASCIIAlnum(s[start]) && s[start] < 0x80 {
		return ""
	}
	name, rest := cutAt(s[start:], "/?#")
	if strings.Contains(name, "--") { // letters in ASCII; Redmine's patterns know "--"
		letters, err := idna.Display.ToUnicode(name)
		if err == nil && !strings.ContainsFunc(letters, func(r rune) bool { return r >= utf8.RuneSelf && !isWord(r) }) {
			name = letters
		}
	}
	s = s[:start] + name + rest
	host := len(name)
	query := strings.IndexByte(s, '?')
	var b strings.Builder
	b.WriteString(s[:start])
	for i := start; i < len(s); i++ {
		c := s[i]
		inWord := i+1 < len(s) && isASCIIAlnum(s[i+1])
		switch {
		case isASCIIAlnum(c), c == '/', c == '=' || c == ';',
			c >= 0x80 && i < start+host,
			c == '%' && inWord,
			strings.IndexByte("-_~", c) >= 0 && inWord,
			c == '+' && inWord,
			c == '@' && i > start && isASCIIAlnum(s[i-1]) && inWord,
			strings.IndexByte(":.,#&$'!", c) >= 0 && i+1 < len(s),
			c == '?' && i+1 < len(s) && s[i+1] != '?' && s[i-1] != '?':
			b.WriteByte(c)
		case c == '+' && query >= 0 && i > query: // a space, in a query
			b.WriteString("%20")
		default:
			b.WriteString(percent(c))
		}
	}
	return b.String()
}
