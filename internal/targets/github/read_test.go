package github_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/github/githubfake"
	"pushbutton/internal/targets/targettest"
)

func TestVerdictsSayWhatHappened(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*githubfake.Fake)
		want   targets.Verdict
		says   string
	}{
		"deleted":         {func(f *githubfake.Fake) { f.Repositories["acme/app"].Issues[1].Deleted = true }, targets.VerdictGone, "does not have issue #2 any more: it was deleted"},
		"issues off":      {func(f *githubfake.Fake) { f.Repositories["acme/app"].NoIssues = true }, targets.VerdictHidden, "Issues are switched off"},
		"repository lost": {func(f *githubfake.Fake) { delete(f.Tokens[githubfake.MineToken].Repos, "acme/app") }, targets.VerdictHidden, "does not show it to the token"},
		"token ended":     {func(f *githubfake.Fake) { delete(f.Tokens, githubfake.MineToken) }, targets.VerdictCredentialRefused, "refused the token"},
		"permission lost": {func(f *githubfake.Fake) { f.Tokens[githubfake.MineToken].Repos["acme/app"] = "metadata" }, targets.VerdictHidden,
			"Resource not accessible by personal access token"},
		"transferred out of reach": {func(f *githubfake.Fake) { f.Add("acme/product"); f.Transfer("acme/app", 2, "acme/product") }, targets.VerdictHidden,
			"GitHub does not show issue #2 to the token: it was transferred out of its reach"},
		"transferred, then deleted": {func(f *githubfake.Fake) { transfer(f); f.Repositories["acme/product"].Issues[1].Deleted = true }, targets.VerdictGone,
			"does not have issue #2 any more"},
		"transferred, then switched off": {func(f *githubfake.Fake) { transfer(f); f.Repositories["acme/product"].NoIssues = true }, targets.VerdictHidden,
			"Issues are switched off"},
		"renamed out of reach": {func(f *githubfake.Fake) {
			f.Rename("acme/app", "acme/suite")
			delete(f.Tokens[githubfake.MineToken].Repos, "acme/suite")
		}, targets.VerdictHidden, "does not show it to the token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := githubfake.Standard(t)
			target := open(t, f.URL, githubfake.WithToken("acme/app", githubfake.MineToken))
			made, err := target.Create(t.Context(), draft())
			require.NoError(t, err)
			c.change(f)
			_, _, read := target.Read(t.Context(), made.ID)
			_, comment := target.Comment(t.Context(), made.ID, "A remark.")
			_, _, updated := target.Update(t.Context(), made.ID, draft())
			_, closed := target.Close(t.Context(), made.ID)
			for _, err := range []error{read, comment, updated, closed} {
				require.Error(t, err)
				require.Equal(t, c.want, targets.VerdictOf(targets.Issue{}, err), err)
				require.Contains(t, fault.From(err).Public, c.says)
			}
		})
	}
}

// transfer moves issue 2 to a repository that the token may write to as well.
func transfer(f *githubfake.Fake) {
	f.Add("acme/product")
	f.Tokens[githubfake.MineToken].Repos["acme/product"] = "write"
	f.Transfer("acme/app", 2, "acme/product")
}

func TestMovedIssuesAreFollowed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		move func(*githubfake.Fake)
		key  string
		path string
	}{
		"transferred":               {transfer, "acme/product#2", "/acme/product/issues/2"},
		"repository renamed":        {func(f *githubfake.Fake) { f.Rename("acme/app", "acme/suite") }, "acme/suite#2", "/acme/suite/issues/2"},
		"transferred, then renamed": {func(f *githubfake.Fake) { transfer(f); f.Rename("acme/product", "acme/suite") }, "acme/suite#2", "/acme/suite/issues/2"},
		"renamed, then transferred": {func(f *githubfake.Fake) { transfer(f); f.Rename("acme/app", "acme/suite") }, "acme/product#2", "/acme/product/issues/2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := githubfake.Standard(t)
			target := open(t, f.URL, githubfake.WithToken("acme/app", githubfake.MineToken))
			made, err := target.Create(t.Context(), draft())
			require.NoError(t, err)
			c.move(f)
			got, _, err := target.Read(t.Context(), made.ID)
			require.NoError(t, err)
			require.Equal(t, targets.Issue{ID: "2", Key: c.key, URL: f.URL + c.path, Title: "A wish", Status: "Open", Verdict: targets.VerdictMoved}, got)
			_, err = target.Comment(t.Context(), made.ID, "A remark.")
			require.NoError(t, err)
			changed := draft()
			changed.Title = "Another wish"
			_, _, err = target.Update(t.Context(), made.ID, changed)
			require.NoError(t, err)
			_, err = target.Close(t.Context(), made.ID)
			require.NoError(t, err)
			got, _, err = target.Read(t.Context(), made.ID)
			require.NoError(t, err)
			require.Equal(t, "Another wish", got.Title)
			require.Equal(t, targets.Done, got.Progress)
		})
	}
}

func TestARedirectToAnythingElseIsNotFollowed(t *testing.T) {
	t.Parallel()
	f := githubfake.Standard(t)
	proxy := targettest.NewProxy(t, f.URL)
	target := open(t, proxy.URL, githubfake.WithToken("acme/app", githubfake.MineToken))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	for name, location := range map[string]string{
		"another host":     "https://api.elsewhere.example/api/v3/repositories/42/issues/2",
		"another root":     "/repositories/42/issues/2",
		"a login page":     "/login?return_to=%2f",
		"another resource": "/api/v3/repositories/42/issues/2/comments",
		"no numbers":       "/api/v3/repositories/../issues/2",
		"no address":       "http://[",
		"itself for ever":  "/api/v3/repositories/42/issues/2",
	} {
		t.Run(name, func(t *testing.T) {
			proxy.On(targettest.Reads, targettest.Behaviour{Status: 301, Header: http.Header{"Location": {location}}})
			_, _, err := target.Read(t.Context(), made.ID)
			require.Error(t, err)
			require.Contains(t, fault.From(err).Public, "is elsewhere")
			require.LessOrEqual(t, proxy.Hits(), 4)
		})
	}
}

// A write that GitHub says 404 to is no sign of a deleted issue while the issue
// can be read.
func TestARefusedWriteIsLookedInto(t *testing.T) {
	t.Parallel()
	f := githubfake.Standard(t)
	proxy := targettest.NewProxy(t, f.URL)
	target := open(t, proxy.URL, githubfake.WithToken("acme/app", githubfake.MineToken))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	for _, status := range []int{404, 410} {
		proxy.On(func(r *http.Request) bool { return r.Method == http.MethodPost },
			targettest.Behaviour{Status: status, Body: func(*http.Request) string {
				return `{"message":"Not Found","documentation_url":"https://docs.github.com/rest"}`
			}})
		_, err = target.Comment(t.Context(), made.ID, "A remark.")
		require.Equal(t, fault.Forbidden, fault.KindOf(err), err)
		require.Contains(t, fault.From(err).Public, "Issues: Read and write")
	}
	// Issues that were switched off when the issue was asked for, and on again
	// when the repository was.
	proxy.On(func(r *http.Request) bool { return r.URL.Path == "/api/v3/repos/acme/app/issues/2" },
		targettest.Behaviour{Status: 410, Body: func(*http.Request) string {
			return `{"message":"Issues are disabled for this repo","documentation_url":"https://docs.github.com/v3/issues/"}`
		}})
	_, _, err = target.Read(t.Context(), made.ID)
	require.Equal(t, targets.VerdictHidden, targets.VerdictOf(targets.Issue{}, err), err)
}
