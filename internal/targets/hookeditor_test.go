package targets_test

import (
	"context"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
)

const (
	hookPrefix = "https://new.example.com/base/hooks/int1/"
	hookURL    = hookPrefix + "token"
)

// hookList is a tracker's list of webhooks.
type hookList struct {
	all  []targets.ListedHook
	next int
	log  []string
	// vanish has a change find its webhook gone.
	vanish bool
	fails  error
}

func (l *hookList) editor() targets.HookEditor {
	drop := func(id string) bool {
		before := len(l.all)
		l.all = slices.DeleteFunc(l.all, func(h targets.ListedHook) bool { return h.ID == id })
		return len(l.all) < before
	}
	return targets.HookEditor{
		List: func(context.Context) ([]targets.ListedHook, error) { return slices.Clone(l.all), l.fails },
		Create: func(_ context.Context, want targets.HookWanted) (string, error) {
			l.next++
			id := "new" + strconv.Itoa(l.next)
			l.all, l.log = append(l.all, targets.ListedHook{ID: id, URL: want.URL}), append(l.log, "create")
			return id, nil
		},
		Change: func(_ context.Context, id string, want targets.HookWanted) error {
			l.log = append(l.log, "change "+id)
			if l.vanish {
				drop(id)
				return fault.New(fault.NotFound, "change", "There is none.")
			}
			for i := range l.all {
				if l.all[i].ID == id {
					l.all[i].URL = want.URL
				}
			}
			return nil
		},
		Remove: func(_ context.Context, id string) error {
			l.log = append(l.log, "remove "+id)
			if !drop(id) {
				return fault.New(fault.NotFound, "remove", "There is none.")
			}
			return nil
		},
	}
}

func TestHookEditorRegisters(t *testing.T) {
	t.Parallel()
	foreign := []targets.ListedHook{
		{ID: "f1", URL: "https://ci.example.com/hooks/int1/"}, {ID: "f2", URL: "https://new.example.com/base/hooks/int12/token"}, {ID: "f3", URL: "https://new.example.com/base/hooks/int1"},
	}
	for name, c := range map[string]struct {
		own     []targets.ListedHook
		id      string
		replace bool
		vanish  bool
		want    []string
		left    string
	}{
		"none":            {nil, "", false, false, []string{"create"}, "new1"},
		"by prefix":       {[]targets.ListedHook{{ID: "1", URL: hookPrefix + "old"}}, "", false, false, []string{"change 1"}, "1"},
		"by id":           {[]targets.ListedHook{{ID: "1", URL: "https://old.example.com/hooks/int1/old"}}, "1", false, false, []string{"change 1"}, "1"},
		"doubles":         {[]targets.ListedHook{{ID: "1", URL: hookPrefix + "old"}, {ID: "2", URL: hookURL}}, "", false, false, []string{"change 2", "remove 1"}, "2"},
		"id before url":   {[]targets.ListedHook{{ID: "1", URL: hookURL}, {ID: "2", URL: hookPrefix + "x"}}, "2", false, false, []string{"change 2", "remove 1"}, "2"},
		"stuck":           {[]targets.ListedHook{{ID: "1", URL: hookURL, Stuck: true}}, "1", false, false, []string{"create", "remove 1"}, "new1"},
		"replaced always": {[]targets.ListedHook{{ID: "1", URL: hookURL}}, "1", true, false, []string{"create", "remove 1"}, "new1"},
		"just removed":    {[]targets.ListedHook{{ID: "1", URL: hookURL}}, "1", false, true, []string{"change 1", "create", "remove 1"}, "new1"},
		"a stranger's id": {nil, "f2", false, false, []string{"create"}, "new1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := &hookList{all: slices.Concat(foreign, c.own), vanish: c.vanish}
			editor := list.editor()
			if c.replace {
				editor.Change = nil
			}
			got, err := editor.Register(t.Context(), targets.HookWanted{URL: hookURL, Prefix: hookPrefix, ID: c.id})
			require.NoError(t, err)
			require.Equal(t, targets.HookRegistration{ID: c.left}, got)
			require.Equal(t, c.want, list.log)
			require.Equal(t, append(slices.Clone(foreign), targets.ListedHook{ID: c.left, URL: hookURL}), list.all)
		})
	}
}

func TestHookEditorUnregisters(t *testing.T) {
	t.Parallel()
	foreign := targets.ListedHook{ID: "9", URL: "https://new.example.com/base/hooks/int12/token"}
	list := &hookList{all: []targets.ListedHook{{ID: "1", URL: "https://old.example.com/hooks/int1/old"}, foreign, {ID: "2", URL: hookURL}}}
	for range 2 {
		require.NoError(t, list.editor().Unregister(t.Context(), "1", hookPrefix))
		require.Equal(t, []targets.ListedHook{foreign}, list.all)
	}
	require.Equal(t, []string{"remove 1", "remove 2"}, list.log)
	require.NoError(t, list.editor().Unregister(t.Context(), "9", hookPrefix), "a stranger's")
	require.NoError(t, list.editor().Unregister(t.Context(), "9", ""), "without a prefix nothing is the integration's")
	require.Len(t, list.all, 1)
	list.fails = fault.New(fault.Forbidden, "list", "No.")
	require.ErrorIs(t, list.editor().Unregister(t.Context(), "1", hookPrefix), fault.Forbidden)
	_, err := list.editor().Register(t.Context(), targets.HookWanted{URL: hookURL, Prefix: hookPrefix})
	require.ErrorIs(t, err, fault.Forbidden)
}

func TestWhoseWebhookAnAddressIs(t *testing.T) {
	t.Parallel()
	const prefix = "https://push.example.com/hooks/a/"
	for address, want := range map[string]struct{ without, with bool }{
		"https://push.example.com/hooks/a/token":  {true, true},
		"https://old.example.com/x/hooks/a/token": {false, true},
		"https://push.example.com/hooks/ab/token": {},
		"https://push.example.com/hooks/b/token":  {},
		"https://push.example.com/hooks/a":        {},
		"https://ci.example.com/":                 {},
		"":                                        {},
	} {
		hook := targets.ListedHook{ID: "1", URL: address}
		require.Equal(t, want.without, hook.Of("", prefix), address)
		require.Equal(t, want.without, hook.Of("2", prefix), address)
		require.Equal(t, want.with, hook.Of("1", prefix), address)
		for _, none := range []string{"", "https://push.example.com/hooks/a", "https://push.example.com"} {
			require.False(t, hook.Of("1", none), "%s below %q", address, none)
		}
	}
}
