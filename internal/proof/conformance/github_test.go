package conformance_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/proof/conformance/vendors"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/github"
	"pushbutton/internal/targets/github/githubfake"
	"pushbutton/internal/targets/targettest"
)

func githubSpec(t *testing.T, file string) *vendors.OpenAPI {
	t.Helper()
	return vendors.LoadOpenAPI(t, vendors.File(t, filepath.Join("..", ".."), file), vendors.Options{
		Prefix: githubfake.Prefix, // hosted GitHub has none; the fake is addressed as Enterprise Server is
		// Redirects lead there, and only there; and the file is the REST API's.
		Unpublished: []string{"POST " + githubfake.GraphPath, "GET " + githubfake.Prefix + "/repositories/", "PATCH " + githubfake.Prefix + "/repositories/", "POST " + githubfake.Prefix + "/repositories/"},
		Edit: func(doc *openapi3.T) {
			// The description lets a new issue have anything beside what it names.
			closed := false
			body := doc.Paths.Value("/repos/{owner}/{repo}/issues").Post.RequestBody.Value
			for _, content := range body.Content {
				content.Schema.Value.AdditionalProperties = openapi3.AdditionalProperties{Has: &closed}
			}
			hook := doc.Paths.Value("/repos/{owner}/{repo}/hooks/{hook_id}").Patch.RequestBody.Value
			hook.Content["application/json"].Schema.Value.AdditionalProperties = openapi3.AdditionalProperties{Has: &closed}
			doc.Components.Schemas["webhook-config"].Value.AdditionalProperties = openapi3.AdditionalProperties{Has: &closed}
		},
	})
}

func TestGitHub(t *testing.T) {
	for _, file := range []string{"api.github.com-issues.json", "ghes-3.19-issues.json"} {
		for name, harness := range map[string]targettest.Harness{"token": githubfake.Harness(), "app": githubfake.AppHarness(t)} {
			t.Run(file+" "+name, func(t *testing.T) {
				watch := vendors.NewWatch(githubSpec(t, file))
				harness.Watch = watch.Front
				targettest.Run(t, harness)
				require.NotZero(t, watch.Seen()["issues/create"])
				require.NotZero(t, watch.Seen()["issues/list-for-repo"])
			})
		}
	}
}

// Everything that settings can map, an update, and what a form asks for.
func TestGitHubFullMapping(t *testing.T) {
	for file, more := range map[string][]any{"api.github.com-issues.json": {"type", "Feature"}, "ghes-3.19-issues.json": nil} {
		t.Run(file, func(t *testing.T) {
			f := githubfake.Standard(t)
			f.Types = []string{"Feature"}
			repo := f.Repositories["acme/app"]
			repo.Assignable, repo.Milestones = []string{"olga"}, []githubfake.Milestone{{Number: 3, Title: "v2"}}
			watch := vendors.NewWatch(githubSpec(t, file))
			a := githubfake.WithToken("acme/app", githubfake.MineToken, append(more, "milestone", "v2", "assignee", "o@example.com", "people", map[string]any{"o@example.com": "olga"})...)
			target := targettest.Open(t, github.Kind(), a, watch.Front(t, f.URL))
			require.NoError(t, target.Check(t.Context()))
			draft, err := target.Draft("pb-full", targets.Item{Name: "Everything", HTML: "<p>x</p>", Link: "https://example.productboard.com/1", Tags: []string{"a, b"}})
			require.NoError(t, err)
			made, err := target.Create(t.Context(), draft)
			require.NoError(t, err)
			_, _, err = target.Update(t.Context(), made.ID, draft)
			require.NoError(t, err)
			for _, op := range []string{"issues/list-milestones", "issues/check-user-can-be-assigned", "issues/update", "issues/add-labels"} {
				require.NotZero(t, watch.Seen()[op], op)
			}
			require.Equal(t, []string{"olga"}, repo.Own()[0].Assignees)
			repo.NoNewLabels = true
			draft.Labels = []string{"another"}
			_, err = target.Create(t.Context(), draft)
			require.NoError(t, err)
			require.NotZero(t, watch.Seen()["issues/list-labels-for-repo"])
		})
	}
}

// A webhook is made, changed, and removed.
func TestGitHubHooks(t *testing.T) {
	for _, file := range []string{"api.github.com-issues.json", "ghes-3.19-issues.json"} {
		t.Run(file, func(t *testing.T) {
			f := githubfake.Standard(t)
			watch := vendors.NewWatch(githubSpec(t, file))
			registersHook(t, targettest.Open(t, github.Kind(), githubfake.WithToken("acme/app", githubfake.MineToken), watch.Front(t, f.URL)))
			for _, op := range []string{"repos/list-webhooks", "repos/create-webhook", "repos/update-webhook", "repos/delete-webhook"} {
				require.NotZero(t, watch.Seen()[op], op)
			}
		})
	}
}

func TestGitHubBites(t *testing.T) {
	spec := githubSpec(t, "api.github.com-issues.json")
	for name, c := range map[string]struct{ body, reply, want string }{
		"labels as one text": {`{"title":"t","labels":"bug"}`, "", "labels"},
		"a field of others":  {`{"title":"t","description":"d"}`, "", "description"},
		"a thin reply":       {`{"title":"t"}`, `{"number":1}`, "html_url"},
	} {
		t.Run(name, func(t *testing.T) {
			err := exchange(t, spec, "POST", githubfake.Prefix+"/repos/acme/app/issues", c.body, 201, c.reply)
			if assert.Error(t, err) {
				require.True(t, strings.Contains(err.Error(), c.want), err)
			}
		})
	}
}
