package richtext

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

// The oracle is a real Redmine: what it makes of our markup is parsed again
// and must be the document we started with. `make redmine` brings one up and
// names it: REDMINE_URL, an administrator's key in REDMINE_API_KEY, and what it
// formats in REDMINE_TEXT_FORMAT.

// textileFlattens names the documents of which Redmine's Textile cannot show
// the structure. Their words must survive all the same.
var textileFlattens = map[string]string{
	"breaks":                "no line break in a link, no empty line in a paragraph",
	"checklist":             "no checklists",
	"code_block_tags":       "code that contains code tags becomes inline code",
	"deep":                  "items without text",
	"heading_tricks":        "no line break in Redmine's heading text",
	"list_blocks":           "no blocks in items",
	"list_heading":          "no blocks in items",
	"list_in_quote_in_list": "no blocks in items",
	"list_sloppy":           "text after a nested list becomes an item",
	"looks_like_textile":    "Redmine makes a link of the mail address",
	"nonsense":              "control characters",
	"table_breaks":          "no blocks in cells",
	"table_code":            "no blocks in cells",
	"table_lists":           "no lists in cells",
	"table_nested":          "no blocks in cells",
	"table_nested_rows":     "no blocks in cells",
}

// commonMarkFlattens is the same for CommonMark.
var commonMarkFlattens = map[string]string{
	"table_breaks":      "no blocks in cells",
	"table_code":        "no blocks in cells",
	"table_lists":       "no checklists in cells",
	"table_nested":      "no blocks in cells",
	"table_nested_rows": "no blocks in cells",
	"table_no_header":   "the first row becomes the header",
	"table_rowspan":     "no spans",
	"table_span":        "no spans",
	"table_span_wild":   "no spans",
	"heading_tricks":    "no line break in a heading",
}

func TestRedmineTextile(t *testing.T) {
	t.Parallel()
	r := redmine(t, "textile")
	for name, src := range corpus(t) {
		t.Run(name, func(t *testing.T) {
			d := parse(t, src)
			sameShape(t, d, r.render(t, d.Textile()), htmlMarks, textileFlattens[name] != "")
		})
	}
}

func TestRedmineCommonMark(t *testing.T) {
	t.Parallel()
	r := redmine(t, "common_mark")
	o := RedmineCommonMark()
	for name, src := range corpus(t) {
		t.Run(name, func(t *testing.T) {
			d := parse(t, src)
			sameShape(t, d, r.render(t, d.Markdown(o)), o.marks(), commonMarkFlattens[name] != "")
		})
	}
}

type redmineServer struct{ url, key string }

func redmine(t *testing.T, format string) redmineServer {
	t.Helper()
	r := redmineServer{os.Getenv("REDMINE_URL"), os.Getenv("REDMINE_API_KEY")}              //nolint:forbidigo // a test's own switch
	if is := os.Getenv("REDMINE_TEXT_FORMAT"); r.url == "" || r.key == "" || is != format { //nolint:forbidigo // the same
		t.Skipf("no Redmine to ask that formats %s: REDMINE_URL and REDMINE_API_KEY name none, or REDMINE_TEXT_FORMAT is %q (make redmine)", format, is)
	}
	return r
}

// render has Redmine show a description and reads back the HTML of it.
func (r redmineServer) render(t *testing.T, description string) Doc {
	t.Helper()
	if description == "" {
		return Doc{}
	}
	var created struct {
		Issue struct{ ID int } `json:"issue"`
	}
	body, err := json.Marshal(map[string]any{"issue": map[string]any{
		"project_id": "push", "tracker_id": 1, "priority_id": 2, "subject": t.Name(), "description": description,
	}})
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(r.call(t, http.MethodPost, "/issues.json", body), &created))
	page, err := html.Parse(bytes.NewReader(r.call(t, http.MethodGet, fmt.Sprintf("/issues/%d", created.Issue.ID), nil)))
	require.NoError(t, err)
	wiki := findClass(findClass(page, "description"), "wiki")
	require.NotNil(t, wiki, "no description on the page")
	var out strings.Builder
	for c := wiki.FirstChild; c != nil; c = c.NextSibling {
		require.NoError(t, html.Render(&out, c))
	}
	t.Logf("sent:\n%s\nshown:\n%s", description, out.String())
	return parse(t, out.String())
}

