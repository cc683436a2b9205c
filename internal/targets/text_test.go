package targets

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/richtext"
)

func TestRenderLeadsBack(t *testing.T) {
	t.Parallel()
	plain := func(d richtext.Doc) string { return d.Plain() }
	draft := Draft{Link: "https://pb.example/1", Reporter: "Jane", Description: richtext.Paragraph(richtext.Text(strings.Repeat("word ", 200)))}
	whole := draft.Render(5000, nil, plain)
	require.Contains(t, whole, "by Jane")
	require.Contains(t, whole, "https://pb.example/1")
	require.NotContains(t, whole, "goes on")
	short := draft.Render(400, nil, plain)
	require.LessOrEqual(t, utf8.RuneCountInString(short), 400)
	require.Contains(t, short, "It goes on in")
	require.Contains(t, short, "by Jane")
	require.Empty(t, Draft{}.Render(100, nil, plain))
}

// titled is a driver whose tracker reads titles as GitLab does.
type titled struct{ scripted }

func (t *titled) Traits() Traits {
	return Traits{Name: "Tracker", Limits: TextLimits{Title: 20}, Titles: richtext.GitLabMarkdown()}
}

func TestTitlesAreBrokenAndThenCut(t *testing.T) {
	t.Parallel()
	driver := &titled{scripted{issue: Issue{ID: "1"}, do: func(context.Context) error { return nil }}}
	target := New(driver, Options{Type: "test"})
	for name, c := range map[string]struct {
		in, want string // "‹" is an invisible break
		cut      bool
	}{
		"fits":              {"@joe wants #12", "@‹joe wants #‹12", false},
		"just fits":         {"12345678901234567 #1", "12345678901234567 #…", true},
		"too long by one":   {"1234567890123456 #12", "1234567890123456 #‹…", true},
		"with the breaks":   {"1234567890123456 #1", "1234567890123456 #‹1", false},
		"white space first": {"@\njoe #\t1", "@ joe # 1", false},
	} {
		t.Run(name, func(t *testing.T) {
			draft := Draft{Marker: marker, Title: c.in}
			_, err := target.Create(t.Context(), draft)
			require.NoError(t, err)
			require.Equal(t, c.want, strings.ReplaceAll(driver.got.Title, "\u200b", "‹"))
			require.LessOrEqual(t, utf8.RuneCountInString(driver.got.Title), 20)
			shown, err := target.Preview(t.Context(), draft)
			require.NoError(t, err)
			require.Equal(t, driver.got.Title, shown.Title)
			require.Equal(t, c.cut, len(shown.Warnings) > 0, shown.Warnings)
		})
	}
}
