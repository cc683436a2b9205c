package richtext

import (
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseRefusesTooMuch(t *testing.T) {
	t.Parallel()
	_, err := Parse(strings.Repeat("x", MaxInput+1))
	require.ErrorIs(t, err, ErrTooLarge)
	_, err = Parse(strings.Repeat("x", MaxInput))
	require.NoError(t, err)
}

func TestParseIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	want := parse(t, "<p>a <b>b</b></p>")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			d, err := Parse("<p>a <b>b</b></p>")
			assert.Equal(t, want, d, err)
		})
	}
	wg.Wait()
}

func TestParseMendsText(t *testing.T) {
	t.Parallel()
	d := parse(t, "<p>a\xffb\x00\x07c\ufeff\u2028d&#1;e</p>")
	require.Equal(t, "a\uFFFDbc de", d.Plain())
}

// TestTree looks at what the back-ends that are still to come will be given.
func TestTree(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		html string
		want []block
	}{
		"marks overlap": {
			"<p>a<b>b<i>c</b>d</i></p>",
			[]block{paragraph{[]run{{text: "a"}, {text: "b", marks: bold}, {text: "c", marks: bold | italic}, {text: "d", marks: italic}}}},
		},
		"a mark ends with its cell": {
			"<table><tr><td><b>x<td>y</table>z",
			[]block{
				table{[]row{{[]cell{
					{blocks: []block{paragraph{[]run{{text: "x", marks: bold}}}}},
					{blocks: []block{paragraph{[]run{{text: "y"}}}}},
				}}}},
				paragraph{[]run{{text: "z"}}},
			},
		},
		"text in a table goes before it": {
			"<table>stray<tr><th>h</table>",
			[]block{
				paragraph{[]run{{text: "stray"}}},
				table{[]row{{[]cell{{header: true, blocks: []block{paragraph{[]run{{text: "h"}}}}}}}}},
			},
		},
		"list in a list without an item": {
			"<ol start=4><li>a</li><ul><li>b</li></ul></ol>",
			[]block{list{ordered: true, start: 4, items: []item{{blocks: []block{
				paragraph{[]run{{text: "a"}}},
				list{start: 1, items: []item{{blocks: []block{paragraph{[]run{{text: "b"}}}}}}},
			}}}}},
		},
		"checklist": {
			`<ul data-checked="true"><li>a</li></ul><ul><li data-list="unchecked">b</li><li class="x checked">c</li></ul>`,
			[]block{
				list{start: 1, items: []item{{checkDone, []block{paragraph{[]run{{text: "a"}}}}}}},
				list{start: 1, items: []item{
					{checkOpen, []block{paragraph{[]run{{text: "b"}}}}},
					{checkDone, []block{paragraph{[]run{{text: "c"}}}}},
				}},
			},
		},
		"code names a language or nothing": {
			`<pre><code class="hljs lang-Go">x</code></pre><pre class="language-a&quot;b">y</pre>`,
			[]block{codeBlock{"go", "x"}, codeBlock{"", "y"}},
		},
		"Productboard's nodes are text": {
			`<p><a href="urn:pb:node:mention:1">@J</a> <a href="URN:PB:NODE:x">y</a> <a href="https://example.com">z</a></p>`,
			[]block{paragraph{[]run{{text: "@J y "}, {text: "z", href: "https://example.com"}}}},
		},
		"an unclosed pre": {
			"<pre>a<h1>b</h1>",
			[]block{codeBlock{"", "a"}, heading{1, []run{{text: "b"}}}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, parse(t, tt.html).blocks)
		})
	}
}

func TestDepthIsBounded(t *testing.T) {
	t.Parallel()
	d := parse(t, strings.Repeat("<ul><li><blockquote>x", 500)+strings.Repeat("</blockquote></li></ul>", 500)+"<p>after</p>")
	requireSound(t, d)
	require.Len(t, d.blocks, 2, "the end tags of what was too deep close nothing else")
	require.Equal(t, 500, strings.Count(d.Plain(), "x"), "its text is still there")
}

func TestBuilders(t *testing.T) {
	t.Parallel()
	link := Paragraph(Text("See "), Link("*Feature* [1]", "https://example.com/f"), Text("."))
	require.Equal(t, `See [\*Feature\* \[1\]](https://example.com/f).`, link.Markdown(MarkdownOptions{}))
	require.Equal(t, `See "&#42;Feature&#42; &#91;1]":https://example.com/f.`, link.Textile())
	require.Equal(t, "See *Feature* [1] (https://example.com/f).", link.Plain())

	for _, address := range []string{"javascript:alert(1)", "https:", "data:text/html,x", "/x", "https://a b", "mailto:", "http://%zz"} {
		require.Equal(t, "x", Paragraph(Link("x", address)).Plain(), address)
	}
	require.Equal(t, "<https://example.com>", Paragraph(Link(" ", "https://example.com")).Markdown(MarkdownOptions{}))

	body := parse(t, "<p>body</p>")
	all := Paragraph(Bold("From\nProductboard")).Append(body, Rule(), link)
	require.Equal(t, "**From Productboard**\n\nbody\n\n---\n\n"+link.Markdown(MarkdownOptions{}), all.Markdown(MarkdownOptions{}))
	require.Equal(t, "body", body.Plain(), "Append leaves its receiver alone")

	require.True(t, Doc{}.Empty())
	require.True(t, Paragraph(Text(" \n"), Link("", "x")).Empty())
	require.False(t, link.Empty())
	require.Empty(t, Doc{}.Markdown(MarkdownOptions{})+Doc{}.Textile()+Doc{}.Redcarpet()+Doc{}.Plain())
}

