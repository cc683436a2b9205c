package github_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/github"
	"pushbutton/internal/targets/github/githubfake"
	"pushbutton/internal/targets/targettest"
)

func graphQL(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/graphql") }

// manyIssues is a repository with the open issue #2, and #3 and #4, which were closed.
func manyIssues(t *testing.T) (*githubfake.Fake, *targettest.Proxy, *targets.Target) {
	t.Helper()
	f := githubfake.Standard(t)
	repo := f.Repositories["acme/app"]
	for n, reason := range []string{"", "not_planned", "duplicate"} {
		state := map[bool]string{true: "open", false: "closed"}[reason == ""]
		repo.Issues = append(repo.Issues, &githubfake.Issue{Number: n + 2, Title: "A wish", State: state, StateReason: reason, Creator: "pusher"})
	}
	proxy := targettest.NewProxy(t, f.URL)
	return f, proxy, targettest.Open(t, github.Kind(), githubfake.WithToken("acme/app", githubfake.MineToken), proxy.URL)
}

// assertAsRead compares each result with what Read returns.
func assertAsRead(t *testing.T, target *targets.Target, got []targets.ReadResult) {
	t.Helper()
	for _, r := range got {
		read, _, err := target.Read(t.Context(), r.ID)
		require.NoError(t, err)
		require.NoError(t, r.Err)
		require.Equal(t, read, r.Issue)
	}
}

func TestReadManyAsReadDoes(t *testing.T) {
	t.Parallel()
	f, _, target := manyIssues(t)
	ids := []string{"4", "2", "3"}
	assertAsRead(t, target, target.ReadMany(t.Context(), ids))
	require.Equal(t, "POST /api/graphql", f.Hits[0])
	require.Len(t, f.Hits, 1+len(ids))

	f.Rename("acme/app", "acme/product")
	got := target.ReadMany(t.Context(), ids)
	assertAsRead(t, target, got)
	require.Equal(t, targets.VerdictMoved, got[0].Verdict)
	require.Equal(t, "acme/product#4", got[0].Issue.Key)
}

// Read answers where GraphQL does not.
func TestReadManyWithoutGraphQL(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]targettest.Behaviour{
		"none":         {Status: http.StatusNotFound},
		"another page": {Status: http.StatusNotFound, Header: http.Header{"Content-Type": {"text/html"}}, Body: func(*http.Request) string { return "<html>" }},
		"not allowed":  {Status: http.StatusForbidden, Body: func(*http.Request) string { return `{"message":"no","documentation_url":"https://docs.github.com"}` }},
		"older schema": {Status: http.StatusOK, Body: func(*http.Request) string {
			return `{"errors":[{"message":"Field 'stateReason' doesn't accept argument"}]}`
		}},
		"nothing at all": {Status: http.StatusOK, Body: func(*http.Request) string { return `{}` }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, proxy, target := manyIssues(t)
			proxy.On(graphQL, do)
			got := target.ReadMany(t.Context(), []string{"2", "3"})
			assertAsRead(t, target, got)
			require.Equal(t, 1, proxy.Hits())
		})
	}
}

func TestReadManyRateLimit(t *testing.T) {
	t.Parallel()
	_, proxy, target := manyIssues(t)
	proxy.On(graphQL, targettest.Behaviour{Status: http.StatusOK, Header: http.Header{"Retry-After": {"90"}},
		Body: func(*http.Request) string {
			return `{"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded"}]}`
		}})
	got := target.ReadMany(t.Context(), []string{"2", "3"})
	for _, r := range got {
		require.Equal(t, fault.RateLimited, fault.KindOf(r.Err))
		require.Equal(t, 90*time.Second, fault.From(r.Err).RetryAfter)
	}
}
