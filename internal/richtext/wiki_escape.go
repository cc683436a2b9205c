package richtext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// wikiEscaper writes one stretch of text so that Jira shows exactly it.
type wikiEscaper struct {
	*wikiText
	s      string
	i      int
	more   bool // something that is not in s follows directly
	strict bool // inside a mark, link or code: references, no backslashes

	notURL   int // up to here an address was found to be none
	afterURL int // where an address in brackets ended
}

func (e *wikiEscaper) run() {
	if e.lineStart || e.strict { // some readers take a mark's content for a line
		e.atLineStart()
	}
	for e.i < len(e.s) {
		c := e.s[e.i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(e.s[e.i:])
			if e.strict && unicode.In(r, unicode.Cf, unicode.Co) { // no mark holds these
				e.out.WriteString(charRef(r))
			} else {
				e.out.WriteString(e.s[e.i : e.i+n])
			}
			e.i += n
			continue
		}
		if isASCIIAlnum(c) {
			e.word(c)
			continue
		}
		e.punct(c)
		e.i++
	}
}

// atLineStart escapes what makes a block out of a line.
func (e *wikiEscaper) atLineStart() {
	s := e.s
	switch {
	case s == "":
	case strings.IndexByte("*#-|", s[0]) >= 0:
		e.escape(s[0])
		e.i = 1
	case len(s) > 2 && s[2] == '.' && (s[0] == 'h' && s[1] >= '1' && s[1] <= '6' || strings.HasPrefix(s, "bq")):
		e.out.WriteString(s[:2] + charRef('.'))
		e.i = 3
	}
}

// before and after are the characters around i. 0 is unknown; both ends of a
// line are spaces.
func (e *wikiEscaper) before() rune {
	switch {
	case e.i > 0 && e.i == e.afterURL:
		return ']'
	case e.i > 0:
		return lastRune(e.s[:e.i])
	case e.lineStart:
		return ' '
	}
	return 0
}

func (e *wikiEscaper) after() rune {
	switch {
	case e.i+1 < len(e.s):
		return firstRune(e.s[e.i+1:])
	case e.more:
		return 0
	}
	return ' '
}

func (e *wikiEscaper) word(c byte) {
	inside := e.i > 0 && wikiWord(e.before())
	if !inside && e.i >= e.notURL {
		if n := addressLength(e.s, e.i); n > 0 {
			if e.url(e.s[e.i : e.i+n]) {
				return
			}
			e.notURL = e.i + n
		}
	}
	if e.before() == ':' && strings.IndexByte("DPp", c) >= 0 && !isASCIILetter(e.after()) { // a smile
		e.out.WriteString(charRef(rune(c)))
		e.i++
		return
	}
	n := 1
	for e.i+n < len(e.s) && isASCIIAlnum(e.s[e.i+n]) {
		n++
	}
	e.out.WriteString(e.s[e.i : e.i+n])
	e.i += n
}

func isASCIILetter(r rune) bool { return r < 0x80 && isASCIIAlnum(byte(r)) && !isDigit(byte(r)) }

// url writes an address of FTP, which Jira links too: plain where it surely
// ends and otherwise as [address]. It writes nothing of other addresses, and
// nothing of one with characters that would need an escape.
func (e *wikiEscaper) url(u string) bool {
	rest := e.s[e.i+len(u):]
	plain := !e.strict && wikiEndsAddress(rest, e.more)
	if e.inLink || !isFTP(u) || !wikiPlain(u) || !plain && !wikiCalm(u) {
		return false
	}
	e.i += len(u)
	if !plain {
		u, e.afterURL = "["+u+"]", e.i
	}
	e.out.WriteString(u)
	return true
}

// wikiPlain reports whether Jira makes a link of u as it is.
func wikiPlain(u string) bool {
	for i := range len(u) {
		if c := u[i]; !isASCIIAlnum(c) && strings.IndexByte("-_.~/?:@#&=%+$,;", c) < 0 {
			return false
		}
	}
	return strings.Contains(u, "://") && wikiAddress(u) == u
}

// wikiCalm reports whether no reader takes anything in the address u for a mark
// when it stands in brackets.
func wikiCalm(u string) bool {
	for i := range len(u) {
		if strings.IndexByte("-_+~", u[i]) >= 0 && (i == 0 || !isASCIIAlnum(u[i-1]) || i+1 == len(u) || !isASCIIAlnum(u[i+1])) {
			return false
		}
	}
	return true
}

