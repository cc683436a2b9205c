package richtext

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// backends is every form that a document can be written in.
func backends() map[string]func(Doc) string {
	return map[string]func(Doc) string{
		"markdown":         func(d Doc) string { return d.Markdown(MarkdownOptions{}) },
		"markdown, linear": func(d Doc) string { return d.Markdown(LinearMarkdown()) },
		"markdown, gitlab": func(d Doc) string { return d.Markdown(GitLabMarkdown()) },
		"textile":          Doc.Textile,
		"adf":              Doc.ADF,
		"wiki":             Doc.Wiki,
		"html":             Doc.HTML,
		"asana":            Doc.AsanaXML,
		"plain":            Doc.Plain,
	}
}

// TestRowspanKeepsColumns holds every value to its column, natively or with
// empty cells.
func TestRowspanKeepsColumns(t *testing.T) {
	t.Parallel()
	d := parse(t, `<table><tr><th rowspan="2">Plan</th><th>Price</th></tr><tr><td>10</td></tr></table>`)
	for name, want := range map[string]string{
		"markdown":         "| Plan | Price |\n| --- | --- |\n|  | 10 |",
		"markdown, linear": "| Plan | Price |\n| --- | --- |\n|  | 10 |",
		"textile":          "|_/2. Plan |_. Price |\n| 10 |",
		"wiki":             "|| Plan || Price ||\n|| | 10 |",
		"html":             `<table><tr><th rowspan="2">Plan</th><th>Price</th></tr><tr><td>10</td></tr></table>`,
		"asana":            "<body><strong>Plan</strong> | <strong>Price</strong>\n| 10</body>",
		"plain":            "Plan | Price\n | 10",
		"adf": `{"version":1,"type":"doc","content":[{"type":"table","content":[` +
			`{"type":"tableRow","content":[{"type":"tableHeader","attrs":{"rowspan":2},"content":[{"type":"paragraph","content":[{"type":"text","text":"Plan"}]}]},` +
			`{"type":"tableHeader","content":[{"type":"paragraph","content":[{"type":"text","text":"Price"}]}]}]},` +
			`{"type":"tableRow","content":[{"type":"tableCell","content":[{"type":"paragraph","content":[{"type":"text","text":"10"}]}]}]}]}]}`,
	} {
		require.Equal(t, want, backends()[name](d), name)
	}
}

// TestSpansEndWithTheGrid reads tables as a browser lays them out. "1>" is a
// value that covers the place to its right, "1v" one that covers that below.
func TestSpansEndWithTheGrid(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ html, want string }{
		"wider than the table":        {`<tr><td colspan="999999999">1<tr><td>2<td>3`, "1/2x1 | 2 3"},
		"no column to be wide over":   {`<tr><td colspan=3>1<td>2<tr><td colspan=3>3<td>4`, "1 2 | 3 4"},
		"higher than the table":       {`<tr><td rowspan=65534>1<td>2<tr><td>3`, "1/1x2 2 | 3"},
		"no row to be high over":      {`<tr><td rowspan=9>1<td>2`, "1 2"},
		"zero is to the end":          {`<tr><td rowspan=0>1<td>2<tr><td>3<tr><td>4`, "1/1x3 2 | 3 | 4"},
		"the end of the group":        {`<thead><tr><td rowspan=0>1<td>2<tr><td>3</thead><tr><td>4<td>5`, "1/1x2 2 | 3 | 4 5"},
		"groups without end tags":     {`<thead><tr><td rowspan=9>1<td>2<tbody><tr><td>3<td>4`, "1 2 | 3 4"},
		"rows without a cell":         {`<tr><td rowspan=2>1<td rowspan=3>2<tr><tr><td>3<tr><td>4<td>5`, "1 2/1x2 | 3 | 4 5"},
		"both ways":                   {`<tr><td colspan=2 rowspan=2>1<td>2<tr><td>3<tr><td>4<td>5<td>6`, "1/2x2 2 | 3 | 4 5 6"},
		"a cell that meets another":   {`<tr><td>1<td rowspan=2>2<td>3<tr><td colspan=3>4<td>5`, "1 2/1x2 3 | 4 5"},
		"nonsense":                    {`<tr><td colspan=-2 rowspan=x>1<td colspan=2.5>2<tr><td>3<td>4`, "1 2 | 3 4"},
		"a grid out of proportion":    {`<tr><td rowspan=99>` + strings.Repeat(`1<td>`, 300) + strings.Repeat(`<tr><td>2`, 90), strings.Repeat("1 ", 300) + strings.Repeat("| 2 ", 90)},
		"no columns beyond the limit": {strings.Repeat(`<td colspan=999>1`, 3) + `<tr><td>2`, "1 1 1 | 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := parse(t, "<table>"+tt.html+"</table>")
			requireSound(t, d)
			var rows []string
			for _, r := range d.blocks[0].(table).rows {
				var cells []string
				for _, c := range r.cells {
					text := Doc{blocks: c.blocks}.Plain()
					if c.width() > 1 || c.height() > 1 {
						text += fmt.Sprintf("/%dx%d", c.width(), c.height())
					}
					if text != "" {
						cells = append(cells, text)
					}
				}
				rows = append(rows, strings.Join(cells, " "))
			}
			require.Equal(t, strings.TrimSpace(tt.want), strings.Join(rows, " | "))
		})
	}
}

