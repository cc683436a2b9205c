package richtext

import (
	"strings"
	"unicode/utf8"
)

// rcPlace is where a line of text stands.
type rcPlace struct {
	cell    bool
	heading bool
	tight   bool // an item of a list without blank lines
	boxed   bool // behind the box of a checklist item
}

// rcText writes one block's text.
//
// Redcarpet looks for the end of a mark in the source and not in what it has
// read. So inside marks and links everything that could be an end is a character
// reference; outside, a backslash is easier on those who edit the text.
type rcText struct {
	out     *strings.Builder
	at      rcPlace
	newline func()

	lineStart bool
	inLink    bool
	raised    bool
	depth     int    // marks that are open
	stretch   bool   // no plain text since a mark was open
	strong    string // the delimiter of bold in this stretch
}

func (t *rcText) write(events []event) {
	for i := 0; i < len(events); i++ {
		e := events[i]
		switch e.kind {
		case evText:
			t.text(events, i)
			t.stretch = t.depth > 0
		case evCode:
			t.code(e.text)
			t.stretch = t.depth > 0
		case evBreak:
			t.lineBreak()
		case evOpen:
			if !t.stretch {
				t.begin(events[i:])
			}
			t.out.WriteString(t.delimiter(e))
			t.depth++
			t.lineStart = false
		case evClose:
			t.out.WriteString(t.delimiter(e))
			t.depth--
		case evOpenLink:
			i += t.openLink(events, i)
		case evCloseLink:
			t.inLink = false
			t.out.WriteString("](" + rcAddress(e.href, t.depth > 0) + ")")
		}
	}
}

// begin chooses how bold is written up to the next plain text, so that it never
// touches or holds an italic or underlined text of the same character.
func (t *rcText) begin(events []event) {
	t.stretch, t.strong = true, "**"
	depth := 0
	for _, e := range events {
		switch e.kind {
		case evOpen:
			depth++
			if e.mark == italic {
				t.strong = "__"
			}
		case evClose:
			depth--
		case evText, evCode:
			if depth == 0 {
				return
			}
		case evBreak, evOpenLink, evCloseLink:
		}
	}
}

func (t *rcText) delimiter(e event) string {
	switch e.mark {
	case bold:
		return t.strong
	case italic:
		return "*"
	case strike:
		return "~~"
	case superscript:
		if t.raised = e.opens(); t.raised {
			return "^("
		}
		return ")"
	default:
		return "_"
	}
}

// lineBreak ends a line. A paragraph breaks at every line end, an item of a tight
// list only behind two spaces.
func (t *rcText) lineBreak() {
	if t.at.heading || t.at.cell {
		t.out.WriteByte(' ')
		return
	}
	if t.lineStart {
		t.out.WriteString("&nbsp;") // an empty line would end the block
	}
	if t.at.tight {
		t.out.WriteString("  ")
	}
	t.newline()
	t.lineStart = true
}

// openLink begins a link. It writes the whole of one that shows its own address,
// and returns how many further events that took.
func (t *rcText) openLink(events []event, i int) (skip int) {
	begins := t.lineStart || strings.HasSuffix(t.out.String(), " ") || strings.HasSuffix(t.out.String(), "(")
	t.lineStart = false
	href := events[i].href
	if mail, ok := strings.CutPrefix(href, "mailto:"); ok && ownText(events, i, mail) && t.bareMail(mail) {
		t.out.WriteString("<" + mail + ">")
		return 2
	}
	plain := events[i].bare && begins && !t.raised && rcEndsAddress(textAfter(events, i+2))
	www := strings.TrimPrefix(href, "http://")
	switch {
	case ownText(events, i, href) && strings.Contains(href, "://") && t.bareAddress(href) && plain:
		t.out.WriteString(href)
	case ownText(events, i, href) && strings.Contains(href, "://") && t.bareAddress(href):
		t.out.WriteString("<" + href + ">")
	case ownText(events, i, www) && strings.HasPrefix(www, "www.") && t.bareAddress(www) && plain:
		t.out.WriteString(www)
	default:
		t.inLink = true
		t.out.WriteByte('[')
		return 0
	}
	return 2
}

