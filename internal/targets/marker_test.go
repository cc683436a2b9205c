package targets

import (
	"github.com/stretchr/testify/require"
	"testing"
)

func TestMarkerInAText(t *testing.T) {
	t.Parallel()
	m := NewMarker("integration", "entity", 1)
	require.Len(t, m, 29)
	require.Equal(t, m, MarkerIn("text\n\n"+m.Comment()))
	for text, want := range map[string]Marker{
		"text\r\n\r\n<!-- pushbutton: pb-a -->\r\nadded by hand":        "pb-a",
		"<!-- pushbutton: pb-a --> quoted\n\n<!-- pushbutton: pb-b -->": "pb-b",
		"<!-- pushbutton: pb-a":     "",
		"<!-- pushbutton: PB A -->": "",
		"<!-- pushbutton:  -->":     "",
		"<!-- other: pb-a -->":      "",
		"pb-a":                      "",
		"":                          "",
	} {
		require.Equal(t, want, MarkerIn(text), text)
	}
}