// wikiEndsAddress reports whether Jira sees the end of a plain address before
// rest, which more follows directly.
func wikiEndsAddress(rest string, more bool) bool {
	rest = strings.TrimLeft(rest, ".,)")
	return rest == "" && !more || rest != "" && isSpace(firstRune(rest))
}

func (e *wikiEscaper) punct(c byte) {
	p, n := e.before(), e.after()
	needed := false
	switch c {
	case '*', '_', '+', '^', '~', '-':
		needed = e.ends(c) || !e.betweenWords(c, p, n) && (p != ' ' || n != ' ')
	case '{', '}', '\\':
		e.out.WriteString(charRef(rune(c)))
		return
	case '[', '|':
		needed = true
	case ']':
		needed = e.strict
	case '?':
		needed = p == '?' || n == '?' || p == 0 || n == 0
	case '!':
		needed = !wikiWord(p) && n != ' ' || e.inLink
	case '(', ')':
		// A reference ends in ";" too, and "-" may end a mark.
		last := lastRune(strings.TrimSuffix(e.out.String(), "-"))
		needed = last == ':' || last == ';' || c == '(' && wikiEmoticon(e.s[e.i:])
	case ':':
		if e.schemeEnds() {
			e.out.WriteString(charRef(':'))
			return
		}
	case '&':
		if entityAhead(e.s[e.i+1:]) {
			e.out.WriteString("&amp;")
			return
		}
	case '\n', '\r', '\t':
		c = ' '
	}
	if needed {
		e.escape(c)
		return
	}
	e.out.WriteByte(c)
}

// ends reports whether c would end a mark that is open.
func (e *wikiEscaper) ends(c byte) bool {
	for _, m := range [...]mark{bold, italic, underline, strike, superscript, subscript} {
		if e.open&m != 0 && wikiDelimiter(m)[0] == c {
			return true
		}
	}
	return false
}

// betweenWords reports whether no mark can begin or end here. An issue's key is
// taken apart all the same.
func (e *wikiEscaper) betweenWords(c byte, before, after rune) bool {
	if c == '-' && unicode.IsDigit(after) && endsInKey(e.s[:e.i]) {
		return false
	}
	return wikiWord(before) && wikiWord(after)
}

// endsInKey reports whether s ends in what could be a project's key: capital
// letters and digits.
func endsInKey(s string) bool {
	start := len(s)
	for start > 0 && (s[start-1] >= 'A' && s[start-1] <= 'Z' || isDigit(s[start-1]) || s[start-1] == '_') {
		start--
	}
	if len(s)-start < 2 || isDigit(s[start]) || s[start] == '_' {
		return false
	}
	return start == 0 || !wikiWord(lastRune(s[:start]))
}

// schemeEnds reports whether the colon at i ends the scheme of an address that
// Jira would make a link of.
func (e *wikiEscaper) schemeEnds() bool {
	if strings.HasPrefix(e.s[e.i+1:], "//") {
		return true
	}
	before := strings.ToLower(e.s[max(0, e.i-6):e.i])
	return (strings.HasSuffix(before, "mailto") || strings.HasSuffix(before, "file")) && e.after() != ' '
}

// wikiEmoticon reports whether s begins with one of Jira's signs in brackets.
func wikiEmoticon(s string) bool {
	end := strings.IndexByte(s[:min(len(s), 10)], ')')
	if end < 0 {
		return len(s) == 1 // a mark's delimiter may follow
	}
	switch strings.ToLower(s[1:end]) {
	case "y", "n", "i", "/", "x", "!", "+", "-", "?", "on", "off", "*", "*r", "*g", "*b", "*y", "flag", "flagoff":
		return true
	}
	return false
}

// escape writes a character that means nothing then. Cells are told apart, and
// links and images looked for in them, before backslashes are.
func (e *wikiEscaper) escape(c byte) {
	if e.strict || e.cell && strings.IndexByte("|[!", c) >= 0 {
		e.out.WriteString(charRef(rune(c)))
		return
	}
	e.out.WriteByte('\\')
	e.out.WriteByte(c)
}