// rcEndsAddress reports whether Redcarpet sees the end of a plain address before
// rest, which more follows directly.
func rcEndsAddress(rest string, more bool) bool {
	rest = strings.TrimLeft(rest, ".,!?")
	return rest == "" && !more || rest != "" && rest[0] == ' '
}

// bareAddress reports whether Redcarpet links the whole of the address u and
// shows it as it is.
func (t *rcText) bareAddress(u string) bool {
	for i := range len(u) {
		if c := u[i]; !isASCIIAlnum(c) && strings.IndexByte("/:.?=%#+,-;", c) < 0 && (t.depth > 0 || c != '_' && c != '~') {
			return false
		}
	}
	return true
}

// bareMail reports whether "<s>" is a link to the mail address s.
func (t *rcText) bareMail(s string) bool {
	name, domain, ok := strings.Cut(s, "@")
	for i := range len(name) {
		ok = ok && (isASCIIAlnum(name[i]) || i > 0 && strings.IndexByte(".+-", name[i]) >= 0)
	}
	for i := range len(domain) {
		ok = ok && (isASCIIAlnum(domain[i]) || domain[i] == '.' || domain[i] == '-')
	}
	return ok && name != "" && domain != ""
}

func (t *rcText) code(s string) {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, s)
	fence := strings.Repeat("`", longestRun(s, '`')+1)
	if len(fence) >= 3 && t.lineStart {
		t.out.WriteString(rcGap) // not a code block
	}
	pad := ""
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		pad = " "
	}
	t.out.WriteString(fence + pad + s + pad + fence)
	t.lineStart = false
}

// rcAddress writes a link's destination, which Redcarpet takes as it is up to a
// bracket. Redmine looks for names and macros in it, and Redcarpet for the end of
// a mark around it.
func rcAddress(s string, marked bool) string {
	host := strings.Index(s, "://") + 3
	if host < 3 {
		host = 0
	}
	if strings.HasPrefix(s[host:], "[") { // the address of a machine
		host += strings.IndexByte(s[host:], ']') + 1
	}
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '%' && !isEncoded(s[i:]),
			c <= ' ' || c == 0x7f || strings.IndexByte("()<>\\|\"'`{}^", c) >= 0,
			c >= utf8.RuneSelf || (c == '[' || c == ']') && i >= host,
			c == '@' && (i == 0 || !isASCIIAlnum(s[i-1])),
			marked && (c == '*' || c == '~' || c == '_' && !insideWord(s, i)):
			b.WriteString(percent(c))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// isEncoded reports whether s begins with a byte in percent-encoding.
func isEncoded(s string) bool {
	return len(s) > 2 && strings.Trim(s[1:3], "0123456789abcdefABCDEF") == ""
}

// insideWord reports whether there is a letter or digit on both sides of i.
func insideWord(s string, i int) bool {
	return i > 0 && i+1 < len(s) && isASCIIAlnum(s[i-1]) && isASCIIAlnum(s[i+1])
}

// text writes plain text. Redcarpet sees no mark that opens directly behind a
// letter or digit, and no italic or underlined one that ends before it; such a
// character is written as a reference.
func (t *rcText) text(events []event, i int) {
	s := events[i].text
	e := rcEscaper{rcText: t, more: follows(events, i)}
	if c := s[0]; i > 0 && events[i-1].kind == evClose && events[i-1].mark&(italic|underline) != 0 && isASCIIAlnum(c) {
		t.out.WriteString(rcNumber(c))
		s, t.lineStart = s[1:], false
		e.begun = rune(c)
	}
	last := ""
	if n := len(s); n > 0 && e.more && events[i+1].kind == evOpen && events[i+1].mark != superscript && isASCIIAlnum(s[n-1]) {
		last, s = rcNumber(s[n-1]), s[:n-1]
	}
	e.s = s
	e.run()
	t.out.WriteString(last)
	t.lineStart = false
}
