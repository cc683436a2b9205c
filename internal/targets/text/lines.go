package text

import (
	"slices"
	"strings"

	"pushbutton/internal/richtext"
)

// TrimLines takes the white space off the ends of lines, and the blank lines
// off both ends of a text.
func TrimLines(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \t\r")
	}
	filled := func(line string) bool { return line != "" }
	first := slices.IndexFunc(lines, filled)
	if first < 0 {
		return ""
	}
	last := len(lines)
	for !filled(lines[last-1]) {
		last--
	}
	return strings.Join(lines[first:last], "\n")
}

// Lines are the lines of a value that say something.
func Lines(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// PlainText makes a document of a plain text, one paragraph per line, for
// drivers whose comments are marked up.
func PlainText(text string) richtext.Doc {
	var doc richtext.Doc
	for line := range strings.Lines(text) {
		doc = doc.Append(richtext.Paragraph(richtext.Text(strings.TrimSpace(line))))
	}
	return doc
}
