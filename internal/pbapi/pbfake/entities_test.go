package pbfake_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/pbapi/pbfake"
)

func TestSeedIsRepeatable(t *testing.T) {
	t.Parallel()
	a, b := newRig(t).fake.Seed(60), newRig(t).fake.Seed(60)
	require.Equal(t, a, b)
	other := newRig(t, func(o *pbfake.Options) { o.Seed = 8 }).fake.Seed(60)
	require.NotEqual(t, a[0].ID, other[0].ID)

	r := newRig(t)
	r.fake.Seed(60)
	r.fake.Seed(60)
	require.Len(t, r.fake.Entities(), 60, "seeding twice replaces")
	require.Len(t, newRig(t).fake.Seed(2), 2)
}

func TestSeedHasEverything(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	types, text, depth, names := map[string]int{}, "", 0, map[string]bool{}
	for _, e := range r.fake.Seed(500) {
		types[e.Type]++
		s, _ := e.Fields["description"].(string)
		text += s
		names[e.Type+e.Name()] = true
		up := 0
		for id := e.Parent; id != ""; up++ {
			parent, found := r.fake.Entity(id)
			require.True(t, found)
			id = parent.Parent
		}
		depth = max(depth, up)
	}
	for _, want := range []string{"product", "component", "feature", "subfeature", "initiative", "objective", "keyResult", "release", "releaseGroup", "company"} {
		require.Positive(t, types[want], want)
	}
	for _, want := range []string{"<h1>", "<h2>", "<h3>", "<ol>", "<ul>", "<table>", `data-checked="true"`, `class="language-go"`, "<blockquote>", "urn:pb:node:", "<hr>", "<s>", "<u>"} {
		require.Contains(t, text, want)
	}
	require.Len(t, names, 500, "names are distinct")
	require.GreaterOrEqual(t, depth, 4, "subfeature, feature, nested components, product")
}

func TestGetEntity(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.fake.Seed(40)
	e := r.fake.Entities("feature")[3] // has no tags
	get := func(query string) map[string]any {
		resp := r.call("GET", "/entities/"+e.ID+query, "")
		require.Equal(t, 200, resp.status, resp.raw)
		return resp.at("data", "fields").(map[string]any)
	}
	fields := get("")
	require.Equal(t, e.Name(), fields["name"])
	require.Equal(t, e.Fields["description"], fields["description"])
	require.Contains(t, fields, pbfake.FieldImpact, "custom fields are keyed by UUID")
	require.NotContains(t, fields, "tags", "what is empty is left out")
	require.Contains(t, get("?fields[]=all"), "tags")
	require.Equal(t, map[string]any{"name": e.Name(), "tags": nil}, get("?fields[]=name&fields[]=tags"))
	require.Equal(t, map[string]any{"name": e.Name()}, get("?fields[]=name&fields[]=nonsense"))

	resp := r.call("GET", "/entities/"+e.ID, "")
	rel := resp.at("data", "relationships", "data").([]any)[0].(map[string]any)
	require.Equal(t, "parent", rel["type"])
	require.Equal(t, r.fake.PageOf(e.ID), resp.at("data", "links", "html"))
	require.True(t, strings.HasPrefix(r.fake.PageOf(e.ID), "https://example.productboard.com/detail/"))
}

func TestListAndSearchEntities(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.fake.Seed(80)
	features := r.fake.Entities("feature")
	count := func(r reply) int {
		require.Equal(t, 200, r.status, r.raw)
		return len(r.doc["data"].([]any))
	}
	require.Equal(t, 80, count(r.call("GET", "/entities", "")))
	require.Equal(t, len(features), count(r.call("GET", "/entities?type[]=feature", "")))
	require.Equal(t, 1, count(r.call("GET", "/entities?name="+strings.ReplaceAll(features[0].Name(), " ", "+"), "")))
	require.Equal(t, 80, count(r.call("GET", "/entities?archived=false", "")))
	require.Positive(t, count(r.call("GET", "/entities?status[name]=Planned&type[]=feature", "")))
	require.Positive(t, count(r.call("GET", "/entities?parent[id]="+features[0].Parent, "")))
	require.Equal(t, 400, r.call("GET", "/entities?archived=maybe", "").status)

	search := func(data string) reply { return r.call("POST", "/entities/search", `{"data":`+data+`}`) }
	require.Equal(t, 2, count(search(`{"filter":{"id":["`+features[0].ID+`","`+features[1].ID+`","`+nowhere+`"]}}`)))
	require.Equal(t, 0, count(search(`{"filter":{"type":["release"],"id":["`+features[0].ID+`"]}}`)))
	require.Positive(t, count(search(`{"filter":{"relationships":{"parent":[{"id":"`+features[0].Parent+`"}]}}}`)))
	resp := search(`{"filter":{"id":["` + features[0].ID + `"],"fields":{"archived":false}},"return":{"fields":["name"]}}`)
	require.Equal(t, 1, count(resp))
	require.Len(t, resp.doc["data"].([]any)[0].(map[string]any)["fields"], 1)
}

func TestRelationships(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.fake.Seed(80)
	initiative := r.fake.Entities("initiative")[0]
	resp := r.call("GET", "/entities/"+initiative.ID+"/relationships?type=link", "")
	require.Equal(t, 200, resp.status, resp.raw)
	require.Len(t, resp.doc["data"], len(initiative.Links))
	require.Equal(t, 404, r.call("GET", "/entities/"+nowhere+"/relationships", "").status)
	require.Equal(t, 400, r.call("GET", "/entities/"+initiative.ID+"/relationships?type=cousin", "").status)
	require.Equal(t, 404, r.call("GET", "/entities/"+initiative.ID+"/fields", "").status)

	feature := r.fake.Entities("feature")[0]
	resp = r.call("GET", "/entities/"+feature.ID+"/relationships?type=child&target[type]=subfeature", "")
	require.NotEmpty(t, resp.doc["data"])
}

func TestConfigurations(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	resp := r.call("GET", "/entities/configurations/feature", "")
	require.Equal(t, 200, resp.status)
	require.Equal(t, "Acceptance criteria", resp.at("data", "fields", pbfake.FieldAcceptance, "name"))
	require.Equal(t, []any{"product", "component"}, resp.at("data", "relationships", "parent", "targetType"))
	require.Nil(t, r.call("GET", "/entities/configurations/product", "").at("data", "fields", "tags"), "fields differ by type")
	require.Len(t, r.call("GET", "/entities/configurations", "").doc["data"], len(pbfake.EntityTypes()))
	require.Len(t, r.call("GET", "/entities/configurations?type[]=feature", "").doc["data"], 1)
}

func TestAddEntitiesIsAllOrNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	good := pbfake.Entity{Type: "feature", Fields: map[string]any{"name": "x"}}
	wrong := map[string]pbfake.Entity{
		"type":        {Type: "epic", Fields: map[string]any{"name": "x"}},
		"id":          {ID: "7", Type: "feature", Fields: map[string]any{"name": "x"}},
		"parent":      {Parent: "7", Type: "feature", Fields: map[string]any{"name": "x"}},
		"fields.name": {Type: "feature"},
	}
	for field, e := range wrong {
		_, err := r.fake.AddEntities([]pbfake.Entity{good, e})
		require.ErrorContains(t, err, "entity 1: "+field)
	}
	require.Empty(t, r.fake.Entities())
}
