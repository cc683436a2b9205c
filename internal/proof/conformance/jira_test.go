package conformance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/proof/conformance/vendors"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/jira/jirafake"
	"pushbutton/internal/targets/targettest"
)

// jiraSpec is Atlassian's description of Jira Cloud, which leaves the fields
// of an issue open, and the schema of the documents that stand in them.
type jiraSpec struct {
	*vendors.OpenAPI
	adf func([]byte) error
}

func loadJira(t *testing.T, prefix string) jiraSpec {
	t.Helper()
	return jiraSpec{
		OpenAPI: vendors.LoadOpenAPI(t, vendors.File(t, "../../..", "jira-issues.json"), vendors.Options{Prefix: prefix, Edit: noBodies}),
		adf:     vendors.LoadJSONSchema(t, vendors.File(t, "../../..", "adf-full.schema.json")),
	}
}

// noBodies mends the file. It gives replies of status 204 a JSON body, which
// HTTP does not allow (RFC 9110, section 15.3.5), and those of status 401 Jira's
// own, although Atlassian's gateway refuses a token in a form of its own.
func noBodies(doc *openapi3.T) {
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, status := range []int{http.StatusNoContent, http.StatusUnauthorized} {
				if reply := op.Responses.Status(status); reply != nil {
					reply.Value.Content = nil
				}
			}
		}
	}
}

// Request implements vendors.Spec.
func (s jiraSpec) Request(r *http.Request, body []byte) (string, vendors.Reply, error) {
	op, reply, err := s.OpenAPI.Request(r, body)
	if err == nil {
		err = s.documents(op, body)
	}
	return op, reply, err
}

// documents holds every rich text of a request against the schema. Which
// custom fields are rich text the fake knows, and refuses plain strings there.
func (s jiraSpec) documents(op string, body []byte) error {
	var in struct {
		Fields map[string]json.RawMessage `json:"fields"`
		Body   json.RawMessage            `json:"body"`
	}
	switch op {
	case "createIssue", "editIssue":
		if err := json.Unmarshal(body, &in); err != nil {
			return err
		}
	case "addComment":
		if err := json.Unmarshal(body, &in); err != nil {
			return err
		}
		in.Fields = map[string]json.RawMessage{"description": in.Body}
	default:
		return nil
	}
	for id, value := range in.Fields {
		if id != "description" && !bytes.Contains(value, []byte(`"type":"doc"`)) {
			continue
		}
		if err := s.adf(value); err != nil {
			return fmt.Errorf("%s is no ADF: %w", id, err)
		}
	}
	return nil
}

// Every request of the adapter and every reply of its fake, in the whole
// suite. Atlassian publishes nothing of Data Center's REST version 2 that could
// be used here.
func TestJiraCloud(t *testing.T) {
	for name, c := range map[string]struct {
		harness targettest.Harness
		prefix  string
	}{
		"site":    {jirafake.Harness(), ""},
		"gateway": {jirafake.GatewayHarness(), "/ex/jira/" + jirafake.CloudID},
	} {
		t.Run(name, func(t *testing.T) {
			watch := vendors.NewWatch(loadJira(t, c.prefix))
			c.harness.Watch = watch.Front
			targettest.Run(t, c.harness)
			seen := watch.Seen()
			for _, op := range []string{"getCurrentUser", "getProject", "getCreateIssueMetaIssueTypes", "getCreateIssueMetaIssueTypeId", "createIssue", "getIssue", "bulkFetchIssues",
				"searchAndReconsileIssuesUsingJqlPost", "createOrUpdateRemoteIssueLink", "getTransitions", "doTransition", "addComment"} {
				require.NotZero(t, seen[op], op)
			}
		})
	}
}

