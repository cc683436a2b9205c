package memtarget_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/secret"
	"pushbutton/internal/targets/memtarget"
)

func TestSeedMakesIssuesUpToTheBound(t *testing.T) {
	t.Parallel()
	tracker := memtarget.NewTracker(memtarget.Options{MaxIssues: 3})
	_, err := tracker.Seed("demo", 1)
	require.Error(t, err, "there is no such project")
	tracker.AddProject("demo", secret.New("key"))
	made, err := tracker.Seed("demo", 3)
	require.NoError(t, err)
	require.Len(t, made, 3)
	have, ok := tracker.Issue(made[2].ID)
	require.True(t, ok)
	require.Equal(t, made[2].Title, have.Title)
	require.Equal(t, memtarget.StatusOpen, have.Status)
	_, err = tracker.Seed("demo", 1)
	require.Error(t, err, "the tracker is full")
}
