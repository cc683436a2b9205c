package conformance_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/targets"
)

// mappedDraft is an item as a target's settings map it.
func mappedDraft(t *testing.T, target *targets.Target) targets.Draft {
	t.Helper()
	d, err := target.Draft(targets.NewMarker(target.Type(), "entity", 1), targets.Item{ID: "1", Type: "feature", Name: "A wish",
		HTML: "<p>They <b>asked</b> for it.</p><ul><li>one</li></ul>", Link: "https://example.productboard.com/1", Tags: []string{"urgent", "loud"},
		Pusher: targets.Person{Name: "Joe Roe", Email: "joe@example.com"}})
	require.NoError(t, err)
	return d
}
