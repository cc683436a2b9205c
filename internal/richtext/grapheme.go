package richtext

import (
	"unicode"
	"unicode/utf8"
)

// maxCluster is how many code points are looked back for a whole character.
const maxCluster = 32

// Prefix is the first n characters (code points) of s, or a few less: the cut
// is not made inside what a reader sees as one character, a letter and its
// accents, an emoji made of several, a flag. It knows what titles and
// descriptions hold and is not the whole of UAX #29.
func Prefix(s string, n int) string {
	at := prefixLen(s, n)
	if end := characterEnd(s, at); end > 0 {
		at = end
	}
	return s[:at]
}

// prefixLen is the length in bytes of the first n characters of s.
func prefixLen(s string, n int) int {
	for i := range s {
		if n <= 0 {
			return i
		}
		n--
	}
	return len(s)
}

// characterEnd moves a cut at byte n back to the end of a character. It gives
// up after a while: a character of a hundred parts is no character.
func characterEnd(s string, n int) int {
	at := n
	for range maxCluster {
		if at <= 0 || at >= len(s) || !joined(s, at) {
			return at
		}
		_, size := utf8.DecodeLastRuneInString(s[:at])
		at -= size
	}
	return n
}

const zeroWidthJoiner = 0x200d

// joined reports whether a cut at byte n would fall inside one character.
func joined(s string, n int) bool {
	next, prev := firstRune(s[n:]), lastRune(s[:n])
	switch {
	case prev == zeroWidthJoiner, next == zeroWidthJoiner,
		unicode.IsMark(next),
		next >= 0x1f3fb && next <= 0x1f3ff, // skin tones
		next >= 0xe0020 && next <= 0xe007f: // tags of subdivision flags
		return true
	case regional(next) && regional(prev):
		before := 0
		for at := n; at > 0 && before < maxCluster && regional(lastRune(s[:at])); before++ {
			at -= utf8.RuneLen(prev)
		}
		return before%2 == 1
	}
	return false
}

// regional reports whether a code point is half of a country's flag.
func regional(r rune) bool { return r >= 0x1f1e6 && r <= 0x1f1ff }
