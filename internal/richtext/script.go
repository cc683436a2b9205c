package richtext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// scripts are the marks that raise or lower text.
const scripts = superscript | subscript

func isCode(r run) bool { return r.marks&code != 0 }

// spell writes raised text as "^6" and lowered text as "_2", for runs where
// the dialect cannot show it: "106" would be another number than 10⁶. What
// could be read on is in brackets, "10^(6)5".
func spell(runs []run, cannot func(run) bool) []run {
	wrong := func(r run) mark {
		if !r.brk && cannot(r) {
			return r.marks & scripts
		}
		return 0
	}
	var out []run
	for i := 0; i < len(runs); {
		script, end := wrong(runs[i]), i+1
		for script != 0 && end < len(runs) && wrong(runs[end]) == script {
			end++
		}
		if script != 0 && out == nil {
			out = append(make([]run, 0, len(runs)), runs[:i]...)
		}
		switch {
		case script != 0:
			out = append(out, spelled(runs[i:end], script, runs[end:])...)
		case out != nil:
			out = append(out, runs[i])
		}
		i = end
	}
	if out == nil {
		return runs
	}
	return out
}

// spelled is runs that are all raised or all lowered as text of the line.
func spelled(runs []run, script mark, rest []run) []run {
	out := make([]run, len(runs))
	var text strings.Builder
	for i, r := range runs {
		r.marks &^= scripts
		out[i] = r
		text.WriteString(r.text)
	}
	content := text.String()
	if strings.TrimFunc(content, isSpace) == "" {
		return out
	}
	sign, end := "^", ""
	if script == subscript {
		sign = "_"
	}
	if !oneTerm(strings.TrimFunc(content, isSpace)) || lastRune(content) != ' ' && readsOn(rest) {
		sign, end = sign+"(", ")"
	}
	first, last := 0, len(out)-1
	for strings.TrimFunc(out[first].text, isSpace) == "" {
		first++
	}
	for strings.TrimFunc(out[last].text, isSpace) == "" {
		last--
	}
	core := strings.TrimLeftFunc(out[first].text, isSpace)
	out[first].text = out[first].text[:len(out[first].text)-len(core)] + sign + core
	core = strings.TrimRightFunc(out[last].text, isSpace)
	out[last].text = core + end + out[last].text[len(core):]
	return out
}

// oneTerm reports whether s is a word or number, perhaps with a sign.
func oneTerm(s string) bool {
	if r, n := utf8.DecodeRuneInString(s); n < len(s) && strings.ContainsRune("+-−–", r) {
		s = s[n:]
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return !isWord(r) })
}

// readsOn reports whether what follows could be read as part of a raised or
// lowered term before it.
func readsOn(rest []run) bool {
	if len(rest) == 0 || rest[0].brk || rest[0].marks&scripts != 0 { // "x_1^2" is clear
		return false
	}
	r, n := utf8.DecodeRuneInString(rest[0].text)
	switch {
	case isWord(r) || strings.ContainsRune("^_([{", r):
		return true
	case r == '.' || r == ',' || isSpace(r) && r != ' ': // "10^6,5" and "10^6 000"
		return unicode.IsDigit(firstRune(rest[0].text[n:]))
	}
	return false
}
