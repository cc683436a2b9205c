package conformance_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/proof/conformance/vendors"
	"pushbutton/internal/targets/azuredevops/azuredevopsfake"
	"pushbutton/internal/targets/targettest"
)

func azureDevOps(t *testing.T) *vendors.OpenAPI {
	return vendors.LoadOpenAPI(t, vendors.File(t, "../../..", "ado-wit-7.1-fixed.json"), vendors.Options{Swagger2: true, Edit: mendAzureDevOps})
}

// mendAzureDevOps mends what Microsoft's own recorded examples, which are
// published beside the file, contradict.
func mendAzureDevOps(doc *openapi3.T) {
	// The team in a query's path is optional.
	query := doc.Paths.Value("/{organization}/{project}/{team}/_apis/wit/wiql")
	post := *query.Post
	post.Parameters = nil
	for _, p := range query.Post.Parameters {
		if p.Value.Name != "team" {
			post.Parameters = append(post.Parameters, p)
		}
	}
	doc.Paths.Set("/{organization}/{project}/_apis/wit/wiql", &openapi3.PathItem{Post: &post})
	// Every list comes in a wrapper; "omit" puts a null in an item's place.
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			ok := op.Responses.Value("200")
			if ok == nil || ok.Value.Content.Get("application/json") == nil {
				continue
			}
			content := ok.Value.Content.Get("application/json")
			if list := content.Schema; list != nil && list.Value.Type.Is("array") {
				if strings.HasSuffix(list.Value.Items.Ref, "/WorkItem") {
					nullable := *list.Value.Items.Value
					nullable.Nullable = true
					list = openapi3.NewArraySchema().WithItems(&nullable).NewRef()
				}
				wrapper := openapi3.NewObjectSchema().WithProperty("count", openapi3.NewInt32Schema())
				wrapper.Properties["value"] = list
				wrapper.Required = []string{"count", "value"}
				content.Schema = wrapper.NewRef()
			}
		}
	}
	// An item's number is one: the router would take "$Bug" for it.
	const byNumber = "/{organization}/{project}/_apis/wit/workitems/{id}"
	doc.Paths.Set(strings.Replace(byNumber, "{id}", "{id:[0-9]+}", 1), doc.Paths.Value(byNumber))
	// The project in an item's path is optional.
	anywhere := *doc.Paths.Value(byNumber)
	for _, op := range []**openapi3.Operation{&anywhere.Get, &anywhere.Patch} {
		without := **op
		without.Parameters = nil
		for _, p := range (*op).Parameters {
			if p.Value.Name != "project" {
				without.Parameters = append(without.Parameters, p)
			}
		}
		*op = &without
	}
	anywhere.Delete = nil
	doc.Paths.Set("/{organization}/_apis/wit/workitems/{id:[0-9]+}", &anywhere)
	doc.Paths.Delete(byNumber)
	// Values of fields, and of what is said about links, are texts as well as
	// objects, and null where there is none.
	doc.Components.Schemas["Link"].Value.Properties["attributes"].Value.AdditionalProperties.Schema = &openapi3.SchemaRef{Value: &openapi3.Schema{}}
	doc.Components.Schemas["WorkItem"].Value.Properties["fields"].Value.AdditionalProperties.Schema = &openapi3.SchemaRef{Value: &openapi3.Schema{}}
	field := doc.Components.Schemas["WorkItemTypeFieldWithReferences"].Value
	field.Properties["defaultValue"] = &openapi3.SchemaRef{Value: &openapi3.Schema{Nullable: true}}
	field.Properties["allowedValues"].Value.Items = &openapi3.SchemaRef{Value: &openapi3.Schema{}}
}

func TestAzureDevOpsIsAsPublished(t *testing.T) {
	watch := vendors.NewWatch(azureDevOps(t))
	h := azuredevopsfake.Harness()
	h.Watch = watch.Front
	start := h.Start
	h.Start = func(t *testing.T) targettest.Server {
		s := start(t)
		s.SetPublic = nil // whether a project is public is the Core API's to say, which this file is not about
		return s
	}
	targettest.Run(t, h)
	seen := watch.Seen()
	for _, op := range []string{"Work Items_Create", "Work Items_Get Work Item", "Work Items_Get Work Items Batch", "Work Items_Update", "Wiql_Query By Wiql",
		"Work Item Types_Get", "Work Item Types Field_List", "Work Item Type States_List", "Fields_List", "Recyclebin_Get"} {
		require.NotZero(t, seen[op], "%s was never used: %v", op, seen)
	}
}

func TestAzureDevOpsSchemaBites(t *testing.T) {
	spec := azureDevOps(t)
	const patch = `[{"op":"add","path":"/fields/System.Title","value":"t"}]`
	for name, c := range map[string]struct{ body, want string }{
		"as published":   {patch, ""},
		"wrong operator": {strings.Replace(patch, "add", "put", 1), "op"},
		"wrong path":     {strings.Replace(patch, `"/fields/System.Title"`, "7", 1), "path"},
	} {
		t.Run(name, func(t *testing.T) {
			s := azuredevopsfake.New(t)
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/fabrikam/Fabrikam%20Fiber/_apis/wit/workitems/$Bug?api-version=7.1", strings.NewReader(c.body))
			r.Header.Set("Content-Type", "application/json-patch+json")
			r.SetBasicAuth("", azuredevopsfake.PAT)
			bites(t, spec, s.URL, r, c.want)
		})
	}
}

func TestAzureDevOpsMappingIsAsPublished(t *testing.T) {
	s := azuredevopsfake.New(t)
	url := vendors.NewWatch(azureDevOps(t)).Front(t, s.URL)
	a := azuredevopsfake.Account(azuredevopsfake.PAT, azuredevopsfake.Project, "type", "Bug", "areaPath", `Fabrikam Fiber\Web`, "assignee", azuredevopsfake.Jane,
		"fields", map[string]any{"Priority": "1", "Story Points": "3.5", "Target Date": "2026-05-01", "Sponsor": azuredevopsfake.Jane, "Urgent": "no", "Component": "Backend"})
	target := targettest.Open(t, azuredevopsfake.Harness().Kind, a, url)
	require.NoError(t, target.Check(t.Context()))
	d := mappedDraft(t, target)
	made, err := target.Create(t.Context(), d)
	require.NoError(t, err)
	_, _, err = target.Update(t.Context(), made.ID, d)
	require.NoError(t, err)
}
