// Package text makes the plain text that people read: lines, cuts, sentences,
// limits and the colours of buttons.
//
// What must not live here: drivers, settings and rich text's formats.
package text

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"pushbutton/internal/richtext"
)

const (
	untitled = "(untitled)"
	ellipsis = "…"
)

// OneLine makes a single line of any text: runs of white space and control
// characters become one space, invalid UTF-8 becomes U+FFFD. Sequences that
// steer a terminal, and characters that turn the direction of the text around
// them, are left out.
func OneLine(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.ContainsFunc(s, steers) {
		s = strings.Map(func(r rune) rune {
			if turns(r) {
				return -1
			}
			return r
		}, sequences().ReplaceAllString(s, " "))
	}
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
}

func steers(r rune) bool { return r == '\x1b' || r == '\u009b' || r == '\u009d' || turns(r) }

// turns reports whether a character turns the direction of text: embeddings,
// overrides and isolates. The marks that only show a direction may stay.
func turns(r rune) bool { return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' }

// sequences are the control sequences and commands of a terminal (ECMA-48).
func sequences() *regexp.Regexp {
	return regexp.MustCompile(`(?:\x1b\[|\x{9b})[0-?]*[ -/]*[@-~]|(?:\x1b\]|\x{9d})[^\x07\x1b\x{9c}]*(?:\x07|\x1b\\|\x{9c})?`)
}

// Title makes a title of at most limit characters (0: no limit): one line,
// never empty, cut with an ellipsis and not inside what people see as one
// character.
func Title(s string, limit int) string {
	s = OneLine(Beginning(s, limit))
	if s == "" {
		s = untitled
	}
	return Cut(s, limit)
}

// Beginning is more of a text than limit characters (0: all of it) need, so that
// megabytes are not read for a line.
func Beginning(s string, limit int) string {
	const most, spare = 64, 4096 // bytes of a character with what is left out before it
	if limit <= 0 || len(s) <= limit*most+spare {
		return s
	}
	return s[:limit*most+spare]
}

// Cut shortens s to at most limit characters (Unicode code points), the
// ellipsis included. A limit of 0 or less means none.
func Cut(s string, limit int) string {
	if limit <= 0 || len(s) <= limit || utf8.RuneCountInString(s) <= limit {
		return s
	}
	return strings.TrimRightFunc(richtext.Prefix(s, limit-1), unicode.IsSpace) + ellipsis
}
