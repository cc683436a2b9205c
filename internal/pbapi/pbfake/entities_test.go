package pbfake_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/pbapi/pbfake"
)

func TestSeedIsRepeatable(t *testing.T) {
	a, b := newRig(t).fake.Seed(60), newRig(t).fake.Seed(60)
	assert.Equal(t, a, b)
	other := newRig(t, func(o *pbfake.Options) { o.Seed = 8 }).fake.Seed(60)
	assert.NotEqual(t, a[0].ID, other[0].ID)

	r := newRig(t)
	r.fake.Seed(60)
	r.fake.Seed(60)
	assert.Len(t, r.fake.Entities(), 60, "seeding twice replaces")
	assert.Len(t, newRig(t).fake.Seed(2), 2)
}

func TestSeedHasEverything(t *testing.T) {
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
		assert.Positive(t, types[want], want)
	}
	for _, want := range []string{"<h1>", "<h2>", "<h3>", "<ol>", "<ul>", "<table>", `data-checked="true"`, `class="language-go"`, "<blockquote>", "urn:pb:node:", "<hr>", "<s>", "<u>"} {
		assert.Contains(t, text, want)
	}
	assert.Len(t, names, 500, "names are distinct")
	assert.GreaterOrEqual(t, depth, 4, "subfeature, feature, nested components, product")
}

func TestGetEntity(t *testing.T) {
	r := newRig(t)
	r.fake.Seed(40)
	e := r.fake.Entities("feature")[3] // has no tags
	get := func(query string) map[string]any {
		resp := r.call("GET", "/entities/"+e.ID+query, "")
		require.Equal(t, 200, resp.status, resp.raw)
		return resp.at("data", "fields").(map[string]any)
	}
	fields := get("")
	assert.Equal(t, e.Name(), fields["name"])
	assert.Equal(t, e.Fields["description"], fields["description"])
	assert.Contains(t, fields, pbfake.FieldImpact, "custom fields are keyed by UUID")
	assert.NotContains(t, fields, "tags", "what is empty is left out")
	assert.Contains(t, get("?fields[]=all"), "tags")
	assert.Equal(t, map[string]any{"name": e.Name(), "tags": nil}, get("?fields[]=name&fields[]=tags"))
	assert.Equal(t, map[string]any{"name": e.Name()}, get("?fields[]=name&fields[]=nonsense"))

	resp := r.call("GET", "/entities/"+e.ID, "")
	rel := resp.at("data", "relationships", "data").([]any)[0].(map[string]any)
	assert.Equal(t, "parent", rel["type"])
	assert.Equal(t, r.fake.PageOf(e.ID), resp.at("data", "links", "html"))
	assert.True(t, strings.HasPrefix(r.fake.PageOf(e.ID), "https://example.productboard.com/detail/"))
}

func TestListAndSearchEntities(t *testing.T) {
	r := newRig(t)
	r.fake.Seed(80)
	features := r.fake.Entities("feature")
	count := func(r reply) int {
		require.Equal(t, 200, r.status, r.raw)
		return len(r.doc["data"].([]any))
	}
	assert.Equal(t, 80, count(r.call("GET", "/entities", "")))
	assert.Equal(t, len(features), count(r.call("GET", "/entities?type[]=feature", "")))
	assert.Equal(t, 1, count(r.call("GET", "/entities?name="+strings.ReplaceAll(features[0].Name(), " ", "+"), "")))
	assert.Equal(t, 80, count(r.call("GET", "/entities?archived=false", "")))
	assert.Positive(t, count(r.call("GET", "/entities?status[name]=Planned&type[]=feature", "")))
	assert.Positive(t, count(r.call("GET", "/entities?parent[id]="+features[0].Parent, "")))
	assert.Equal(t, 400, r.call("GET", "/entities?archived=maybe", "").status)

	search := func(data string) reply { return r.call("POST", "/entities/search", `{"data":`+data+`}`) }
	assert.Equal(t, 2, count(search(`{"filter":{"id":["`+features[0].ID+`","`+features[1].ID+`","`+nowhere+`"]}}`)))
	assert.Equal(t, 0, count(search(`{"filter":{"type":["release"],"id":["`+features[0].ID+`"]}}`)))
	assert.Positive(t, count(search(`{"filter":{"relationships":{"parent":[{"id":"`+features[0].Parent+`"}]}}}`)))
	resp := search(`{"filter":{"id":["` + features[0].ID + `"],"fields":{"archived":false}},"return":{"fields":["name"]}}`)
	assert.Equal(t, 1, count(resp))
	assert.Len(t, resp.doc["data"].([]any)[0].(map[string]any)["fields"], 1)
}

func TestRelationships(t *testing.T) {
	r := newRig(t)
	r.fake.Seed(80)
	initiative := r.fake.Entities("initiative")[0]
	resp := r.call("GET", "/entities/"+initiative.ID+"/relationships?type=link", "")
	require.Equal(t, 200, resp.status, resp.raw)
	assert.Len(t, resp.doc["data"], len(initiative.Links))
	assert.Equal(t, 404, r.call("GET", "/entities/"+nowhere+"/relationships", "").status)
	assert.Equal(t, 400, r.call("GET", "/entities/"+initiative.ID+"/relationships?type=cousin", "").status)
	assert.Equal(t, 404, r.call("GET", "/entities/"+initiative.ID+"/fields", "").status)

	feature := r.fake.Entities("feature")[0]
	resp = r.call("GET", "/entities/"+feature.ID+"/relationships?type=child&target[type]=subfeature", "")
	assert.NotEmpty(t, resp.doc["data"])
}

func TestConfigurations(t *testing.T) {
	r := newRig(t)
	resp := r.call("GET", "/entities/configurations/feature", "")
	require.Equal(t, 200, resp.status)
	assert.Equal(t, "Acceptance criteria", resp.at("data", "fields", pbfake.FieldAcceptance, "name"))
	assert.Equal(t, []any{"product", "component"}, resp.at("data", "relationships", "parent", "targetType"))
	assert.Nil(t, r.call("GET", "/entities/configurations/product", "").at("data", "fields", "tags"), "fields differ by type")
	assert.Len(t, r.call("GET", "/entities/configurations", "").doc["data"], len(pbfake.EntityTypes()))
	assert.Len(t, r.call("GET", "/entities/configurations?type[]=feature", "").doc["data"], 1)
}

func TestAddEntitiesIsAllOrNothing(t *testing.T) {
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
		assert.ErrorContains(t, err, "entity 1: "+field)
	}
	assert.Empty(t, r.fake.Entities())
}
