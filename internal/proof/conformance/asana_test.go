package conformance_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/proof/conformance/vendors"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/asana/asanafake"
	"pushbutton/internal/targets/targettest"
)

// TestAsana loads the file, which is 3 MB, once.
func TestAsana(t *testing.T) {
	spec := vendors.LoadOpenAPI(t, vendors.File(t, "../../..", "asana.yaml"), vendors.Options{Prefix: "/api/1.0", Edit: mendAsana})
	t.Run("token", func(t *testing.T) {
		watch := vendors.NewWatch(spec)
		h := asanafake.Harness()
		h.Watch = watch.Front
		targettest.Run(t, h)
		seen := watch.Seen()
		for _, op := range []string{"createTask", "getTask", "createBatchRequest", "getTasks", "updateTask", "createStoryForTask", "getProject", "getSectionsForProject", "getCustomFieldSettingsForProject", "getTagsForWorkspace"} {
			require.NotZero(t, seen[op], "%s was never used: %v", op, seen)
		}
	})
	t.Run("app", func(t *testing.T) {
		h := asanafake.AppHarness()
		h.Watch = vendors.NewWatch(spec).Front
		targettest.Run(t, h)
	})
	t.Run("whole mapping", func(t *testing.T) { asanaMapping(t, spec) })
	t.Run("web hooks", func(t *testing.T) { asanaWebHooks(t, spec) })
	t.Run("bites", func(t *testing.T) { asanaBites(t, spec) })
}

// mendAsana mends what the file's own descriptions contradict.
func mendAsana(doc *openapi3.T) {
	schemas := doc.Components.Schemas
	own := func(name string) openapi3.Schemas {
		for _, part := range schemas[name].Value.AllOf {
			if part.Ref == "" {
				return part.Value.Properties
			}
		}
		return nil
	}
	// "either an enum GID, string, number, object, or array"
	own("TaskRequestBase")["custom_fields"].Value.AdditionalProperties.Schema = &openapi3.SchemaRef{Value: &openapi3.Schema{}}
	// "At task creation time, this array can be used": by gids, as Asana's
	// maintainers answered (Asana/java-asana, issue 17).
	gids := openapi3.NewObjectSchema().WithProperty("project", openapi3.NewStringSchema()).WithProperty("section", openapi3.NewStringSchema())
	gids.Required = []string{"project", "section"}
	delete(own("TaskBase"), "memberships")
	own("TaskCreateRequest")["memberships"] = openapi3.NewArraySchema().WithItems(gids).NewRef()
	// Properties that the file does not know are ignored in silence.
	closeAll(schemas["TaskCreateRequest"].Value, schemas)
	closeAll(schemas["WebhookRequest"].Value, schemas)
	// Times of what has not happened are null in the file's own example.
	for _, name := range []string{"last_failure_at", "failure_deletion_timestamp"} {
		own("WebhookResponse")[name].Value.Nullable = true
	}
}

// closeAll refuses what no part of a schema knows: a schema of parts cannot be
// closed, so it becomes one of all their properties.
func closeAll(s *openapi3.Schema, schemas openapi3.Schemas) {
	all := openapi3.Schemas{}
	var gather func(*openapi3.SchemaRef)
	gather = func(r *openapi3.SchemaRef) {
		for name, p := range r.Value.Properties {
			all[name] = p
		}
		for _, part := range r.Value.AllOf {
			gather(part)
		}
	}
	maps.Copy(all, s.Properties)
	for _, part := range s.AllOf {
		gather(part)
	}
	no := false
	s.AllOf, s.Type, s.Properties = nil, &openapi3.Types{"object"}, all
	s.AdditionalProperties = openapi3.AdditionalProperties{Has: &no}
}

func asanaMapping(t *testing.T, spec vendors.Spec) {
	s := asanafake.New(t)
	url := vendors.NewWatch(spec).Front(t, s.URL)
	a := asanafake.App(asanafake.OAuthToken, asanafake.Project, "section", "Doing", "assignee", asanafake.Jane, "labels", []any{"wish"}, "statusField", "Stage",
		"fields", map[string]any{"Stage": "Wanted", "Teams": "Web", "Effort": "3.5", "Customer": "ACME", "Promised": "2026-05-01", "Sponsors": asanafake.Jane, "Due date": "2026-05-01"})
	target := targettest.Open(t, asanafake.Harness().Kind, a, url)
	require.NoError(t, target.Check(t.Context()))
	d := mappedDraft(t, target)
	made, err := target.Create(t.Context(), d)
	require.NoError(t, err)
	s.Change(0, func(task *asanafake.Task) { task.Tags = nil })
	_, _, err = target.Update(t.Context(), made.ID, d)
	require.NoError(t, err)
}

// asanaWebHooks registers web hooks with a plugin that answers handshakes.
func asanaWebHooks(t *testing.T, spec vendors.Spec) {
	s := asanafake.New(t)
	s.AddWebhook(asanafake.Webhook{Target: "https://example.com/", Resource: asanafake.Project, Active: true})
	watch := vendors.NewWatch(spec)
	target := targettest.Open(t, asanafake.Harness().Kind, asanafake.Account(asanafake.Token, asanafake.Project), watch.Front(t, s.URL))
	plugin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, answer, _ := target.Handshake(targets.Hook{Header: r.Header})
		maps.Copy(w.Header(), answer)
	}))
	t.Cleanup(plugin.Close)
	hookLifeCycle(t, target, plugin.URL)
	seen := watch.Seen()
	require.Equal(t, []int{2, 2}, []int{seen["createWebhook"], seen["deleteWebhook"]})
	require.NotZero(t, seen["getWebhooks"])
}

func asanaBites(t *testing.T, spec vendors.Spec) {
	const task = `{"data":{"name":"t","projects":["1200000000000001"],"due_on":"2026-01-01"}}`
	for name, c := range map[string]struct{ body, query, want string }{
		"as published":     {task, "", ""},
		"unknown property": {strings.Replace(task, "due_on", "due", 1), "", "due"},
		"wrong type":       {strings.Replace(task, `"t"`, "7", 1), "", "name"},
		"unknown opt":      {task, "?opt_fields=status", "opt_fields"},
	} {
		t.Run(name, func(t *testing.T) {
			s := asanafake.New(t)
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/1.0/tasks"+c.query, strings.NewReader(c.body))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer "+asanafake.Token)
			bites(t, spec, s.URL, r, c.want)
		})
	}
}
