package richtext

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// redcarpetFlattens is the same for Redcarpet, beyond what redcarpetShows.
var redcarpetFlattens = map[string]string{
	"checklist":         "no checklists",
	"checklist_text":    "no checklists",
	"code_block_fences": "code that looks like a fence has no language",
	"deep":              "what nests too deep becomes lines of text",
}

// redcarpetPieces is text that Redcarpet and no other would take for markup.
var redcarpetPieces = []string{
	"https://example.org/a_b", "https://x.io/~a?b=1&c=2#3", "www.example.com", "www.x.io/a_b_", "2^10", "***", "___", "~~", "[x](y)", "[^1]",
	"joe_doe@b.io", "a.b+c@d-e.io", "[joe@b.io]", "[https://x.io]", "| a | b |", "\\*", "```", "#note-1", "##1", "---", "===", "+ ", "1) ",
	"version:1.0", "ftp://x.io/a", "https://x.io/@admin", "@admin", "é@admin", "https://x.io/{{toc}}", "http://x.io:80/a*b*(c)",
}

// redcarpetShows is what Redcarpet has of blocks: one line in cells and
// headings, the first row as the header, no lowered text.
func redcarpetShows(blocks []block) []block {
	out := make([]block, len(blocks))
	line := func(blocks []block, at rcPlace) []run {
		return rcRuns(lineOf(blocks), at, rcBuffers)
	}
	for n, b := range blocks {
		switch x := b.(type) {
		case paragraph:
			b = paragraph{rcRuns(x.runs, rcPlace{}, rcBuffers)}
		case heading:
			b = heading{x.level, line([]block{paragraph{x.runs}}, rcPlace{heading: true})}
		case quote:
			b = quote{redcarpetShows(x.blocks)}
		case list:
			items := make([]item, len(x.items))
			for i, it := range x.items {
				items[i] = item{it.check, redcarpetShows(it.blocks)}
			}
			x.items = items
			b = x
		case table:
			x = x.expanded()
			rows := make([]row, len(x.rows))
			for i, r := range x.rows {
				rows[i].cells = make([]cell, x.columns())
				for j, c := range r.cells {
					if runs := marked(line(c.blocks, rcPlace{cell: true}), c.header && i > 0); len(runs) > 0 {
						rows[i].cells[j].blocks = []block{paragraph{runs}}
					}
				}
				for j := range rows[i].cells {
					rows[i].cells[j].header = i == 0
				}
			}
			b = table{rows}
		}
		out[n] = b
	}
	return out
}

// TestRedmineRedcarpet asks a Redmine whose text format is Markdown.
func TestRedmineRedcarpet(t *testing.T) {
	t.Parallel()
	r := redmine(t, "markdown")
	for name, src := range corpus(t) {
		t.Run(name, func(t *testing.T) {
			d := parse(t, src)
			sameShape(t, Doc{blocks: redcarpetShows(d.blocks)}, r.render(t, d.Redcarpet()), redcarpetMarks, redcarpetFlattens[name] != "")
		})
	}
}

// TestRedmineEverywhere puts every block into every container in every
// container: Redcarpet reads a line by what stands around it.
func TestRedmineEverywhere(t *testing.T) {
	t.Parallel()
	r := redmine(t, "markdown")
	blocks := []string{
		"text", "<p>a<br>b</p>", `<p><b><code>x</code></b> <a href="https://example.com"><code>y</code></a></p>`, "<h1>h</h1>", "<hr>",
		"<pre class=\"language-go\">x\n\n  y\n- z\n</pre>", "<pre>```\nx\n\n- y</pre>", "<blockquote>q</blockquote>", "<blockquote>q</blockquote><blockquote>r</blockquote>",
		"<ul><li>i</li></ul>", "<ol start=0><li>i</li><li>j</li></ol>", "<ul><li>d<p>more</p></li><li>e</li></ul>", "<ul><li>a</li></ul><ul><li>b</li></ul>",
		"<ul><li>a</li></ul><ol><li>b</li></ol>", "<ul><li>a</li></ul><pre>```</pre>", "<p>a</p><ul><li>b<ul><li>c<br>d</li></ul></li></ul><p>e</p>",
		"<table><tr><th>h<th>i<tr><td>c<td>d</table>", "<h2>x</h2><table><tr><th>h<tr><td>c</table><pre>y</pre>",
		"<p>- x<br>1. y<br># z<br>> q<br>---<br>===<br>| a<br>|---|<br>[^1]: x<br>[x]: http://y</p>",
	}
	containers := []string{
		"@", "<blockquote>@</blockquote>", "<ul><li>@</li></ul>", "<ol start=5><li>@</li><li>@</li></ol>", "<ul><li>a @ b</li></ul>",
		"<ul><li>a @</li><li>b</li></ul>", "<ul><li><p>a</p> @</li><li>b</li></ul>",
	}
	const end = "<h4>end</h4>"
	for i, outer := range containers {
		for j, inner := range containers {
			t.Run(fmt.Sprintf("%d/%d", i, j), func(t *testing.T) {
				var src strings.Builder
				for _, b := range blocks {
					src.WriteString(strings.ReplaceAll(outer, "@", strings.ReplaceAll(inner, "@", b)) + end)
				}
				d := parse(t, src.String())
				want, got := shapeOf(Doc{blocks: redcarpetShows(d.blocks)}), shapeOf(r.render(t, d.Redcarpet()))
				wanted, shown := strings.Split(want.blocks.String(), "h4 "), strings.Split(got.blocks.String(), "h4 ")
				require.Len(t, shown, len(wanted))
				for n := range blocks {
					require.Equal(t, wanted[n], shown[n], blocks[n])
				}
				require.Equal(t, letters(want.text.String()), letters(got.text.String()))
			})
		}
	}
}
