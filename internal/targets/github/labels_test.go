package github_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/github/githubfake"
)

// A milestone that was deleted and made anew has another number.
func TestADeletedMilestoneIsLookedUpAgain(t *testing.T) {
	t.Parallel()
	f := githubfake.Standard(t)
	repo := f.Repositories["acme/app"]
	repo.Milestones = []githubfake.Milestone{{Number: 3, Title: "v2"}}
	target := open(t, f.URL, githubfake.WithToken("acme/app", githubfake.MineToken, "milestone", "v2"))
	_, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	repo.Milestones[0].Number = 4
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	require.Equal(t, "#3", made.Key)
	require.Equal(t, 4, repo.Issues[2].Milestone)

	repo.Milestones = nil
	_, err = target.Create(t.Context(), draft())
	require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
	require.Contains(t, fault.From(err).Public, `no open milestone "v2"`)
}

// An account that left is remembered for a while, and GitHub refuses it.
func TestAnAssigneeThatLeftIsLookedUpAgain(t *testing.T) {
	t.Parallel()
	f := githubfake.Standard(t)
	repo := f.Repositories["acme/app"]
	repo.Assignable = []string{"olga"}
	target := open(t, f.URL, githubfake.WithToken("acme/app", githubfake.MineToken, "assignee", "owner", "people", map[string]any{"olga@example.com": "olga"}))
	_, err := target.Create(t.Context(), mapped(t, target))
	require.NoError(t, err)
	require.Equal(t, []string{"olga"}, repo.Issues[1].Assignees)
	repo.Assignable = nil
	_, err = target.Create(t.Context(), mapped(t, target))
	require.NoError(t, err)
	require.Contains(t, repo.Issues[2].Body, "Assignee: Olga")
}

// GitHub refuses an issue as a whole for a label that the account may not make.
func TestARefusedLabelIsLeftOut(t *testing.T) {
	t.Parallel()
	f := githubfake.Standard(t)
	repo := f.Repositories["acme/app"]
	repo.Labels, repo.NoNewLabels = []string{"Productboard"}, true
	target := open(t, f.URL, githubfake.WithToken("acme/app", githubfake.MineToken))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	require.Len(t, repo.Own(), 1)
	require.Equal(t, []string{"productboard"}, repo.Issues[1].Labels)
	require.Contains(t, repo.Issues[1].Body, "Labels not set in GitHub: wish")

	before := len(f.Hits)
	_, err = target.Create(t.Context(), draft())
	require.NoError(t, err)
	require.Len(t, f.Hits[before:], 1, "once it is known, one request is enough")

	repo.Labels = nil
	target = open(t, f.URL, githubfake.WithToken("acme/app", githubfake.MineToken))
	got, _, err := target.Update(t.Context(), made.ID, draft())
	require.NoError(t, err)
	require.Equal(t, made.ID, got.ID)
	require.Contains(t, repo.Issues[1].Body, "Labels not set in GitHub: productboard, wish")
}

// An account may change its own issues without write access, but not label
// them.
func TestUpdateWithoutTheRightToLabel(t *testing.T) {
	t.Parallel()
	f := githubfake.Standard(t)
	f.Tokens[githubfake.MineToken].Repos["acme/app"] = "read"
	target := open(t, f.URL, githubfake.WithToken("acme/app", githubfake.MineToken))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	changed := draft()
	changed.Title = "Another wish"
	got, _, err := target.Update(t.Context(), made.ID, changed)
	require.NoError(t, err)
	require.Equal(t, "Another wish", got.Title)
}
