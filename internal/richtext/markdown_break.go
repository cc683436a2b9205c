package richtext

import "strings"

// wordBreak is invisible and keeps the characters around it from being read
// together. Trackers look for names and numbers in the rendered text, where a
// backslash or a character reference would already be gone.
const wordBreak = "&#8203;"

func (e *mdEscaper) mention() {
	e.out.WriteByte('@')
	if e.o.BreakMentions && !isWord(e.before()) && (isWord(e.after()) || e.after() == '_' || e.atEnd()) {
		e.out.WriteString(wordBreak)
	}
}

func (e *mdEscaper) breakIf(needed bool) {
	if needed {
		e.out.WriteString(wordBreak)
	}
}

// reference writes a character that may make a reference of what follows.
func (e *mdEscaper) reference(c byte) {
	e.out.WriteByte(c)
	e.breakReference(c)
}

// breakReference keeps what follows from being read together with c, which was
// written before.
func (e *mdEscaper) breakReference(c byte) {
	if strings.IndexByte(e.o.BreakReferences, c) >= 0 && (e.digitAfter() || e.atEnd() && e.more) {
		e.out.WriteString(wordBreak)
		return
	}
	// GitLab's labels and milestones have names too.
	next := e.after()
	e.breakIf(e.o.BreakGitLab && (c == '~' || c == '%') && (isWord(next) || next == '"' || next == '_'))
}

// breakWord takes apart a word that means something to the tracker with what
// follows it. A "-" that it takes from rest it also moves past.
func (e *mdEscaper) breakWord(w, rest string) string {
	number := len(rest) > 1 && rest[0] == '-' && isDigit(rest[1])
	switch {
	case e.o.BreakClosing && isClosingWord(w) && e.refersAhead(rest):
		return w[:2] + wordBreak + w[2:]
	case number && (strings.Contains(e.o.BreakReferences, "#") && strings.EqualFold(w, "gh") ||
		e.o.BreakGitLab && strings.EqualFold(w, "gl") ||
		e.o.BreakKeys && isTeamKey(w) || e.o.BreakShortcut && strings.EqualFold(w, "sc")):
		e.i++
		return w + "-" + wordBreak
	case e.o.BreakShortcut && len(w) > 2 && strings.EqualFold(w[:2], "ch") && isDigit(w[2]):
		return w[:2] + wordBreak + w[2:]
	case e.o.BreakRedmine && w[0] == 'r' && len(w) > 1 && isDigit(w[1]):
		return "r" + wordBreak + w[1:]
	}
	return w
}

// isTeamKey reports whether w could be the first part of a key like "ENG-12".
func isTeamKey(w string) bool {
	for i := range len(w) {
		if !isDigit(w[i]) && (w[i] < 'A' || w[i] > 'Z') {
			return false
		}
	}
	return !isDigit(w[0])
}

// gitlabBracket reports whether a bracket with rest behind it begins one of
// GitLab's own forms: "[vulnerability:12]", "{+ added +}", "[TOC]", "[[_TOC_]]".
func gitlabBracket(rest string) bool {
	if rest == "" {
		return false
	}
	if c := rest[0]; c == '+' || c == '-' || c == '[' || strings.HasPrefix(rest, "TOC]") {
		return true
	}
	n := 0
	for n < len(rest) && n < 40 && (rest[n] >= 'a' && rest[n] <= 'z' || rest[n] == '_') {
		n++
	}
	return n > 0 && n < len(rest) && rest[n] == ':'
}

// emojiAhead reports whether a colon with rest behind it begins ":tada:".
func emojiAhead(rest string) bool {
	for i := 0; i < len(rest) && i < 60; i++ {
		if c := rest[i]; c == ':' {
			return i > 0
		} else if !isASCIIAlnum(c) && strings.IndexByte("_+-", c) < 0 {
			return false
		}
	}
	return false
}

func isClosingWord(w string) bool {
	if len(w) < 3 || len(w) > 12 {
		return false
	}
	switch strings.ToLower(w) {
	case "close", "closes", "closed", "closing", "fix", "fixes", "fixed", "fixing",
		"resolve", "resolves", "resolved", "resolving",
		"implement", "implements", "implemented", "implementing",
		"reopen", "reopens", "reopened":
		return true
	}
	return false
}

// refersAhead reports whether what follows a closing word could be an issue.
func (e *mdEscaper) refersAhead(rest string) bool {
	rest = strings.TrimLeft(rest[:min(len(rest), 300)], ": \u00a0")
	if rest == "" {
		return e.more
	}
	target, _, _ := strings.Cut(rest, " ")
	return strings.ContainsAny(target, "#!") || strings.Contains(target, "://") ||
		len(target) > 3 && strings.EqualFold(target[:3], "gh-")
}
