package richtext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// isHTMLSpace is the white space that HTML collapses. A no-break space is not
// among it.
func isHTMLSpace(r rune) bool {
	return r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == '\f'
}

// isSpace is any white space, no-break spaces included: what a mark must not
// begin or end with.
func isSpace(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Zs, r) }

// isWord is a character that belongs to a word beyond doubt.
func isWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

func isASCIIPunct(c byte) bool {
	return c > ' ' && c < 0x7f && !isASCIIAlnum(c)
}

func isASCIIAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// keepRune says whether a character may stand in a document. Control
// characters have no business in one, and several trackers refuse them.
func keepRune(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return true
	case r < ' ', r >= 0x7f && r < 0xa0, r == 0xfeff, r == 0xfffe, r == 0xffff:
		return false
	}
	return true
}

func dropControls(s string) string {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if !keepRune(r) || r == utf8.RuneError && n == 1 {
			return strings.Map(func(r rune) rune {
				if keepRune(r) {
					return r
				}
				return -1
			}, s)
		}
		i += n
	}
	return s
}

// cleanText makes one line of valid text out of what a caller passed.
func cleanText(s string) string {
	var b strings.Builder
	collapse(&b, dropControls(strings.ToValidUTF8(s, "\uFFFD")), false)
	return b.String()
}

// collapse writes s with every stretch of HTML white space as one space, and
// none at the start when space says that the text before already ends in one.
// It reports whether the text now ends in a space.
func collapse(b *strings.Builder, s string, space bool) bool {
	for s != "" {
		i := strings.IndexFunc(s, func(r rune) bool { return isHTMLSpace(r) || r == 0x2028 || r == 0x2029 })
		if i != 0 {
			if i < 0 {
				i = len(s)
			}
			b.WriteString(s[:i])
			s, space = s[i:], false
			continue
		}
		_, n := utf8.DecodeRuneInString(s)
		s = s[n:]
		if !space {
			b.WriteByte(' ')
			space = true
		}
	}
	return space
}

// splitLines is s without its line ends.
func splitLines(s string) []string { return strings.Split(s, "\n") }

// percent is a byte as it is written in an address.
func percent(c byte) string {
	const hex = "0123456789ABCDEF"
	return string([]byte{'%', hex[c>>4], hex[c&15]})
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

func lastRune(s string) rune {
	r, _ := utf8.DecodeLastRuneInString(s)
	return r
}

func blankRuns(runs []run) bool {
	for _, r := range runs {
		if strings.TrimFunc(r.text, isSpace) != "" {
			return false
		}
	}
	return true
}
