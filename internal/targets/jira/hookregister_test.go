package jira_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/jira/jirafake"
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
	require.Equal(t, targets.HookRegistration{ID: got.ID}, got)
	return got.ID
}

func (r *rig) admin() {
	r.Change(func(f *jirafake.Fake) { f.Accounts[0].Admin = true })
}

func (r *rig) hooks() (all []jirafake.Hook) {
	r.Change(func(f *jirafake.Fake) {
		for _, h := range f.Hooks {
			all = append(all, *h)
		}
	})
	return all
}

func TestRegisterHook(t *testing.T) {
	t.Parallel()
	editions(t, func(t *testing.T, r *rig) {
		r.admin()
		theirs := jirafake.Hook{Name: "theirs", URL: "https://chat.example.com/hooks/i2/x", Secret: "theirs", Events: []string{"jira:issue_created"}, Enabled: true}
		r.Change(func(f *jirafake.Fake) { theirs = *f.AddHook(theirs) })
		own := func(token, signing string) {
			t.Helper()
			all := r.hooks()
			require.Len(t, all, 2)
			require.Equal(t, theirs, all[0], "other people's stay")
			h := all[1]
			require.Equal(t, hookPrefix+token, h.URL)
			require.Equal(t, signing, h.Secret)
			require.Equal(t, []string{"jira:issue_updated", "jira:issue_deleted"}, h.Events)
			require.True(t, h.Enabled)
			if !r.dataCenter {
				require.Equal(t, "project = 10000", h.Filter)
			}
		}
		target := r.open(t, nil)
		id := register(t, target, wanted("one", "first", ""))
		own("one", "first")
		for _, known := range []string{id, "", "1", "77"} { // lost, a stranger's, gone
			require.Equal(t, id, register(t, target, wanted("one", "first", known)))
			own("one", "first")
		}
		require.Equal(t, id, register(t, target, wanted("two", "second", id)))
		own("two", "second")

		r.Change(func(f *jirafake.Fake) {
			f.AddHook(jirafake.Hook{Name: "double", URL: hookPrefix + "old", Events: theirs.Events, Enabled: true})
		})
		require.Equal(t, id, register(t, target, wanted("two", "second", id)))
		own("two", "second")

		r.Change(func(f *jirafake.Fake) { f.Hooks[1].Enabled = false })
		id = register(t, target, wanted("two", "second", id))
		own("two", "second")

		for range 2 {
			supported, err := target.RemoveHook(t.Context(), id, hookPrefix)
			require.NoError(t, err, "also if it is gone")
			require.True(t, supported)
			require.Equal(t, []jirafake.Hook{theirs}, r.hooks())
		}
		_, err := target.RemoveHook(t.Context(), strconv.Itoa(theirs.ID), hookPrefix)
		require.NoError(t, err)
		require.Len(t, r.hooks(), 1, "a number alone is no proof")
	})
}

func TestRegisterHookForbidden(t *testing.T) {
	t.Parallel()
	editions(t, func(t *testing.T, r *rig) {
		target := r.open(t, nil)
		_, supported, err := target.RegisterHook(t.Context(), wanted("one", "first", ""))
		require.True(t, supported)
		require.Equal(t, fault.Forbidden, fault.KindOf(err))
		require.Contains(t, fault.From(err).Public, "Administer Jira")
		require.Empty(t, r.hooks())
		_, err = target.RemoveHook(t.Context(), "", hookPrefix)
		require.NoError(t, err, "there was none")
		_, err = target.RemoveHook(t.Context(), "1", hookPrefix)
		require.Equal(t, fault.Forbidden, fault.KindOf(err), "it can no longer be removed")
		r.admin()
		_, _, err = target.RegisterHook(t.Context(), wanted("one", "", ""))
		require.Equal(t, fault.Invalid, fault.KindOf(err), "nothing could be checked")
		r.Change(func(f *jirafake.Fake) { f.Accounts[0].APIToken, f.Accounts[0].PAT = "x", "x" })
		_, _, err = target.RegisterHook(t.Context(), wanted("one", "first", ""))
		require.Equal(t, fault.Unauthorized, fault.KindOf(err))
	})
}

// No webhook is registered whose signature could not be checked.
func TestRegisterHookUnsigned(t *testing.T) {
	t.Parallel()
	t.Run("an old Data Center", func(t *testing.T) {
		r := newRig(t, "datacenter")
		r.admin()
		r.Change(func(f *jirafake.Fake) { f.Version = 9 })
		_, _, err := r.open(t, nil).RegisterHook(t.Context(), wanted("one", "first", ""))
		require.Equal(t, fault.Forbidden, fault.KindOf(err))
		require.Contains(t, fault.From(err).Public, "since version 10")
	})
	t.Run("an OAuth token", func(t *testing.T) {
		r := newRig(t, "cloud")
		r.admin()
		target := r.openAs(t, set{"url": jirafake.Site, "gatewayUrl": r.to, "cloudId": jirafake.CloudID, "project": "ENG"}, jirafake.OAuth, nil)
		_, _, err := target.RegisterHook(t.Context(), wanted("one", "first", ""))
		require.Equal(t, fault.Forbidden, fault.KindOf(err))
		require.Empty(t, r.Hits(), "nothing is asked")
	})
}

// Jira repeats an address that it refuses; what cannot be guessed in it stays hidden.
func TestRegisterHookHidesItsToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, "cloud")
	r.admin()
	want := wanted("tokentokentoken", "first", "")
	want.URL, want.Prefix = strings.Replace(want.URL, "https", "http", 1), strings.Replace(want.Prefix, "https", "http", 1)
	_, _, err := r.open(t, nil).RegisterHook(t.Context(), want)
	require.Equal(t, fault.Invalid, fault.KindOf(err))
	require.Contains(t, fault.From(err).Public, "[secret] is not valid")
	require.NotContains(t, err.Error(), "tokentokentoken")
}
