package main

import (
	"io"
	"sync"
	"unicode"
	"unicode/utf8"
)

// printed writes text for people. What trackers and Productboard say can stand
// in any line, so what steers a terminal or turns the direction of text around
// becomes U+FFFD, which shows that something was there.
type printed struct {
	mu   sync.Mutex
	to   io.Writer
	rest []byte // of a character that goes on in the next Write
}

// bare is the writer behind a printed one, for what is no text.
func bare(w io.Writer) io.Writer {
	if p, ok := w.(*printed); ok {
		return p.to
	}
	return w
}

// Write implements io.Writer.
func (p *printed) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := append(p.rest, text...)
	out := make([]byte, 0, len(left))
	for len(left) > 0 && utf8.FullRune(left) {
		r, size := utf8.DecodeRune(left)
		if hidden(r) {
			r = utf8.RuneError
		}
		out, left = utf8.AppendRune(out, r), left[size:]
	}
	p.rest = append([]byte(nil), left...)
	if _, err := p.to.Write(out); err != nil {
		return 0, err
	}
	return len(text), nil
}

// hidden reports whether a character does something other than being seen.
// Line ends and tabs are the printers' own.
func hidden(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r)
}
