package conformance_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/targettest"
)

// openWatched makes a target for an address, which a watch may stand before.
func openWatched(t *testing.T, kind targets.Kind, a targettest.Account, url string) *targets.Target {
	t.Helper()
	client := outbound.New(outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	t.Cleanup(client.Close)
	target, err := kind.Open(a.Settings(url), a.Credentials, targets.Deps{HTTP: client})
	require.NoError(t, err)
	return target
}

// mappedDraft is an item as a target's settings map it.
func mappedDraft(t *testing.T, target *targets.Target) targets.Draft {
	t.Helper()
	d, err := target.Draft(targets.NewMarker(target.Type(), "entity", 1), targets.Item{ID: "1", Type: "feature", Name: "A wish",
		HTML: "<p>They <b>asked</b> for it.</p><ul><li>one</li></ul>", Link: "https://example.productboard.com/1", Tags: []string{"urgent", "loud"},
		Pusher: targets.Person{Name: "Joe Roe", Email: "joe@example.com"}})
	require.NoError(t, err)
	return d
}
