package jira_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
)

// What people write into acceptance criteria arrives as they wrote it, in the
// edition's format.
func TestTextAreasKeepTheirForm(t *testing.T) {
	t.Parallel()
	html := "<p>Given <b>dark</b> mode</p><ul><li>menus<ul><li>icons</li></ul></li></ul><pre>if x {\n    y()\n\n}</pre>" + strings.Repeat("<p>line</p>", 200)
	doc, err := richtext.Parse(html)
	require.NoError(t, err)
	editions(t, func(t *testing.T, r *rig) {
		target := r.open(t, set{"fields": set{"Background": `{{field "AC"}}`, "Environment": `{{field "AC"}}`}})
		i := item()
		i.Fields["AC"] = targets.FieldText{HTML: html}
		d, err := target.Draft(draft().Marker, i)
		require.NoError(t, err)
		_, err = target.Create(t.Context(), d)
		require.NoError(t, err)
		for _, id := range []string{"customfield_10011", "environment"} {
			raw := r.last(t).Fields[id]
			if !r.dataCenter {
				require.JSONEq(t, doc.ADF(), string(raw), id)
				continue
			}
			var wiki string
			require.NoError(t, json.Unmarshal(raw, &wiki))
			require.Equal(t, doc.Wiki(), wiki, id)
		}
	})
}

func TestTextAreasAreCutAloud(t *testing.T) {
	t.Parallel()
	editions(t, func(t *testing.T, r *rig) {
		target := r.open(t, set{"fields": set{"Background": `{{field "AC"}}`}})
		i := item()
		i.Fields["AC"] = targets.FieldText{HTML: strings.Repeat("<p>many <i>words</i> 🚀</p>", 5000)}
		d, err := target.Draft(draft().Marker, i)
		require.NoError(t, err)
		shown, err := target.Preview(t.Context(), d)
		require.NoError(t, err)
		require.Equal(t, []string{`The field "Background" is cut to what Jira takes; it ends with a link to the rest.`}, shown.Warnings)
		_, err = target.Create(t.Context(), d)
		require.NoError(t, err)
		text := shown.Fields[0].Values[0]
		require.Contains(t, text, "The text is longer than fits here.")
		require.LessOrEqual(t, len(utf16.Encode([]rune(text))), 32767)
		require.Greater(t, len(utf16.Encode([]rune(text))), 31000)
	})
}
