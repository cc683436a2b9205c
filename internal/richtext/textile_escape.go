package richtext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// texEscaper writes one stretch of text so that Redmine shows exactly it. A
// character is written as a reference wherever it could begin or end anything;
// between letters most cannot.
type texEscaper struct {
	out *strings.Builder
	s   string
	i   int

	begin  int  // where i began; what is before was written as a reference
	more   bool // something that is not in s follows directly
	inLink bool
	marked bool // inside a mark

	notURL int // up to here an address was found to be none
}

func (e *texEscaper) run() {
	for e.i < len(e.s) {
		c := e.s[e.i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(e.s[e.i:])
			if r == 0xa0 {
				e.out.WriteString("&#160;")
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

// before and after are the characters around i. 0 is unknown; the end of the
// text is a space, because nothing can follow there.
func (e *texEscaper) before() rune {
	if e.i == 0 {
		return 0
	}
	return lastRune(e.s[:e.i])
}

func (e *texEscaper) after() rune {
	switch {
	case e.i+1 < len(e.s):
		return firstRune(e.s[e.i+1:])
	case e.more:
		return 0
	}
	return ' '
}

func (e *texEscaper) word(c byte) {
	inside := e.i > e.begin && isWord(e.before())
	if !inside && e.i >= e.notURL && addressPrefix(e.s[e.i:]) > 0 {
		e.url(addressLength(e.s, e.i))
		return
	}
	n := 1
	for e.i+n < len(e.s) && isASCIIAlnum(e.s[e.i+n]) {
		n++
	}
	w := e.s[e.i : e.i+n]
	e.i += n
	if !inside && c == 'r' && n > 1 && isDigit(w[1]) { // a revision
		e.out.WriteString("r" + charRef(rune(w[1])) + w[2:])
		return
	}
	e.out.WriteString(w)
}

// url writes n bytes of an address that is no link in the document, or of what
// only looks like one (0). Redmine makes a link of both, but not a right one
// when there are references in it; then, and inside a link, the colon is
// written so that Redmine leaves it alone.
func (e *texEscaper) url(n int) {
	u := e.s[e.i : e.i+n]
	if n > 0 && !e.inLink && !e.marked && texPlain(u) && texEndsAddress(e.s[e.i+n:], e.more) {
		e.out.WriteString(u)
		e.i += n
		return
	}
	end := e.i + strings.IndexAny(e.s[e.i:], ":.") // of "http" or "www"
	e.out.WriteString(e.s[e.i:end] + charRef(rune(e.s[end])))
	e.notURL = max(e.i+n, end+1)
	e.i = end + 1
}

// texPlain reports whether Redmine makes a link of u as it is.
func texPlain(u string) bool {
	for i := range len(u) {
		c := u[i]
		if !isASCIIAlnum(c) && strings.IndexByte("/:.?=%+_,;~$'#-", c) < 0 && (c != '&' || entityAhead(u[i+1:])) {
			return false
		}
	}
	return true
}

// texEndsAddress reports whether Redmine sees the end of a plain address before
// rest, which more follows directly.
func texEndsAddress(rest string, more bool) bool {
	end := strings.IndexByte(rest, ' ')
	if end < 0 {
		if end = len(rest); more {
			return false
		}
	}
	return strings.Trim(rest[:end], ".,:)") == ""
}

func (e *texEscaper) punct(c byte) {
	if e.meansNothing(c) {
		e.out.WriteByte(c)
		return
	}
	switch c {
	case '&':
		e.out.WriteString("&amp;")
	case '<':
		e.out.WriteString("&lt;")
	case '>':
		e.out.WriteString("&gt;")
	case '\n', '\r', '\t':
		e.out.WriteByte(' ')
	default:
		e.out.WriteString(charRef(rune(c)))
	}
}

// meansNothing reports whether no pattern of Redmine's can make anything of
// the character c at i.
func (e *texEscaper) meansNothing(c byte) bool {
	p, n := e.before(), e.after()
	switch c {
	case '*', '_', '+', '^', '~', '-', '@':
		// The end of a line is no space here: the next line may stand behind
		// a tag, and a mark may begin before one.
		if c == '@' && e.i == e.begin { // behind a reference it begins code
			return false
		}
		return isWord(p) && isWord(n) || p == ' ' && n == ' ' && e.i+1 < len(e.s)
	case '%':
		return unicode.IsDigit(p) && !unicode.IsLetter(n) && n != 0
	case '?':
		return p != '?' && n != '?' && p != 0 && n != 0
	case '=':
		return p != '=' && n != '=' && p != 0 && n != 0
	case '"':
		return n != ':' && n != 0 && !e.inLink
	case '#':
		return isWord(p) && !unicode.IsDigit(n) && n != 0
	case '[':
		return p == ' ' && n != '[' && n != 0 && !e.inLink
	case '(':
		return (p == ' ' || unicode.IsLower(p)) && !e.inLink
	case ')':
		return !e.inLink
	case '!':
		return n == ' ' && p != 0 && !isSpace(p)
	case ':':
		// Behind the quote that begins a link it would look like its end.
		return !e.namesObject(n) && (!e.inLink || e.i > 0)
	case '{', '|', '&', '<', '>', '\n', '\r', '\t':
		return false
	}
	return true
}

// namesObject reports whether the text before a colon makes it one of
// Redmine's own links ("version:1.0").
func (e *texEscaper) namesObject(after rune) bool {
	return !isSpace(after) && redmineObject(e.s[:e.i])
}

// redmineObject reports whether before ends in a word that begins a link of
// Redmine's when a colon follows.
func redmineObject(before string) bool {
	start := len(before)
	for start > 0 && len(before)-start < 12 && before[start-1] >= 'a' && before[start-1] <= 'z' {
		start--
	}
	switch before[start:] {
	case "attachment", "document", "version", "forum", "news", "message", "project", "commit", "source", "export", "user":
		return true
	}
	return false
}
