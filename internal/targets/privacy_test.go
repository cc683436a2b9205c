package targets

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// publicPlace is a driver whose project may be public.
type publicPlace struct {
	rich
	public bool
	err    error
	asked  int
}

func (p *publicPlace) IsPublic(context.Context) (bool, error) {
	p.asked++
	return p.public, p.err
}

func TestPushedBy(t *testing.T) {
	t.Parallel()
	nameless := item()
	nameless.Pusher.Name = nameless.Pusher.Email
	for name, c := range map[string]struct {
		setting string
		item    Item
		want    string
	}{
		"by default":             {"", item(), "Jane"},
		"name":                   {"name", item(), "Jane"},
		"name that is no name":   {"name", nameless, ""},
		"full":                   {"full", item(), "Jane <jane@example.com>"},
		"none":                   {"none", item(), ""},
		"nobody, and all wanted": {"full", Item{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			settings := map[string]any{}
			if c.setting != "" {
				settings["pushedBy"] = c.setting
			}
			d, err := openRich(t, &rich{}, settings).Draft(marker, c.item)
			require.NoError(t, err)
			require.Equal(t, c.want, d.Reporter)
		})
	}
	_, err := Kind{Driver: (*scripted)(nil)}.Open(map[string]any{"pushedBy": "all"}, nil, Deps{})
	require.ErrorContains(t, err, "settings.pushedBy")
}

// An assignee without an account is named in the description, by as much as
// the settings allow.
func TestAssigneeWithoutAnAccount(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ assignee, pushedBy, want string }{
		"owner":             {"owner", "name", "Assignee: the item's owner"},
		"owner, in full":    {"owner", "full", "Assignee: owner@example.com"},
		"pusher":            {"pusher", "name", "Assignee: Jane"},
		"pusher, in full":   {"pusher", "full", "Assignee: jane@example.com"},
		"pusher, and none":  {"pusher", "none", "Assignee: the person who pushed it"},
		"settings' address": {"team@example.com", "none", "Assignee: team@example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &rich{}
			target := openRich(t, r, map[string]any{"assignee": c.assignee, "pushedBy": c.pushedBy})
			d, err := target.Draft(marker, item())
			require.NoError(t, err)
			_, err = target.Create(t.Context(), d)
			require.NoError(t, err)
			text := r.got.Render(1000, nil, markdown)
			require.Contains(t, text, c.want)
			if c.pushedBy != "full" {
				require.NotContains(t, text, "owner@example.com")
				require.NotContains(t, text, "jane@example.com")
			}
		})
	}
}

func TestCaveatOfAPublicPlace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pushedBy string
		public   bool
		err      error
		asked    int
		warns    bool
	}{
		"public, in full":  {"full", true, nil, 1, true},
		"private, in full": {"full", false, nil, 1, false},
		"public, by name":  {"name", true, nil, 0, false},
		"no answer":        {"full", true, errors.New("down"), 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &publicPlace{public: c.public, err: c.err}
			target, err := Kind{Type: "rich", Driver: p, New: func(Config, Deps) (Driver, error) { return p, nil }}.Open(map[string]any{"pushedBy": c.pushedBy}, nil, Deps{})
			require.NoError(t, err)
			want := ""
			if c.warns {
				want = "Anybody can read the issues in project ENG, and settings.pushedBy: full writes the e-mail address of the person who clicks into them. Set it to name or none."
			}
			require.Equal(t, want, target.Caveat(t.Context()))
			require.Equal(t, c.asked, p.asked)
		})
	}
}
