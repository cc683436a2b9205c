package gitea_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/gitea/giteafake"
)

const hookPrefix = "https://plugin.example.com/hooks/int1/"

func wanted(token, signing, id string) targets.HookWanted {
	return targets.HookWanted{URL: hookPrefix + token, Prefix: hookPrefix, Secret: secret.New(signing), ID: id}
}

// administered is a Gitea whose account may manage webhooks.
func administered(t *testing.T) (*giteafake.Fake, *giteafake.Repository, *targets.Target) {
	t.Helper()
	f := giteafake.Standard(t)
	f.Users[giteafake.MineToken].Repos["acme/app"] = giteafake.RoleAdmin
	return f, f.Repositories["acme/app"], open(t, f.URL, giteafake.WithToken("acme/app", giteafake.MineToken))
}

// Gitea keeps the old secret through every change, so each call replaces the webhook,
// and the new one is there before the old one goes.
func TestRegisterHook(t *testing.T) {
	t.Parallel()
	f, repo, target := administered(t)
	foreign := *f.AddHook(repo, "https://ci.example.com/hooks/int1/x", true)
	var id string
	for n, token := range []string{"t1", "t1", "t2"} {
		if n == 2 {
			f.AddHook(repo, hookPrefix+"former", true)
			repo.Hooks[1].Active = false
			id = "" // found by its prefix
		}
		got, able, err := target.RegisterHook(t.Context(), wanted(token, "s-"+token, id))
		require.NoError(t, err)
		require.True(t, able)
		id = got.ID
		require.Len(t, repo.Hooks, 2, "no double is left")
		require.Equal(t, giteafake.Hook{ID: repo.Hooks[1].ID, Type: "gitea", URL: hookPrefix + token, Secret: "s-" + token, ContentType: "json", Events: []string{"issues"}, Active: true}, *repo.Hooks[1])
	}
	for range 2 {
		able, err := target.RemoveHook(t.Context(), id, hookPrefix)
		require.NoError(t, err)
		require.True(t, able)
	}
	require.Len(t, repo.Hooks, 1)
	require.Equal(t, foreign, *repo.Hooks[0], "a stranger's is as it was")
}

func TestRegisterHookTurnsPages(t *testing.T) {
	t.Parallel()
	f, repo, target := administered(t)
	for range 130 {
		f.AddHook(repo, "https://ci.example.com/", true)
	}
	f.AddHook(repo, hookPrefix+"old", true)
	_, _, err := target.RegisterHook(t.Context(), wanted("t1", "s1", ""))
	require.NoError(t, err)
	require.Len(t, repo.Hooks, 131)
	require.Equal(t, hookPrefix+"t1", repo.Hooks[130].URL)
	for range 400 {
		f.AddHook(repo, "https://ci.example.com/", true)
	}
	_, _, err = target.RegisterHook(t.Context(), wanted("t2", "s2", ""))
	require.ErrorIs(t, err, fault.Invalid)
	require.Contains(t, fault.From(err).Public, "more than 500 webhooks")
}

func TestRegisterHookSaysWhichRightIsMissing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*giteafake.Fake, *giteafake.User)
		kind   fault.Kind
		says   string
	}{
		"a writer": {func(_ *giteafake.Fake, u *giteafake.User) { u.Repos["acme/app"] = "write" }, fault.Forbidden, "its account the role Administrator"},
		"scope":    {func(_ *giteafake.Fake, u *giteafake.User) { u.Lacks = []string{"write:repository"} }, fault.Forbidden, "the scope repository: Read and Write"},
		"off":      {func(f *giteafake.Fake, _ *giteafake.User) { f.NoHooks = true }, fault.Forbidden, "webhooks disabled by administrator"},
		"unseen":   {func(_ *giteafake.Fake, u *giteafake.User) { delete(u.Repos, "acme/app") }, fault.NotFound, "no repository acme/app"},
		"no token": {func(f *giteafake.Fake, _ *giteafake.User) { delete(f.Users, giteafake.MineToken) }, fault.Unauthorized, "refused the token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, repo, target := administered(t)
			c.change(f, f.Users[giteafake.MineToken])
			_, _, err := target.RegisterHook(t.Context(), wanted("t1", "s1", ""))
			require.ErrorIs(t, err, c.kind)
			require.Contains(t, fault.From(err).Public, c.says)
			require.Empty(t, repo.Hooks)
		})
	}
}
