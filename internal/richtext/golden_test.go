package richtext

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// corpus reads every document in testdata, by name.
func corpus(tb testing.TB) map[string]string {
	tb.Helper()
	files, err := filepath.Glob("testdata/*.html")
	require.NoError(tb, err)
	require.GreaterOrEqual(tb, len(files), 40)
	docs := make(map[string]string, len(files))
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(tb, err)
		docs[strings.TrimSuffix(filepath.Base(f), ".html")] = string(b)
	}
	return docs
}

func parse(tb testing.TB, src string) Doc {
	tb.Helper()
	d, err := Parse(src)
	require.NoError(tb, err)
	return d
}

func TestGolden(t *testing.T) {
	backends := map[string]func(Doc) string{
		".md":        func(d Doc) string { return d.Markdown(MarkdownOptions{}) },
		".textile":   Doc.Textile,
		".redcarpet": Doc.Redcarpet,
		".adf.json":  indentedADF,
		".wiki":      Doc.Wiki,
		".htm":       Doc.HTML,
		".asana.xml": Doc.AsanaXML,
		".txt":       Doc.Plain,
	}
	for name, src := range corpus(t) {
		t.Run(name, func(t *testing.T) {
			d := parse(t, src)
			for ext, render := range backends {
				file := filepath.Join("testdata", name+ext)
				got := render(d) + "\n"
				if *update {
					require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
				}
				want, err := os.ReadFile(file)
				require.NoError(t, err)
				require.Equal(t, string(want), got, file)
			}
		})
	}
}

// indentedADF has a line for every node, so that a change shows where it is.
func indentedADF(d Doc) string {
	var out bytes.Buffer
	if err := json.Indent(&out, []byte(d.ADF()), "", " "); err != nil {
		return err.Error()
	}
	return out.String()
}
