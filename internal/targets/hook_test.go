package targets

import (
	"github.com/stretchr/testify/require"
	"strings"
	"testing"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets/text"
)

// hookDriver reads webhooks and does nothing else.
type hookDriver struct {
	Driver
	read func() []HookEvent
}

func (d hookDriver) ReadHook(secret.String, Hook) ([]HookEvent, error) { return d.read(), nil }

func TestHookSigned(t *testing.T) {
	t.Parallel()
	// The example of RFC 4231, section 4.3.
	const digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
	h, signing := Hook{Body: []byte("what do ya want for nothing?")}, secret.New("Jefe")
	require.True(t, h.Signed(signing, digest))
	for name, ok := range map[string]bool{
		"another secret": h.Signed(secret.New("jefe"), digest),
		"no secret":      h.Signed(secret.String{}, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
		"another body":   Hook{Body: []byte("what do ya want for something?")}.Signed(signing, digest),
		"cut":            h.Signed(signing, digest[:32]),
		"no hex":         h.Signed(signing, "sha256="+digest),
		"nothing":        h.Signed(signing, ""),
	} {
		require.False(t, ok, name)
	}
}

// TestHooksAreBounded: what is more than a tracker sends is not even decoded.
func TestHooksAreBounded(t *testing.T) {
	t.Parallel()
	parsed := 0
	k := Kind{Title: "Tracker", Driver: hookDriver{read: func() []HookEvent { parsed++; return nil }}}
	for body, says := range map[string]string{
		"[" + strings.Repeat("{},", maxHookValues) + "1]":   "more than 20000 values",
		strings.Repeat("[", 100) + strings.Repeat("]", 100): "more than 64 levels",
		strings.Repeat(" ", MaxHook+1):                      "longer than 1048576 bytes",
	} {
		_, err := k.ReadHook(secret.New("x"), Hook{Body: []byte(body)})
		require.Equal(t, fault.Invalid, fault.KindOf(err))
		require.Contains(t, fault.From(err).Public, says)
	}
	require.Zero(t, parsed)
	_, err := k.ReadHook(secret.New("x"), Hook{Body: []byte("[" + strings.Repeat("{},", maxHookValues-2) + "1]")})
	require.NoError(t, err)
	require.Equal(t, 1, parsed)
}

// TestHooksNameIssues: an id that an issue cannot have is no event.
func TestHooksNameIssues(t *testing.T) {
	t.Parallel()
	read := func(id string) ([]HookEvent, error) {
		k := Kind{Title: "Tracker", Driver: hookDriver{read: func() []HookEvent { return []HookEvent{{ID: "1"}, {ID: id}} }}}
		return k.ReadHook(secret.New("x"), Hook{})
	}
	events, err := read("7")
	require.NoError(t, err)
	require.Len(t, events, 2)
	for _, id := range []string{"", strings.Repeat("7", text.MaxIssueID+1), "7\x1b[2J"} {
		_, err := read(id)
		require.Equal(t, fault.Invalid, fault.KindOf(err), id)
	}
}
