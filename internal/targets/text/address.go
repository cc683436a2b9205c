package text

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// WebAddress reports whether a text is an address of the web, http or https.
func WebAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// EscapeUnseen escapes the characters of an address that nobody sees.
func EscapeUnseen(address string) string {
	var out strings.Builder
	for i := 0; i < len(address); {
		r, size := utf8.DecodeRuneInString(address[i:])
		if r == utf8.RuneError && size == 1 || r == ' ' || !unicode.IsPrint(r) {
			for _, c := range []byte(address[i : i+size]) {
				fmt.Fprintf(&out, "%%%02X", c)
			}
		} else {
			out.WriteString(address[i : i+size])
		}
		i += size
	}
	return out.String()
}
