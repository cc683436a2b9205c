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

func TestVerdictsSayWhatHappened(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*giteafake.Fake)
		want   targets.Verdict
		says   string
	}{
		"deleted":         {func(f *giteafake.Fake) { f.Repositories["acme/app"].Issues[0].Deleted = true }, targets.VerdictGone, "does not have issue #1 any more"},
		"repository lost": {func(f *giteafake.Fake) { delete(f.Users[giteafake.MineToken].Repos, "acme/app") }, targets.VerdictHidden, "does not show it"},
		"issues off":      {func(f *giteafake.Fake) { f.Repositories["acme/app"].NoIssues = true }, targets.VerdictHidden, "no issues of its own"},
		"issues elsewhere": {func(f *giteafake.Fake) { f.Repositories["acme/app"].External = true }, targets.VerdictHidden,
			"no issues of its own"},
		"team without issues": {func(f *giteafake.Fake) { f.Users[giteafake.MineToken].Repos["acme/app"] = "code" }, targets.VerdictHidden,
			"Gitea does not show the issues of acme/app to the token's account."},
		"renamed and out of reach": {func(f *giteafake.Fake) {
			f.Rename("acme/app", "acme/product")
			delete(f.Users[giteafake.MineToken].Repos, "acme/product")
		}, targets.VerdictHidden, "does not show it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := giteafake.Standard(t)
			target := open(t, f.URL, giteafake.WithToken("acme/app", giteafake.MineToken))
			made, err := target.Create(t.Context(), draft())
			require.NoError(t, err)
			c.change(f)
			_, _, read := target.Read(t.Context(), made.ID)
			_, comment := target.Comment(t.Context(), made.ID, "A remark.")
			_, closed := target.Close(t.Context(), made.ID)
			for _, err := range []error{read, comment, closed} {
				require.Error(t, err)
				require.Equal(t, c.want, targets.VerdictOf(targets.Issue{}, err), err)
				require.Contains(t, fault.From(err).Public, c.says)
			}
		})
	}
}

// The issues of a renamed repository are where Gitea says, and nowhere else.
func TestARenamedRepositoryIsFollowed(t *testing.T) {
	t.Parallel()
	f := giteafake.Standard(t)
	target := open(t, f.URL, giteafake.WithToken("acme/app", giteafake.MineToken))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	f.Rename("acme/app", "acme/product")
	f.Rename("acme/product", "acme/suite")
	got, _, err := target.Read(t.Context(), made.ID)
	require.NoError(t, err)
	require.Equal(t, targets.Issue{ID: "1", Key: "acme/suite#1", URL: f.URL + "/acme/suite/issues/1", Title: "A wish", Status: "Open", Verdict: targets.VerdictMoved}, got)
	_, err = target.Comment(t.Context(), made.ID, "A remark.")
	require.NoError(t, err)
	_, _, err = target.Update(t.Context(), made.ID, draft())
	require.NoError(t, err)
	_, err = target.Close(t.Context(), made.ID)
	require.NoError(t, err)
	issue := f.Repositories["acme/suite"].Issues[0]
	require.Len(t, issue.Comments, 1)
	require.Equal(t, "closed", issue.State)
}

func TestARedirectToAnythingElseIsNotFollowed(t *testing.T) {
	t.Parallel()
	f := giteafake.Standard(t)
	proxy := targettest.NewProxy(t, strings.TrimSuffix(f.URL, giteafake.Root))
	target := open(t, proxy.URL+giteafake.Root, giteafake.WithToken("acme/app", giteafake.MineToken))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	for name, location := range map[string]string{
		"another host":     "https://gitea.elsewhere.example/api/v1/repos/acme/other/issues/1",
		"a login page":     "/user/login?redirect_to=%2f",
		"another issue":    "/git/api/v1/repos/acme/other/issues/2",
		"another resource": "/git/api/v1/repos/acme/other/issues/1/comments",
		"climbs":           "/git/api/v1/repos/acme/../issues/1",
		"no address":       "http://[",
		"itself for ever":  "/git/api/v1/repos/acme/app/issues/1",
	} {
		t.Run(name, func(t *testing.T) {
			proxy.On(targettest.Reads, targettest.Behaviour{Status: 307, Header: http.Header{"Location": {location}}})
			_, _, err := target.Read(t.Context(), made.ID)
			require.Error(t, err)
			require.Contains(t, fault.From(err).Public, "is elsewhere")
			require.LessOrEqual(t, proxy.Hits(), 4)
		})
	}
}

// Whether a 500 was due to a deleted issue is asked, and never guessed.
func TestABrokenCommentIsLookedInto(t *testing.T) {
	t.Parallel()
	f := giteafake.Standard(t)
	proxy := targettest.NewProxy(t, strings.TrimSuffix(f.URL, giteafake.Root))
	target := open(t, proxy.URL+giteafake.Root, giteafake.WithToken("acme/app", giteafake.MineToken))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	proxy.On(func(r *http.Request) bool { return r.Method == http.MethodPost },
		targettest.Behaviour{Status: 500, Body: func(*http.Request) string { return `{"message":"","url":"https://gitea.example.com/api/swagger"}` }})
	_, err = target.Comment(t.Context(), made.ID, "A remark.")
	require.Equal(t, fault.Unavailable, fault.KindOf(err), err)
	require.True(t, fault.IsUnsure(err), "the remark may be there")

	proxy.On(targettest.Any, targettest.Behaviour{Status: 502})
	_, err = target.Comment(t.Context(), made.ID, "A remark.")
	require.Equal(t, fault.Unavailable, fault.KindOf(err), err)
	require.True(t, fault.IsUnsure(err))
}