func (r redmineServer) call(t *testing.T, method, path string, body []byte) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("X-Redmine-API-Key", r.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := (&http.Client{Timeout: 60 * time.Second}).Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Less(t, resp.StatusCode, 300, string(b))
	return b
}

// findClass is the first element with a class, without the parts that Redmine
// adds to a text (anchors and edit links of headings).
func findClass(n *html.Node, class string) *html.Node {
	if n == nil {
		return nil
	}
	for c := n.FirstChild; c != nil; {
		next := c.NextSibling
		switch {
		case hasClass(c, "wiki-anchor") || hasClass(c, "contextual"):
			n.RemoveChild(c)
		case hasClass(c, class):
			findClass(c, "no such class") // clean what is inside
			return c
		default:
			if found := findClass(c, class); found != nil {
				return found
			}
		}
		c = next
	}
	return nil
}

func hasClass(n *html.Node, class string) bool {
	for _, a := range n.Attr {
		if a.Key == "class" {
			return slices.Contains(strings.Fields(a.Val), class)
		}
	}
	return false
}

// shape is what must survive: the blocks in order, the text, what text has
// which mark, and the links.
type shape struct {
	blocks strings.Builder
	text   strings.Builder
	marked [numMarks]strings.Builder
	links  map[string]string
}

func shapeOf(d Doc) *shape {
	s := &shape{links: map[string]string{}}
	s.add(d.blocks)
	return s
}

func (s *shape) add(blocks []block) {
	for _, b := range blocks {
		switch b := b.(type) {
		case paragraph:
			s.blocks.WriteString("p ")
			s.runs(b.runs)
		case heading:
			fmt.Fprintf(&s.blocks, "h%d ", b.level)
			s.runs(b.runs)
		case codeBlock:
			fmt.Fprintf(&s.blocks, "code:%s ", texLanguage(b.lang))
			s.text.WriteString(b.text)
		case quote:
			s.nested("quote", func() { s.add(b.blocks) })
		case list:
			s.nested(fmt.Sprintf("list:%t", b.ordered), func() {
				for _, it := range b.items {
					s.nested(fmt.Sprintf("item:%d", it.check), func() { s.add(it.blocks) })
				}
			})
		case table:
			s.nested("table", func() {
				for _, r := range b.rows {
					s.nested("row", func() {
						for _, c := range r.cells {
							s.nested(fmt.Sprintf("cell:%t:%dx%d", c.header, c.width(), c.height()), func() { s.add(c.blocks) })
						}
					})
				}
			})
		case rule:
			s.blocks.WriteString("rule ")
		}
	}
}

func (s *shape) nested(name string, content func()) {
	s.blocks.WriteString(name + "( ")
	content()
	s.blocks.WriteString(") ")
}

func (s *shape) runs(runs []run) {
	for _, r := range runs {
		if r.brk {
			s.blocks.WriteString("br ")
			continue
		}
		s.text.WriteString(r.text)
		for m := range numMarks {
			if r.marks&(1<<m) != 0 {
				s.marked[m].WriteString(r.text)
			}
		}
		if r.href != "" {
			s.links[plainAddress(r.href)] += r.text
		}
	}
}

// plainAddress undoes percent-encoding, which the dialects use differently.
func plainAddress(s string) string {
	for i := 0; i+2 < len(s); i++ {
		if c, err := url.PathUnescape(s[i : i+3]); err == nil && s[i] == '%' {
			s = s[:i] + c + s[i+3:]
		}
	}
	return strings.TrimRight(s, "+ ?#&")
}

