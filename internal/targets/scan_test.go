package targets_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/targets"
)

// pages is a list of issues, each given by its number and marker.
func pages(reads *int, all ...[]targets.ListedIssue) targets.IssueList {
	return targets.IssueList{Pages: 2, Read: func(_ context.Context, page int) ([]targets.ListedIssue, bool, error) {
		*reads++
		return all[page-1], page < len(all), nil
	}}
}

func listed(number int, marker targets.Marker, id string) targets.ListedIssue {
	return targets.ListedIssue{Number: number, Marker: marker, Issue: targets.Issue{ID: id}}
}

func TestScan(t *testing.T) {
	var labelled, own int
	scan := targets.Scan{
		ByLabel:   pages(&labelled, []targets.ListedIssue{listed(9, "pb-a", "9"), listed(7, "pb-a", "7")}, []targets.ListedIssue{listed(7, "pb-a", "7"), listed(3, "pb-b", "3")}, nil),
		ByCreator: pages(&own, []targets.ListedIssue{listed(5, "pb-a", "5"), listed(2, "pb-c", "2")}),
	}
	found, err := scan.Find(t.Context(), "pb-a")
	require.NoError(t, err)
	assert.Equal(t, "7", found.ID, "the oldest with the label")
	assert.Equal(t, []int{2, 0}, []int{labelled, own}, "as many pages as allowed, and no other list")

	found, err = scan.Find(t.Context(), "pb-c")
	require.NoError(t, err)
	assert.Equal(t, "2", found.ID, "somebody took its label off")

	found, err = scan.Find(t.Context(), "pb-d")
	require.NoError(t, err)
	assert.Nil(t, found)

	all, err := scan.FindAll(t.Context(), "pb-a")
	require.NoError(t, err)
	assert.Equal(t, []targets.Issue{{ID: "5"}, {ID: "7"}, {ID: "9"}}, all, "oldest first, each once")

	scan.ByCreator.Read = func(context.Context, int) ([]targets.ListedIssue, bool, error) {
		return nil, false, errors.New("no answer")
	}
	_, err = scan.Find(t.Context(), "pb-d")
	require.Error(t, err, "a list that cannot be read is not empty")
	_, err = scan.FindAll(t.Context(), "pb-a")
	assert.Error(t, err)
}

func TestPick(t *testing.T) {
	type thing struct{ id, name string }
	all := []thing{{"1", "Bug"}, {"2", "Feature"}, {"3", "feature"}}
	names := func(x thing) []string { return []string{x.id, x.name} }
	for text, want := range map[string]string{"2": "2", "FEATURE": "2", "bug": "1", "Epic": "", "": ""} {
		found, ok := targets.Pick(all, text, names)
		assert.Equal(t, want, found.id, text)
		assert.Equal(t, want != "", ok, text)
	}
}
