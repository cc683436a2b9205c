package richtext

import "strings"

// BreakText returns the plain text s with an invisible break wherever Markdown
// in this dialect would get one. It is for titles in which a tracker looks for
// names and numbers. Addresses stay whole, as in Markdown, and so do words that
// close issues: a title closes nothing.
func (o MarkdownOptions) BreakText(s string) string {
	o.BreakClosing, o.EscapeCommands, o.EscapeMath = false, false, false
	if o == (MarkdownOptions{NoHTML: o.NoHTML}) {
		return s
	}
	var out strings.Builder
	at := 0
	for _, a := range findBare(s) {
		o.breakStretch(&out, s[at:a.begin], true)
		out.WriteString(s[a.begin:a.end])
		at = a.end
	}
	o.breakStretch(&out, s[at:], false)
	return out.String()
}

// breakStretch writes text without addresses; more says that one follows. The
// text goes through the writer of Markdown, which knows where to break, and its
// escapes are undone.
func (o MarkdownOptions) breakStretch(out *strings.Builder, s string, more bool) {
	var md strings.Builder
	e := mdEscaper{mdText: &mdText{out: &md, o: &o}, s: s, more: more, notURL: len(s)}
	e.run()
	for s = md.String(); s != ""; {
		i := strings.IndexAny(s, `\&`)
		if i < 0 {
			i = len(s)
		}
		out.WriteString(s[:i])
		s = s[i:]
		switch {
		case s == "":
		case s[0] == '\\': // never the last
			out.WriteByte(s[1])
			s = s[2:]
		default:
			text, n := "&", 1
			for _, ref := range [...][2]string{{wordBreak, "\u200b"}, {"&lt;", "<"}, {"&amp;", "&"}} {
				if strings.HasPrefix(s, ref[0]) {
					text, n = ref[1], len(ref[0])
				}
			}
			out.WriteString(text)
			s = s[n:]
		}
	}
}
