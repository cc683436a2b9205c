package linear_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/linear/linearfake"
)

const hookPrefix = "https://push.example.com/hooks/in1/"

func wanted(token, signing, id string) targets.HookWanted {
	return targets.HookWanted{URL: hookPrefix + token, Prefix: hookPrefix, Secret: secret.New(signing), ID: id}
}

func register(t *testing.T, target *targets.Target, want targets.HookWanted) string {
	t.Helper()
	got, able, err := target.RegisterHook(t.Context(), want)
	require.NoError(t, err)
	require.True(t, able)
	require.NotEmpty(t, got.ID)
	require.Zero(t, got.Ends)
	return got.ID
}

// theirs are webhooks of others: one to the same plugin for another integration,
// and one to somebody else.
func theirs(s *linearfake.Server) []linearfake.Webhook {
	s.AddWebhook(linearfake.Webhook{URL: "https://push.example.com/hooks/in12/x", Team: linearfake.TeamEng, Enabled: true, ResourceTypes: []string{"Issue"}})
	s.AddWebhook(linearfake.Webhook{URL: "https://example.com/", ResourceTypes: []string{"Comment"}})
	s.AddWebhook(linearfake.Webhook{URL: "https://push.example.com/hooks/in1", Team: linearfake.TeamOps})
	return s.Webhooks()
}

func TestRegisterHook(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// between changes what the first registration left.
		between func(s *linearfake.Server, id string)
		then    targets.HookWanted
		forget  bool // the id is not known any more
		anew    bool
	}{
		"nothing changed":   {then: wanted("t1", "s1", "")},
		"id forgotten":      {then: wanted("t1", "s1", ""), forget: true},
		"another token":     {then: wanted("t2", "s1", "")},
		"another secret":    {then: wanted("t1", "s2", "")},
		"token, id unknown": {then: wanted("t2", "s2", ""), forget: true},
		"disabled by Linear": {then: wanted("t1", "s1", ""), between: func(s *linearfake.Server, id string) {
			s.ChangeWebhook(id, func(w *linearfake.Webhook) { w.Enabled = false })
		}},
		"edited by people": {then: wanted("t1", "s1", ""), between: func(s *linearfake.Server, id string) {
			s.ChangeWebhook(id, func(w *linearfake.Webhook) {
				w.URL, w.ResourceTypes, w.Secret = "https://elsewhere.example.com/hooks/in1/t1", []string{"Comment"}, "x"
			})
		}},
		"of another team": {then: wanted("t1", "s1", ""), anew: true, between: func(s *linearfake.Server, id string) {
			s.ChangeWebhook(id, func(w *linearfake.Webhook) { w.Team = linearfake.TeamOps })
		}},
		"deleted by people": {then: wanted("t1", "s1", ""), anew: true, between: func(s *linearfake.Server, id string) { s.RemoveWebhook(id) }},
		"doubled": {then: wanted("t1", "s1", ""), between: func(s *linearfake.Server, _ string) {
			s.AddWebhook(linearfake.Webhook{URL: hookPrefix + "old", Team: linearfake.TeamEng, Enabled: true})
			s.AddWebhook(linearfake.Webhook{URL: hookPrefix + "older", Team: linearfake.TeamOps})
		}},
		"a double has the address": {then: wanted("t2", "s1", ""), between: func(s *linearfake.Server, _ string) {
			s.AddWebhook(linearfake.Webhook{URL: hookPrefix + "t2", Team: linearfake.TeamEng})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := linearfake.New(t)
			foreign := theirs(s)
			target := open(t, s, linearfake.Account(linearfake.Mine, "ENG"))
			id := register(t, target, wanted("t1", "s1", ""))
			if c.between != nil {
				c.between(s, id)
			}
			if !c.forget {
				c.then.ID = id
			}
			again := register(t, target, c.then)
			require.Equal(t, c.anew, again != id)
			all := s.Webhooks()
			require.Equal(t, foreign, all[:len(foreign)])
			require.Len(t, all, len(foreign)+1)
			made := all[len(foreign)]
			require.Equal(t, []any{again, c.then.URL, c.then.Secret.Reveal(), linearfake.TeamEng, true, []string{"Issue"}},
				[]any{made.ID, made.URL, made.Secret, made.Team, made.Enabled, made.ResourceTypes})

			for range 2 { // what is gone is no error
				able, err := target.RemoveHook(t.Context(), again, hookPrefix)
				require.NoError(t, err)
				require.True(t, able)
				require.Equal(t, foreign, s.Webhooks())
			}
		})
	}
}

// Whoever sends the webhook to another program has made it theirs.
func TestAWebhookThatPeopleSendElsewhere(t *testing.T) {
	t.Parallel()
	s := linearfake.New(t)
	target := open(t, s, linearfake.Account(linearfake.Mine, "ENG"))
	id := register(t, target, wanted("t1", "s1", ""))
	s.ChangeWebhook(id, func(w *linearfake.Webhook) { w.URL = "https://elsewhere.example.com/" })
	foreign := s.Webhooks()
	again := register(t, target, wanted("t1", "s1", id))
	require.NotEqual(t, id, again)
	require.Len(t, s.Webhooks(), 2)
	for _, known := range []string{again, id} {
		_, err := target.RemoveHook(t.Context(), known, hookPrefix)
		require.NoError(t, err)
		require.Equal(t, foreign, s.Webhooks())
	}
}

func TestRegisterHookWithoutTheRight(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{"role": linearfake.Mine, "scope": linearfake.OAuth} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := linearfake.New(t)
			s.Demote(key)
			target := open(t, s, linearfake.Account(key, "ENG"))
			_, able, err := target.RegisterHook(t.Context(), wanted("t1", "s1", ""))
			require.True(t, able)
			require.Equal(t, fault.Forbidden, fault.KindOf(err))
			require.Contains(t, fault.From(err).Public, "the scope admin")
			_, err = target.RemoveHook(t.Context(), "", hookPrefix)
			require.Equal(t, fault.Forbidden, fault.KindOf(err))
			require.Empty(t, s.Webhooks())
		})
	}
}

func TestRegisterHookRefusals(t *testing.T) {
	t.Parallel()
	s := linearfake.New(t)
	_, _, err := open(t, s, linearfake.Account(linearfake.Mine, "NONE")).RegisterHook(t.Context(), wanted("t1", "s1", ""))
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	require.Contains(t, fault.From(err).Public, "settings.team")
	want := wanted("t1", "s1", "")
	want.URL = "http://push.example.com/hooks/in1/t1"
	_, _, err = open(t, s, linearfake.Account(linearfake.Mine, "ENG")).RegisterHook(t.Context(), want)
	require.Equal(t, fault.Invalid, fault.KindOf(err))
	require.Contains(t, fault.From(err).Public, "https")
	_, err = open(t, s, linearfake.Account(linearfake.Mine, "ENG")).RemoveHook(t.Context(), "", "")
	require.NoError(t, err)
}
