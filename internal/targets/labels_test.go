package targets

import (
	"github.com/stretchr/testify/require"
	"testing"

	"pushbutton/internal/richtext"
)

func TestWithoutLabels(t *testing.T) {
	t.Parallel()
	draft := Draft{Labels: []string{"a", "b", "c"}}
	plain := func(doc richtext.Doc) string { return doc.Plain() }
	count := func(s string) int { return len(s) }
	require.Equal(t, draft, draft.WithoutLabels("Tracker"))
	less := draft.WithoutLabels("Tracker", "b", "c")
	require.Equal(t, []string{"a"}, less.Labels)
	require.Contains(t, less.Render(1000, count, plain), "Labels not set in Tracker: b, c")
	require.Equal(t, []string{"a", "b", "c"}, draft.Labels, "the draft itself stays as it was")
	require.NotContains(t, draft.Render(1000, count, plain), "not set")
}
