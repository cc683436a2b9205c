package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

// newHookWorld has a webhook that is set up by hand, one that is off, and one that
// the plugin cannot register.
func newHookWorld(t *testing.T) *pushWorld {
	t.Helper()
	w := newPushWorld(t)
	w.vars["PLUGIN_PUBLIC_URL"] = "https://push.example.com"
	for tenant, mode := range map[string]tenants.HookMode{"acme": tenants.HooksManual, "beta": tenants.HooksOff} {
		scope := w.store.Tenant(tenant)
		in, err := scope.Integration(t.Context(), w.ids[tenant])
		require.NoError(t, err)
		in.Hooks, in.Target = mode, unreachable()
		_, err = scope.Update(t.Context(), in)
		require.NoError(t, err)
	}
	_, err := w.store.Tenant("beta").Create(t.Context(), tenants.Integration{ID: tenants.NewID(), Name: "Notes", ProductboardID: "pb", Target: unreachable()})
	require.NoError(t, err)
	return w
}

// unreachable is a tracker that is not there.
func unreachable() tenants.TargetConfig {
	return tenants.TargetConfig{Type: "memory", Settings: map[string]any{"url": "http://127.0.0.1:1", "project": "demo"},
		Credentials: map[string]secret.String{"apiKey": secret.New("key")}}
}

func (w *pushWorld) hooks(code int, args ...string) (string, string) {
	w.t.Helper()
	return w.runs(code, append([]string{"hooks"}, args...)...)
}

// The commands, as somebody types them.
func TestHooksCommands(t *testing.T) {
	t.Parallel()
	t.Run("on Redis", func(t *testing.T) {
		t.Parallel()
		hooksCommands(t, newHookWorld(t))
	})
	t.Run("through a running plugin", func(t *testing.T) {
		t.Parallel()
		w := newHookWorld(t)
		w.serve()
		hooksCommands(t, w)
	})
}

func hooksCommands(t *testing.T, w *pushWorld) {
	t.Helper()
	out, _ := w.hooks(exitOK, "list")
	require.Regexp(t, `(?m)^INTEGRATION +TRACKER +MODE +STATE +LAST EVENT +MISSED SWEEPS +PROBLEM$`, out)
	require.Regexp(t, `(?m)^acme/Delivery +memory +manual +manual +- +0 +-$`, out)
	require.Regexp(t, `(?m)^beta/Ideas +memory +off +off +- +0 +-$`, out)
	out, _ = w.hooks(exitOK, "--tenant", "acme", "list")
	require.Contains(t, out, "acme/Delivery")
	require.NotContains(t, out, "beta/")

	address := regexp.MustCompile(`https://push\.example\.com/hooks/` + w.ids["acme"] + `/[a-z0-9]{26}`)
	for range 2 { // it says a secret once, and never the same
		out, _ = w.hooks(exitOK, "rotate", "acme/Delivery")
		require.Regexp(t, `^Set up the webhook of acme/Delivery .* once\. .*\n  1\. `, out)
		hook := w.hook("acme")
		require.Regexp(t, address, out)
		require.Contains(t, out, hook.Token.Reveal())
		require.Contains(t, out, hook.Secret.Reveal())
		for _, which := range []string{"acme/Delivery", "acme/" + w.ids["acme"]} {
			shown, _ := w.hooks(exitOK, "show", which)
			require.Regexp(t, `(?m)^integration: +acme/Delivery \(`+w.ids["acme"]+`\)$`, shown)
			require.Regexp(t, `(?m)^mode: +manual\nstate: +manual$`, shown)
			require.Contains(t, shown, "{address}")
			require.Contains(t, shown, "  1. ")
			for _, hidden := range []string{hook.Token.Reveal(), hook.Secret.Reveal()} {
				require.NotContains(t, shown, hidden)
			}
		}
	}

	out, _ = w.hooks(exitOK, "register", "beta/Ideas")
	require.Equal(t, "beta/Ideas takes no webhooks (hooks: off, or no refresh)\n", out)
	out, _ = w.hooks(exitOK, "show", "beta/Ideas")
	require.NotContains(t, out, "{address}", "nobody is to set it up")
	_, errs := w.hooks(exitFailure, "register", "beta/Notes")
	require.Contains(t, errs, "beta/Notes: not registered: ")

	for _, args := range [][]string{{}, {"list", "acme/Delivery"}, {"show"}, {"rotate", "Delivery"}, {"rotate", "acme/"}, {"register", "/Delivery"}, {"--tenant", "acme", "show", "acme/Delivery"}, {"burn", "acme/Delivery"}} {
		_, errs := w.hooks(exitUsage, args...)
		require.Contains(t, errs, "show TENANT/NAME", args)
	}
	for _, c := range []struct{ args, told string }{
		{"rotate beta/Ideas", "takes no webhooks"},
		{"show acme/Nobody", "integration: is neither the id nor the name"},
		{"show acme/" + w.ids["beta"], "integration: is neither the id nor the name"},
	} {
		_, errs := w.hooks(exitFailure, strings.Fields(c.args)...)
		require.Contains(t, errs, c.told, c.args)
	}
}

func (w *pushWorld) hook(tenant string) *tenants.Hook {
	w.t.Helper()
	in, err := w.store.Tenant(tenant).Integration(w.t.Context(), w.ids[tenant])
	require.NoError(w.t, err)
	require.NotNil(w.t, in.Hook)
	return in.Hook
}

func TestPrintedHooks(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := hookPrinter{&out}
	hook := func(change func(*admin.NamedHook)) admin.NamedHook {
		h := admin.NamedHook{ID: "abc", Name: "Ideas", Tracker: "linear"}
		h.State = "registered"
		change(&h)
		return h
	}
	table := p.table()
	table.row("beta", hook(func(h *admin.NamedHook) { h.MissedSweeps, h.LastEvent = 3, time.Unix(0, 0) }))
	require.NoError(t, table.end())
	require.Regexp(t, `beta/Ideas +linear +registered +1970-01-01T00:00:00Z +3 \(silent\) +-\n$`, out.String())
	out.Reset()
	require.NoError(t, p.table().end())
	require.Equal(t, "no integrations\n", out.String())
	out.Reset()
	require.NoError(t, p.rotated("beta", hook(func(*admin.NamedHook) {})))
	require.NoError(t, p.registered("beta", hook(func(*admin.NamedHook) {})))
	require.NoError(t, p.registered("beta", hook(func(h *admin.NamedHook) { h.State, h.Steps = "manual", []string{"Add it."} })))
	require.Equal(t, "beta/Ideas has a new secret, and the plugin has told the tracker\nbeta/Ideas registered\n"+
		"beta/Ideas is to be set up by hand. Address and secret are not told again:\n  1. Add it.\n", out.String())
	failed := hook(func(h *admin.NamedHook) { h.Problem = "No right." })
	require.EqualError(t, p.rotated("beta", failed), "beta/Ideas has a new secret, and the tracker does not know it: No right.")
	require.EqualError(t, p.registered("beta", failed), "beta/Ideas: not registered: No right.")
}
