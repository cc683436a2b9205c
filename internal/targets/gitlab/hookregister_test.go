package gitlab_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/gitlab/gitlabfake"
)

const hookPrefix = "https://plugin.example.com/hooks/int1/"

func wanted(token, signing, id string) targets.HookWanted {
	return targets.HookWanted{URL: hookPrefix + token, Prefix: hookPrefix, Secret: secret.New(signing), ID: id}
}

const maintainer = 40

func TestRegisterHook(t *testing.T) {
	t.Parallel()
	s := gitlabfake.New(t)
	s.Demote(gitlabfake.Mine, maintainer)
	s.AddHook("https://ci.example.com/hooks/int1/x", "disabled")
	foreign := s.Hooks()[0]
	target := open(t, s, gitlabfake.Account(gitlabfake.Mine, "acme/mine"))
	first, able, err := target.RegisterHook(t.Context(), wanted("t1", "s1", ""))
	require.NoError(t, err)
	require.True(t, able)
	expect := func(token, signing, id string) {
		t.Helper()
		n, err := strconv.Atoi(id)
		require.NoError(t, err)
		require.Equal(t, []gitlabfake.Hook{foreign, {ID: n, Project: 11, URL: hookPrefix + token, Token: signing, Verify: true, Status: "executable",
			Events: []string{"confidential_issues", "issues"}}}, s.Hooks())
	}
	expect("t1", "s1", first.ID)

	s.AddHook(hookPrefix+"former", "executable")
	for range 2 {
		again, _, err := target.RegisterHook(t.Context(), wanted("t2", "s2", first.ID))
		require.NoError(t, err)
		require.Equal(t, first, again)
		expect("t2", "s2", first.ID)
	}
	again, _, err := target.RegisterHook(t.Context(), wanted("t3", "s3", ""))
	require.NoError(t, err)
	require.Equal(t, first, again, "found by its prefix")

	for range 2 {
		able, err = target.RemoveHook(t.Context(), first.ID, hookPrefix)
		require.NoError(t, err)
		require.True(t, able)
	}
	require.Equal(t, []gitlabfake.Hook{foreign}, s.Hooks(), "a stranger's is as it was")
}

// No change switches a webhook on again that GitLab has switched off after failures.
func TestRegisterHookReplacesADisabledOne(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"disabled", "temporarily_disabled"} {
		s := gitlabfake.New(t)
		s.Demote(gitlabfake.Mine, maintainer)
		old := s.AddHook(hookPrefix+"t1", status)
		target := open(t, s, gitlabfake.Account(gitlabfake.Mine, "acme/mine"))
		got, _, err := target.RegisterHook(t.Context(), wanted("t1", "s1", strconv.Itoa(old)))
		require.NoError(t, err)
		require.Len(t, s.Hooks(), 1)
		require.Equal(t, "executable", s.Hooks()[0].Status)
		require.Equal(t, strconv.Itoa(s.Hooks()[0].ID), got.ID)
		require.NotEqual(t, strconv.Itoa(old), got.ID)
	}
}

func TestRegisterHookTurnsPages(t *testing.T) {
	t.Parallel()
	s := gitlabfake.New(t)
	s.Demote(gitlabfake.Mine, maintainer)
	for range 130 {
		s.AddHook("https://ci.example.com/", "executable")
	}
	own := s.AddHook(hookPrefix+"old", "executable")
	target := open(t, s, gitlabfake.Account(gitlabfake.Mine, "acme/mine"))
	got, _, err := target.RegisterHook(t.Context(), wanted("t1", "s1", ""))
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(own), got.ID)
	for range 400 {
		s.AddHook("https://ci.example.com/", "executable")
	}
	_, _, err = target.RegisterHook(t.Context(), wanted("t2", "s2", ""))
	require.ErrorIs(t, err, fault.Invalid)
	require.Contains(t, fault.From(err).Public, "more than 500 webhooks")
}

func TestRegisterHookSaysWhichRightIsMissing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*gitlabfake.Server)
		token  string
		kind   fault.Kind
		says   string
	}{
		"a reporter": {func(*gitlabfake.Server) {}, gitlabfake.Mine, fault.Forbidden, "the role Maintainer there (and the token the scope api)"},
		"read_api":   {func(s *gitlabfake.Server) { s.Demote(gitlabfake.Reader, maintainer) }, gitlabfake.Reader, fault.Forbidden, "a token with the scope api"},
		"no member":  {func(s *gitlabfake.Server) { s.Demote(gitlabfake.Mine, 0) }, gitlabfake.Mine, fault.NotFound, `no project "acme/mine"`},
		"revoked":    {func(s *gitlabfake.Server) { s.Revoke(gitlabfake.Mine) }, gitlabfake.Mine, fault.Unauthorized, "refused the token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := gitlabfake.New(t)
			c.change(s)
			_, _, err := open(t, s, gitlabfake.Account(c.token, "acme/mine")).RegisterHook(t.Context(), wanted("t1", "s1", ""))
			require.ErrorIs(t, err, c.kind)
			require.Contains(t, fault.From(err).Public, c.says)
			require.Empty(t, s.Hooks())
		})
	}
}
