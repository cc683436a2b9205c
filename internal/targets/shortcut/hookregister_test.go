package shortcut_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	fake "pushbutton/internal/targets/shortcut/shortcutfake"
)

const hookPrefix = "https://plugin.example.com/hooks/i1/"

func wanted(token, signing, id string) targets.HookWanted {
	return targets.HookWanted{URL: hookPrefix + token, Prefix: hookPrefix, Secret: secret.New(signing), ID: id}
}

func register(t *testing.T, target *targets.Target, want targets.HookWanted) string {
	t.Helper()
	got, supported, err := target.RegisterHook(t.Context(), want)
	require.NoError(t, err)
	require.True(t, supported)
	require.Zero(t, got.Ends)
	require.Empty(t, got.Route)
	require.NotContains(t, got.ID, want.Secret.Reveal())
	return got.ID
}

func one(t *testing.T, s *fake.Server) (int, fake.Hook) {
	t.Helper()
	require.Len(t, s.Hooks(), 1)
	for number, h := range s.Hooks() {
		return number, h
	}
	return 0, fake.Hook{}
}

func TestRegisterHook(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	target := open(t, s.URL, mine())
	id := register(t, target, wanted("one", "first secret", ""))
	first, h := one(t, s)
	require.Equal(t, fake.Hook{Workspace: "mine", URL: hookPrefix + "one", Secret: "first secret"}, h)

	require.Equal(t, id, register(t, target, wanted("one", "first secret", id)))
	again, _ := one(t, s)
	require.Equal(t, first, again, "what is right stays")

	for _, c := range []struct{ token, signing string }{{"two", "first secret"}, {"two", "second secret"}} {
		id = register(t, target, wanted(c.token, c.signing, id))
		_, h = one(t, s)
		require.Equal(t, fake.Hook{Workspace: "mine", URL: hookPrefix + c.token, Secret: c.signing}, h)
	}

	number, _ := one(t, s)
	s.ChangeHook(number, func(h *fake.Hook) { h.Disabled = true })
	id = register(t, target, wanted("two", "second secret", id))
	number, h = one(t, s)
	require.False(t, h.Disabled, "one that Shortcut switched off is replaced")
	s.ChangeHook(number, func(h *fake.Hook) { h.Secret = "" })
	id = register(t, target, wanted("two", "second secret", id))
	_, h = one(t, s)
	require.Equal(t, "second secret", h.Secret, "and one that signs no more")

	moved := wanted("two", "second secret", id)
	moved.Prefix, moved.URL = strings.Replace(moved.Prefix, "plugin.", "new.", 1), strings.Replace(moved.URL, "plugin.", "new.", 1)
	id = register(t, target, moved)
	_, h = one(t, s)
	require.Equal(t, moved.URL, h.URL, "the plugin's own address changed")

	for range 2 {
		supported, err := target.RemoveHook(t.Context(), id, moved.Prefix)
		require.NoError(t, err, "also if it is gone")
		require.True(t, supported)
		require.Empty(t, s.Hooks())
	}
	register(t, target, wanted("two", "second secret", id))
	one(t, s)
}

// A number that belongs to somebody else's webhook, or to none of the workspace, is left alone.
func TestForeignHooksStay(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	target := open(t, s.URL, mine())
	theirs := fake.Hook{Workspace: "mine", URL: "https://chat.example.com/hooks/i2/x", Secret: "theirs"}
	elsewhere := fake.Hook{Workspace: "other", URL: hookPrefix + "one", Secret: "theirs"}
	for _, number := range []int{s.AddHook(theirs), s.AddHook(elsewhere)} {
		id := number
		_, err := target.RemoveHook(t.Context(), strconv.Itoa(id), hookPrefix)
		require.NoError(t, err)
		register(t, target, wanted("one", "first secret", strconv.Itoa(id)))
		require.Contains(t, s.Hooks(), id)
	}
	require.Len(t, s.Hooks(), 4)
	for _, id := range []string{"", "x", "-1", "0", "../stories/1", "99999999999999999999"} {
		_, err := target.RemoveHook(t.Context(), id, hookPrefix)
		require.NoError(t, err, id)
	}
	require.Len(t, s.Hooks(), 4)
}

func TestRegisterHookRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set  func(*fake.Server)
		want targets.HookWanted
		kind fault.Kind
		says string
		made int
	}{
		"an observer":    {func(s *fake.Server) { s.Observer = true }, wanted("one", "secret", ""), fault.Forbidden, "not an observer", 0},
		"an ended token": {func(s *fake.Server) { s.Ended = true }, wanted("one", "secret", ""), fault.Unauthorized, "refused the token", 0},
		"no number":      {func(s *fake.Server) { s.Wordless = true }, wanted("one", "secret", ""), fault.Invalid, "without saying its number", 1},
		"a long secret":  {func(*fake.Server) {}, wanted("one", strings.Repeat("s", 129), ""), fault.Invalid, "1 to 128", 0},
		"no secret":      {func(*fake.Server) {}, wanted("one", "", ""), fault.Invalid, "1 to 128", 0},
		"a long address": {func(*fake.Server) {}, wanted(strings.Repeat("t", 2048), "secret", ""), fault.Invalid, "2048", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fake.New(t)
			target := open(t, s.URL, mine())
			c.set(s)
			_, supported, err := target.RegisterHook(t.Context(), c.want)
			require.True(t, supported)
			require.Error(t, err)
			require.Equal(t, c.kind, fault.KindOf(err))
			require.Contains(t, fault.From(err).Public, c.says)
			require.Len(t, s.Hooks(), c.made)
		})
	}
}
