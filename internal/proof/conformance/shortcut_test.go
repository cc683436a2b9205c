package conformance_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/proof/conformance/vendors"
	"pushbutton/internal/targets/shortcut/shortcutfake"
	"pushbutton/internal/targets/targettest"
)

func shortcutSpec(t *testing.T) *vendors.OpenAPI {
	return vendors.LoadOpenAPI(t, vendors.File(t, "../../..", "shortcut.json"), vendors.Options{Swagger2: true, Edit: func(doc *openapi3.T) {
		// Swagger 2 has no null; Shortcut marks where it is sent in its own way.
		for _, schema := range doc.Components.Schemas {
			for _, p := range schema.Value.Properties {
				if p.Value != nil && p.Ref == "" && p.Value.Extensions["x-nullable"] == true {
					p.Value.Nullable = true
				}
			}
		}
	}})
}

func TestShortcutIsAsPublished(t *testing.T) {
	watch := vendors.NewWatch(shortcutSpec(t))
	h := shortcutfake.Harness()
	h.Watch = watch.Front
	targettest.Run(t, h)
	seen := watch.Seen()
	for _, op := range []string{"createStory", "getStory", "updateStory", "createStoryComment", "queryStories", "getExternalLinkStories", "listWorkflows", "getCurrentMemberInfo", "listCustomFields"} {
		require.NotZero(t, seen[op], "%s was never used: %v", op, seen)
	}
}

func TestShortcutMappingIsAsPublished(t *testing.T) {
	s := shortcutfake.New(t)
	url := vendors.NewWatch(shortcutSpec(t)).Front(t, s.URL)
	a := shortcutfake.Account(shortcutfake.Token, "team", "Web", "workflow", "Engineering", "epic", shortcutfake.EpicID, "assignee", shortcutfake.Jane, "reporter", shortcutfake.Jane,
		"labels", []any{"wish"}, "fields", map[string]any{"Component": "Backend", "Estimate": "0", "Deadline": "2026-05-01"})
	target := targettest.Open(t, shortcutfake.Harness().Kind, a, url)
	require.NoError(t, target.Check(t.Context()))
	d := mappedDraft(t, target)
	made, err := target.Create(t.Context(), d)
	require.NoError(t, err)
	s.Change(1, func(story *shortcutfake.Story) { story.Labels, story.Links, story.Owners = nil, nil, nil })
	_, _, err = target.Update(t.Context(), made.ID, d)
	require.NoError(t, err)
}

func TestShortcutSchemaBites(t *testing.T) {
	spec := shortcutSpec(t)
	const story = `{"name":"t","workflow_state_id":500000010,"external_links":["https://example.com"]}`
	for name, c := range map[string]struct{ body, want string }{
		"as published":     {story, ""},
		"unknown property": {strings.Replace(story, "external_links", "links", 1), "links"},
		"wrong type":       {strings.Replace(story, "500000010", `"Backlog"`, 1), "workflow_state_id"},
		"no name":          {strings.Replace(story, `"name":"t",`, "", 1), "name"},
	} {
		t.Run(name, func(t *testing.T) {
			s := shortcutfake.New(t)
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v3/stories", strings.NewReader(c.body))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Shortcut-Token", shortcutfake.Token)
			bites(t, spec, s.URL, r, c.want)
		})
	}
}