// A push with everything that can be mapped, and what the suite does not do:
// an update, a person, the choices.
func TestJiraCloudWholeMapping(t *testing.T) {
	watch := vendors.NewWatch(loadJira(t, ""))
	fake := jirafake.Start(t, jirafake.Options{})
	more, credentials := jirafake.Cloud(true)
	settings := map[string]any{"url": watch.Front(t, fake.URL), "project": "ENG", "issueType": "Story", "priority": "High", "components": []any{"API"},
		"assignee": "owner", "reporter": "pusher", "labels": []any{"productboard"}, "fields": map[string]any{
			"Customer": "ACME", "Background": "One\nTwo", "Story Points": "5", "Launch": "2026-03-31T08:30:00Z", "Due date": "2026-03-31", "Size": "M",
			"Platforms": "Web\niOS", "Region": "Europe / Oslo", "Sponsor": "{{.Owner.Email}}", "Keywords": "two words", "Environment": "Production", "Fix versions": "1.0"}}
	for k, v := range more {
		settings[k] = v
	}
	target, err := jirafake.Harness().Kind.Open(settings, credentials, targets.Deps{HTTP: targettest.Client(t)})
	require.NoError(t, err)
	require.NoError(t, target.Check(t.Context()))
	draft, err := target.Draft(targets.NewMarker("conformance", "jira", 1), targets.Item{Name: "A wish", Link: "https://example.productboard.com/1",
		HTML:  `<h1>Why</h1><table><tr><th>a</th></tr><tr><td><ul><li>b</li></ul></td></tr></table><ul><li>x<ol><li>y</li></ol></li></ul><pre><code>z</code></pre><blockquote>q</blockquote>`,
		Owner: targets.Person{Email: "jane@example.com"}, Pusher: targets.Person{Name: "Shy", Email: "shy@example.com"}})
	require.NoError(t, err)
	made, err := target.Create(t.Context(), draft)
	require.NoError(t, err)
	draft.Description = richtext.Paragraph(richtext.Text("Another text."))
	_, _, err = target.Update(t.Context(), made.ID, draft)
	require.NoError(t, err)
	seen := watch.Seen()
	for _, op := range []string{"createIssue", "editIssue", "findAssignableUsers"} {
		require.NotZero(t, seen[op], op)
	}
}

// The watch sees what is broken on purpose, in a request and in a reply.
func TestJiraValidationBites(t *testing.T) {
	spec := loadJira(t, "")
	const good = `{"fields":{"summary":"x","description":{"version":1,"type":"doc","content":[{"type":"heading","attrs":{"level":1}}]}},"properties":[{"key":"k","value":1}]}`
	for name, c := range map[string]struct{ from, to, reply, says string }{
		"good":                {"", "", `{"id":"1","key":"ENG-1"}`, ""},
		"heading of level 9":  {`"level":1`, `"level":9`, `{"id":"1"}`, "description is no ADF"},
		"description as text": {`{"version":1,"type":"doc","content":[{"type":"heading","attrs":{"level":1}}]}`, `"text"`, `{"id":"1"}`, "description is no ADF"},
		"property's key":      {`"key":"k"`, `"key":7`, `{"id":"1"}`, "request POST"},
		"unknown parameter":   {"?", "", `{"id":"1"}`, "is not published"},
		"reply's member":      {"", "", `{"id":"1","kee":"ENG-1"}`, "reply 201"},
		"reply's type":        {"", "", `{"id":1}`, "reply 201"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusCreated)
				_, _ = io.WriteString(w, c.reply)
			}))
			defer server.Close()
			watch := vendors.NewWatch(spec)
			handler, err := watch.Handler(server.URL)
			require.NoError(t, err)
			front := httptest.NewServer(handler)
			defer front.Close()
			query := url.Values{}
			if c.from == "?" {
				query.Set("notify", "true")
			}
			resp, err := http.Post(front.URL+"/rest/api/3/issue?"+query.Encode(), "application/json", strings.NewReader(strings.Replace(good, c.from, c.to, 1)))
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			if c.says == "" {
				require.Empty(t, watch.Violations())
				return
			}
			require.NotEmpty(t, watch.Violations())
			require.ErrorContains(t, watch.Violations()[0], c.says)
		})
	}
}
