package richtext

import "strings"

// link writes a link that shows its own address, and returns how many events
// that took; 0 if the link needs the long form or shows something else. Escapes
// would become part of the address, so it is written plain, as <address>, or
// with the address once more behind it.
func (t *mdText) ownLink(events []event, i int) int {
	if len(events) < i+3 || events[i+1].kind != evText || events[i+2].kind != evCloseLink {
		return 0
	}
	href, text := events[i].href, events[i+1].text
	mail := strings.HasPrefix(href, "mailto:")
	switch {
	case mail && ("mailto:"+text != href || strings.ContainsAny(text, "?&:") || !mdAngled(text)),
		text != href && linkAddress(text) != href && !mail:
		return 0
	case mail:
		t.out.WriteString("<" + text + ">")
		return 2
	}
	rest, next := "", i+3
	if next < len(events) && events[next].kind == evText {
		rest, next = events[next].text, next+1
	}
	t.address(text, href, events[i].bare && mdPlain(t.out.String(), text) && mdEndsAddress(rest, next < len(events)))
	return 2
}

// address writes an address so that every reader shows text and links to href.
func (t *mdText) address(text, href string, plain bool) {
	switch {
	case plain:
		t.out.WriteString(text)
	case mdAngled(text) && strings.Contains(text, "://"):
		t.out.WriteString("<" + text + ">")
	default:
		t.out.WriteByte('[')
		t.addressText(text)
		t.out.WriteString("](" + mdAddress(href) + ")")
	}
}

// addressText writes an address as text that nobody links by itself. Nothing
// invisible comes into it, because people copy addresses.
func (t *mdText) addressText(s string) {
	end := strings.IndexAny(s, ":.") + 1 // of the scheme, or of "www."
	t.out.WriteString(s[:end-1] + `\` + s[end-1:end])
	quiet := mdText{out: t.out, o: &MarkdownOptions{EscapeMath: t.o.EscapeMath}, at: t.at, newline: t.newline, inLink: true}
	e := mdEscaper{mdText: &quiet, s: s, i: end, begin: end, more: true, notURL: len(s)}
	e.run()
}

// mdPlain reports whether every reader takes text, written behind out, for an
// address that begins and goes on there.
func mdPlain(out, text string) bool {
	if out != "" {
		last := out[len(out)-1]
		if strings.IndexByte("\n (*_~", last) < 0 || strings.HasSuffix(out, `\`+string(last)) {
			return false
		}
	}
	host := text
	if _, after, ok := strings.Cut(text, "//"); ok {
		host = after
	}
	if host, _ = cutAt(host, "/?#"); !strings.Contains(host, ".") {
		return false // http://localhost
	}
	for i := range len(text) {
		switch c := text[i]; {
		case isASCIIAlnum(c) || strings.IndexByte("/:.?=%#+,;-", c) >= 0:
		case c == '&' && !entityAhead(text[i+1:]):
		case c == '_' && i > 0 && i+1 < len(text) && isASCIIAlnum(text[i-1]) && isASCIIAlnum(text[i+1]):
		default:
			return false
		}
	}
	return true
}

// mdEndsAddress reports whether every reader sees the end of a plain address
// before rest, which more follows: a line break counts, because some take its
// backslash for a part of the address.
func mdEndsAddress(rest string, more bool) bool {
	end := strings.IndexByte(rest, ' ')
	if end < 0 {
		if end = len(rest); more {
			return false
		}
	}
	return strings.Trim(rest[:end], "?!.,:;'\"") == ""
}

// mdAngled reports whether <address> shows text and links to it everywhere.
// Some readers decode character references there, and some do not.
func mdAngled(text string) bool {
	for i := range len(text) {
		c := text[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte("<>|\\`\"", c) >= 0 || c == '&' && entityAhead(text[i+1:]) {
			return false
		}
	}
	return true
}

// url writes an address that is no link in the document: no link can begin in
// a link, and FTP is one in Markdown alone, where readers would link it anyway.
// Of other addresses it writes what keeps readers from linking them.
func (e *mdEscaper) url(u string) {
	href, rest := "", e.s[e.i+len(u):]
	if scheme, after, _ := strings.Cut(u, ":"); isFTP(u) {
		href = hostedAddress(strings.ToLower(scheme), after)
	}
	switch {
	case e.inLink:
		e.addressText(u)
	case href != "":
		e.address(u, href, mdPlain(e.out.String(), u) && mdEndsAddress(rest, true))
	default:
		end := strings.IndexAny(u, ":.") + 1
		e.out.WriteString(u[:end-1] + `\` + u[end-1:end])
		e.notURL = e.i + len(u)
		e.i += end
		return
	}
	e.i += len(u)
}