// TestNestedTablesKeepTheirRows looks for the rows of a table inside a cell in
// every form.
func TestNestedTablesKeepTheirRows(t *testing.T) {
	t.Parallel()
	d := parse(t, "<table><tr><td>a<table><tr><td rowspan=2>b<td>c<tr><td>d</table><td>e</table>")
	for name, want := range map[string]string{
		"markdown":         "| a<br>b &#124; c<br> &#124; d | e |\n| --- | --- |",
		"markdown, linear": "| a (b &#124; c) ( &#124; d) | e |\n| --- | --- |",
		"textile":          "| a\nb &#124; c\n &#124; d | e |",
		"wiki":             "| a\nb &#124; c\n&#124; d | e |",
		"html":             `<table><tr><td>a<table><tr><td rowspan="2">b</td><td>c</td></tr><tr><td>d</td></tr></table></td><td>e</td></tr></table>`,
		"asana":            "<body>a (b | c) ( | d) | e</body>",
		"plain":            "a / (b | c) / ( | d) | e",
	} {
		require.Equal(t, want, backends()[name](d), name)
	}
	require.Contains(t, d.ADF(), `{"type":"text","text":"b | c"},{"type":"hardBreak"},{"type":"text","text":"| d"}`)
}

// TestCutTableEndsItsSpans cuts a table in the middle of a cell of several rows.
func TestCutTableEndsItsSpans(t *testing.T) {
	t.Parallel()
	d := parse(t, "<table><tr><th>h<th>i<tr><td rowspan=9>a<td>b<tr><td>c<tr><td>"+strings.Repeat("d ", 90)+"</table>")
	f := Fit(d, Limit{Max: 120}, Doc.HTML)
	require.Equal(t, `<table><tr><th>h</th><th>i</th></tr><tr><td rowspan="2">a</td><td>b</td></tr><tr><td>c</td></tr></table>`, f.Text)
}

// TestOutputInProportion writes half a megabyte of tables that ask for far more
// cells than they have.
func TestOutputInProportion(t *testing.T) {
	t.Parallel()
	if underRace {
		t.Skip("one goroutine: the run without the race detector covers it")
	}
	const size = 512 << 10
	fill := func(head, row string) string {
		return "<table>" + head + strings.Repeat(row, (size-len(head))/len(row))
	}
	staircase := strings.Builder{}
	staircase.WriteString("<table>")
	for i := 1; staircase.Len() < size; i++ {
		staircase.WriteString("<tr><td colspan=" + strconv.Itoa(i%1000) + ">x<td>y")
	}
	inputs := map[string]string{
		"wide cells":                  fill("", `<tr><td colspan=999999999>x`),
		"wide cells in one row":       fill("<tr>", `<td colspan=999999999>`),
		"one wide cell, short rows":   fill("<tr><td colspan=64>x", "<tr><td>"),
		"64 cells, short rows":        fill("<tr>"+strings.Repeat("<td>x", 64), "<tr><td>"),
		"one long row, short rows":    fill("<tr>"+strings.Repeat("<td>", 20_000), "<tr><td>"),
		"one long row, bare rows":     fill("<tr>"+strings.Repeat("<td rowspan=0>", 999), "<tr><td>"),
		"high cells between low ones": fill("<tr>"+strings.Repeat("<td rowspan=65534><td>", 400), "<tr><td>"),
		"high cells in every row":     fill("", "<tr><td rowspan=65534>x"),
		"many small grids":            fill("", "<table><tr>"+strings.Repeat("<td>", 40)+strings.Repeat("<tr><td rowspan=9>", 10)+"</table>"),
		"tables in tables":            fill("", "<tr><td><table><tr><td colspan=9>x"),
		"stairs":                      staircase.String(),
		"empty cells":                 fill("<tr>", "<td>"),
		"empty rows of two":           fill("<tr><td><td><td>", "<tr><td>"),
	}
	for name, src := range inputs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.GreaterOrEqual(t, len(src), size*9/10)
			d := parse(t, src)
			for name, render := range backends() {
				out := len(render(d))
				t.Logf("%-18s %5d kB", name, out>>10)
				limit := 5
				if name == "adf" {
					limit = 15 // an empty cell alone is fourteen times as long as <td>
				}
				require.Less(t, out, limit*len(src), name)
			}
		})
	}
}

// TestRandomSpans lays out tables nobody would write by hand: no cell overlaps
// another, none is lost, and what is written as HTML is read as the same table.
func TestRandomSpans(t *testing.T) {
	t.Parallel()
	for seed := range 400 {
		r := rand.New(rand.NewPCG(uint64(seed), 3))
		var src strings.Builder
		src.WriteString("<table>")
		cells := 0
		for range 1 + r.IntN(6) {
			if r.IntN(8) == 0 {
				src.WriteString("<tbody>")
			}
			src.WriteString("<tr>")
			for range r.IntN(5) {
				cells++
				fmt.Fprintf(&src, "<td colspan=%d rowspan=%d>v%d", 1+r.IntN(4)*r.IntN(2), r.IntN(5), cells)
			}
		}
		d := parse(t, src.String())
		requireSound(t, d)
		checkADF(t, d.ADF())
		checkHTML(t, d.HTML())
		require.Equal(t, d.HTML(), parse(t, d.HTML()).HTML(), src.String())
		for name, render := range backends() {
			require.Len(t, regexp.MustCompile(`\bv\d`).FindAllString(render(d), -1), cells, "%s of %s", name, src.String())
		}
	}
}
