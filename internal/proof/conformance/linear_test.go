package conformance_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/proof/conformance/vendors"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/linear"
	"pushbutton/internal/targets/linear/linearfake"
	"pushbutton/internal/targets/targettest"
)

func linearSpec(t *testing.T) vendors.Spec {
	return vendors.LoadGraphQL(t, vendors.File(t, "../../..", "linear.graphql"), "/graphql")
}

func TestLinear(t *testing.T) {
	h := linearfake.Harness()
	watch := vendors.NewWatch(linearSpec(t))
	h.Watch = watch.Front
	targettest.Run(t, h)
	for _, op := range []string{"Teams", "Team", "TeamExists", "TeamIssues", "Labels", "Issue", "Issues", "IssueStates", "CreateLinkedIssue", "CreateIssue", "UpdateIssue", "CreateComment"} {
		require.NotZero(t, watch.Seen()[op], op)
	}
}

// A create with everything that settings can map, and an update.
func TestLinearFullMapping(t *testing.T) {
	s := linearfake.New(t)
	watch := vendors.NewWatch(linearSpec(t))
	front := watch.Front(t, s.URL)
	first := targettest.Open(t, linear.Kind(), linearfake.Account(linearfake.Mine, "ENG"), front)
	_, err := first.Create(t.Context(), targets.Draft{Marker: "pb-first", Title: "Parent"})
	require.NoError(t, err)
	target := targettest.Open(t, linear.Kind(), linearfake.Account(linearfake.Mine, "ENG", "state", "Todo", "project", "Spring release", "parent", "ENG-1", "priority", "low",
		"assignee", "jane@example.com", "fields", map[string]any{"Due date": "2026-03-31", "Estimate": "3", "Priority": "High", "Project": "Spring release"}), front)
	draft, err := target.Draft("pb-full", targets.Item{Name: "Everything", HTML: "<p>x</p>", Link: "https://example.productboard.com/1", Tags: []string{"wish", "new"}})
	require.NoError(t, err)
	made, err := target.Create(t.Context(), draft)
	require.NoError(t, err)
	_, _, err = target.Update(t.Context(), made.ID, draft)
	require.NoError(t, err)
	require.Equal(t, []int{1, 1, 1}, []int{watch.Seen()["User"], watch.Seen()["UpdateIssue"], watch.Seen()["CreateLinkedIssue"]})
}

// A webhook that is registered, changed and removed.
func TestLinearWebhooks(t *testing.T) {
	s := linearfake.New(t)
	s.AddWebhook(linearfake.Webhook{URL: "https://example.com/1"})
	s.AddWebhook(linearfake.Webhook{URL: "https://example.com/2", ResourceTypes: []string{"Comment"}})
	watch := vendors.NewWatch(linearSpec(t))
	target := targettest.Open(t, linear.Kind(), linearfake.Account(linearfake.Mine, "ENG"), watch.Front(t, s.URL))
	hookLifeCycle(t, target, "https://push.example.com")
	require.Equal(t, []int{1, 2, 1}, []int{watch.Seen()["CreateWebhook"], watch.Seen()["UpdateWebhook"], watch.Seen()["DeleteWebhook"]})
	require.NotZero(t, watch.Seen()["Webhooks"])
}

// Broken on purpose, a request does not pass.
func TestLinearSpecBites(t *testing.T) {
	spec := linearSpec(t)
	const create = `mutation C($input: IssueCreateInput!) { issueCreate(input: $input) { success issue { id } } }`
	for name, c := range map[string]struct {
		document, variables string
		bites               bool
	}{
		"as it should be":    {create, `{"input":{"teamId":"t","title":"x","priority":2}}`, false},
		"no team":            {create, `{"input":{"title":"x"}}`, true},
		"unknown field":      {create, `{"input":{"teamId":"t","label":"x"}}`, true},
		"a text for a level": {create, `{"input":{"teamId":"t","priority":"high"}}`, true},
		"unknown selection":  {strings.Replace(create, "success", "succes", 1), `{"input":{"teamId":"t"}}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := json.Marshal(map[string]any{"query": c.document, "operationName": "C", "variables": json.RawMessage(c.variables)})
			require.NoError(t, err)
			_, reply, err := spec.Request(httptest.NewRequest(http.MethodPost, "/graphql", nil), body)
			require.Equal(t, c.bites, err != nil, "%v", err)
			if !c.bites {
				require.NoError(t, reply(200, nil, []byte(`{"data":{"issueCreate":{"success":true,"issue":{"id":"i"}}}}`)))
				require.Error(t, reply(200, nil, []byte(`{"data":{"issueCreate":{"success":"yes","issue":{"id":"i"}}}}`)))
				require.Error(t, reply(200, nil, []byte(`{"data":{"issueCreate":{"success":true,"issue":{"identifier":"i"}}}}`)))
			}
		})
	}
}
