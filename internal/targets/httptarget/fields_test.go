package httptarget_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
)

// A longtext is written as the description is.
func TestLongTextFields(t *testing.T) {
	const html = "<p>Given <b>dark</b> mode</p><ul><li>menus<ul><li>icons</li></ul></li></ul><pre>if x {\n    y()\n\n}</pre>"
	doc, err := richtext.Parse(html)
	require.NoError(t, err)
	for format, want := range map[string]string{
		"markdown": doc.Markdown(richtext.MarkdownOptions{}), "html": doc.HTML(), "wiki": doc.Wiki(), "textile": doc.Textile(), "plain": doc.Plain(), "adf": doc.ADF(),
	} {
		t.Run(format, func(t *testing.T) {
			s := newServer(t)
			target := mustOpen(t, m{"format": format, "fields": m{"AC": `{{field "AC"}}`}, "fieldTypes": m{"AC": "longtext"},
				"create": m{"url": s.URL + "/hook", "body": `{"one": {{.Field "AC"}}, "all": {{json .Fields}}}`}}, nil)
			d, err := target.Draft("pb-1", targets.Item{Name: "A wish", Fields: map[string]targets.FieldText{"AC": {HTML: html}}})
			require.NoError(t, err)
			_, err = target.Create(t.Context(), d)
			require.NoError(t, err)
			if format != "adf" {
				quoted, err := json.Marshal(want)
				require.NoError(t, err)
				want = string(quoted)
			}
			assert.JSONEq(t, `{"one": `+want+`, "all": {"AC": `+want+`}}`, string(s.lastBody))
		})
	}
}
