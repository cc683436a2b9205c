package github_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/proof/boundtest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/github"
	"pushbutton/internal/targets/github/githubfake"
)

const hookPrefix = "https://plugin.example.com/hooks/int1/"

func wanted(token, signing string) targets.HookWanted {
	return targets.HookWanted{URL: hookPrefix + token, Prefix: hookPrefix, Secret: secret.New(signing)}
}

func TestRegisterHook(t *testing.T) {
	t.Parallel()
	f := githubfake.Standard(t)
	repo := f.Repositories["acme/app"]
	foreign := *f.AddHook(repo, "https://ci.example.com/hooks/int1/x", true, "push", "issues")
	target := open(t, f.URL, githubfake.WithToken("acme/app", githubfake.MineToken))
	first, able, err := target.RegisterHook(t.Context(), wanted("t1", "s1"))
	require.NoError(t, err)
	require.True(t, able)
	hook := func(token, signing string) githubfake.Hook {
		return githubfake.Hook{ID: repo.Hooks[1].ID, URL: hookPrefix + token, Secret: signing, ContentType: "json", InsecureSSL: "0", Events: []string{"issues"}, Active: true}
	}
	require.Len(t, repo.Hooks, 2)
	require.Equal(t, hook("t1", "s1"), *repo.Hooks[1])

	repo.Hooks[1].Active, repo.Hooks[1].Events = false, []string{"push"}
	f.AddHook(repo, hookPrefix+"former", true, "issues")
	again := wanted("t2", "s2")
	again.ID = first.ID
	for range 2 {
		second, _, err := target.RegisterHook(t.Context(), again)
		require.NoError(t, err)
		require.Equal(t, first, second)
		require.Len(t, repo.Hooks, 2, "no double is left")
		require.Equal(t, hook("t2", "s2"), *repo.Hooks[1])
	}
	forgotten, _, err := target.RegisterHook(t.Context(), wanted("t3", "s3"))
	require.NoError(t, err)
	require.Equal(t, first, forgotten, "found by its prefix")

	for range 2 {
		able, err = target.RemoveHook(t.Context(), first.ID, hookPrefix)
		require.NoError(t, err)
		require.True(t, able)
	}
	require.Len(t, repo.Hooks, 1)
	require.Equal(t, foreign, *repo.Hooks[0], "a stranger's is as it was")
}

func TestRegisterHookTurnsPages(t *testing.T) {
	t.Parallel()
	f := githubfake.Standard(t)
	repo := f.Repositories["acme/app"]
	for range 130 {
		f.AddHook(repo, "https://ci.example.com/"+strings.Repeat("x", len(repo.Hooks)+1), true, "push")
	}
	own := f.AddHook(repo, hookPrefix+"old", true, "issues")
	target := open(t, f.URL, githubfake.WithToken("acme/app", githubfake.MineToken))
	_, _, err := target.RegisterHook(t.Context(), wanted("t1", "s1"))
	require.NoError(t, err)
	require.Equal(t, hookPrefix+"t1", own.URL)
	for range 400 {
		f.AddHook(repo, "https://ci.example.com/"+strings.Repeat("x", len(repo.Hooks)+1), true, "push")
	}
	_, _, err = target.RegisterHook(t.Context(), wanted("t2", "s2"))
	require.ErrorIs(t, err, fault.Invalid)
	require.Contains(t, fault.From(err).Public, "more than 500 webhooks")
}

func TestRegisterHookSaysWhichRightIsMissing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*githubfake.Fake)
		kind   fault.Kind
		says   string
	}{
		"fine-grained":  {func(f *githubfake.Fake) { f.Tokens[githubfake.MineToken].Hooks = "" }, fault.Forbidden, "Webhooks: Read and write (a classic one: the scope admin:repo_hook) and its account the role Admin"},
		"classic":       {func(f *githubfake.Fake) { f.Tokens[githubfake.MineToken].Hooks = githubfake.HooksHidden }, fault.Forbidden, "the scope admin:repo_hook"},
		"no repository": {func(f *githubfake.Fake) { delete(f.Tokens[githubfake.MineToken].Repos, "acme/app") }, fault.NotFound, "no repository acme/app"},
		"no token":      {func(f *githubfake.Fake) { delete(f.Tokens, githubfake.MineToken) }, fault.Unauthorized, "refused the token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := githubfake.Standard(t)
			c.change(f)
			target := open(t, f.URL, githubfake.WithToken("acme/app", githubfake.MineToken))
			_, _, err := target.RegisterHook(t.Context(), wanted("t1", "s1"))
			require.ErrorIs(t, err, c.kind)
			require.Contains(t, fault.From(err).Public, c.says)
			_, err = target.RemoveHook(t.Context(), "7", hookPrefix)
			require.ErrorIs(t, err, c.kind)
			require.Empty(t, f.Repositories["acme/app"].Hooks)
		})
	}
}

