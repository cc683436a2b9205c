package gitea_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/gitea/giteafake"
	"pushbutton/internal/targets/targettest"
)

// Gitea drops a label that somebody has deleted, and a milestone, without a
// word: the first issue after that gets them all the same.
func TestDeletedLabelsAndMilestonesAreRestored(t *testing.T) {
	t.Parallel()
	f := giteafake.Standard(t)
	repo := f.Repositories["acme/app"]
	repo.Milestones = []giteafake.Milestone{{ID: 31, Title: "v2"}}
	target := open(t, f.URL, giteafake.WithToken("acme/app", giteafake.MineToken, "milestone", "v2"))
	_, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	repo.Labels, repo.Milestones = repo.Labels[:1], []giteafake.Milestone{{ID: 32, Title: "v2"}}
	_, err = target.Create(t.Context(), draft())
	require.NoError(t, err)
	require.Len(t, repo.Issues, 2, "one create is enough")
	require.Equal(t, []string{"productboard", "wish"}, f.LabelNames(repo, repo.Issues[1]))
	require.Equal(t, 32, repo.Issues[1].Milestone)

	repo.Milestones = nil
	_, err = target.Create(t.Context(), draft())
	require.NoError(t, err, "the issue is there, whatever becomes of its milestone")
	_, err = target.Create(t.Context(), draft())
	require.Contains(t, fault.From(err).Public, `no open milestone "v2"`)

	target = open(t, f.URL, giteafake.WithToken("acme/app", giteafake.MineToken))
	_, err = target.Create(t.Context(), draft())
	require.NoError(t, err)
	repo.Labels = nil
	_, _, err = target.Update(t.Context(), "1", draft())
	require.NoError(t, err)
	require.Equal(t, []string{"productboard", "wish"}, f.LabelNames(repo, repo.Issues[0]), "an update as well")
}

// A server that refuses them instead is asked once more.
func TestARefusalThatNamesALabelIsAskedOnceMore(t *testing.T) {
	t.Parallel()
	f := giteafake.Standard(t)
	proxy := targettest.NewProxy(t, strings.TrimSuffix(f.URL, giteafake.Root))
	target := open(t, proxy.URL+giteafake.Root, giteafake.WithToken("acme/app", giteafake.MineToken))
	_, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	refused := false
	proxy.On(func(r *http.Request) bool {
		once := !refused && giteafake.Creates(r)
		refused = refused || once
		return once
	}, targettest.Behaviour{Status: 422, Body: func(*http.Request) string { return refusal("label does not exist") }})
	_, err = target.Create(t.Context(), draft())
	require.NoError(t, err)
	require.True(t, refused)
	require.Len(t, f.Repositories["acme/app"].Issues, 2)
}

// A label that Gitea refuses never stops a push.
func TestARefusedLabelIsLeftOut(t *testing.T) {
	t.Parallel()
	f := giteafake.Standard(t)
	f.RefuseLabel = "wish"
	target := open(t, f.URL, giteafake.WithToken("acme/app", giteafake.MineToken))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	repo := f.Repositories["acme/app"]
	require.Equal(t, []string{"productboard"}, f.LabelNames(repo, repo.Issues[0]))
	require.Contains(t, repo.Issues[0].Body, "Labels not set in Gitea: wish")
	_, _, err = target.Update(t.Context(), made.ID, draft())
	require.NoError(t, err)
	require.Contains(t, repo.Issues[0].Body, "Labels not set in Gitea: wish")
}

// An account may change its own issues without write access, but not label
// them.
func TestUpdateWithoutTheRightToLabel(t *testing.T) {
	t.Parallel()
	f := giteafake.Standard(t)
	target := open(t, f.URL, giteafake.WithToken("acme/app", giteafake.MineToken))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	f.Users[giteafake.MineToken].Repos["acme/app"] = "read"
	changed := draft()
	changed.Title = "Another wish"
	got, _, err := target.Update(t.Context(), made.ID, changed)
	require.NoError(t, err)
	require.Equal(t, "Another wish", got.Title)
}

// What a label's making brings is not the issue's: nothing was created.
func TestALostLabelIsNotALostIssue(t *testing.T) {
	t.Parallel()
	f := giteafake.Standard(t)
	proxy := targettest.NewProxy(t, strings.TrimSuffix(f.URL, giteafake.Root))
	target := open(t, proxy.URL+giteafake.Root, giteafake.WithToken("acme/app", giteafake.MineToken))
	labels := func(r *http.Request) bool {
		return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/labels")
	}
	for name, do := range map[string]targettest.Behaviour{"cut": {Cut: true}, "500": {Status: 500}, "web page": {Status: 201, Body: func(*http.Request) string { return "<html>" }}, "empty": {Status: 201, Body: func(*http.Request) string { return "{}" }}} {
		proxy.On(labels, do)
		_, err := target.Create(t.Context(), draft())
		require.Error(t, err, name)
		require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err), name)
		require.Contains(t, fault.From(err).Public, "Gitea", name)
	}
	require.Empty(t, f.Repositories["acme/app"].Issues)
}
