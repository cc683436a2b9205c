package conformance_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/proof/conformance/vendors"
	"pushbutton/internal/richtext"
)

// TestADF holds what richtext writes for Jira Cloud against Atlassian's schema:
// every document of richtext's corpus, every block inside every container, and
// every container inside every other.
func TestADF(t *testing.T) {
	validate := vendors.LoadJSONSchema(t, vendors.File(t, filepath.Join("..", ".."), "adf-full.schema.json"))
	check := func(t *testing.T, html string) {
		t.Helper()
		d, err := richtext.Parse(html)
		require.NoError(t, err)
		require.NoError(t, validate([]byte(d.ADF())), "of %s", html)
	}
	files, err := filepath.Glob(filepath.Join("..", "richtext", "testdata", "*.html"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 40)
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			src, err := os.ReadFile(f)
			require.NoError(t, err)
			check(t, string(src))
		})
	}
	blocks := []string{
		"", "text", "<p>a<br>b</p>", "<p><b><code>x</code></b></p>", `<p><a href="https://example.com"><code>x</code></a></p>`,
		"<h1>h</h1>", "<h6>h</h6>", "<pre><b>code</b></pre>", `<pre class="language-go">x</pre>`, "<hr>", "<blockquote>q</blockquote>",
		"<ul><li>i</li></ul>", "<ol start=0><li>i</li><li></li></ol>", `<ul><li data-checked="true">d<p>more</p></li></ul>`,
		`<ul><li data-checked="false"></li></ul>`, "<table><tr><th>h<td>c<tr><td></table>",
	}
	containers := []string{
		"@", "<blockquote>@</blockquote>", "<ul><li>@</li></ul>", "<ol start=5><li>@</li><li>@</li></ol>", "<ul><li>a @ b</li></ul>",
		`<ul><li data-checked="true">@</li></ul>`, `<ul data-checked="false"><li>a<ul data-checked="true"><li>@</li></ul></li></ul>`,
		"<table><tr><th>@</th><td>a @ b</td></tr><tr><td>@</table>",
	}
	for i, outer := range containers {
		for _, b := range blocks {
			check(t, strings.ReplaceAll(outer, "@", b))
		}
		for j, inner := range containers {
			// The validator takes much longer the deeper a document is, so not
			// every block stands everywhere; richtext's own test does all.
			for n := range 2 {
				b := blocks[(i*len(containers)+j+n*len(blocks)/2)%len(blocks)]
				check(t, strings.ReplaceAll(outer, "@", strings.ReplaceAll(inner, "@", b)))
			}
		}
	}
}

// TestADFSchemaBites shows that the schema sees the mistakes that are easily
// made.
func TestADFSchemaBites(t *testing.T) {
	validate := vendors.LoadJSONSchema(t, vendors.File(t, filepath.Join("..", ".."), "adf-full.schema.json"))
	doc := func(content string) []byte { return []byte(`{"version":1,"type":"doc","content":[` + content + `]}`) }
	text := `{"type":"text","text":"x"}`
	p := `{"type":"paragraph","content":[` + text + `]}`
	require.NoError(t, validate(doc(p)))
	for name, wrong := range map[string][]byte{
		"no version":           []byte(`{"type":"doc","content":[]}`),
		"an empty text":        doc(`{"type":"paragraph","content":[{"type":"text","text":""}]}`),
		"text in the doc":      doc(text),
		"text in an item":      doc(`{"type":"bulletList","content":[{"type":"listItem","content":[` + text + `]}]}`),
		"a heading in an item": doc(`{"type":"bulletList","content":[{"type":"listItem","content":[{"type":"heading","attrs":{"level":1}}]}]}`),
		"level 7":              doc(`{"type":"heading","attrs":{"level":7}}`),
		"code with strong":     doc(`{"type":"paragraph","content":[{"type":"text","text":"x","marks":[{"type":"code"},{"type":"strong"}]}]}`),
		"a quote in a quote":   doc(`{"type":"blockquote","content":[{"type":"blockquote","content":[` + p + `]}]}`),
		"marks in code":        doc(`{"type":"codeBlock","content":[{"type":"text","text":"x","marks":[{"type":"strong"}]}]}`),
		"an empty cell":        doc(`{"type":"table","content":[{"type":"tableRow","content":[{"type":"tableCell","content":[]}]}]}`),
		"a task without id":    doc(`{"type":"taskList","attrs":{"localId":"a"},"content":[{"type":"taskItem","attrs":{"state":"TODO"}}]}`),
	} {
		require.Error(t, validate(wrong), name)
	}
}
