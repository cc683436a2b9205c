package richtext

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"pushbutton/internal/proof/boundtest"
)

func seed(f *testing.F) {
	f.Helper()
	for _, src := range corpus(f) {
		f.Add(src)
	}
	if underRace {
		return // nothing is measured, and one goroutine has nothing to find
	}
	for _, src := range []string{
		boundtest.Fill("<p>x", "<b>a<i>b</b>c</i><br>", ""), boundtest.Fill("<table>", "<tr><td>x", ""), boundtest.Fill("<pre>", "`&lt;", ""),
		boundtest.Fill(strings.Repeat("<blockquote>", 30), "<ul><li>x</ul>", ""), boundtest.Fill("", "[@x https://a.io ", ""),
	} {
		f.Add(src[:boundtest.Large/4]) // each is fitted ten times
	}
}

// rendered parses and renders: what it costs is in proportion to the source.
func rendered(t *testing.T, src string, render func(Doc) string) (d Doc, out string) {
	t.Helper()
	boundtest.Memory(t, len(src), boundtest.Limit{Base: 512 << 10, PerByte: 120}, func() { d = parse(t, src) })
	boundtest.Memory(t, len(src), boundtest.Limit{Base: 64 << 10, PerByte: 400}, func() { out = render(d) })
	return d, out
}

// FuzzMarkdown holds the output to what is true of all of it: outside code,
// every tag and every link is one this package writes.
func FuzzMarkdown(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, src string) {
		d, out := rendered(t, src, func(d Doc) string { return d.Markdown(MarkdownOptions{}) })
		requireSound(t, d)
		checkText(t, out)
		for _, o := range []MarkdownOptions{
			RedmineCommonMark(), LinearMarkdown(), ShortcutMarkdown(), GiteaMarkdown(), GitHubMarkdown(), GitLabMarkdown(),
		} {
			_, out = rendered(t, src, func(d Doc) string { return d.Markdown(o) })
			checkText(t, out)
			checkSize(t, src, out)
		}
		checkFit(t, d, src, out, func(d Doc) string { return d.Markdown(MarkdownOptions{}) })

		bare := withoutCode(d).Markdown(MarkdownOptions{})
		for i := range len(bare) {
			if bare[i] == '<' {
				require.Regexp(t, markdownTag, bare[i:], "unexpected tag in:\n%s", bare)
			}
			if strings.HasPrefix(bare[i:], "](") && !escaped(bare, i) {
				require.Regexp(t, goodAddress, bare[i+2:], "unexpected link in:\n%s", bare)
			}
		}
	})
}

// FuzzTextile does the same for Textile, where code tags and the empty
// notextile are the only tags there are.
func FuzzTextile(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, src string) {
		d, out := rendered(t, src, Doc.Textile)
		checkText(t, out)
		checkSize(t, src, out)
		checkFit(t, d, src, out, Doc.Textile)

		bare := strings.ReplaceAll(withoutCode(d).Textile(), texGap, "")
		require.NotContains(t, bare, "<")
		for i := range len(bare) {
			if strings.HasPrefix(bare[i:], `":`) {
				require.Regexp(t, goodAddress, bare[i+2:], "unexpected link in:\n%s", bare)
			}
		}
	})
}

// FuzzRedcarpet does the same for Redcarpet, which has links, bare addresses and
// the gap.
func FuzzRedcarpet(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, src string) {
		d, out := rendered(t, src, Doc.Redcarpet)
		checkText(t, out)
		checkFit(t, d, src, out, Doc.Redcarpet)

		bare := strings.ReplaceAll(withoutCode(d).Redcarpet(), rcGap, "")
		for i := range len(bare) {
			switch {
			case bare[i] == '<':
				require.Regexp(t, redcarpetTag, bare[i:], "unexpected tag in:\n%s", bare)
			case strings.HasPrefix(bare[i:], "](") && !escaped(bare, i):
				require.Regexp(t, redcarpetAddress, bare[i+2:], "unexpected link in:\n%s", bare)
			case bare[i] == '^' && !strings.HasPrefix(bare[i:], "^("), bare[i] == '`':
				require.True(t, escaped(bare, i), "unexpected %q in:\n%s", bare[i], bare)
			}
		}
	})
}

// FuzzPlain holds plain text to showing nothing that was not text before.
func FuzzPlain(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, src string) {
		d, out := rendered(t, src, Doc.Plain)
		checkText(t, out)
		checkSize(t, src, out)
		checkFit(t, d, src, out, Doc.Plain)
		shown := strings.ToLower(visible(sanitisedText(src)))
		for _, bad := range []string{"<script", "javascript:", "onerror="} {
			if strings.Contains(strings.ToLower(out), bad) {
				require.Contains(t, shown, bad)
			}
		}
	})
}

var (
	markdownTag      = regexp.MustCompile(`^<(?:$|[ \d\n\x{a0}\p{Z}]|br>|/?ul>|/?ol>|ol start="\d+">|/?li>|/?su[bp]>|(?:https?|s?ftps?)://[^\s<>]+>|[^\s<>:]+@[^\s<>:]+>)`)
	redcarpetTag     = regexp.MustCompile(`^<(?:$|[ \n]|https?://[^\s<>]+>|[^\s<>:]+@[^\s<>:]+>)`)
	redcarpetAddress = regexp.MustCompile(`^(?i:https?://|mailto:)[!-~]*\)`)
	goodAddress      = regexp.MustCompile(`^(?i:https?://|mailto:)`)
)

// escaped reports whether the character at i has an odd number of backslashes
// before it.
func escaped(s string, i int) bool {
	n := 0
	for i > 0 && s[i-1] == '\\' {
		n++
		i--
	}
	return n%2 == 1
}