func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if isSpace(r) || r == 0x200b {
			return -1
		}
		return r
	}, s)
}

func letters(s string) string {
	s = strings.ReplaceAll(s, "[x]", "") // how Textile writes a checked item
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, s)
}

func sameShape(t *testing.T, want, got Doc, have mark, flattened bool) bool {
	t.Helper()
	ok := true
	w, g := shapeOf(want), shapeOf(got)
	if flattened {
		ok = assert.Equal(t, letters(w.text.String()), letters(g.text.String()), "words") && ok
	} else {
		ok = assert.Equal(t, w.blocks.String(), g.blocks.String(), "blocks") && ok
		ok = assert.Equal(t, visible(w.text.String()), visible(g.text.String()), "text") && ok
		for m := range numMarks {
			if have&(1<<m) != 0 {
				ok = assert.Equal(t, visible(w.marked[m].String()), visible(g.marked[m].String()), "text with mark %d", m) && ok
			}
		}
	}
	for address, text := range w.links {
		ok = assert.Equal(t, visible(text), visible(g.links[address]), "link to %s", address) && ok
	}
	for address, text := range g.links {
		if _, known := w.links[address]; !known { // only what trackers link by themselves
			rest := strings.ReplaceAll(text, strings.TrimPrefix(address, "mailto:"), "")
			rest = strings.Trim(strings.ReplaceAll(rest, strings.TrimPrefix(address, "http://"), ""), "+#")
			ok = assert.Empty(t, rest, "an unexpected link to %s", address) && ok
		}
	}
	return ok
}

// TestRedmineRandom asks about text nobody would write by hand: marks and
// links that begin and end anywhere, around characters that mean something.
func TestRedmineRandom(t *testing.T) {
	t.Parallel()
	seeds := 5
	if s := os.Getenv("REDMINE_RANDOM_DOCS"); s != "" { //nolint:forbidigo // a test's own switch
		_, err := fmt.Sscan(s, &seeds)
		require.NoError(t, err)
	}
	for seed := range seeds {
		d := randomDoc(rand.New(rand.NewPCG(uint64(seed), 1)))
		d = placed(d, seed%5)
		t.Run(fmt.Sprintf("textile/%d", seed), func(t *testing.T) {
			r := redmine(t, "textile")
			sameBlocks(t, d, r.render(t, d.Textile()), Doc.Textile, func(runs []run) []run { return prepare(runs, htmlMarks) })
		})
		t.Run(fmt.Sprintf("redcarpet/%d", seed), func(t *testing.T) {
			r := redmine(t, "markdown")
			d := placed(randomDoc(rand.New(rand.NewPCG(uint64(seed), 2)), redcarpetPieces...), seed%5)
			sameBlocks(t, d, r.render(t, d.Redcarpet()), Doc.Redcarpet, func(runs []run) []run {
				cell := seed%5 == 2
				if cell {
					runs = lineOf([]block{paragraph{runs}})
				}
				return prepare(rcRuns(runs, rcPlace{cell: cell}, rcBuffers), redcarpetMarks)
			})
		})
		t.Run(fmt.Sprintf("commonmark/%d", seed), func(t *testing.T) {
			t.Parallel()
			r := redmine(t, "common_mark")
			o := RedmineCommonMark()
			render := func(d Doc) string { return d.Markdown(o) }
			sameBlocks(t, d, r.render(t, render(d)), render, func(runs []run) []run { return prepare(runs, o.marks()) })
		})
	}
}

