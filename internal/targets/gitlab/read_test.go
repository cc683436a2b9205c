package gitlab_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/gitlab"
	"pushbutton/internal/targets/gitlab/gitlabfake"
	"pushbutton/internal/targets/targettest"
)

// refusals are what comes of every change of an issue.
func refusals(t *testing.T, target *targets.Target, id string) map[string]error {
	t.Helper()
	_, commented := target.Comment(t.Context(), id, "A remark.")
	_, _, updated := target.Update(t.Context(), id, draft())
	_, closed := target.Close(t.Context(), id)
	return map[string]error{"comment": commented, "update": updated, "close": closed}
}

// GitLab says the same of a deleted issue and of one that it hides. Only a role
// that sees confidential issues can tell them apart.
func TestDeletedOrHidden(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		token string
		want  targets.Verdict
		says  string
	}{
		"reporter":                      {gitlabfake.Mine, targets.VerdictGone, "it was deleted there"},
		"planner":                       {gitlabfake.OAuth, targets.VerdictGone, "it was deleted there"},
		"reporter by way of a group":    {gitlabfake.Invite, targets.VerdictGone, "it was deleted there"},
		"guest":                         {gitlabfake.Guest, targets.VerdictHidden, `Ask a GitLab admin to give the account the role Reporter (or Planner) in project "acme/mine".`},
		"not in the project, not there": {gitlabfake.Other, targets.VerdictHidden, `no project "acme/mine"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := gitlabfake.New(t)
			target := open(t, s, gitlabfake.Account(c.token, "acme/mine"))
			issue, _, err := target.Read(t.Context(), "7")
			require.Equal(t, c.want, targets.VerdictOf(issue, err), err)
			require.Contains(t, fault.From(err).Public, c.says)
			for op, err := range refusals(t, target, "7") {
				require.Equal(t, c.want, targets.VerdictOf(targets.Issue{}, err), "%s: %v", op, err)
			}
		})
	}
}

// An issue is followed to its new project, once and again, and is changed
// there. What belongs to the old project is left out.
func TestMovedIssueIsFollowed(t *testing.T) {
	t.Parallel()
	s := gitlabfake.New(t)
	target := open(t, s, gitlabfake.Account(gitlabfake.Mine, "acme/mine", "assignee", "mine@example.com", "fields", map[string]any{"Milestone": "v2.0"}))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	s.Move(1, s.AddProject("acme/next", gitlabfake.Mine))
	got, _, err := target.Read(t.Context(), made.ID)
	require.NoError(t, err)
	require.Equal(t, targets.Issue{ID: "1", Key: "acme/next#1", URL: s.URL + "/acme/next/-/issues/1", Title: "A wish", Status: "Open", Verdict: targets.VerdictMoved}, got)

	wanted, err := target.Draft(draft().Marker, item())
	require.NoError(t, err)
	got, _, err = target.Update(t.Context(), made.ID, wanted)
	require.NoError(t, err)
	require.Equal(t, []any{"1", "acme/next#1", "Dark mode", targets.VerdictMoved}, []any{got.ID, got.Key, got.Title, got.Verdict})
	_, err = target.Comment(t.Context(), made.ID, "A remark.")
	require.NoError(t, err)
	_, err = target.Close(t.Context(), made.ID)
	require.NoError(t, err)
	there := s.Issues("acme/next")[0]
	require.Equal(t, []any{"Dark mode", "closed", []string{"A remark."}}, []any{there.Title, there.State, there.Notes})
	require.Zero(t, there.Milestone, "a milestone of the old project")

	s.MoveFrom("acme/next", 1, 11)
	got, _, err = target.Read(t.Context(), made.ID)
	require.NoError(t, err)
	require.Equal(t, []any{"1", "acme/mine#2", s.URL + "/acme/mine/-/issues/2"}, []any{got.ID, got.Key, got.URL})
}

// An issue that went where the account does not see it keeps its old address,
// which leads people on. It is never gone.
func TestMovedOutOfReach(t *testing.T) {
	t.Parallel()
	const page = `{"error":"404 Not Found"}`
	for name, do := range map[string]func(t *testing.T, s *gitlabfake.Server, front *targettest.Proxy){
		"to a hidden project": func(_ *testing.T, s *gitlabfake.Server, _ *targettest.Proxy) { s.Move(1, 12) },
		"and deleted there": func(t *testing.T, s *gitlabfake.Server, _ *targettest.Proxy) {
			s.Change(1, func(i *gitlabfake.Issue) { i.State, i.MovedTo = "closed", 12345 })
		},
		"an old GitLab without GraphQL": func(t *testing.T, s *gitlabfake.Server, front *targettest.Proxy) {
			s.Move(1, s.AddProject("acme/next", gitlabfake.Mine))
			front.On(graphQL, targettest.Behaviour{Status: 404, Body: func(*http.Request) string { return page }})
		},
		"a token that GraphQL refuses": func(t *testing.T, s *gitlabfake.Server, front *targettest.Proxy) {
			s.Move(1, s.AddProject("acme/next", gitlabfake.Mine))
			front.On(graphQL, targettest.Behaviour{Status: 200, Body: func(*http.Request) string {
				return `{"data":{"issue":null},"errors":[{"message":"Access denied: This operation doesn't support fine-grained personal access tokens."}]}`
			}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := gitlabfake.New(t)
			front := targettest.NewProxy(t, s.Root())
			target := targettest.Open(t, gitlab.Kind(), gitlabfake.Account(gitlabfake.Mine, "acme/mine"), front.URL)
			made, err := target.Create(t.Context(), draft())
			require.NoError(t, err)
			do(t, s, front)
			got, _, err := target.Read(t.Context(), made.ID)
			require.NoError(t, err)
			made.Status, made.Progress, made.Verdict = "Moved", targets.Done, targets.VerdictMoved
			require.Equal(t, made, got)
			for op, err := range refusals(t, target, made.ID) {
				require.Equal(t, targets.VerdictHidden, targets.VerdictOf(targets.Issue{}, err), "%s: %v", op, err)
				require.Contains(t, fault.From(err).Public, "GitLab moved issue #1 to a project that it does not show to the token's account")
			}
		})
	}
}

func graphQL(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/api/graphql") }

// A GitLab that cannot say where the issue went decides nothing.
func TestMovedWhereNobodyCanSayNow(t *testing.T) {
	t.Parallel()
	s := gitlabfake.New(t)
	front := targettest.NewProxy(t, s.Root())
	target := targettest.Open(t, gitlab.Kind(), gitlabfake.Account(gitlabfake.Mine, "acme/mine"), front.URL)
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	s.Move(1, s.AddProject("acme/next", gitlabfake.Mine))
	for status, want := range map[int]targets.Verdict{500: targets.VerdictUndecided, 429: targets.VerdictUndecided, 401: targets.VerdictCredentialRefused} {
		front.On(graphQL, targettest.Behaviour{Status: status})
		got, _, err := target.Read(t.Context(), made.ID)
		require.Equal(t, want, targets.VerdictOf(got, err), "%d: %v", status, err)
		_, err = target.Comment(t.Context(), made.ID, "A remark.")
		require.Equal(t, want, targets.VerdictOf(targets.Issue{}, err), "%d: %v", status, err)
		require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err), "nothing was written yet")
	}
}

// Issues of an archived project can be read, and a change says why it fails.
func TestArchivedProject(t *testing.T) {
	t.Parallel()
	s := gitlabfake.New(t)
	account := gitlabfake.Account(gitlabfake.Mine, "acme/mine")
	target := open(t, s, account)
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	s.Archive()
	for name, target := range map[string]*targets.Target{"known": target, "new": open(t, s, account)} {
		got, _, err := target.Read(t.Context(), made.ID)
		require.NoError(t, err, name)
		require.Equal(t, made, got, name)
		errs := refusals(t, target, made.ID)
		_, errs["create"] = target.Create(t.Context(), draft())
		for op, err := range errs {
			require.Error(t, err, op)
			require.Equal(t, `The GitLab project "acme/mine" is archived. Ask a GitLab admin to unarchive it, or your admin to name another in settings.project.`, fault.From(err).Public, "%s, %s", name, op)
			require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
		}
	}
}

// What is remembered may be gone: the push says what, and no issue is made
// twice.
func TestEpicThatWentAway(t *testing.T) {
	t.Parallel()
	s := gitlabfake.New(t)
	s.Premium()
	target := open(t, s, gitlabfake.Account(gitlabfake.Mine, "acme/mine", "epic", 4))
	require.NoError(t, target.Check(t.Context()))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	s.CloseEpic(4)
	_, err = target.Create(t.Context(), targets.Draft{Marker: marker("second"), Title: "x"})
	require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err), err)
	require.Contains(t, fault.From(err).Public, "GitLab shows no epic &4 in the project's group")
	got, _, err := target.Read(t.Context(), made.ID)
	require.NoError(t, err, "issues that are there need no epic")
	require.Equal(t, made, got)
}

// A project that was made anew under the same path has another number.
func TestProjectThatWasMadeAnew(t *testing.T) {
	t.Parallel()
	s := gitlabfake.New(t)
	target := open(t, s, gitlabfake.Account(gitlabfake.Mine, "acme/mine"))
	require.NoError(t, target.Check(t.Context()))
	made := s.Replace("acme/mine")
	_, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	require.Equal(t, "POST /projects/"+strconv.Itoa(made)+"/issues", s.Hits()[len(s.Hits())-1])
}

// GitLab saves an issue before it refuses its epic.
func TestEpicRefusedAfterTheIssueWasSaved(t *testing.T) {
	t.Parallel()
	s := gitlabfake.New(t)
	s.Premium()
	target := open(t, s, gitlabfake.Account(gitlabfake.Mine, "acme/mine", "epic", 4))
	s.RefuseEpics()
	_, err := target.Create(t.Context(), draft())
	require.Equal(t, targets.OutcomeUnknown, targets.OutcomeOf(err), err)
	found, err := target.Find(t.Context(), draft().Marker)
	require.NoError(t, err)
	require.Equal(t, "1", found.ID)
}

// Descriptions that are too long for one answer are read one by one, and so is
// an issue that was moved.
func TestReadManyLeavesToRead(t *testing.T) {
	t.Parallel()
	s := gitlabfake.New(t)
	target := open(t, s, gitlabfake.Account(gitlabfake.Mine, "acme/mine"))
	var ids []string
	for range 8 {
		made, err := target.Create(t.Context(), draft())
		require.NoError(t, err)
		ids = append(ids, made.ID)
	}
	reads := func() int {
		before := len(s.Hits())
		for _, r := range target.ReadMany(t.Context(), ids) {
			require.NoError(t, r.Err)
			read, _, err := target.Read(t.Context(), r.ID)
			require.NoError(t, err)
			require.Equal(t, read, r.Issue)
		}
		return len(s.Hits()) - before
	}
	require.Equal(t, 1+len(ids), reads(), "one list, and what the test itself reads")

	s.Move(3, s.AddProject("acme/next", gitlabfake.Mine))
	const following = 3
	require.Equal(t, 1+following+len(ids)-1+following, reads())

	for iid := range ids {
		s.Change(iid+1, func(i *gitlabfake.Issue) { i.Description = strings.Repeat("x", 1<<20) })
	}
	require.Equal(t, 1+2*(len(ids)-1+following), reads())
}
