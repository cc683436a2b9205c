package conformance_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/proof/conformance/vendors"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/gitlab"
	"pushbutton/internal/targets/gitlab/gitlabfake"
	"pushbutton/internal/targets/targettest"
)

func gitlabSpec(t *testing.T) vendors.Spec {
	path := vendors.File(t, "../../..", "gitlab-issues.yaml")
	return vendors.LoadOpenAPI(t, path, vendors.Options{
		Prefix: gitlabfake.Base,
		// The file is GitLab's slice on issues alone.
		Unpublished: []string{
			"GET /gitlab/api/v4/user", "GET /gitlab/api/v4/personal_access_tokens/self", "GET /gitlab/api/v4/groups/", "POST /gitlab/api/v4/projects/11/issues/1/notes",
			"POST /gitlab/api/v4/projects/106/issues/1/notes", "GET /gitlab/api/v4/projects", "POST /gitlab/api/graphql",
		},
		Edit: func(doc *openapi3.T) {
			// GitLab ignores what it does not know, which must not count as taken.
			closed := false
			for _, s := range doc.Components.Schemas {
				s.Value.AdditionalProperties = openapi3.AdditionalProperties{Has: &closed}
			}
			// The slice leaves out that the list takes a state and numbers; GitLab's documentation has both.
			list := doc.Paths.Find("/api/v4/projects/{id}/issues").Get
			state := openapi3.NewStringSchema().WithEnum("opened", "closed", "all")
			numbers := openapi3.NewArraySchema().WithItems(openapi3.NewIntegerSchema()).WithMaxItems(100)
			list.Parameters = append(list.Parameters, &openapi3.ParameterRef{Value: openapi3.NewQueryParameter("state").WithSchema(state)},
				&openapi3.ParameterRef{Value: openapi3.NewQueryParameter("iids[]").WithSchema(numbers)})
		},
	})
}

func TestGitLab(t *testing.T) {
	h := gitlabfake.Harness()
	watch := vendors.NewWatch(gitlabSpec(t))
	h.Watch = watch.Front
	targettest.Run(t, h)
	for _, op := range []string{"postApiV4ProjectsIdIssues", "getApiV4ProjectsIdIssues", "getApiV4ProjectsIdIssuesIssueIid", "putApiV4ProjectsIdIssuesIssueIid"} {
		require.NotZero(t, watch.Seen()[op], op)
	}
}

// A create with everything that settings can map, and an update.
func TestGitLabFullMapping(t *testing.T) {
	s := gitlabfake.New(t)
	s.Premium()
	watch := vendors.NewWatch(gitlabSpec(t))
	a := gitlabfake.Account(gitlabfake.Mine, "acme/mine", "issueType", "incident", "confidential", true, "epic", 4, "assignee", "mine@example.com",
		"fields", map[string]any{"Due date": "2026-03-31", "Weight": "3", "Milestone": "v1.0", "Severity": "Low"})
	target := targettest.Open(t, gitlab.Kind(), a, watch.Front(t, s.Root()))
	draft, err := target.Draft("pb-full", targets.Item{Name: "Everything", HTML: "<p>x</p>", Link: "https://example.productboard.com/1", Tags: []string{"a, b"}})
	require.NoError(t, err)
	made, err := target.Create(t.Context(), draft)
	require.NoError(t, err)
	_, _, err = target.Update(t.Context(), made.ID, draft)
	require.NoError(t, err)
	require.Equal(t, 1, watch.Seen()["putApiV4ProjectsIdIssuesIssueIid"])
}

// Broken on purpose, a create does not pass.
func TestGitLabSpecBites(t *testing.T) {
	spec := gitlabSpec(t)
	for name, body := range map[string]string{
		"labels as numbers": `{"title":"t","labels":[1]}`,
		"no title":          `{"labels":["a"]}`,
		"unknown type":      `{"title":"t","issue_type":"epic"}`,
		"unknown field":     `{"title":"t","label_ids":[1]}`,
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/gitlab/api/v4/projects/11/issues", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			_, _, err := spec.Request(r, []byte(body))
			require.Error(t, err)
		})
	}
	r := httptest.NewRequest(http.MethodGet, "/gitlab/api/v4/projects/11/issues?label=a", nil)
	_, _, err := spec.Request(r, nil)
	require.Error(t, err, "a parameter that GitLab would ignore")
}
