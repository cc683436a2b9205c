package targets_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/httptarget"
	"pushbutton/internal/targets/jira"
	"pushbutton/internal/targets/redmine"
	"pushbutton/internal/targets/settings"
)

type zone map[string]string

func (z zone) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if a, ok := z[host]; ok {
		return []netip.Addr{netip.MustParseAddr(a)}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: host != "broken.example", IsTemporary: true}
}

// Addresses in settings are judged by the guard of the requests to come, each
// by the name of its setting.
func TestCheckAddresses(t *testing.T) {
	t.Parallel()
	client := outbound.New(&outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Resolver: zone{"good.example": "93.184.216.34", "loop.example": "127.0.0.1", "redmine.lan": "10.1.1.1"}})
	check := func(kind targets.Kind, settings map[string]any, credentials ...string) error {
		creds := map[string]secret.String{}
		for i := 0; i < len(credentials); i += 2 {
			creds[credentials[i]] = secret.New(credentials[i+1])
		}
		target, err := kind.Open(settings, creds, targets.Deps{HTTP: client})
		require.NoError(t, err)
		return target.CheckAddresses(t.Context())
	}
	at := func(url string) error {
		return check(redmine.Kind(), map[string]any{"url": url, "project": "p", "tracker": "Bug"}, "apiKey", "0123456789")
	}
	require.NoError(t, at("https://good.example"))
	require.NoError(t, at("http://redmine.lan:3000"))
	for url, want := range map[string]error{
		"https://loop.example": fault.Blocked, "https://169.254.169.254": fault.Blocked, "http://good.example": fault.Blocked, "https://[::ffff:7f00:1]": fault.Blocked,
		"https://2130706433": fault.Invalid, "https://gone.example": fault.Invalid, "https://broken.example": fault.Unavailable,
	} {
		err := at(url)
		require.ErrorIs(t, err, want, url)
		if !errors.Is(want, fault.Unavailable) {
			require.Contains(t, fault.From(err).Public, "settings.url is refused: ", url)
			var fields settings.FieldErrors
			require.ErrorAs(t, err, &fields)
		}
	}
	require.NoError(t, check(jira.Kind(), map[string]any{"url": "https://good.example", "project": "P", "edition": "datacenter"}, "personalAccessToken", "0123456789"),
		"the default of an address that is not used need not exist")
	err := check(httptarget.Kind(), map[string]any{
		"create": map[string]any{"url": "https://good.example/issues"}, "read": map[string]any{"url": "https://loop.example/issues/{{.ID}}"},
		"check": []any{map[string]any{"url": "http://169.254.169.254/", "expect": "$.ok"}}, "issue": map[string]any{"id": "$.id"},
	})
	require.ErrorIs(t, err, fault.Blocked)
	require.ErrorContains(t, err, "settings.read.url is refused")
	require.ErrorContains(t, err, "settings.check[0].url is refused")
	require.NotContains(t, err.Error(), "settings.create")
}
