package richtext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// linkBare makes links of the web addresses that stand in the text of runs. An
// address may go on where the style changes, but not into code.
func linkBare(runs []run) []run {
	if !mayHoldAddress(runs) {
		return runs
	}
	out := make([]run, 0, len(runs)+2)
	for i := 0; i < len(runs); {
		n := i
		for n < len(runs) && !runs[n].brk && runs[n].href == "" && runs[n].marks&code == 0 {
			n++
		}
		if n == i {
			out = append(out, runs[i])
			i++
			continue
		}
		out = linkStretch(out, runs[i:n])
		i = n
	}
	return out
}

func mayHoldAddress(runs []run) bool {
	for _, r := range runs {
		if strings.Contains(r.text, "//") || strings.Contains(r.text, ".") {
			return true
		}
	}
	return false
}

// linkStretch adds runs of plain text to out, taken apart where an address
// begins and ends.
func linkStretch(out, runs []run) []run {
	var whole strings.Builder
	for _, r := range runs {
		whole.WriteString(r.text)
	}
	text, at := whole.String(), 0
	found := findBare(text)
	for _, r := range runs {
		for end := at + len(r.text); at < end; {
			for len(found) > 0 && found[0].end <= at {
				found = found[1:]
			}
			to := end
			r.href, r.bare = "", false
			if len(found) > 0 && found[0].begin < end {
				if at < found[0].begin {
					to = found[0].begin
				} else {
					to = min(end, found[0].end)
					r.href, r.bare = found[0].href, true
				}
			}
			r.text = text[at:to]
			out = append(out, r)
			at = to
		}
	}
	return out
}

// bareAddress is where an address stands in a text.
type bareAddress struct {
	begin, end int
	href       string
}

func findBare(text string) []bareAddress {
	var out []bareAddress
	for i := 0; i < len(text); {
		next := strings.IndexAny(text[i:], "hHwW")
		if next < 0 {
			break
		}
		i += next
		n := addressLength(text, i)
		if href := linkAddress(text[i : i+n]); href != "" {
			out = append(out, bareAddress{i, i + n, href})
		}
		i += max(n, 1)
	}
	return out
}

// addressLength returns the length of the address at i, 0 when there is none:
// what trackers make a link of when it stands in a text. The punctuation of
// the sentence around it does not belong to it, nor do closing brackets that
// it does not open itself.
func addressLength(s string, i int) int {
	prefix := addressPrefix(s[i:])
	if prefix == 0 || !isWord(firstRune(s[i+prefix:])) {
		return 0
	}
	before := lastRune(s[:i])
	if i > 0 && (isWord(before) && !unicode.In(before, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai) ||
		before == '+' || // of another scheme
		s[i+prefix-1] == '.' && strings.ContainsRune(`/\@.-:=&?%#`, before)) { // of another address
		return 0
	}
	n := strings.IndexFunc(s[i:], endsAddress)
	if n < 0 {
		n = len(s) - i
	}
	host := strings.IndexFunc(s[i+prefix:i+n], func(r rune) bool { return !isWord(r) && !strings.ContainsRune("-._:@%", r) })
	if host += prefix; host >= prefix && !strings.ContainsRune(`/\?#`, firstRune(s[i+host:])) {
		n = host // no name of a host goes on there
	}
	return trimSentence(s[i:i+n], before)
}

// addressPrefix returns the length of the scheme that an address at the start
// of s begins with, or of its "www.".
func addressPrefix(s string) int {
	if s == "" || strings.IndexByte("hwfsHWFS", s[0]) < 0 { // most words
		return 0
	}
	for _, p := range [...]string{"https://", "http://", "www.", "ftp://", "ftps://", "sftp://"} {
		if len(s) >= len(p) && strings.EqualFold(s[:len(p)], p) {
			return len(p)
		}
	}
	return 0
}

// isFTP reports whether an address is one that only some trackers link.
func isFTP(address string) bool {
	scheme, _, ok := strings.Cut(address, "://")
	return ok && strings.Contains(strings.ToLower(scheme), "ftp")
}

// endsAddress reports whether r can be in no address that stands in a text:
// white space, quotation marks, and brackets and stops outside of ASCII.
func endsAddress(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return r <= ' ' || r == '<' || r == '>' || r == '"'
	case isSpace(r), unicode.In(r, unicode.Pi, unicode.Pf, unicode.Ps, unicode.Pe):
		return true
	case r == 0x200c || r == 0x200d: // join and part letters and emoji
		return false
	case r >= 0x3000 && r < 0x3040, r >= 0xff00 && r < 0xfff0: // far eastern and full-width
		return unicode.IsPunct(r)
	}
	return unicode.Is(unicode.Cf, r)
}

// trimSentence returns the length of an address without what ends the sentence
// around it. Signs that may be an address's own are left out only in pairs.
func trimSentence(s string, before rune) int {
	const opening, closing = "([{", ")]}"
	var open [len(opening)]int
	for i := range len(s) {
		if k := strings.IndexByte(opening, s[i]); k >= 0 {
			open[k]++
		} else if k = strings.IndexByte(closing, s[i]); k >= 0 {
			open[k]--
		}
	}
	n := len(s)
	for n > 0 {
		r, size := utf8.DecodeLastRuneInString(s[:n])
		k := strings.IndexRune(closing, r)
		switch {
		case k >= 0 && open[k] < 0:
			open[k]++
		case strings.ContainsRune("?!.,:;'", r), r >= utf8.RuneSelf && unicode.IsPunct(r):
		case r == before && strings.ContainsRune("*_~`|", r):
		default:
			return n
		}
		n -= size
	}
	return n
}

// endsInScheme reports whether s ends in the scheme of an address that some
// readers look for in the middle of a word, too.
func endsInScheme(s string) bool {
	tail := strings.ToLower(s[max(0, len(s)-5):])
	return strings.HasSuffix(tail, "http") || strings.HasSuffix(tail, "https") || strings.HasSuffix(tail, "ftp")
}
