package text

import (
	"fmt"
	"strconv"
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

// IsNumber reports whether an id is a number above 0 as trackers write it.
func IsNumber(id string) bool {
	n, err := strconv.Atoi(id)
	return err == nil && n > 0 && strconv.Itoa(n) == id
}
