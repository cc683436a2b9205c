package secret

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

const (
	// minMasked is the shortest secret that is hidden, in bytes. A shorter one would
	// hide ordinary words.
	minMasked = 6
	// minPart is the shortest beginning of a form that is hidden as well, in bytes:
	// a text may be cut before it is searched for secrets.
	minPart = 12
	// maxFormed is the longest secret, in bytes, that is searched for in other
	// forms. A longer one is a private key, which is sent nowhere.
	maxFormed = 512
)

// Mask hides secrets in texts that came from elsewhere. It finds them as they
// are, and in the forms of headers, addresses and error pages: base64 at any
// place of a longer text, hex, percent-encoded, escaped in JSON or HTML. It is
// safe for concurrent use; the zero value hides nothing.
type Mask struct{ forms []string }

// NewMask returns a Mask of secrets. Those shorter than 6 bytes are not hidden.
func NewMask(secrets ...string) Mask {
	var m Mask
	for _, s := range secrets {
		if len(s) < minMasked {
			continue
		}
		for _, form := range formsOf(s) {
			if len(form) >= minMasked && !slices.Contains(m.forms, form) {
				m.forms = append(m.forms, form)
			}
		}
	}
	slices.SortStableFunc(m.forms, func(a, b string) int { return len(b) - len(a) }) // one may hold another
	return m
}

// Hide returns the text with "[secret]" in the place of every secret, and of the
// beginning of one that was cut.
func (m Mask) Hide(text string) string {
	for _, form := range m.forms {
		text = strings.ReplaceAll(text, form, masked)
	}
	for _, form := range m.forms { // afterwards: forms may begin alike
		if len(form) > minPart {
			text = hideCut(text, form)
		}
	}
	return text
}

// hideCut hides the beginnings of a form in a text.
func hideCut(text, form string) string {
	begin := form[:minPart]
	at := strings.Index(text, begin)
	if at < 0 {
		return text
	}
	var out strings.Builder
	for ; at >= 0; at = strings.Index(text, begin) {
		out.WriteString(text[:at])
		out.WriteString(masked)
		text = text[at:]
		n := 0
		for n < len(form) && n < len(text) && text[n] == form[n] {
			n++
		}
		text = text[n:]
	}
	out.WriteString(text)
	return out.String()
}

func formsOf(s string) []string {
	if len(s) > maxFormed {
		return []string{s}
	}
	out := []string{s, url.QueryEscape(s), url.PathEscape(s), hex.EncodeToString([]byte(s)), strings.ToUpper(hex.EncodeToString([]byte(s)))}
	if quoted, err := json.Marshal(s); err == nil {
		out = append(out, string(quoted[1:len(quoted)-1]))
	}
	out = append(out, strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace(s))
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			out = append(out, base64Core(enc, s, before))
		}
	}
	return out
}

// base64Core returns what the base64 of every text contains that has s after so
// many bytes (modulo 3): the characters that no neighbour touches.
func base64Core(enc *base64.Encoding, s string, before int) string {
	const bits, perChar = 8, 6
	whole := enc.EncodeToString(append(make([]byte, before), s...))
	first := (before*bits + perChar - 1) / perChar
	last := (before + len(s)) * bits / perChar
	return whole[first:last]
}
