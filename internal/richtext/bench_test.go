package richtext

import (
	"github.com/stretchr/testify/require"
	"strings"
	"testing"
	"time"
)

// large is a document of about 512 kB made of the corpus' typical one.
func large(tb testing.TB) string {
	tb.Helper()
	one := corpus(tb)["typical"]
	return strings.Repeat(one, 512<<10/len(one))
}

func BenchmarkParse(b *testing.B) {
	src := large(b)
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		parse(b, src)
	}
}

func benchmarkRender(b *testing.B, render func(Doc) string) {
	b.Helper()
	src := large(b)
	d := parse(b, src)
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		render(d)
	}
}

func BenchmarkMarkdown(b *testing.B) {
	benchmarkRender(b, func(d Doc) string {
		return d.Markdown(MarkdownOptions{BreakMentions: true, BreakReferences: "#", BreakClosing: true})
	})
}

func BenchmarkTextile(b *testing.B)   { benchmarkRender(b, Doc.Textile) }
func BenchmarkRedcarpet(b *testing.B) { benchmarkRender(b, Doc.Redcarpet) }
func BenchmarkADF(b *testing.B)       { benchmarkRender(b, Doc.ADF) }
func BenchmarkWiki(b *testing.B)      { benchmarkRender(b, Doc.Wiki) }
func BenchmarkHTML(b *testing.B)      { benchmarkRender(b, Doc.HTML) }
func BenchmarkAsana(b *testing.B)     { benchmarkRender(b, Doc.AsanaXML) }
func BenchmarkPlain(b *testing.B)     { benchmarkRender(b, Doc.Plain) }

func BenchmarkFit(b *testing.B) {
	src := large(b)
	d := parse(b, src)
	note := Paragraph(Link("Continued", "https://example.com/f/1"))
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		Fit(d, Limit{Max: 65536, Note: note}, func(d Doc) string { return d.Markdown(MarkdownOptions{}) })
	}
}

// TestPathological converts input that is quadratic, or deep, for anything
// that is not careful: a quadratic step takes minutes, and the test run its
// time limit.
func TestPathological(t *testing.T) {
	if underRace {
		t.Skip("one goroutine: the run without the race detector covers it")
	}
	const n = 100_000
	inputs := map[string]string{
		"nested marks":       strings.Repeat("<b>", n) + "x",
		"alternating marks":  strings.Repeat("<b><i>", n) + "x" + strings.Repeat("</b></i>", n),
		"changing marks":     strings.Repeat("<u>a</u>b", n/2),
		"overlapping marks":  strings.Repeat("<b>a<i>b</b>c</i>", n/4),
		"unclosed lists":     strings.Repeat("<ul>", n) + "x",
		"unclosed items":     strings.Repeat("<ul><li>x", n/2),
		"wrong end tags":     strings.Repeat("<ul><li>x", n/4) + strings.Repeat("</table></ol></li>", n/4),
		"unclosed quotes":    strings.Repeat("<blockquote>x", n),
		"unclosed cells":     "<table>" + strings.Repeat("<tr><td>x", n/2),
		"nested tables":      strings.Repeat("<table><tr><td>x", n/8),
		"wide row":           "<table><tr>" + strings.Repeat("<td>x", n) + "</table>",
		"spans":              "<table><tr>" + strings.Repeat(`<td colspan="999999">x`, n/8) + "</table>",
		"raised text":        strings.Repeat("<sup>2</sup>x", n/4),
		"raised code":        "<pre>" + strings.Repeat("<sup>2</sup>x", n/4),
		"unclosed scripts":   strings.Repeat("<sup>2<sub>", n/4),
		"links":              strings.Repeat(`<a href="https://example.com/x">x</a> `, n/8),
		"unclosed links":     strings.Repeat(`<a href="https://example.com/x">x`, n/8),
		"breaks":             strings.Repeat("<br>x", n),
		"hashes":             "<h1>" + strings.Repeat("#", 4*n) + "x</h1>",
		"hashes and spaces":  "<h1>" + strings.Repeat("# ", 2*n) + "x</h1>",
		"backticks":          "<p><code>" + strings.Repeat("`", 4*n) + "</code></p>",
		"addresses in a row": strings.Repeat("http://", n/2) + "é",
		"addresses, broken":  strings.Repeat("http://xé|", n/4),
		"closing words":      strings.Repeat("fixes ", n/2),
		"ampersands":         strings.Repeat("&amp;", n/2),
		"joiners":            strings.Repeat("\u200d", n),
		"accents":            "a" + strings.Repeat("\u0301", n),
		"spaces":             strings.Repeat(" \u00a0", n),
		"marked spaces":      strings.Repeat("<b> </b><i>\u00a0</i>", n/8),
		"quotes and links":   strings.Repeat(`"":`, n),
		"less than":          strings.Repeat("<", 4*n),
		"attributes":         "<p " + strings.Repeat("x=y ", n) + ">x</p>",
		"one long word":      strings.Repeat("x", 4*n),
		"code lines":         "<pre>" + strings.Repeat("\n", 4*n) + "x</pre>",
		"end tags":           strings.Repeat("</li></td></b></p>", n/4),
	}
	note := Paragraph(Text("…"))
	for name, src := range inputs {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			d := parse(t, src)
			md := func(d Doc) string {
				o := GitLabMarkdown()
				o.BreakRedmine, o.BreakKeys, o.BreakShortcut = true, true, true
				return d.Markdown(o)
			}
			for _, render := range []func(Doc) string{md, Doc.Textile, Doc.Redcarpet, Doc.Plain, Doc.ADF, Doc.Wiki, Doc.HTML, Doc.AsanaXML} {
				require.Less(t, len(render(d)), 80*len(src)+1000)
			}
			Fit(d, Limit{Max: 20_000, Note: note}, md)
			t.Logf("%d kB in %v", len(src)>>10, time.Since(begin))
		})
	}
}