func TestMarkdownOptions(t *testing.T) {
	t.Parallel()
	all := MarkdownOptions{BreakMentions: true, BreakReferences: "#!", BreakClosing: true, EscapeCommands: true}
	tests := map[string]struct {
		html, want string
		o          MarkdownOptions
	}{
		"names":              {"<p>@joe (@ann), @org/team, a@b.io, @ x</p>", "@~joe (@~ann), @~org/team, a@b.io, @ x", all},
		"a name in bold":     {"<p>@<b>joe</b></p>", "@~**joe**", all},
		"numbers":            {"<p>#1 o/r#2 !3 # 4 #x GH-5 gh-x</p>", "#~1 o/r#~2 !~3 # 4 #x GH-~5 gh-x", all},
		"a number in bold":   {"<p>a #<b>1</b></p>", "a #~**1**", all},
		"closing":            {"<p>Fixes #1, CLOSED: o/r#2. Fix it</p>", "Fi~xes #~1, CL~OSED: o/r#~2. Fix it", all},
		"closing by address": {"<p>resolves https://example.com/i/1</p>", "re~solves https://example.com/i/1", all},
		"closing a link":     {`<p>Closes <a href="https://example.com/i/1">this</a></p>`, "Cl~oses [this](https://example.com/i/1)", all},
		"commands":           {"<p>/close<br>/assign @me<br>a /b</p>", "\\/close\\\n\\/assign @~me\\\na /b", all},
		"code is left alone": {"<p><code>@joe #1</code></p>", "`@joe #1`", all},
		"off":                {"<p>@joe fixes #1<br>/close</p>", "@joe fixes #1\\\n/close", MarkdownOptions{}},
		"Redmine": {
			"<p>version:1.0 user: x r12 [[Page]] {{toc}} !r1 bar12</p>",
			`version:~1.0 user: x r~12 \[~\[Page\]\] {~{toc}} !~r~1 bar12`,
			MarkdownOptions{BreakRedmine: true},
		},
		"no HTML": {
			"<table><tr><th>a<br>b</th></tr><tr><td>x<ul><li>1</li><li>2</li></ul></td></tr></table>",
			"| a b |\n| --- |\n| x • 1 • 2 |",
			MarkdownOptions{NoHTML: true},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := strings.ReplaceAll(parse(t, tt.html).Markdown(tt.o), wordBreak, "~")
			require.Equal(t, tt.want, got)
		})
	}
}

func TestFit(t *testing.T) {
	t.Parallel()
	note := Paragraph(Text("Continued in "), Link("Productboard", "https://example.com/f"))
	footer := Paragraph(Text("foot"))
	md := func(d Doc) string { return d.Markdown(MarkdownOptions{}) }
	long := strings.Repeat("lorem ipsum ", 50)
	tail := "\n\n" + md(note)
	tests := map[string]struct {
		html string
		most int
		want string
	}{
		"fits":              {"<p>short</p>", 30, "short\n\nfoot"},
		"between words":     {"<p>" + long + "</p>", 90, "lorem ipsum lorem ipsum lorem…" + tail + "\n\nfoot"},
		"a block":           {"<p>one</p><p>two</p><h1>" + long + "</h1>", 85, "one\n\ntwo\n\n# lorem ipsum…" + tail + "\n\nfoot"},
		"code":              {"<pre>line 1\nline 2\nline 3\nline 4\nline 5" + long + "</pre>", 92, "```\nline 1\nline 2\nline 3\n```" + tail + "\n\nfoot"},
		"blank code":        {"<p>x</p><pre>  \n  \n" + long + "</pre>", 80, "x" + tail + "\n\nfoot"},
		"items":             {"<ul><li>a<ul><li>b</li><li>" + long + "</li></ul></li><li>c</li></ul>", 80, "- a\n  - b\n  - lorem…" + tail + "\n\nfoot"},
		"rows":              {"<table><tr><th>h</th></tr><tr><td>a</td></tr><tr><td>" + long + "</td></tr></table>", 100, "| h |\n| --- |\n| a |" + tail + "\n\nfoot"},
		"no header alone":   {"<p>x</p><table><tr><th>h</th></tr><tr><td>" + long + "</td></tr></table>", 100, "x" + tail + "\n\nfoot"},
		"marks are closed":  {"<p><b>bold " + long + "</b></p>", 85, "**bold lorem ipsum lorem…**" + tail + "\n\nfoot"},
		"not even the note": {"<p>" + long + "</p>", 20, "Continued in…"},
		"nothing":           {"<p>" + long + "</p>", 0, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := Fit(parse(t, tt.html), Limit{Max: tt.most, Note: note, Footer: footer}, md)
			require.LessOrEqual(t, utf8.RuneCountInString(f.Text), tt.most)
			require.Equal(t, tt.want, f.Text)
			require.Equal(t, name != "fits", f.Cut)
			require.Equal(t, f.Text, md(f.Doc))
		})
	}
}

