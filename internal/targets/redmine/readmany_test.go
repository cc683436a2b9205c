package redmine_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/targets"
)

// A list has closed issues only if it is asked for them.
func TestReadManyHasClosedIssues(t *testing.T) {
	t.Parallel()
	f := newFake(t, "")
	target := open(t, f, account(mineKey, "mine"))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	f.Issues[0].Status = 5
	before := len(f.Hits)
	got := target.ReadMany(t.Context(), []string{made.ID, "0", "007"})
	require.NoError(t, got[0].Err)
	require.Equal(t, []any{"Closed", targets.Done}, []any{got[0].Issue.Status, got[0].Issue.Progress})
	require.Error(t, got[1].Err)
	require.Error(t, got[2].Err)
	hits := slices.DeleteFunc(slices.Clone(f.Hits[before:]), func(hit string) bool { return hit == "GET /issues/007.json" })
	require.Equal(t, "GET /issues.json", hits[0])
	require.NotContains(t, hits, "GET /issues/1.json", "the list has it")
}
