package jira_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/jira/jirafake"
	"pushbutton/internal/targets/targettest"
)

// Cloud serves an ended token as anonymous, and says so in a header alone.
func TestAnswersToNobody(t *testing.T) {
	t.Parallel()
	header := http.Header{"X-Seraph-Loginreason": {"AUTHENTICATED_FAILED"}, "Content-Type": {"application/json"}}
	for name, c := range map[string]struct {
		status int
		body   string
	}{
		"nothing found":  {200, `{"issues":[],"isLast":true}`},
		"made by nobody": {201, `{"id":"10000","key":"ENG-1"}`},
		"changed":        {204, ""},
		"not there":      {404, `{"errorMessages":["Issue does not exist or you do not have permission to see it."],"errors":{}}`},
		"not allowed":    {403, `{"errorMessages":["No."],"errors":{}}`},
		"an outage":      {503, "<html>"},
	} {
		t.Run(name, func(t *testing.T) {
			proxy, target := proxied(t, "cloud")
			made, err := target.Create(t.Context(), draft())
			require.NoError(t, err)
			proxy.On(targettest.Any, targettest.Behaviour{Status: c.status, Header: header, Body: func(*http.Request) string { return c.body }})
			for _, attempt := range []struct {
				op  string
				run func() error
			}{ // create goes first: it still knows the project
				{"create", func() error { _, err := target.Create(t.Context(), draft()); return err }},
				{"check", func() error { return target.Check(t.Context()) }},
				{"find", func() error { _, err := target.Find(t.Context(), draft().Marker); return err }},
				{"read", func() error { _, _, err := target.Read(t.Context(), made.ID); return err }},
				{"comment", func() error { _, err := target.Comment(t.Context(), made.ID, "x"); return err }},
				{"close", func() error { _, err := target.Close(t.Context(), made.ID); return err }},
				{"update", func() error { _, _, err := target.Update(t.Context(), made.ID, draft()); return err }},
				{"resolve", func() error { _, _, err := target.Resolve(t.Context(), made.Key); return err }},
			} {
				op, err := attempt.op, attempt.run()
				require.Error(t, err, op)
				require.Equal(t, fault.Unauthorized, fault.KindOf(err), "%s: %v", op, err)
				require.Equal(t, fault.SideTracker, fault.From(err).Side, "what marks the integration")
				require.Contains(t, fault.From(err).Public, "Jira refused the API token or its e-mail address: wrong, ended or revoked. Ask your admin to renew it", op)
				confirmed := c.status < 300 && op == "create"
				if op == "create" && c.status < 500 {
					require.Equal(t, confirmed, targets.OutcomeOf(err) == targets.OutcomeUnknown, "everybody may create in an open project: %v", err)
				}
			}
		})
	}
}

// A header of several values, as Jira sends it where it signs in twice.
func TestSignedInAfterAll(t *testing.T) {
	t.Parallel()
	for value, ok := range map[string]bool{"OK": true, "OUT": true, "AUTHENTICATED_FAILED, OK": true, "AUTHENTICATED_FAILED": false, "OUT, AUTHENTICATED_FAILED": false} {
		proxy, target := proxied(t, "cloud")
		proxy.On(func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/search/jql") }, targettest.Behaviour{Status: 200, Header: http.Header{"X-Seraph-Loginreason": {value}},
			Body: func(*http.Request) string { return `{"issues":[],"isLast":true}` }})
		_, err := target.Find(t.Context(), draft().Marker)
		require.Equal(t, ok, err == nil, "%s: %v", value, err)
	}
}

