package text

import (
	"github.com/stretchr/testify/require"
	"strings"
	"testing"
	"unicode/utf8"

	"pushbutton/internal/proof/boundtest"
)

func TestTitle(t *testing.T) {
	t.Parallel()
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
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, Title(c.in, c.limit))
		})
	}
}

func FuzzTitle(f *testing.F) {
	f.Add("Größe 👩‍👩‍👧‍👦 🇨🇭", 7)
	f.Add("\xff\x00\u0301", 1)
	f.Add(boundtest.Fill("", "e\u0301", ""), 1<<20)
	f.Add(boundtest.Fill("", "👩\u200d", "👩"), 7)
	f.Add(boundtest.Fill("", "\n\xff", ""), 0)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		var got string
		boundtest.Memory(t, len(s), boundtest.Limit{Base: 128 << 10, PerByte: 200}, func() { got = Title(s, limit) })
		if got == "" || !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00") {
			t.Fatalf("%q", got)
		}
		if n := utf8.RuneCountInString(got); limit > 0 && n > limit {
			t.Fatalf("%d characters, limit %d", n, limit)
		}
	})
}

func TestStatedLimit(t *testing.T) {
	t.Parallel()
	for sentence, want := range map[string]int{
		"The entered text is too long. It exceeds the allowed limit of 32,767 characters.":                32767,
		"Der eingegebene Text ist zu lang. Er überschreitet den zulässigen Grenzwert von 10.000 Zeichen.": 10000,
		"Le texte saisi est trop long. Il dépasse la limite autorisée de 10\u00a0000 caractères.":         10000,
		"description is too long (maximum is 5000 characters)":                                            5000,
		"has 41,000 characters, more than 32,767":                                                         32767,
		"is too long (1.5 MiB). The maximum size is 1 MiB.":                                               0,
		"CONTENT_LIMIT_EXCEEDED":                                0,
		"the year 99999999999999999999999999999999 is too long": 0,
		strings.Repeat("7 ", 1000):                              0,
	} {
		require.Equal(t, want, StatedLimit(sentence, MinStated), sentence)
	}
}

func TestNearestColor(t *testing.T) {
	t.Parallel()
	for hex, want := range map[string]string{
		"b2b2b2": "gray", "007acc": "blue", "5688E0": "blue", "ff9d00": "orange", "339933": "green", "#f2c94c": "yellow",
		"#5e6ad2": "blue", "CC293D": "red", "#f00": "red", "#95a2b3": "gray", "773b93": "purple", "#e5493a": "red",
		"ffffff": "", "000000": "", "": "", "#12": "", "blue": "", "+f0000": "", "#00 00f": "",
	} {
		require.Equal(t, want, NearestColor(hex), hex)
	}
}

// TestOneLineKeepsWriting leaves alone what people write.
func TestOneLineKeepsWriting(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"طلب ميزة \u200fجديدة", "ship it 🚀 👩‍👩‍👧‍👦", "a\u200bb", "[31m is no sequence", "e\u0301"} {
		require.Equal(t, s, OneLine(s))
	}
}
