package targets

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"pushbutton/internal/richtext"
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
	return strings.TrimRightFunc(richtext.Prefix(s, limit-1), unicode.IsSpace) + ellipsis
}
