package targets

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"pushbutton/internal/richtext"
)

func TestTitle(t *testing.T) {
	for name, c := range map[string]struct {
		in    string
		limit int
		want  string
	}{
		"fits":               {"Größe", 5, "Größe"},
		"letters":            {"Größenangabe", 5, "Größ…"},
		"no space before …":  {"one two", 5, "one…"},
		"no limit":           {"one two", 0, "one two"},
		"empty":              {" \t\n", 20, "(untitled)"},
		"empty, short limit": {"", 3, "(u…"},
		"one character":      {"abc", 1, "…"},
		"lines and controls": {"a\r\nb\x00c", 20, "a b c"},
		"invalid":            {"a\xffb", 20, "a\uFFFDb"},
		"accent":             {"abe\u0301f", 4, "ab…"},
		"family":             {"ab👩‍👩‍👧‍👦cd", 6, "ab…"},
		"skin":               {"ab👍🏽cd", 4, "ab…"},
		"second flag":        {"🇨🇭🇩🇪🇫🇷", 5, "🇨🇭🇩🇪…"},
		"in a flag":          {"🇨🇭🇩🇪🇫🇷", 4, "🇨🇭…"},
		"endless cluster":    {strings.Repeat("\u0301", 9), 4, "\u0301\u0301\u0301…"},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, Title(c.in, c.limit)) })
	}
}

func FuzzTitle(f *testing.F) {
	f.Add("Größe 👩‍👩‍👧‍👦 🇨🇭", 7)
	f.Add("\xff\x00\u0301", 1)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		got := Title(s, limit)
		if got == "" || !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00") {
			t.Fatalf("%q", got)
		}
		if n := utf8.RuneCountInString(got); limit > 0 && n > limit {
			t.Fatalf("%d characters, limit %d", n, limit)
		}
	})
}

func TestRenderLeadsBack(t *testing.T) {
	plain := func(d richtext.Doc) string { return d.Plain() }
	draft := Draft{Link: "https://pb.example/1", Reporter: "Jane", Description: richtext.Paragraph(richtext.Text(strings.Repeat("word ", 200)))}
	whole := draft.Render(5000, nil, plain)
	assert.Contains(t, whole, "by Jane")
	assert.Contains(t, whole, "https://pb.example/1")
	assert.NotContains(t, whole, "goes on")
	short := draft.Render(400, nil, plain)
	assert.LessOrEqual(t, utf8.RuneCountInString(short), 400)
	assert.Contains(t, short, "It goes on in")
	assert.Contains(t, short, "by Jane")
	assert.Empty(t, Draft{}.Render(100, nil, plain))
}
