package targets

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	untitled = "(untitled)"
	ellipsis = "…"
)

// oneLine makes a single line of any text: runs of white space and control
// characters become one space, invalid UTF-8 becomes U+FFFD.
func oneLine(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
}

// Title makes a title of at most limit characters (0: no limit): one line,
// never empty, cut with an ellipsis and not inside what people see as one
// character.
func Title(s string, limit int) string {
	s = oneLine(s)
	if s == "" {
		s = untitled
	}
	return cut(s, limit)
}

// cut shortens s to at most limit characters (Unicode code points), the
// ellipsis included. A limit of 0 or less means none.
func cut(s string, limit int) string {
	if limit <= 0 || len(s) <= limit || utf8.RuneCountInString(s) <= limit {
		return s
	}
	runes := []rune(s)
	n := limit - 1
	for n > 0 && joined(runes, n) {
		n--
	}
	if n <= 0 {
		n = limit - 1 // one endless cluster: cut inside it rather than show nothing
	}
	return strings.TrimRightFunc(string(runes[:n]), unicode.IsSpace) + ellipsis
}

const (
	zeroWidthJoiner = '\u200d'
	maxCluster      = 32 // code points looked back for flags
)

// joined tells whether a cut before runes[n] would fall inside a grapheme
// cluster. It knows combining marks, variation selectors, emoji sequences and
// flags, which is what titles hold; it is not the whole of UAX #29.
func joined(runes []rune, n int) bool {
	next, prev := runes[n], runes[n-1]
	switch {
	case prev == zeroWidthJoiner, next == zeroWidthJoiner:
		return true
	case unicode.In(next, unicode.Mn, unicode.Me, unicode.Mc):
		return true
	case next >= 0x1F3FB && next <= 0x1F3FF: // skin tones
		return true
	case next >= 0xE0020 && next <= 0xE007F: // tags of subdivision flags
		return true
	case regional(next) && regional(prev):
		before := 0
		for i := n - 1; i >= 0 && n-i <= maxCluster && regional(runes[i]); i-- {
			before++
		}
		return before%2 == 1
	default:
		return false
	}
}

// regional tells whether a code point is half of a country flag.
func regional(r rune) bool { return r >= 0x1F1E6 && r <= 0x1F1FF }