// What Jira does not show may be deleted, restricted, or moved out of sight.
// None of it lets a record give its issue up.
func TestOutOfSightIsNotGone(t *testing.T) {
	t.Parallel()
	for name, happen := range map[string]func(f *jirafake.Fake){
		"deleted":            func(f *jirafake.Fake) { f.Issues = nil },
		"restricted":         func(f *jirafake.Fake) { f.Issues[0].Secured = true },
		"moved out of sight": func(f *jirafake.Fake) { f.Issues[0].Project, f.Issues[0].Key = "OPS", "OPS-7" },
	} {
		t.Run(name, func(t *testing.T) {
			editions(t, func(t *testing.T, r *rig) {
				target := r.open(t, nil)
				made, err := target.Create(t.Context(), draft())
				require.NoError(t, err)
				r.Change(happen)
				issue, _, err := target.Read(t.Context(), made.ID)
				require.Equal(t, targets.VerdictHidden, targets.VerdictOf(issue, err), err)
				require.Equal(t, "Jira does not show issue 10000 to the integration's account: it was deleted, moved or restricted. "+
					"Ask your admin to look for it in Jira, or unlink and push again for a new issue.", fault.From(err).Public)
			})
		})
	}
	t.Run("project lost", func(t *testing.T) {
		editions(t, func(t *testing.T, r *rig) {
			target := r.open(t, nil)
			made, err := target.Create(t.Context(), draft())
			require.NoError(t, err)
			r.Change(func(f *jirafake.Fake) { f.Accounts[0].Projects = nil })
			issue, _, err := target.Read(t.Context(), made.ID)
			require.Equal(t, targets.VerdictHidden, targets.VerdictOf(issue, err), err)
			require.Contains(t, fault.From(err).Public, "permission Browse projects")
		})
	})
}

// A project that was renamed is still the issue's home.
func TestARenamedProjectMovesNothing(t *testing.T) {
	t.Parallel()
	editions(t, func(t *testing.T, r *rig) {
		target := r.open(t, set{"project": "10000"})
		made, err := target.Create(t.Context(), draft())
		require.NoError(t, err)
		byKey := r.open(t, nil)
		r.Change(func(f *jirafake.Fake) {
			f.Projects[0].OldKeys, f.Projects[0].Key, f.Accounts[0].Projects = []string{"ENG"}, "PLAT", []string{"PLAT"}
			f.Issues[0].Project, f.Issues[0].Key = "PLAT", "PLAT-1"
		})
		for _, target := range []*targets.Target{target, byKey} {
			got, _, err := target.Read(t.Context(), made.ID)
			require.NoError(t, err)
			require.Equal(t, targets.VerdictPresent, got.Verdict)
			require.Equal(t, "PLAT-1", got.Key)
		}
	})
}

// An issue that was moved is still updated, also where its new project does not
// take our fields.
func TestUpdateFollowsAMove(t *testing.T) {
	t.Parallel()
	editions(t, func(t *testing.T, r *rig) {
		target := r.open(t, set{"labels": []any{"productboard"}, "fields": set{"Story Points": `{{field "Effort"}}`}})
		made, err := target.Create(t.Context(), draft())
		require.NoError(t, err)
		r.Change(func(f *jirafake.Fake) {
			f.Accounts[0].Projects = []string{"ENG", "OPS"}
			f.Issues[0].Project, f.Issues[0].Key = "OPS", "OPS-7"
			for i := range f.Projects[1].Types {
				drop("customfield_10012")(&f.Projects[1].Types[i])
			}
		})
		anew, err := target.Draft(draft().Marker, item())
		require.NoError(t, err)
		got, _, err := target.Update(t.Context(), made.ID, anew)
		require.NoError(t, err)
		require.Equal(t, targets.VerdictMoved, got.Verdict)
		require.Equal(t, "OPS-7", got.Key)
		require.Equal(t, "Export as CSV & PDF", r.last(t).Summary())
		require.Contains(t, r.last(t).Labels(), "productboard")
	})
}

// A Data Center that validates a search whatever it is asked refuses it for one
// missing issue. The others are read one by one.
func TestReadManyWithoutTheSearch(t *testing.T) {
	t.Parallel()
	proxy, target := proxied(t, "datacenter")
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	refusal := `{"errorMessages":["A value with ID '99' does not exist for the field 'id'."],"errors":{}}`
	proxy.On(func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/search") },
		targettest.Behaviour{Status: http.StatusBadRequest, Header: http.Header{"Content-Type": {"application/json"}}, Body: func(*http.Request) string { return refusal }})
	got := target.ReadMany(t.Context(), []string{"99", made.ID})
	require.Equal(t, 1, proxy.Hits())
	require.Equal(t, targets.VerdictHidden, got[0].Verdict, got[0].Err)
	require.NoError(t, got[1].Err)
	require.Equal(t, made, got[1].Issue)
}
