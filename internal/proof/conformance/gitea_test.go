package conformance_test

import (
	"path/filepath"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/proof/conformance/vendors"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/gitea"
	"pushbutton/internal/targets/gitea/giteafake"
	"pushbutton/internal/targets/targettest"
)

func giteaSpec(t *testing.T) *vendors.OpenAPI {
	t.Helper()
	return vendors.LoadOpenAPI(t, vendors.File(t, filepath.Join("..", ".."), "gitea-1.26.json"), vendors.Options{
		Prefix: giteafake.Root + giteafake.Prefix, Swagger2: true,
		Edit: func(doc *openapi3.T) {
			// Objects are open in the description: a property that it does not name
			// would pass, in a request as in a reply.
			closed := false
			for _, name := range []string{"CreateIssueOption", "EditIssueOption", "CreateLabelOption", "CreateIssueCommentOption", "IssueLabelsOption", "CreateHookOption", "Hook",
				"Issue", "Label", "User", "Repository", "Milestone", "Comment"} {
				doc.Components.Schemas[name].Value.AdditionalProperties = openapi3.AdditionalProperties{Has: &closed}
			}
		},
	})
}

func TestGitea(t *testing.T) {
	watch := vendors.NewWatch(giteaSpec(t))
	harness := giteafake.Harness()
	harness.Watch = watch.Front
	targettest.Run(t, harness)
	for _, op := range []string{"userGetCurrent", "repoGet", "issueListLabels", "issueCreateLabel", "issueListIssues", "issueCreateIssue", "issueGetIssue", "issueEditIssue", "issueCreateComment"} {
		require.NotZero(t, watch.Seen()[op], op)
	}
}

// Everything that settings can map, and an update.
func TestGiteaFullMapping(t *testing.T) {
	f := giteafake.Standard(t)
	repo := f.Repositories["acme/app"]
	repo.Assignable, repo.Milestones = []giteafake.User{{Login: "olga", Email: "o@example.com"}}, []giteafake.Milestone{{ID: 3, Title: "v2"}}
	f.OrgLabels = []giteafake.Label{{ID: 2, Name: "bug"}}
	watch := vendors.NewWatch(giteaSpec(t))
	front := watch.Front(t, f.URL[:len(f.URL)-len(giteafake.Root)])
	target := targettest.Open(t, gitea.Kind(), giteafake.WithToken("acme/app", giteafake.MineToken, "milestone", "v2", "assignee", "o@example.com"), front+giteafake.Root)
	require.NoError(t, target.Check(t.Context()))
	draft, err := target.Draft("pb-full", targets.Item{Name: "Everything", HTML: "<p>x</p>", Link: "https://example.productboard.com/1", Tags: []string{"a, b", "bug"}})
	require.NoError(t, err)
	made, err := target.Create(t.Context(), draft)
	require.NoError(t, err)
	_, _, err = target.Update(t.Context(), made.ID, draft)
	require.NoError(t, err)
	for _, op := range []string{"issueGetMilestonesList", "repoGetAssignees", "orgListLabels", "issueAddLabel"} {
		require.NotZero(t, watch.Seen()[op], op)
	}
	require.Equal(t, []string{"olga"}, repo.Issues[0].Assignees)
}

// A webhook is made, replaced, and removed.
func TestGiteaHooks(t *testing.T) {
	f := giteafake.Standard(t)
	f.Users[giteafake.MineToken].Repos["acme/app"] = giteafake.RoleAdmin
	watch := vendors.NewWatch(giteaSpec(t))
	front := watch.Front(t, f.URL[:len(f.URL)-len(giteafake.Root)])
	registersHook(t, targettest.Open(t, gitea.Kind(), giteafake.WithToken("acme/app", giteafake.MineToken), front+giteafake.Root))
	for _, op := range []string{"repoListHooks", "repoCreateHook", "repoDeleteHook"} {
		require.NotZero(t, watch.Seen()[op], op)
	}
}

func TestGiteaBites(t *testing.T) {
	spec := giteaSpec(t)
	const path = giteafake.Root + giteafake.Prefix + "/repos/acme/app/issues"
	for name, c := range map[string]struct{ body, reply, want string }{
		"labels by name":     {`{"title":"t","labels":["bug"]}`, "", "labels"},
		"no title":           {`{"body":"b"}`, "", "title"},
		"a field of others":  {`{"title":"t","type":"Bug"}`, "", "type"},
		"a wrong reply":      {`{"title":"t"}`, `{"number":"1"}`, "number"},
		"another's property": {`{"title":"t"}`, `{"number":1,"node_id":"x"}`, "node_id"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, exchange(t, spec, "POST", path, c.body, 201, c.reply), c.want)
		})
	}
	require.ErrorContains(t, exchange(t, spec, "GET", path+"?sort=newest", "", 200, "[]"), "sort", "a parameter that is not published")
}