// randomDoc is paragraphs of random runs, made of the usual pieces and of more.
func randomDoc(r *rand.Rand, more ...string) Doc {
	pieces := append([]string{
		"a", "word", "Two words", " ", " x ", "é", "中", "🎉", "1", "r12", "#1", "@joe", "a@b.io", "*", "_", "-", "+", "~", "^",
		"%", "?", "??", "==", "--", "\"", "'", "(", ")", "[", "]", "[[w]]", "{", "{{x}}", "|", "!", "!x!", "&", "&amp;", "<", ">",
		"<b>", "\\", "`", ":", ".", ", ", ". ", "h1. ", "1. ", "- ", "# ", "> ", "*b*", "_i_", "a_b", "a*b", "$", "/", "=", "\u00a0",
		"user:admin", "HTML(x)", "...", "“q”", "C++", "50%", "x-y", "-x", "<!-- c -->", "</pre>",
		"https://example.com/a_b", " https://example.com/a_b", "http://example.com/x|`y*z_", "www.example.com", " www.example.com/ü ",
	}, more...)
	addresses := []string{"https://example.com", "https://example.com/a_b-", "https://example.com/(x)?q=1&r=*2*", "mailto:joe@example.com"}
	var d Doc
	for range 25 {
		var runs []run
		for range 1 + r.IntN(7) {
			var text string
			for range 1 + r.IntN(3) {
				text += pieces[r.IntN(len(pieces))]
			}
			next := run{text: cleanText(text)}
			if r.IntN(2) == 0 {
				next.marks = mark(r.IntN(16))
			}
			if r.IntN(8) == 0 {
				next.marks |= code
			}
			if r.IntN(8) == 0 {
				next.marks |= [...]mark{superscript, subscript}[r.IntN(2)]
			}
			if r.IntN(6) == 0 {
				next.href = addresses[r.IntN(len(addresses))]
			}
			runs = append(runs, next)
			if r.IntN(12) == 0 {
				runs = append(runs, run{brk: true})
			}
		}
		if runs = linkBare(trimRuns(runs)); !blankRuns(runs) {
			d.blocks = append(d.blocks, paragraph{runs})
		}
	}
	return d
}

// placed puts every paragraph of d into a place where other characters mean
// something: items, cells, quotes, headings.
func placed(d Doc, place int) Doc {
	var l list
	var tb table
	var hs []block
	for i, b := range d.blocks {
		l.items = append(l.items, item{blocks: []block{b}})
		tb.rows = append(tb.rows, row{[]cell{{header: i == 0, blocks: []block{b}}}})
		var line []run
		for _, r := range b.(paragraph).runs {
			if !r.brk {
				line = append(line, r)
			}
		}
		hs = append(hs, heading{1 + i%6, line})
	}
	switch place {
	case 1:
		return Doc{blocks: []block{l}}
	case 2:
		return Doc{blocks: []block{tb}}
	case 3:
		return Doc{blocks: []block{quote{d.blocks}}}
	case 4:
		return Doc{blocks: hs}
	}
	return d
}

// texts is every line of text in the order of the document.
func texts(blocks []block) []paragraph {
	var out []paragraph
	for _, b := range blocks {
		switch b := b.(type) {
		case paragraph:
			out = append(out, b)
		case heading:
			out = append(out, paragraph{b.runs})
		case quote:
			out = append(out, texts(b.blocks)...)
		case list:
			for _, it := range b.items {
				out = append(out, texts(it.blocks)...)
			}
		case table:
			for _, r := range b.rows {
				for _, c := range r.cells {
					out = append(out, texts(c.blocks)...)
				}
			}
		}
	}
	return out
}

// sameBlocks compares paragraph by paragraph, so that a difference shows the
// one that caused it.
func sameBlocks(t *testing.T, want, got Doc, render func(Doc) string, shown func([]run) []run) {
	t.Helper()
	w, g := texts(want.blocks), texts(got.blocks)
	require.Len(t, g, len(w), "paragraphs")
	for i := range w {
		// Compare as prepared: white space at the edge of a mark is nobody's.
		one := Doc{blocks: []block{paragraph{shown(w[i].runs)}}}
		if !sameShape(t, one, Doc{blocks: []block{g[i]}}, htmlMarks, false) {
			t.Logf("paragraph %d was:\n%s", i, render(one))
		}
	}
}
