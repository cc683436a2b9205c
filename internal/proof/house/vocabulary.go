package house

import (
	"fmt"
	"regexp"
	"strings"
)

// A term is a word that this repository has replaced, and what to say instead.
// Only words with no other honest use are here: a test cannot tell an ordinary
// word from a private one.
type term struct {
	word    string // a pattern, in lower case; its first four letters are literal
	instead string
}

// vocabulary lists the replaced words. docs/glossary.md explains those that
// stay.
func vocabulary() []term {
	return []term{
		{"bells?", "wake-up list"},
		{"look-?outs?", "rescuer"},
		{"spinners?", "stale progress"},
		{"left-?overs?", "orphan, for the issue of an unlinked push"},
		{"erasures?", "deletion"},
		{"pacing", "rate limit"},
		{"tidied", "cleaned up"},
		{`tells(?:\s|//|--)+whether`, "reports whether"},
		{"twins?", "duplicate"},
		{"surveys?", "plan"},
		{"carryOut", "apply"},
	}
}

// pattern finds a term in text and in names: at the beginning of a word, or
// with a capital inside a name. "spacing" has no "pacing", backoffPacing has.
func (t term) pattern() *regexp.Regexp {
	capital := strings.ToUpper(t.word[:1]) + t.word[1:]
	return regexp.MustCompile(`(?:(?:^|[^A-Za-z])(` + t.word + `)|(` + capital + `))(?:[^a-z]|$)`)
}

// A rule is a term that is ready to be looked for.
type rule struct {
	term
	find *regexp.Regexp
}

// rules compiles the vocabulary.
func rules() []rule {
	var all []rule
	for _, t := range vocabulary() {
		all = append(all, rule{t, t.pattern()})
	}
	return all
}

// replaced returns a sentence for each replaced word in a file's name and text.
func replaced(all []rule, name, text string) []string {
	var wrong []string
	lower := strings.ToLower(text)
	for _, r := range all {
		if r.find.MatchString(name) {
			wrong = append(wrong, fmt.Sprintf("%s: the file's name has a word that is not used here: say %s", name, r.instead))
		}
		if !strings.Contains(lower, r.word[:4]) {
			continue // a pattern is slow to look for
		}
		for _, at := range r.find.FindAllStringSubmatchIndex(text, -1) {
			start, end := max(at[2], at[4]), max(at[3], at[5]) // one of the two groups; the other is -1
			line := 1 + strings.Count(text[:start], "\n")
			wrong = append(wrong, fmt.Sprintf("%s:%d: %q is not used here: say %s", name, line, text[start:end], r.instead))
		}
	}
	return wrong
}
