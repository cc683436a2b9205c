package httptarget_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
)

// A longtext is written as the description is.
func TestLongTextFields(t *testing.T) {
	t.Parallel()
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
			require.JSONEq(t, `{"one": `+want+`, "all": {"AC": `+want+`}}`, string(s.lastBody))
		})
	}
}

// A limit that the description does not know is read off the refusal.
func TestTooLongForTheTracker(t *testing.T) {
	t.Parallel()
	var lengths []int
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var got struct{ Text string }
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		if lengths = append(lengths, utf8.RuneCountInString(got.Text)); utf8.RuneCountInString(got.Text) > 5000 {
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = w.Write([]byte(`{"error": "text is too long (maximum is 5,000 characters)"}`))
		}
	}))
	t.Cleanup(s.Close)
	target := mustOpen(t, m{"format": "plain", "error": m{"message": []any{"$.error"}}, "create": m{"url": s.URL + "/hook", "body": `{"text": {{.Description}}}`}}, nil)
	d := draft()
	d.Description = richtext.Paragraph(richtext.Text(strings.Repeat("word ", 4000)))
	_, err := target.Create(t.Context(), d)
	require.NoError(t, err, "%v", lengths)
	require.Len(t, lengths, 2)
	require.LessOrEqual(t, lengths[1], 5000)
	require.Greater(t, lengths[1], 4500)
}
