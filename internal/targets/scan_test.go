package targets_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/targets"
)

func listed(number int, marker targets.Marker, id string) targets.ListedIssue {
	return targets.ListedIssue{Number: number, Marker: marker, Issue: targets.Issue{ID: id}}
}

func TestScan(t *testing.T) {
	t.Parallel()
	lists := map[string][][]targets.ListedIssue{
		"label=ours": {{listed(9, "pb-a", "9"), listed(7, "pb-a", "7")}, {listed(7, "pb-a", "7"), listed(3, "pb-b", "3")}, {listed(1, "pb-a", "1")}},
		"by=bot":     {{listed(5, "pb-a", "5"), listed(2, "pb-c", "2")}},
	}
	reads := map[string]int{}
	scan := targets.Scan{
		ByLabel: targets.Filter{Name: "label", Pages: 2}, ByCreator: targets.Filter{Name: "by", Pages: 2}, Label: "ours",
		Account: func(context.Context) (string, error) { return "bot", nil },
		List: func(_ context.Context, filter, value string, page int) ([]targets.ListedIssue, bool, error) {
			list := lists[filter+"="+value]
			reads[filter]++
			return list[page-1], page < len(list), nil
		},
	}
	found, err := scan.Find(t.Context(), "pb-a")
	require.NoError(t, err)
	require.Equal(t, "7", found.ID, "the oldest with the label")
	require.Equal(t, map[string]int{"label": 2}, reads, "as many pages as allowed, and no other list")

	found, err = scan.Find(t.Context(), "pb-c")
	require.NoError(t, err)
	require.Equal(t, "2", found.ID, "somebody took its label off")

	found, err = scan.Find(t.Context(), "pb-d")
	require.NoError(t, err)
	require.Nil(t, found)

	all, err := scan.FindAll(t.Context(), "pb-a")
	require.NoError(t, err)
	require.Equal(t, []targets.Issue{{ID: "5"}, {ID: "7"}, {ID: "9"}}, all, "oldest first, each once")

	scan.Account = func(context.Context) (string, error) { return "", errors.New("no answer") }
	_, err = scan.Find(t.Context(), "pb-d")
	require.Error(t, err, "an account that cannot be asked is no answer")
	_, err = scan.FindAll(t.Context(), "pb-a")
	require.Error(t, err)
}

func TestPick(t *testing.T) {
	t.Parallel()
	type thing struct{ id, name string }
	all := []thing{{"1", "Bug"}, {"2", "Feature"}, {"3", "feature"}}
	names := func(x thing) []string { return []string{x.id, x.name} }
	for text, want := range map[string]string{"2": "2", "FEATURE": "2", "bug": "1", "Epic": "", "": ""} {
		found, ok := targets.Pick(all, text, names)
		require.Equal(t, want, found.id, text)
		require.Equal(t, want != "", ok, text)
	}
}
