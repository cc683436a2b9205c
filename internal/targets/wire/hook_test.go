package wire_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/targets/wire"
)

func TestOwnHook(t *testing.T) {
	t.Parallel()
	const prefix = "https://plugin.example.com/hooks/i1/"
	for address, want := range map[string]struct{ listed, byNumber bool }{
		prefix + "token":                              {true, true},
		"https://old.example.com/hooks/i1/token":      {false, true},
		"https://plugin.example.com/hooks/i2/token":   {false, false},
		"https://plugin.example.com/hooks/i1":         {false, false},
		"https://plugin.example.com/hooks/i1.evil/":   {false, false},
		"https://plugin.example.com/hooks/other-i1/x": {false, false},
		"": {false, false},
	} {
		require.Equal(t, want.listed, wire.OwnHook(address, prefix, false), address)
		require.Equal(t, want.byNumber, wire.OwnHook(address, prefix, true), address)
	}
	require.False(t, wire.OwnHook("https://plugin.example.com/", "", true), "no prefix is nobody's")
}
