package richtext

import (
	"strings"
	"unicode/utf8"
)

// rcEscaper writes one stretch of text so that Redcarpet and Redmine show
// exactly it.
type rcEscaper struct {
	*rcText
	s string
	i int

	more  bool // something that is not in s follows directly
	begun rune // the character before s, if it was written as a reference

	hashes int // where the "#" and spaces at the end of s begin
}

func (e *rcEscaper) run() {
	e.hashes = len(strings.TrimRight(e.s, "# "))
	if e.lineStart && e.s != "" {
		e.i = e.atLineStart()
	}
	for e.i < len(e.s) {
		c := e.s[e.i]
		switch {
		case c >= utf8.RuneSelf:
			_, n := utf8.DecodeRuneInString(e.s[e.i:])
			e.out.WriteString(e.s[e.i : e.i+n])
			e.i += n
		case isASCIIAlnum(c):
			e.word(c)
		default:
			e.punct(c)
			e.i++
		}
	}
}

// before and after are the characters around i. 0 is unknown; the end of the
// line is a space, because nothing can follow there.
func (e *rcEscaper) before() rune {
	switch {
	case e.i > 0:
		return lastRune(e.s[:e.i])
	case e.lineStart:
		return ' '
	}
	return e.begun
}

func (e *rcEscaper) after() rune {
	switch {
	case e.i+1 < len(e.s):
		return firstRune(e.s[e.i+1:])
	case e.more:
		return 0
	}
	return ' '
}

// bound reports whether e stands in a mark or a link, whose end is looked for.
func (e *rcEscaper) bound() bool { return e.depth > 0 || e.inLink }

// escape writes c as itself.
func (e *rcEscaper) escape(c byte) {
	if e.bound() {
		e.reference(c)
		return
	}
	e.out.WriteByte('\\')
	e.out.WriteByte(c)
}

func (e *rcEscaper) reference(c byte) { e.out.WriteString(rcNumber(c)) }

// atLineStart escapes what makes a block out of a line, and returns how much of
// s it wrote.
func (e *rcEscaper) atLineStart() int {
	s := e.s
	ends := func(i int) bool { return i >= len(s) || s[i] == ' ' }
	switch c := s[0]; {
	case c == '#' && ends(len(s)-len(strings.TrimLeft(s, "#"))),
		c == '>' || c == '=' || c == '*' || c == '|',
		c == '+' && ends(1),
		c == '-' && (ends(1) || strings.IndexByte("-:|", s[1]) >= 0),
		c == ':' && len(s) > 1 && s[1] == '-':
		e.escape(c)
		return 1
	case isDigit(c):
		n := 1
		for n < len(s) && isDigit(s[n]) {
			n++
		}
		if n < len(s) && (s[n] == '.' || s[n] == ')') && ends(n+1) {
			e.out.WriteString(s[:n])
			e.escape(s[n])
			return n + 1
		}
	}
	return 0
}

// word copies letters and digits. A word may look like the beginning of an
// address, or be the number of a revision.
func (e *rcEscaper) word(c byte) {
	inside := isWord(e.before())
	if !inside && !e.inLink && c == 'w' && strings.HasPrefix(e.s[e.i:], "www.") { // an address, but no link
		e.reference(c)
		e.i++
		return
	}
	n := 1
	for e.i+n < len(e.s) && isASCIIAlnum(e.s[e.i+n]) {
		n++
	}
	w := e.s[e.i : e.i+n]
	e.i += n
	if !inside && c == 'r' && n > 1 && isDigit(w[1]) {
		e.out.WriteString("r" + rcNumber(w[1]) + w[2:])
		return
	}
	e.out.WriteString(w)
}

// punct writes one ASCII character that is neither letter nor digit.
func (e *rcEscaper) punct(c byte) {
	p, n := e.before(), e.after()
	switch c {
	case '\n', '\r', '\t':
		e.out.WriteByte(' ')
	case '<':
		e.entityUnless("&lt;", c, n == ' ')
	case '&':
		e.entityUnless("&amp;", c, n != 0 && !entityAhead(e.s[e.i+1:]))
	case '`', '^':
		e.escape(c)
	case ']':
		e.escapeUnless(c, !e.bound() && n != 0 && n != '(')
	case '*':
		e.escapeUnless(c, !e.bound() && p == ' ' && n == ' ')
	case '_':
		e.escapeUnless(c, !e.bound() && (p == ' ' && n == ' ' || e.i > 0 && rcAlnum(p) && rcAlnum(n)))
	case '~':
		e.escapeUnless(c, !e.bound() && p != '~' && p != 0 && n != '~' && n != 0)
	case '\\':
		e.entityUnless(rcNumber(c), c, !e.bound() && (n == ' ' || rcAlnum(n) && addressPrefix(e.s[e.i+1:]) == 0))
	case '[':
		// Redmine takes a link in brackets for a page of its wiki.
		if n == '[' || n == 0 || e.linkInBrackets() {
			e.reference(c)
		} else {
			e.escape(c)
		}
	default:
		e.entityUnless(rcNumber(c), c, !e.refers(c, p, n))
	}
}

// refers reports whether Redmine could read c with what stands around it as one
// of its names, numbers or macros, or Redcarpet as a part of a table or link.
func (e *rcEscaper) refers(c byte, p, n rune) bool {
	switch c {
	case '#':
		return n == 0 || n == '#' || n == 'n' || n >= '0' && n <= '9' || e.at.heading && e.i >= e.hashes
	case '@':
		return !e.mail()
	case ':':
		return strings.HasPrefix(e.s[e.i+1:], "//") && !e.inLink || !isSpace(n) && redmineObject(e.s[:e.i])
	case '!':
		return n == 0 || isWord(n) || n == ':' || n == '#' || n == '@'
	case '{':
		return n == 0 || n == '{'
	case '|':
		return e.at.cell
	case '(':
		return e.at.boxed && e.i == 0
	case ')':
		return e.raised
	}
	return false
}

// mail reports whether the "@" at i is in a mail address that Redcarpet links
// whole, or in one that it leaves alone.
func (e *rcEscaper) mail() bool {
	begin, end := e.i, e.i+1
	for begin > 0 && (isASCIIAlnum(e.s[begin-1]) || strings.IndexByte(".+-_", e.s[begin-1]) >= 0) {
		begin--
	}
	for end < len(e.s) && (isASCIIAlnum(e.s[end]) || strings.IndexByte(".-_", e.s[end]) >= 0) {
		end++
	}
	cut := begin == 0 && e.begun != 0 || end == len(e.s) && e.more
	address := e.s[begin:end]
	return e.i > 0 && isASCIIAlnum(e.s[e.i-1]) && (e.inLink || !cut && !strings.Contains(address, "_"))
}

// linkInBrackets reports whether the bracket at i may be around a link.
func (e *rcEscaper) linkInBrackets() bool {
	rest := e.s[e.i+1:]
	inside, _, closed := strings.Cut(rest[:min(len(rest), 2048)], "]")
	return !closed && e.more || strings.Contains(inside, "@") || strings.Contains(inside, "://") || strings.Contains(inside, "www.")
}

// entityUnless writes c, or entity where c alone is not safe.
func (e *rcEscaper) entityUnless(entity string, c byte, safe bool) {
	if safe {
		e.out.WriteByte(c)
	} else {
		e.out.WriteString(entity)
	}
}

func (e *rcEscaper) escapeUnless(c byte, safe bool) {
	if safe {
		e.out.WriteByte(c)
	} else {
		e.escape(c)
	}
}

func rcAlnum(r rune) bool { return r < utf8.RuneSelf && isASCIIAlnum(byte(r)) }
