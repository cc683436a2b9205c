package richtext

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/proof/boundtest"
)

func TestBMP(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		in, out  string
		replaced int
	}{
		"nothing":                {"", "", 0},
		"letters, accents, CJK":  {"Grüße e\u0301 日本 ✓ €", "Grüße e\u0301 日本 ✓ €", 0},
		"an emoji":               {"on 🔥 now", "on \ufffd now", 1},
		"two":                    {"🔥🔥", "\ufffd\ufffd", 2},
		"a family":               {"a👨‍👩‍👧b", "a\ufffdb", 1},
		"a skin tone":            {"👍🏽!", "\ufffd!", 1},
		"a flag":                 {"🇩🇪🇫🇷", "\ufffd\ufffd", 2},
		"a heart that is joined": {"❤️ ❤️‍🔥", "❤️ \ufffd", 1},
		"a rare ideograph":       {"𠮷野家", "\ufffd野家", 1},
		"not UTF-8":              {"a\xffb", "a\xffb", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, n := BMP(tt.in)
			require.Equal(t, tt.out, out)
			require.Equal(t, tt.replaced, n)
		})
	}
}

func TestBMPOfADocument(t *testing.T) {
	t.Parallel()
	d, err := Parse(`<h2>🔥</h2><p>a <b>🔥</b> <a href="https://example.com/">🔥</a></p><pre>🔥 x</pre><blockquote>🔥</blockquote>` +
		`<ul><li>🔥<ol><li>🔥</li></ol></li></ul><table><tr><th>🔥</th></tr><tr><td>🔥</td></tr></table><hr>`)
	require.NoError(t, err)
	before := d.HTML()
	out, n := d.BMP()
	require.Equal(t, 9, n)
	require.Equal(t, strings.ReplaceAll(before, "🔥", "\ufffd"), out.HTML(), "and nothing else changes")
	require.Equal(t, before, d.HTML(), "a document is never changed")
}

func FuzzBMP(f *testing.F) {
	f.Add("a👨‍👩‍👧🇩🇪e\u0301")
	f.Add(boundtest.Fill("", "👨\u200d", "👨"))
	f.Add(boundtest.Fill("", "🇩a", ""))
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "x") // what is not UTF-8 stays as it is
		var out string
		var n int
		boundtest.Memory(t, len(s), boundtest.Limit{Base: 4 << 10, PerByte: 8}, func() { out, n = BMP(s) })
		require.False(t, hasSupplementary(out))
		require.Equal(t, n > 0, hasSupplementary(s))
		again, more := BMP(out)
		require.Equal(t, out, again)
		require.Zero(t, more)
	})
}
