package richtext

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// What the URL standard percent-encodes in each part of an address, beside
// control characters, spaces and everything that is not ASCII. A "%" is never
// encoded, however little follows it: browsers send it as it is.
const (
	encodeFragment = "\"<>`"
	encodeQuery    = "\"#<>'"
	encodePath     = "\"#<>?^`{}"
	encodeUser     = "\"#<>?^`{}/:;=@[\\]|"
)

const (
	// maxHost bounds the names that are converted to ASCII. No name in the DNS
	// has more than 253 bytes, but one is shorter in ASCII than percent-encoded.
	maxHost = 2048
	// maxRefused bounds what is shown of an address that no link leads to.
	maxRefused = 2000
)

// linkAddress returns the address that a browser opens for an href, encoded as
// the URL standard does (https://url.spec.whatwg.org). It returns "" if a
// browser would open nothing, and for schemes other than http, https and
// mailto. What it returns is printable ASCII, and encoding it again changes
// nothing. Unlike a browser it leaves dots in paths and default ports alone.
func linkAddress(href string) string {
	s := trimAddress(href)
	switch {
	case len(s) > 4 && strings.EqualFold(s[:4], "www."):
		s = "http://" + s // what trackers make of it in a text
	case strings.HasPrefix(s, "//"):
		s = "https:" + s // Productboard's pages are https
	}
	switch scheme, rest, _ := strings.Cut(s, ":"); strings.ToLower(scheme) {
	case "http", "https":
		return hostedAddress(strings.ToLower(scheme), rest)
	case "mailto":
		return mailAddress(rest)
	}
	return ""
}

// trimAddress drops what the standard's parser ignores: white space and
// controls at both ends, tabs and line ends anywhere.
func trimAddress(s string) string {
	s = strings.TrimFunc(strings.ToValidUTF8(s, "\uFFFD"), func(r rune) bool { return r <= ' ' })
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' {
			return -1
		}
		return r
	}, s)
}

// hostedAddress encodes what follows the scheme of a web address.
func hostedAddress(scheme, rest string) string {
	rest = strings.TrimLeft(rest, `/\`)
	authority, rest := cutAt(rest, `/\?#`)
	user := ""
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		name, password, both := strings.Cut(authority[:at], ":")
		if user = encode(name, encodeUser); both {
			user += ":" + encode(password, encodeUser)
		}
		user, authority = user+"@", authority[at+1:]
	}
	host := hostAndPort(authority)
	if host == "" {
		return ""
	}
	path, rest := cutAt(rest, "?#")
	return scheme + "://" + user + host + encode(strings.ReplaceAll(path, `\`, "/"), encodePath) + queryAndFragment(rest)
}

func mailAddress(rest string) string {
	recipients, rest := cutAt(rest, "?#")
	if recipients == "" && len(rest) < 2 {
		return ""
	}
	return "mailto:" + encode(recipients, encodeFragment) + queryAndFragment(rest)
}

func queryAndFragment(s string) string {
	query, fragment := cutAt(s, "#")
	if fragment != "" {
		fragment = "#" + encode(fragment[1:], encodeFragment)
	}
	return encode(query, encodeQuery) + fragment
}

// hostAndPort is the end of an authority in ASCII, "" where browsers refuse it.
func hostAndPort(s string) string {
	host, port := s, ""
	bracket := strings.LastIndexByte(s, ']')
	if colon := strings.LastIndexByte(s, ':'); colon > bracket {
		host, port = s[:colon], s[colon:]
		if n, err := strconv.ParseUint(port[1:], 10, 16); port != ":" && (err != nil || n > 65535) {
			return ""
		}
	}
	if strings.HasPrefix(host, "[") && bracket == len(host)-1 {
		if ip, err := netip.ParseAddr(host[1:bracket]); err != nil || !ip.Is6() || ip.Zone() != "" {
			return ""
		}
		return host + port
	}
	if host = asciiHost(host); host == "" {
		return ""
	}
	return host + port
}

// asciiHost is a domain as it stands in the DNS. Browsers decode it first.
func asciiHost(s string) string {
	if len(s) > maxHost {
		return ""
	}
	host, err := url.PathUnescape(s)
	if err != nil || !utf8.ValidString(host) {
		return ""
	}
	if strings.ContainsFunc(host, func(r rune) bool { return r >= utf8.RuneSelf }) {
		browser := idna.New(idna.MapForLookup(), idna.BidiRule(), idna.Transitional(false), idna.StrictDomainName(false), idna.CheckHyphens(false))
		if host, err = browser.ToASCII(host); err != nil {
			return ""
		}
	}
	if strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`#/:<>?@[\]^|%`, r) }) {
		return ""
	}
	return host
}

// cutAt splits s before the first of the characters in any.
func cutAt(s, chars string) (before, after string) {
	if i := strings.IndexAny(s, chars); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// encode percent-encodes set, spaces, and what is not printable ASCII.
func encode(s, set string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(set, c) >= 0 {
			b.WriteString(percent(c))
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// refusedAddress is how a text shows an href that no link may lead to, "" if
// it names no place. Nobody needs to read a script or a file in an address.
func refusedAddress(href string) string {
	s := strings.TrimSpace(cleanText(trimAddress(href)))
	scheme, _, _ := strings.Cut(s, ":")
	switch strings.ToLower(scheme) {
	case "", "#":
		return ""
	case "javascript", "vbscript", "data":
		return strings.ToLower(scheme) + ":" + ellipsis
	}
	if len(s) > maxRefused {
		s = Prefix(s, maxRefused) + ellipsis
	}
	return s
}

// refusal is a link that leads nowhere here and whose text is being read.
type refusal struct {
	address string // "" when there is none
	from    int    // index of the first run of its text
}

// openLink begins the link to href; an empty one only ends the link before.
func (w *walker) openLink(href string) {
	w.showRefused()
	w.href, w.refused = "", refusal{}
	if strings.HasPrefix(strings.ToLower(href), nodePrefix) {
		return
	}
	if w.href = linkAddress(href); w.href != "" || w.pre != nil {
		return
	}
	if address := refusedAddress(href); address != "" {
		w.endRun()
		w.refused = refusal{address, len(w.runs)}
	}
}

// showRefused writes the address of a refused link in brackets behind its
// text, unless there is no text or the text shows the address.
func (w *walker) showRefused() {
	address := w.refused.address
	if address == "" {
		return
	}
	w.endRun()
	var label strings.Builder
	for _, r := range w.runs[w.refused.from:] {
		label.WriteString(r.text)
	}
	if strings.TrimFunc(label.String(), isSpace) == "" {
		return // the text may still come, in the next block
	}
	w.refused = refusal{}
	if strings.Contains(label.String(), address) {
		return
	}
	text := " (" + address + ")"
	if w.space {
		text = "(" + address + ") "
	}
	w.runs, w.cur = append(w.runs, run{text: text}), run{}
}
