package richtext

import (
	"strings"
	"unicode/utf8"
)

// mdEscaper writes one stretch of text so that CommonMark reads it back as
// exactly that text, with as few escapes as is safe.
type mdEscaper struct {
	*mdText
	s     string
	i     int
	begin int  // where i began; what is before was written as a reference
	more  bool // something that is not in s follows directly

	notURL int // up to here nothing is an address
	hashes int // where the "#" and spaces at the end of s begin
}

func (e *mdEscaper) run() {
	e.hashes = len(strings.TrimRight(e.s, "# "))
	if e.lineStart && e.s != "" {
		e.i = e.atLineStart()
	}
	for e.i < len(e.s) {
		c := e.s[e.i]
		if c >= utf8.RuneSelf {
			n := strings.IndexFunc(e.s[e.i:], func(r rune) bool { return r < utf8.RuneSelf })
			if n < 0 {
				n = len(e.s) - e.i
			}
			e.out.WriteString(e.s[e.i : e.i+n])
			e.i += n
			continue
		}
		if isASCIIAlnum(c) {
			e.word()
			continue
		}
		e.punct(c)
		e.i++
	}
}

// before and after are the characters around i; 0 is unknown, and then the
// careful thing is done.
func (e *mdEscaper) before() rune {
	if e.i == 0 {
		return 0
	}
	return lastRune(e.s[:e.i])
}

func (e *mdEscaper) after() rune {
	if e.i+1 >= len(e.s) {
		return 0
	}
	return firstRune(e.s[e.i+1:])
}

func (e *mdEscaper) digitAfter() bool { return e.i+1 < len(e.s) && isDigit(e.s[e.i+1]) }

func (e *mdEscaper) atEnd() bool { return e.i+1 == len(e.s) }

// word copies letters and digits. A word may begin an address or be one that
// closes issues.
func (e *mdEscaper) word() {
	inside := e.i > 0 && isWord(e.before())
	if !inside && e.i >= e.notURL {
		if n := addressLength(e.s, e.i); n > 0 {
			e.url(e.s[e.i : e.i+n])
			return
		}
	}
	n := 1
	for e.i+n < len(e.s) && isASCIIAlnum(e.s[e.i+n]) {
		n++
	}
	w, rest := e.s[e.i:e.i+n], e.s[e.i+n:]
	e.i += n
	if !inside {
		w = e.breakWord(w, rest)
	}
	e.out.WriteString(w)
}

// punct writes one ASCII character that is neither letter nor digit.
func (e *mdEscaper) punct(c byte) {
	switch c {
	case '\\', '`', ']':
		e.escape(c)
	case '~':
		e.escape(c)
		e.breakReference(c)
	case '[', '{':
		e.escapeUnless(c, c == '{')
		e.breakIf(e.o.BreakRedmine && (e.after() == rune(c) || e.atEnd() && e.more) ||
			e.o.BreakGitLab && gitlabBracket(e.s[e.i+1:]))
	case ':':
		// What was no address may be one for a reader, with escapes in it.
		e.escapeUnless(c, !strings.HasPrefix(e.s[e.i+1:], "//") || !endsInScheme(e.s[:e.i]))
		e.breakIf(strings.IndexByte(e.o.BreakReferences, c) >= 0 && e.digitAfter() ||
			e.o.BreakRedmine && !isSpace(e.after()) && redmineObject(e.s[:e.i]) ||
			e.o.BreakEmoji && emojiAhead(e.s[e.i+1:]))
	case '$':
		e.escapeUnless(c, !e.o.EscapeMath || isSpace(e.after()))
		e.breakReference(c)
	case '|':
		if e.at.cell { // "\|" is undone before the text is read
			e.out.WriteString(charRef('|'))
		} else {
			e.escape(c)
		}
	case '<':
		// Not "\<": what looks for tags in the source must find none either.
		if isSpace(e.after()) || e.digitAfter() {
			e.out.WriteByte(c)
		} else {
			e.out.WriteString("&lt;")
		}
	case '*':
		e.escapeUnless(c, isSpace(e.before()) && isSpace(e.after()))
		e.breakIf(e.o.BreakGitLab && strings.HasPrefix(e.s[e.i+1:], "iteration"))
	case '_':
		e.escapeUnless(c, e.i > e.begin && isWord(e.before()) && isWord(e.after()))
	case '&':
		if entityAhead(e.s[e.i+1:]) || e.atEnd() && e.more {
			e.out.WriteString("&amp;")
		} else {
			e.reference(c)
		}
	case '!':
		if e.atEnd() && e.more { // a link may follow
			e.escape(c)
		} else {
			e.reference(c)
			next := e.after() // Redmine takes the "!" before a link away
			e.breakIf(e.o.BreakRedmine && (isWord(next) || next == ':' || next == '#' || next == '@'))
		}
	case '@':
		e.mention()
	case '#':
		if e.at.heading && e.i >= e.hashes {
			e.escape(c) // not the end of the heading
			return
		}
		e.reference(c)
	case '\n', '\r', '\t':
		e.out.WriteByte(' ')
	default:
		e.reference(c)
	}
}

func (e *mdEscaper) escape(c byte) {
	e.out.WriteByte('\\')
	e.out.WriteByte(c)
}

func (e *mdEscaper) escapeUnless(c byte, safe bool) {
	if !safe {
		e.out.WriteByte('\\')
	}
	e.out.WriteByte(c)
}

// atLineStart escapes what makes a block out of a line and returns how much of
// s it wrote.
func (e *mdEscaper) atLineStart() int {
	s := e.s
	ends := func(i int) bool { return i >= len(s) || s[i] == ' ' || s[i] == '\t' }
	switch c := s[0]; {
	case c == '#':
		if n := len(s) - len(strings.TrimLeft(s, "#")); n <= 6 && ends(n) {
			e.escape(c)
			return 1
		}
	case c == '>' || c == '=',
		c == '+' && ends(1),
		c == '-' && (ends(1) || s[1] == '-'),
		c == ':' && len(s) > 1 && s[1] == '-':
		e.escape(c)
		return 1
	case c == '/' && e.o.EscapeCommands:
		e.escape(c)
		return 1
	case c == '[' && e.at.item && len(s) > 2 && s[2] == ']' && strings.IndexByte(" xX", s[1]) >= 0:
		// Some trackers look for checkboxes in the rendered text.
		e.escape(c)
		e.out.WriteString(wordBreak)
		return 1
	case isDigit(c):
		n := 1
		for n < len(s) && n < 10 && isDigit(s[n]) {
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
