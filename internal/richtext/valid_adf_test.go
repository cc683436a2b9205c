package richtext

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// adfRules is what the Atlassian Document Format allows, written down apart
// from the back-end: the kinds of content and the attributes of each node. The
// published schema itself is asked in internal/proof/conformance.
var adfRules = map[string]struct{ content, attrs []string }{
	"doc":         {content: strings.Fields("paragraph heading codeBlock blockquote bulletList orderedList taskList rule table")},
	"paragraph":   {content: strings.Fields("text hardBreak")},
	"heading":     {content: strings.Fields("text hardBreak"), attrs: []string{"level"}},
	"codeBlock":   {content: []string{"text"}, attrs: []string{"language"}},
	"blockquote":  {content: strings.Fields("paragraph bulletList orderedList codeBlock")},
	"bulletList":  {content: []string{"listItem"}},
	"orderedList": {content: []string{"listItem"}, attrs: []string{"order"}},
	"listItem":    {content: strings.Fields("paragraph bulletList orderedList codeBlock")},
	"taskList":    {content: strings.Fields("taskItem taskList"), attrs: []string{"localId"}},
	"taskItem":    {content: strings.Fields("text hardBreak"), attrs: strings.Fields("localId state")},
	"rule":        {},
	"table":       {content: []string{"tableRow"}},
	"tableRow":    {content: strings.Fields("tableCell tableHeader")},
	"tableCell":   {content: strings.Fields("paragraph heading codeBlock blockquote bulletList orderedList taskList rule"), attrs: []string{"colspan", "rowspan"}},
	"tableHeader": {content: strings.Fields("paragraph heading codeBlock blockquote bulletList orderedList taskList rule"), attrs: []string{"colspan", "rowspan"}},
	"hardBreak":   {},
	"text":        {},
}

// mayBeEmpty are the nodes the schema allows without content.
var mayBeEmpty = strings.Fields("doc paragraph heading codeBlock taskItem rule hardBreak text")

type adfTree struct {
	Type    string         `json:"type"`
	Version int            `json:"version"`
	Attrs   map[string]any `json:"attrs"`
	Content []adfTree      `json:"content"`
	Text    *string        `json:"text"`
	Marks   []struct {
		Type  string            `json:"type"`
		Attrs map[string]string `json:"attrs"`
	} `json:"marks"`
}

// checkADF holds out to the format's rules and returns its text.
func checkADF(t *testing.T, out string) string {
	t.Helper()
	var doc adfTree
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&doc))
	require.Equal(t, "doc", doc.Type)
	require.Equal(t, 1, doc.Version)
	require.NotNil(t, doc.Content, "content is required")
	var text strings.Builder
	checkADFNode(t, doc, map[string]bool{}, &text)
	return text.String()
}

func checkADFNode(t *testing.T, n adfTree, ids map[string]bool, text *strings.Builder) {
	t.Helper()
	rules, known := adfRules[n.Type]
	require.True(t, known, "a node of type %q", n.Type)
	require.True(t, len(n.Content) > 0 || slices.Contains(mayBeEmpty, n.Type), "an empty %s", n.Type)
	for name, value := range n.Attrs {
		require.Contains(t, rules.attrs, name, n.Type)
		if name == "localId" {
			require.False(t, ids[value.(string)], "localId %v twice", value)
			ids[value.(string)] = true
		}
	}
	switch n.Type {
	case "text":
		require.NotEmpty(t, *n.Text)
		text.WriteString(*n.Text)
		checkADFMarks(t, n)
		return
	case "heading":
		require.GreaterOrEqual(t, n.Attrs["level"], 1.0)
		require.LessOrEqual(t, n.Attrs["level"], 6.0)
	case "orderedList":
		if order, ok := n.Attrs["order"]; ok {
			require.GreaterOrEqual(t, order, 0.0)
		}
	case "taskList":
		require.NotEmpty(t, n.Attrs["localId"])
		require.Equal(t, "taskItem", n.Content[0].Type)
	case "taskItem":
		require.NotEmpty(t, n.Attrs["localId"])
		require.Contains(t, []any{"TODO", "DONE"}, n.Attrs["state"])
	case "listItem": // what editors insist on, beyond the schema
		require.Contains(t, []string{"paragraph", "codeBlock"}, n.Content[0].Type)
	case "table":
		requireRectangle(t, n.Content)
	}
	require.Nil(t, n.Text)
	require.Empty(t, n.Marks, "marks on a %s", n.Type)
	for _, c := range n.Content {
		require.Contains(t, rules.content, c.Type, "inside a %s", n.Type)
		require.False(t, n.Type == "codeBlock" && len(c.Marks) > 0, "marks in a code block")
		checkADFNode(t, c, ids, text)
	}
}

// requireRectangle checks that the cells of a table leave no place free.
func requireRectangle(t *testing.T, rows []adfTree) {
	t.Helper()
	places := func(c adfTree, name string) int {
		if n, ok := c.Attrs[name]; ok {
			require.Greater(t, n, 1.0)
			return int(n.(float64))
		}
		return 1
	}
	columns, area := 0, 0
	for i, r := range rows {
		for _, c := range r.Content {
			if i == 0 {
				columns += places(c, "colspan")
			}
			area += places(c, "colspan") * places(c, "rowspan")
		}
	}
	require.Equal(t, columns*len(rows), area, "a ragged table")
}

func checkADFMarks(t *testing.T, n adfTree) {
	t.Helper()
	var names []string
	for _, m := range n.Marks {
		require.NotContains(t, names, m.Type, "a mark twice")
		names = append(names, m.Type)
		if m.Type == "link" {
			require.Regexp(t, goodAddress, m.Attrs["href"])
			require.Len(t, m.Attrs, 1)
			continue
		}
		if m.Type == "subsup" {
			require.Contains(t, []string{"sub", "sup"}, m.Attrs["type"])
			require.Len(t, m.Attrs, 1)
			continue
		}
		require.Contains(t, strings.Fields("strong em strike underline code"), m.Type)
		require.Nil(t, m.Attrs)
	}
	if slices.Contains(names, "code") {
		require.Empty(t, slices.DeleteFunc(names, func(s string) bool { return s == "code" || s == "link" }), "beside code")
	}
}
