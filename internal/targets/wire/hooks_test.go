package wire_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/targets/wire"
)

func TestBelow(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"https://push.example.com/hooks/a/token":  true,
		"https://push.example.com/hooks/ab/token": false,
		"https://push.example.com/hooks/":         false,
		"":                                        false,
	} {
		require.Equal(t, want, wire.Below("https://push.example.com/hooks/a/", address), address)
		require.False(t, wire.Below("", address))
		require.False(t, wire.Below("https://push.example.com/hooks/a", address))
	}
}
