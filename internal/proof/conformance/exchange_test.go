package conformance_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/proof/conformance/vendors"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
)

// hookLifeCycle registers a webhook below an address, confirms it, gives it
// another token, and removes it.
func hookLifeCycle(t *testing.T, target *targets.Target, address string) {
	t.Helper()
	want := targets.HookWanted{Prefix: address + "/hooks/in1/", Secret: secret.New("0123456789012345678901234567890123456789012")}
	for _, token := range []string{"t1", "t1", "t2"} {
		want.URL = want.Prefix + token
		got, able, err := target.RegisterHook(t.Context(), want)
		require.NoError(t, err)
		require.True(t, able)
		require.NotEmpty(t, got.ID)
		want.ID = got.ID
	}
	_, err := target.RemoveHook(t.Context(), want.ID, want.Prefix)
	require.NoError(t, err)
}

// exchange holds one request and, if it passes, its reply against a spec.
func exchange(t *testing.T, spec vendors.Spec, method, path, body string, status int, reply string) error {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	_, check, err := spec.Request(r, []byte(body))
	if err != nil || check == nil {
		return err
	}
	return check(status, http.Header{"Content-Type": {"application/json"}}, []byte(reply))
}

// bites sends a request to a server and sees that the watch finds what want
// says wrong with it; "": nothing.
func bites(t *testing.T, spec vendors.Spec, server string, r *http.Request, want string) {
	t.Helper()
	watch := vendors.NewWatch(spec)
	handler, err := watch.Handler(server)
	require.NoError(t, err)
	handler.ServeHTTP(httptest.NewRecorder(), r)
	if want == "" {
		assert.Empty(t, watch.Violations())
		return
	}
	require.NotEmpty(t, watch.Violations())
	assert.ErrorContains(t, watch.Violations()[0], want)
}

// registersHook registers a webhook, registers it again with another address and
// secret, and removes it.
func registersHook(t *testing.T, target *targets.Target) {
	t.Helper()
	const prefix = "https://plugin.example.com/hooks/int1/"
	var id string
	for _, token := range []string{"t1", "t2"} {
		got, able, err := target.RegisterHook(t.Context(), targets.HookWanted{URL: prefix + token, Prefix: prefix, Secret: secret.New("secret of " + token), ID: id})
		require.NoError(t, err)
		require.True(t, able)
		id = got.ID
	}
	_, err := target.RemoveHook(t.Context(), id, prefix)
	require.NoError(t, err)
}
