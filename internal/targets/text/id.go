package text

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// BadID says why an answer's id cannot be one; "" is good.
func BadID(id string) string {
	switch {
	case id == "":
		return "names no issue"
	case len(id) > MaxIssueID:
		return fmt.Sprintf("names an issue by more than %d bytes", MaxIssueID)
	case !utf8.ValidString(id) || strings.ContainsFunc(id, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "names an issue by characters that nobody sees"
	default:
		return ""
	}
}
