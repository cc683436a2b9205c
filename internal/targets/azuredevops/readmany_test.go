package azuredevops_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/targets"
	fake "pushbutton/internal/targets/azuredevops/azuredevopsfake"
)

// Numbers are the organization's: a list may show an item in another project,
// whose address is Read's to find. A number that Azure DevOps cannot have would
// fail the whole list.
func TestReadManyLeavesOtherProjectsToRead(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	target := open(t, s.URL, mine())
	var ids []string
	for _, entity := range []string{"there", "moved"} {
		d := draft(t, target)
		d.Marker = targets.NewMarker("azuredevops", entity, 1)
		made, err := target.Create(t.Context(), d)
		require.NoError(t, err)
		ids = append(ids, made.ID)
	}
	s.Change(2, func(i *fake.Item) { i.Project, i.Fields["System.TeamProject"] = fake.Moved, fake.Moved })
	before := len(s.Hits())
	got := target.ReadMany(t.Context(), append(ids, "99999999999"))
	require.NoError(t, got[0].Err)
	require.NoError(t, got[1].Err)
	require.Error(t, got[2].Err)
	require.Equal(t, []targets.Verdict{targets.VerdictPresent, targets.VerdictMoved}, []targets.Verdict{got[0].Verdict, got[1].Verdict})
	require.Contains(t, got[1].Issue.URL, "/"+fake.Moved+"/")
	hits := s.Hits()[before:]
	require.Equal(t, "POST /fabrikam/Fabrikam Fiber/_apis/wit/workitemsbatch", hits[0])
	require.NotContains(t, hits, "GET /fabrikam/Fabrikam Fiber/_apis/wit/workitems/1")
}
