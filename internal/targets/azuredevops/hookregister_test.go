package azuredevops_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/azuredevops/azuredevopsfake"
	"pushbutton/internal/targets/targettest"
)

const hookPrefix = "https://push.example.com/hooks/in1/"

func wanted(token, signing, id string) targets.HookWanted {
	return targets.HookWanted{URL: hookPrefix + token, Prefix: hookPrefix, Secret: secret.New(signing), ID: id}
}

func hookTarget(tb testing.TB, s *azuredevopsfake.Server) *targets.Target {
	tb.Helper()
	return targettest.Open(tb, azuredevopsfake.Harness().Kind, azuredevopsfake.Account(azuredevopsfake.PAT, azuredevopsfake.Project), s.URL)
}

func register(t *testing.T, target *targets.Target, want targets.HookWanted) string {
	t.Helper()
	got, able, err := target.RegisterHook(t.Context(), want)
	require.NoError(t, err)
	require.True(t, able)
	require.Len(t, strings.Split(got.ID, ","), 3)
	return got.ID
}

func foreignHooks(s *azuredevopsfake.Server) []azuredevopsfake.Subscription {
	s.AddSubscription("workitem.updated", azuredevopsfake.ProjectID, "https://push.example.com/hooks/in12/t")
	s.AddSubscription("workitem.updated", azuredevopsfake.ProjectID, "https://example.com/")
	s.AddSubscription("workitem.deleted", azuredevopsfake.OtherProjectID, "https://example.com/")
	return s.Subscriptions()
}

func TestRegisterHook(t *testing.T) {
	t.Parallel()
	type sub = azuredevopsfake.Subscription
	ours := func(one *sub) bool {
		return strings.HasPrefix(one.ConsumerInputs["url"], hookPrefix)
	}
	disable := func(s *azuredevopsfake.Server) {
		s.ChangeSubscriptions(func(one *sub) bool {
			if ours(one) {
				one.Status = "disabledBySystem"
			}
			return true
		})
	}
	for name, c := range map[string]struct {
		between      func(s *azuredevopsfake.Server)
		then         targets.HookWanted
		forget, anew bool
	}{
		"nothing changed":    {then: wanted("t1", "s1", "")},
		"ids forgotten":      {then: wanted("t1", "s1", ""), forget: true},
		"another token":      {then: wanted("t2", "s1", "")},
		"another secret":     {then: wanted("t1", "s2", "")},
		"token, ids unknown": {then: wanted("t2", "s2", ""), forget: true},
		"disabled":           {then: wanted("t1", "s1", ""), between: disable},
		"disabled for good": {then: wanted("t1", "s1", ""), anew: true, between: func(s *azuredevopsfake.Server) {
			disable(s)
			s.StayDisabled = true
		}},
		"one deleted by people": {then: wanted("t1", "s1", ""), anew: true, between: func(s *azuredevopsfake.Server) {
			s.ChangeSubscriptions(func(one *sub) bool { return !ours(one) || one.EventType != "workitem.deleted" })
		}},
		"edited by people": {then: wanted("t1", "s1", ""), between: func(s *azuredevopsfake.Server) {
			s.ChangeSubscriptions(func(one *sub) bool {
				if ours(one) {
					one.ConsumerInputs = map[string]string{"url": "https://elsewhere.example.com/"}
				}
				return true
			})
		}},
		"doubled": {then: wanted("t1", "s1", ""), between: func(s *azuredevopsfake.Server) {
			s.AddSubscription("workitem.updated", azuredevopsfake.ProjectID, hookPrefix+"old")
			s.AddSubscription("workitem.commented", azuredevopsfake.ProjectID, hookPrefix+"t1")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := azuredevopsfake.New(t)
			foreign := foreignHooks(s)
			target := hookTarget(t, s)
			id := register(t, target, wanted("t1", "s1", ""))
			if c.between != nil {
				c.between(s)
			}
			if !c.forget {
				c.then.ID = id
			}
			again := register(t, target, c.then)
			require.Equal(t, c.anew, again != id)
			all := s.Subscriptions()
			require.Equal(t, foreign, all[:3])
			require.Len(t, all, 6)
			events := map[string]bool{}
			for _, one := range all[3:] {
				events[one.EventType] = true
				require.Contains(t, again, one.ID)
				require.Equal(t, map[string]string{"projectId": azuredevopsfake.ProjectID}, one.PublisherInputs)
				require.Equal(t, []string{c.then.URL, "pushbutton", c.then.Secret.Reveal(), "all"},
					[]string{one.ConsumerInputs["url"], one.ConsumerInputs["basicAuthUsername"], one.ConsumerInputs["basicAuthPassword"], one.ConsumerInputs["resourceDetailsToSend"]})
				if !s.StayDisabled {
					require.Equal(t, "enabled", one.Status)
				}
			}
			require.Equal(t, map[string]bool{"workitem.updated": true, "workitem.deleted": true, "workitem.restored": true}, events)
			for range 2 { // what is gone is no error
				able, err := target.RemoveHook(t.Context(), again, hookPrefix)
				require.NoError(t, err)
				require.True(t, able)
				require.Equal(t, foreign, s.Subscriptions())
			}
		})
	}
}

func TestRegisterHookWithoutTheRight(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]func(*azuredevopsfake.Server){
		"permission":    func(s *azuredevopsfake.Server) { s.NoHooks = true },
		"scope":         func(s *azuredevopsfake.Server) { s.NoHookScope = true },
		"scope, by 203": func(s *azuredevopsfake.Server) { s.NoHookScope, s.BadToken = true, http.StatusNonAuthoritativeInfo },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := azuredevopsfake.New(t)
			take(s)
			target := hookTarget(t, s)
			_, able, err := target.RegisterHook(t.Context(), wanted("t1", "s1", ""))
			require.True(t, able)
			require.Equal(t, fault.Forbidden, fault.KindOf(err), err)
			require.Contains(t, fault.From(err).Public, "Edit subscriptions")
			_, err = target.RemoveHook(t.Context(), "fd672255-8b6b-4769-9260-000000000001", hookPrefix)
			require.Equal(t, fault.Forbidden, fault.KindOf(err))
		})
	}
}

// The error of a token that is worth nothing is about the token, and one of an
// address that Azure DevOps refuses about the address.
func TestRegisterHookRefusals(t *testing.T) {
	t.Parallel()
	s := azuredevopsfake.New(t)
	bad := targettest.Open(t, azuredevopsfake.Harness().Kind, azuredevopsfake.Account("nothing", azuredevopsfake.Project), s.URL)
	_, _, err := bad.RegisterHook(t.Context(), wanted("t1", "s1", ""))
	require.Equal(t, fault.Unauthorized, fault.KindOf(err))
	want := wanted("t1", "s1", "")
	want.URL = "http://push.example.com/hooks/in1/t1"
	_, _, err = hookTarget(t, s).RegisterHook(t.Context(), want)
	require.Equal(t, fault.Invalid, fault.KindOf(err))
	require.Contains(t, fault.From(err).Public, "https")
	require.Empty(t, s.Subscriptions())
}
