package asana_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/targets"
	fake "pushbutton/internal/targets/asana/asanafake"
)

// Each action of a batch has a status of its own: one that is refused takes
// nothing from the others.
func TestReadManyTakesEachActionByItself(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	target := open(t, s.URL, mine())
	var ids []string
	for _, entity := range []string{"first", "hidden", "third"} {
		d := draft(t, target)
		d.Marker = targets.NewMarker("asana", entity, 1)
		made, err := target.Create(t.Context(), d)
		require.NoError(t, err)
		ids = append(ids, made.ID)
	}
	s.Change(1, func(task *fake.Task) { task.Project = "private" })
	before := len(s.Hits())
	got := target.ReadMany(t.Context(), append(ids, "no gid"))
	require.Equal(t, []targets.Verdict{targets.VerdictPresent, targets.VerdictHidden, targets.VerdictPresent},
		[]targets.Verdict{got[0].Verdict, got[1].Verdict, got[2].Verdict})
	require.Error(t, got[3].Err)
	hits := s.Hits()[before:]
	require.Equal(t, []string{"POST /batch", "GET /tasks/" + ids[1]}, hits[:2])
	require.NotContains(t, hits, "GET /tasks/"+ids[0])
}

// A batch that is forbidden says nothing about the tasks.
func TestReadManyWithoutBatches(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	s.NoBatch = true
	target := open(t, s.URL, mine())
	made, err := target.Create(t.Context(), draft(t, target))
	require.NoError(t, err)
	got := target.ReadMany(t.Context(), []string{made.ID})
	require.NoError(t, got[0].Err)
	require.Equal(t, made.ID, got[0].Issue.ID)
}
