package conformance_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/conformance/vendors"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/targettest"
)

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

// openFake opens a target of a kind at an address on this machine.
func openFake(t *testing.T, kind targets.Kind, a targettest.Account, url string) *targets.Target {
	t.Helper()
	client := outbound.New(outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, UserAgent: "conformance"})
	t.Cleanup(client.Close)
	target, err := kind.Open(a.Settings(url), a.Credentials, targets.Deps{HTTP: client})
	require.NoError(t, err)
	return target
}