func TestFitCountsAsTheTrackerDoes(t *testing.T) {
	t.Parallel()
	d := Paragraph(Text(strings.Repeat("👩‍👩‍👧‍👦", 40)))
	for name, count := range map[string]func(string) int{
		"runes": nil, "UTF-16": UTF16Len, "bytes": func(s string) int { return len(s) },
	} {
		t.Run(name, func(t *testing.T) {
			f := Fit(d, Limit{Max: 100, Count: count}, Doc.Plain)
			require.True(t, f.Cut)
			if count == nil {
				count = utf8.RuneCountInString
			}
			require.LessOrEqual(t, count(f.Text), 100)
			whole := strings.TrimSuffix(f.Text, ellipsis)
			require.Empty(t, strings.ReplaceAll(whole, "👩‍👩‍👧‍👦", ""), "no emoji is taken apart")
			require.NotEmpty(t, whole)
		})
	}
	require.Equal(t, 3, UTF16Len("a😀"))
}

// TestFitFillsTheLimit cuts documents whose markup costs more, or less, than
// the cutter reckons: a tracker that takes more text gets more.
func TestFitFillsTheLimit(t *testing.T) {
	t.Parallel()
	const most, n = 5000, 5000
	note := Paragraph(Text("More: "), Link("Productboard", "https://example.com/f"))
	for name, src := range map[string]string{
		"words":            "<p>" + strings.Repeat("word ", n),
		"letters":          "<p>" + strings.Repeat("äöü ", n),
		"breaks":           "<p>" + strings.Repeat("x<br>", n),
		"paragraphs":       strings.Repeat("<p>x</p>", n),
		"quotes":           strings.Repeat("<blockquote><blockquote>x</blockquote></blockquote>", n),
		"items":            "<ul>" + strings.Repeat("<li>x", n),
		"empty items":      "<ul>" + strings.Repeat("<li data-checked=true>", n),
		"items of two":     "<ul>" + strings.Repeat("<li><p>x<p>y", n),
		"lists in lists":   strings.Repeat("<ul><li><ul><li>x</ul></ul>", n),
		"cells":            "<table>" + strings.Repeat("<tr><td>x<td>y<td>z", n),
		"empty cells":      "<table>" + strings.Repeat("<tr><td>x<td><td>", n),
		"cells of three":   "<table>" + strings.Repeat("<tr><td>x<p>y<p>z", n),
		"one cell":         "<table><tr><td>" + strings.Repeat("<p>x y z</p>", n),
		"one long row":     "<table><tr><th>h<th>i<tr><td>a<td>" + strings.Repeat("<p>x y z</p>", n) + "<td>e",
		"lines of code":    "<pre>" + strings.Repeat("x\n", n),
		"one line of code": "<pre>short\n" + strings.Repeat("xyz", n),
	} {
		d := parse(t, src)
		for form, render := range backends() {
			f := Fit(d, Limit{Max: most, Note: note}, render)
			require.True(t, f.Cut)
			require.Contains(t, f.Text, "Productboard", "%s, %s", name, form)
			require.LessOrEqual(t, utf8.RuneCountInString(f.Text), most, "%s, %s", name, form)
			require.Greater(t, utf8.RuneCountInString(f.Text), most-200, "%s, %s", name, form)
		}
	}
}

// TestFitAnyLimit tries every limit on a document with everything in it.
func TestFitAnyLimit(t *testing.T) {
	t.Parallel()
	d := parse(t, corpus(t)["typical"])
	note := Paragraph(Text("More: "), Link("Productboard", "https://example.com/f"))
	for name, render := range map[string]func(Doc) string{
		"markdown":  func(d Doc) string { return d.Markdown(MarkdownOptions{}) },
		"textile":   Doc.Textile,
		"redcarpet": Doc.Redcarpet,
		"wiki":      Doc.Wiki,
		"HTML":      Doc.HTML,
		"plain":     Doc.Plain,
	} {
		t.Run(name, func(t *testing.T) {
			for most := range len(render(d)) + 2 {
				f := Fit(d, Limit{Max: most, Note: note}, render)
				require.LessOrEqual(t, utf8.RuneCountInString(f.Text), most)
				require.Zero(t, strings.Count(f.Text, "```")%2, "an open fence")
				require.Equal(t, strings.Count(f.Text, "<pre>"), strings.Count(f.Text, "</pre>"))
				require.Zero(t, strings.Count(f.Text, "{code")%2, "an open macro")
			}
		})
	}
}