// An App has one webhook for all its repositories: nothing is registered.
func TestRegisterHookOfAnApp(t *testing.T) {
	t.Parallel()
	key := githubfake.NewKey(t)
	f := githubfake.Standard(t)
	f.Install(key, "acme/app", "acme/secret")
	target := open(t, f.URL, githubfake.WithApp("acme/secret", key))
	got, able, err := target.RegisterHook(t.Context(), wanted("t1", "s1"))
	require.NoError(t, err)
	require.True(t, able)
	require.Equal(t, targets.HookRegistration{Route: "777/43"}, got)
	_, err = target.RemoveHook(t.Context(), "", hookPrefix)
	require.NoError(t, err)
	f.App.Events = []string{"push"}
	_, _, err = target.RegisterHook(t.Context(), wanted("t1", "s1"))
	require.ErrorIs(t, err, fault.Forbidden)
	require.Contains(t, fault.From(err).Public, "subscribe it to the event Issues")
	for _, hit := range f.Hits {
		require.NotContains(t, hit, "/hooks")
	}
}

const sharedBody = `{"action":"deleted","issue":{"number":7},"repository":{"id":43},"installation":{"id":777}}`

func TestSharedHook(t *testing.T) {
	t.Parallel()
	read := github.Kind().SharedHook
	got, err := read(secret.New(signing), hook("issues", "application/json", sharedBody))
	require.NoError(t, err)
	require.Equal(t, targets.SharedEvents{Route: "777/43", Events: []targets.HookEvent{{Delivery: "72d3162e-cc78-11e3-81ab-4c9367dc0958", ID: "7", Gone: true}}}, got)
	for name, event := range map[string]string{"a ping": "ping", "a new installation": "installation", "a comment": "issue_comment"} {
		got, err := read(secret.New(signing), hook(event, "application/json", `{"installation":{"id":777}}`))
		require.NoError(t, err, name)
		require.Empty(t, got, name)
	}
	for name, c := range map[string]struct {
		signing, body string
		want          fault.Kind
	}{
		"another secret":  {"another", sharedBody, fault.Unauthorized},
		"no secret":       {"", sharedBody, fault.Unauthorized},
		"no installation": {signing, `{"issue":{"number":7},"repository":{"id":43}}`, fault.Invalid},
		"no repository":   {signing, `{"issue":{"number":7},"installation":{"id":777}}`, fault.Invalid},
		"no issue":        {signing, `{"repository":{"id":43},"installation":{"id":777}}`, fault.Invalid},
		"too long":        {signing, strings.Repeat(" ", targets.MaxHook+1), fault.Invalid},
		"too many values": {signing, "[" + strings.Repeat("{},", 30_000) + "{}]", fault.Invalid},
	} {
		got, err := read(secret.New(c.signing), hook("issues", "application/json", c.body))
		require.ErrorIs(t, err, c.want, name)
		require.Empty(t, got, name)
	}
}

func FuzzSharedHook(f *testing.F) {
	f.Add("issues", "application/json", sharedBody)
	f.Add("issues", "application/x-www-form-urlencoded", "payload=%7B%22issue%22%3A%7B%22number%22%3A1%7D%7D")
	f.Add("ping", "", "[]")
	for _, text := range boundtest.JSON() {
		f.Add("issues", "application/json", text)
	}
	f.Fuzz(func(t *testing.T, event, contentType, body string) {
		var got targets.SharedEvents
		var err error
		given := hook(event, contentType, body)
		boundtest.Memory(t, len(body), boundtest.Limit{Base: 16 << 10, PerByte: 64}, func() { got, err = github.Kind().SharedHook(secret.New(signing), given) })
		if (got.Route == "") != (len(got.Events) == 0) || err != nil && got.Route != "" || strings.HasPrefix(got.Route, "-") || strings.Contains(got.Route, "/-") {
			t.Errorf("%v %v", got, err)
		}
	})
}
