package targettest

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
)

// StoredHook is a webhook of Mine's project as the server keeps it.
type StoredHook struct {
	ID, URL string
	Active  bool
	// Secret is what it signs with; empty where the server does not know.
	Secret string
}

// The webhooks that the suite registers.
const (
	hookPrefix = "https://plugin.example/hooks/suite/"
	hookURL    = hookPrefix + "4f1c9e-token"
	hookNewURL = hookPrefix + "77a0b2-token"
)

func hookSecret(which string) secret.String { return secret.New("canary-hook-secret-" + which) }

// hookRig is a target that registers webhooks.
type hookRig struct {
	*bench
	target *targets.Target
	id     string
}

// needsHooks skips where a case cannot be asked. The adapters whose harness has no
// Hooks ask the same of their own fakes in hookregister_test.go.
func needsHooks(t *testing.T, b *bench) *hookRig {
	t.Helper()
	if b.server.Hooks == nil {
		t.Skip("this harness cannot look into the server's webhooks")
	}
	target := b.mine(t)
	if target.ChoosesHookSecret() {
		t.Skip("this tracker calls the new address while the request is open")
	}
	if _, ok := targets.Ability[targets.HookRegistrar](b.h.Kind.Driver); !ok {
		t.Skip("this target registers no webhooks")
	}
	return &hookRig{bench: b, target: target}
}

// register registers a webhook, as the keeper does with the id it was last told.
func (r *hookRig) register(t *testing.T, url string, signing secret.String) {
	t.Helper()
	got, supported, err := r.target.RegisterHook(t.Context(), targets.HookWanted{URL: url, Prefix: hookPrefix, Secret: signing, ID: r.id})
	require.NoError(t, err)
	require.True(t, supported)
	require.NotEmpty(t, got.ID)
	r.id = got.ID
}

// assertHooks checks that the server has these active webhooks of the suite alone.
func (r *hookRig) assertHooks(t *testing.T, signing secret.String, urls ...string) {
	t.Helper()
	var have []string
	for _, h := range r.server.Hooks(t) {
		have = append(have, h.URL)
		require.True(t, h.Active, h.URL)
		if h.Secret != "" {
			require.Equal(t, signing.Reveal(), h.Secret, "it signs with the secret that was last given")
		}
	}
	require.ElementsMatch(t, urls, have)
}

func testRegisterHook(t *testing.T, b *bench) {
	r := needsHooks(t, b)
	first, second := hookSecret("first"), hookSecret("second")
	r.register(t, hookURL, first)
	r.assertHooks(t, first, hookURL)
	r.register(t, hookURL, first)
	r.assertHooks(t, first, hookURL)

	r.id = "" // as if the answer had been lost
	r.register(t, hookURL, second)
	r.assertHooks(t, second, hookURL)
	r.register(t, hookNewURL, first)
	r.assertHooks(t, first, hookNewURL)

	for range 2 { // what is gone is no error
		supported, err := r.target.RemoveHook(t.Context(), r.id, hookPrefix)
		require.NoError(t, err)
		require.True(t, supported)
		r.assertHooks(t, first)
	}
	r.register(t, hookURL, second) // its former id leads nowhere
	r.assertHooks(t, second, hookURL)
	_, err := r.target.RemoveHook(t.Context(), "", hookPrefix)
	require.NoError(t, err)
	r.assertHooks(t, second)
}

// testRegisterHookFails has every request of a registration fail once. The next one
// must find what the failed one left.
func testRegisterHookFails(t *testing.T, b *bench) {
	r := needsHooks(t, b)
	signing := hookSecret("first")
	const most = 6 // requests of one registration
	for n := range most {
		r.proxy.On(nth(int64(n+1), Any), Behaviour{Status: http.StatusBadGateway})
		_, _, err := r.target.RegisterHook(t.Context(), targets.HookWanted{URL: hookURL, Prefix: hookPrefix, Secret: signing})
		r.proxy.Off()
		if err != nil {
			assertPublic(t, r.target, err)
		}
		r.register(t, hookURL, signing)
		r.assertHooks(t, signing, hookURL)
		_, err = r.target.RemoveHook(t.Context(), r.id, hookPrefix)
		require.NoError(t, err)
		r.id = ""
	}
}

// testSentHook reads what the server itself sends. A harness whose server sends
// nothing skips it: its adapter reads the vendor's examples in hook_test.go.
func testSentHook(t *testing.T, b *bench) {
	if b.server.SendHook == nil {
		t.Skip("this harness cannot have the server send a webhook")
	}
	target := b.mine(t)
	require.True(t, target.ReadsHooks())
	made, err := target.Create(t.Context(), newDraft())
	require.NoError(t, err)
	signing := hookSecret("first")
	sent := b.server.SendHook(t, made.ID, signing)
	require.NotNil(t, sent)
	body, err := io.ReadAll(sent.Body)
	require.NoError(t, err)
	hook := targets.Hook{Header: sent.Header, Body: body, URL: hookURL, Now: time.Now()}
	events, err := target.ReadHook(signing, hook)
	require.NoError(t, err)
	require.NotEmpty(t, events)
	for _, e := range events {
		require.Equal(t, made.ID, e.ID)
		require.False(t, e.Gone)
	}
	again, err := target.ReadHook(signing, hook)
	require.NoError(t, err)
	require.Equal(t, events, again, "a delivery has one id")

	for name, wrong := range map[string]secret.String{"another secret": hookSecret("other"), "no secret": {}} {
		_, err = target.ReadHook(wrong, hook)
		require.Equal(t, fault.Unauthorized, fault.KindOf(err), "%s: %v", name, err)
		assertPublic(t, target, err)
	}
}
