package targets

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNearestColor(t *testing.T) {
	for hex, want := range map[string]string{
		"b2b2b2": "gray", "007acc": "blue", "5688E0": "blue", "ff9d00": "orange", "339933": "green", "#f2c94c": "yellow",
		"#5e6ad2": "blue", "CC293D": "red", "#f00": "red", "#95a2b3": "gray", "773b93": "purple", "#e5493a": "red",
		"ffffff": "", "000000": "", "": "", "#12": "", "blue": "", "+f0000": "", "#00 00f": "",
	} {
		assert.Equal(t, want, NearestColor(hex), hex)
	}
}

// A colour that the settings name for a status wins over the tracker's own.
func TestStatusColorsWin(t *testing.T) {
	kind := Kind{Type: "x", New: func(Config, Deps) (Driver, error) {
		return &scripted{issue: Issue{ID: "1", Status: "Active", Color: "blue"}, do: func(context.Context) error { return nil }}, nil
	}}
	for settings, want := range map[string]string{"Active": "red", "Closed": "blue"} {
		target, err := kind.Open(map[string]any{"statusColors": map[string]any{settings: "red"}}, nil, Deps{})
		require.NoError(t, err)
		made, err := target.Create(t.Context(), Draft{Marker: marker, Title: "t"})
		require.NoError(t, err)
		assert.Equal(t, want, made.Color)
	}
}
