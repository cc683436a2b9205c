package richtext

import (
	"github.com/stretchr/testify/require"
	"strings"
	"testing"
	"unicode/utf8"
)

// workShapes are documents of about n bytes: one thing repeated, in places that
// cost a back-end most.
func workShapes(n int) map[string]string {
	begins := map[string]string{
		"": "", "in a paragraph: ": "<p>x", "in bold: ": "<p>x<b>", "in a cell: ": "<table><tr><th>x", "in lists: ": strings.Repeat("<ul><li>", 15),
		"in quotes: ": strings.Repeat("<blockquote>", 30), "in code: ": "<pre>", "in a link: ": `<a href="https://example.com/` + strings.Repeat("y", n/8) + `">x`,
	}
	out := map[string]string{}
	for place, begin := range begins {
		for _, s := range []string{
			"<br>", "<br>x", "<p>x", "<hr>", "<h1>x", "<b>a</b><i>b</i>", "<b>a<i>b</b>c</i>", "<code>`</code>", "<ul><li>x</ul>", "<ol>x", "<li data-checked=true>",
			"<blockquote>x", "<table><tr><th>a</table>", "<tr><td>x", "<td>x", "<pre>x</pre>", "<sup>x</sup><br>", "<a href=https://e.io/>x</a><br>", "<img src=https://e.io/x>",
			"word ", "http://", "https://a.io ", "&lt;", "[", "@x ", "\n",
		} {
			out[place+s] = begin + strings.Repeat(s, n/len(s)) + "x"
		}
	}
	return out
}

func allBackends() map[string]func(Doc) string {
	all := backends()
	all["redcarpet"] = Doc.Redcarpet
	all["markdown, redmine"] = func(d Doc) string { return d.Markdown(RedmineCommonMark()) }
	return all
}

// TestFitRendersLittle counts what is rendered to fit a document: it is bound by
// the limit, however long the document is.
func TestFitRendersLittle(t *testing.T) {
	t.Parallel()
	const n, most = 32 << 10, 2 << 10
	note := Paragraph(Text("More: "), Link("Productboard", "https://example.com/f"))
	for name, src := range workShapes(n) {
		d := parse(t, src)
		for form, render := range allBackends() {
			renders, size := 0, 0
			f := Fit(d, Limit{Max: most, Note: note}, func(d Doc) string {
				text := render(d)
				renders++
				size += utf8.RuneCountInString(text)
				return text
			})
			require.LessOrEqual(t, renders, 2*(maxRenders+1), "%s, %s", name, form)
			require.LessOrEqual(t, size, 30*most, "%s, %s", name, form)
			require.LessOrEqual(t, utf8.RuneCountInString(f.Text), most, "%s, %s", name, form)
		}
	}
}

// TestWorkIsInProportion makes documents four times as long: what is allocated may
// grow as much, sixteen times would be quadratic, and
// the text is never out of proportion to its source.
func TestWorkIsInProportion(t *testing.T) {
	if underRace {
		t.Skip("one goroutine: the run without the race detector covers it")
	}
	const n, some = 1 << 10, 600 // some: buffers that grow in steps
	longer := workShapes(4 * n)
	for name, src := range workShapes(n) {
		once, four := parse(t, src), parse(t, longer[name])
		for form, render := range allBackends() {
			require.LessOrEqual(t, len(render(four)), 80*len(longer[name]), "%s, %s", name, form)
			one := testing.AllocsPerRun(1, func() { render(once) })
			more := testing.AllocsPerRun(1, func() { render(four) })
			require.LessOrEqual(t, more, 10*one+some, "rendering %s, %s", name, form)
			fit := testing.AllocsPerRun(1, func() { Fit(four, Limit{Max: n}, render) })
			require.LessOrEqual(t, fit, 8*more+2*float64(len(longer[name]))+some, "fitting %s, %s", name, form)
		}
	}
}

// TestLinkAroundManyBlocks: a link's address is not repeated without end, and
// the text stays.
func TestLinkAroundManyBlocks(t *testing.T) {
	t.Parallel()
	const n = 16 << 10
	src := `<a href="https://example.com/` + strings.Repeat("y", 2*n) + `">` + strings.Repeat("<p>x", n)
	d := parse(t, src)
	for form, render := range allBackends() {
		require.LessOrEqual(t, len(render(d)), 50*len(src), form)
	}
	require.Equal(t, n, strings.Count(d.Plain(), "x\n")+strings.Count(d.Plain(), "x (")+1)
	require.Contains(t, parse(t, `<a href="https://example.com/">`+strings.Repeat("<p>x", 1000)).HTML(), strings.Repeat(`<p><a href="https://example.com/">x</a></p>`, 1000))
}
