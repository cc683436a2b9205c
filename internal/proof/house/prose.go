package house

import (
	"fmt"
	"regexp"
	"strings"
)

// Limits of a page's prose, in words. A mean of 15 with some longer sentences
// is what go-cloud's design page has, which reads well.
const (
	maxSentence = 30
	maxMean     = 16
)

// A sentence of a page, with the line that it starts in.
type sentence struct {
	line  int
	words int
	text  string
}

var (
	inlineCode = regexp.MustCompile("`[^`]*`")
	linkTarget = regexp.MustCompile(`\]\([^)]*\)`)
	comment    = regexp.MustCompile(`(?s)<!--.*?-->`)
	listItem   = regexp.MustCompile(`^\s*([-*+]|\d+\.)\s+`)
	// A sentence ends with a mark, what may close behind it, and white space. A
	// colon or a semicolon ends none: whoever joins sentences with them has
	// written one.
	sentenceEnd = regexp.MustCompile(`[.!?]["')*_\]]*(\s+|$)`)
	hasLetter   = regexp.MustCompile(`\pL|\pN`)
	// Full stops that end no sentence.
	abbreviation = regexp.MustCompile(`\b(e\.g|i\.e|vs|etc|cf|approx)\.`)
)

// sentences returns the sentences of a Markdown page. Headings, tables, code
// and comments are no prose. A list item is a paragraph of its own, and a code
// span counts as one word, as it is read as one.
func sentences(page string) []sentence {
	page = comment.ReplaceAllStringFunc(page, func(c string) string { return strings.Repeat("\n", strings.Count(c, "\n")) })
	var (
		all   []sentence
		block strings.Builder
		start int
		code  bool
	)
	end := func() {
		all = append(all, ofParagraph(block.String(), start)...)
		block.Reset()
	}
	for n, line := range strings.Split(page, "\n") {
		trimmed := strings.TrimSpace(line)
		fence := strings.HasPrefix(trimmed, "```")
		switch {
		case fence:
			end()
			code = !code
		case code:
		case trimmed == "", strings.HasPrefix(trimmed, "#"), strings.HasPrefix(trimmed, "|"):
			end()
		default:
			if item := listItem.FindString(line); item != "" {
				end()
				line = line[len(item):]
			}
			if block.Len() == 0 {
				start = n + 1
			}
			block.WriteString(strings.TrimSpace(line) + "\n")
		}
	}
	end()
	return all
}

// ofParagraph cuts a paragraph that starts in a line into its sentences.
func ofParagraph(text string, line int) []sentence {
	text = inlineCode.ReplaceAllString(text, "code")
	text = linkTarget.ReplaceAllString(text, "]")
	text = abbreviation.ReplaceAllString(text, "$1")
	var all []sentence
	for text != "" {
		cut := len(text)
		if at := sentenceEnd.FindStringIndex(text); at != nil {
			cut = at[1]
		}
		one := text[:cut]
		text = text[cut:]
		words := 0
		for word := range strings.FieldsSeq(one) {
			if hasLetter.MatchString(word) {
				words++
			}
		}
		if words > 0 {
			all = append(all, sentence{line: line, words: words, text: strings.Join(strings.Fields(one), " ")})
		}
		line += strings.Count(one, "\n")
	}
	return all
}

// prose returns what is wrong with a page: each sentence that is too long, and
// the mean where that is too high.
func prose(name, page string) []string {
	var wrong []string
	all, words := sentences(page), 0
	for _, s := range all {
		words += s.words
		if s.words > maxSentence {
			wrong = append(wrong, fmt.Sprintf("%s:%d: a sentence of %d words, %d are allowed: %s", name, s.line, s.words, maxSentence, s.text))
		}
	}
	if n := len(all); n > 0 && words > maxMean*n {
		wrong = append(wrong, fmt.Sprintf("%s: sentences have %.1f words on average, %d are allowed", name, float64(words)/float64(n), maxMean))
	}
	return wrong
}
