package targets

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMarkerInAText(t *testing.T) {
	m := NewMarker("integration", "entity", 1)
	assert.Len(t, m, 29)
	assert.Equal(t, m, MarkerIn("text\n\n"+m.Comment()))
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
		assert.Equal(t, want, MarkerIn(text), text)
	}
}