func checkText(t *testing.T, out string) {
	t.Helper()
	require.True(t, utf8.ValidString(out), "not UTF-8")
	require.NotContains(t, out, "\r")
	require.NotContains(t, out, "\x00")
}

func checkFit(t *testing.T, d Doc, src, out string, render func(Doc) string) {
	t.Helper()
	note := Paragraph(Text("Continued in "), Link("Productboard", "https://example.com/f/1"))
	frame := utf8.RuneCountInString(render(Doc{}))
	for _, most := range []int{frame, frame + 10, frame + 80, len(out) / 2, len(out) - 1} {
		most = max(most, frame)
		var f Fitted
		renders := 0
		boundtest.Memory(t, len(src), boundtest.Limit{Base: 1 << 20, PerByte: 1500}, func() {
			f = Fit(d, Limit{Max: most, Note: note}, func(d Doc) string {
				renders++
				return render(d)
			})
		})
		require.LessOrEqual(t, renders, 2*(maxRenders+1))
		require.LessOrEqual(t, utf8.RuneCountInString(f.Text), most)
		require.Equal(t, render(f.Doc), f.Text)
		requireSound(t, f.Doc)
		// What fits is left alone.
		again := Fit(f.Doc, Limit{Max: most, Note: note}, render)
		require.Equal(t, f.Text, again.Text)
		require.False(t, again.Cut)
	}
}

// requireSound checks what back-ends rely on.
func requireSound(t *testing.T, d Doc) {
	t.Helper()
	var check func(blocks []block, depth int)
	line := func(runs []run) {
		require.False(t, blankRuns(runs), "an empty block")
		for _, r := range runs {
			require.Equal(t, r.brk, r.text == "")
			require.NotContains(t, r.text, "\n")
			require.Equal(t, linkAddress(r.href), r.href, "link to %q", r.href)
		}
	}
	check = func(blocks []block, depth int) {
		require.Less(t, depth, maxDepth+2)
		for _, b := range blocks {
			switch b := b.(type) {
			case paragraph:
				line(b.runs)
			case heading:
				require.True(t, b.level >= 1 && b.level <= 6)
				line(b.runs)
			case codeBlock:
				require.NotEmpty(t, strings.TrimFunc(b.text, isSpace))
			case quote:
				require.NotEmpty(t, b.blocks)
				check(b.blocks, depth+1)
			case list:
				require.NotEmpty(t, b.items)
				for _, it := range b.items {
					check(it.blocks, depth+1)
				}
			case table:
				require.NotEmpty(t, b.rows)
				requireGrid(t, b)
				for _, r := range b.rows {
					require.NotEmpty(t, r.cells)
					for _, c := range r.cells {
						check(c.blocks, depth+1)
					}
				}
			case rule:
			default:
				t.Fatalf("a block of no known type: %T", b)
			}
		}
	}
	check(d.blocks, 0)
}

// requireGrid checks that cells do not overlap and end with the table, and that
// no grid is out of proportion.
func requireGrid(t *testing.T, b table) {
	t.Helper()
	columns := b.columns()
	cells, spanning := b.size()
	require.True(t, spanning == 0 || affordable(len(b.rows), columns, cells, spanning))
	until := map[int]int{}
	for i, r := range b.rows {
		x := 0
		for _, c := range r.cells {
			for until[x] > i {
				x++
			}
			require.LessOrEqual(t, i+c.height(), len(b.rows), "a cell ends below the table")
			for range c.width() {
				require.LessOrEqual(t, until[x], i, "two cells in one place")
				until[x] = i + c.height()
				x++
			}
		}
		require.LessOrEqual(t, x, columns)
	}
}

// checkSize holds the output to be in proportion to the input.
func checkSize(t *testing.T, src, out string) {
	t.Helper()
	require.Less(t, len(out), 80*len(src)+1000, "out of proportion")
}

// withoutCode replaces all code, in which every character is allowed.
func withoutCode(d Doc) Doc { return Doc{blocks: uncodeBlocks(d.blocks)} }

func uncodeBlocks(blocks []block) []block {
	out := make([]block, 0, len(blocks))
	for _, b := range blocks {
		switch x := b.(type) {
		case paragraph:
			b = paragraph{uncodeRuns(x.runs)}
		case heading:
			b = heading{x.level, uncodeRuns(x.runs)}
		case codeBlock:
			b = paragraph{[]run{{text: "code"}}}
		case quote:
			b = quote{uncodeBlocks(x.blocks)}
		case list:
			items := make([]item, len(x.items))
			for i, it := range x.items {
				items[i] = item{it.check, uncodeBlocks(it.blocks)}
			}
			x.items = items
			b = x
		case table:
			rows := make([]row, len(x.rows))
			for i, r := range x.rows {
				for _, c := range r.cells {
					c.blocks = uncodeBlocks(c.blocks)
					rows[i].cells = append(rows[i].cells, c)
				}
			}
			b = table{rows}
		}
		out = append(out, b)
	}
	return out
}

func uncodeRuns(runs []run) []run {
	out := make([]run, len(runs))
	for i, r := range runs {
		if r.marks&code != 0 && !r.brk {
			r.text = "code"
			r.marks &^= code
		}
		out[i] = r
	}
	return out
}

// sanitisedText is the text and the addresses of what the sanitiser lets
// through, found without the walker.
func sanitisedText(src string) string {
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(policy().Sanitize(strings.ToValidUTF8(src, "\uFFFD"))))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return b.String()
		case html.TextToken:
			b.WriteString(dropControls(string(z.Text())))
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			b.WriteString(attr(&t, "href") + attr(&t, "src") + attr(&t, "alt"))
		default:
		}
	}
}
