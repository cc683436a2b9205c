package targets

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// A colour that the settings name for a status wins over the tracker's own.
func TestStatusColorsWin(t *testing.T) {
	t.Parallel()
	kind := Kind{Type: "x", New: func(Config, Deps) (Driver, error) {
		return &scripted{issue: Issue{ID: "1", Status: "Active", Color: "blue"}, do: func(context.Context) error { return nil }}, nil
	}}
	for settings, want := range map[string]string{"Active": "red", "Closed": "blue"} {
		target, err := kind.Open(map[string]any{"statusColors": map[string]any{settings: "red"}}, nil, Deps{})
		require.NoError(t, err)
		made, err := target.Create(t.Context(), Draft{Marker: marker, Title: "t"})
		require.NoError(t, err)
		require.Equal(t, want, made.Color)
	}
}
