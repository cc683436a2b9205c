package pbfake_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/pbapi/pbfake"
)

func TestSeedIsRepeatable(t *testing.T) {
	a, b := newWorld(t).fake.Seed(60), newWorld(t).fake.Seed(60)
	assert.Equal(t, a, b)
	other := newWorld(t, func(o *pbfake.Options) { o.Seed = 8 }).fake.Seed(60)
	assert.NotEqual(t, a[0].ID, other[0].ID)

	w := newWorld(t)
	w.fake.Seed(60)
	w.fake.Seed(60)
	assert.Len(t, w.fake.Entities(), 60, "seeding twice replaces")
	assert.Len(t, newWorld(t).fake.Seed(2), 2)
}

func TestSeedHasEverything(t *testing.T) {
	w := newWorld(t)
	types, text, depth, names := map[string]int{}, "", 0, map[string]bool{}
	for _, e := range w.fake.Seed(500) {
		types[e.Type]++
		s, _ := e.Fields["description"].(string)
		text += s
		names[e.Type+e.Name()] = true
		up := 0
		for id := e.Parent; id != ""; up++ {
			parent, found := w.fake.Entity(id)
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
	w := newWorld(t)
	w.fake.Seed(40)
	e := w.fake.Entities("feature")[3] // has no tags
	get := func(query string) map[string]any {
		r := w.call("GET", "/entities/"+e.ID+query, "")
		require.Equal(t, 200, r.status, r.raw)
		return r.at("data", "fields").(map[string]any)
	}
	fields := get("")
	assert.Equal(t, e.Name(), fields["name"])
	assert.Equal(t, e.Fields["description"], fields["description"])
	assert.Contains(t, fields, pbfake.FieldImpact, "custom fields are keyed by UUID")
	assert.NotContains(t, fields, "tags", "what is empty is left out")
	assert.Contains(t, get("?fields[]=all"), "tags")
	assert.Equal(t, map[string]any{"name": e.Name(), "tags": nil}, get("?fields[]=name&fields[]=tags"))
	assert.Equal(t, map[string]any{"name": e.Name()}, get("?fields[]=name&fields[]=nonsense"))

	r := w.call("GET", "/entities/"+e.ID, "")
	rel := r.at("data", "relationships", "data").([]any)[0].(map[string]any)
	assert.Equal(t, "parent", rel["type"])
	assert.Equal(t, w.fake.PageOf(e.ID), r.at("data", "links", "html"))
	assert.True(t, strings.HasPrefix(w.fake.PageOf(e.ID), "https://example.productboard.com/detail/"))
}

func TestListAndSearchEntities(t *testing.T) {
	w := newWorld(t)
	w.fake.Seed(80)
	features := w.fake.Entities("feature")
	count := func(r reply) int {
		require.Equal(t, 200, r.status, r.raw)
		return len(r.doc["data"].([]any))
	}
	assert.Equal(t, 80, count(w.call("GET", "/entities", "")))
	assert.Equal(t, len(features), count(w.call("GET", "/entities?type[]=feature", "")))
	assert.Equal(t, 1, count(w.call("GET", "/entities?name="+strings.ReplaceAll(features[0].Name(), " ", "+"), "")))
	assert.Equal(t, 80, count(w.call("GET", "/entities?archived=false", "")))
	assert.Positive(t, count(w.call("GET", "/entities?status[name]=Planned&type[]=feature", "")))
	assert.Positive(t, count(w.call("GET", "/entities?parent[id]="+features[0].Parent, "")))
	assert.Equal(t, 400, w.call("GET", "/entities?archived=maybe", "").status)

	search := func(data string) reply { return w.call("POST", "/entities/search", `{"data":`+data+`}`) }
	assert.Equal(t, 2, count(search(`{"filter":{"id":["`+features[0].ID+`","`+features[1].ID+`","`+nowhere+`"]}}`)))
	assert.Equal(t, 0, count(search(`{"filter":{"type":["release"],"id":["`+features[0].ID+`"]}}`)))
	assert.Positive(t, count(search(`{"filter":{"relationships":{"parent":[{"id":"`+features[0].Parent+`"}]}}}`)))
	r := search(`{"filter":{"id":["` + features[0].ID + `"],"fields":{"archived":false}},"return":{"fields":["name"]}}`)
	assert.Equal(t, 1, count(r))
	assert.Len(t, r.doc["data"].([]any)[0].(map[string]any)["fields"], 1)
}

func TestRelationships(t *testing.T) {
	w := newWorld(t)
	w.fake.Seed(80)
	initiative := w.fake.Entities("initiative")[0]
	r := w.call("GET", "/entities/"+initiative.ID+"/relationships?type=link", "")
	require.Equal(t, 200, r.status, r.raw)
	assert.Len(t, r.doc["data"], len(initiative.Links))
	assert.Equal(t, 404, w.call("GET", "/entities/"+nowhere+"/relationships", "").status)
	assert.Equal(t, 400, w.call("GET", "/entities/"+initiative.ID+"/relationships?type=cousin", "").status)
	assert.Equal(t, 404, w.call("GET", "/entities/"+initiative.ID+"/fields", "").status)

	feature := w.fake.Entities("feature")[0]
	r = w.call("GET", "/entities/"+feature.ID+"/relationships?type=child&target[type]=subfeature", "")
	assert.NotEmpty(t, r.doc["data"])
}

func TestConfigurations(t *testing.T) {
	w := newWorld(t)
	r := w.call("GET", "/entities/configurations/feature", "")
	require.Equal(t, 200, r.status)
	assert.Equal(t, "Acceptance criteria", r.at("data", "fields", pbfake.FieldAcceptance, "name"))
	assert.Equal(t, []any{"product", "component"}, r.at("data", "relationships", "parent", "targetType"))
	assert.Nil(t, w.call("GET", "/entities/configurations/product", "").at("data", "fields", "tags"), "fields differ by type")
	assert.Len(t, w.call("GET", "/entities/configurations", "").doc["data"], len(pbfake.EntityTypes()))
	assert.Len(t, w.call("GET", "/entities/configurations?type[]=feature", "").doc["data"], 1)
}

func TestAddEntitiesIsAllOrNothing(t *testing.T) {
	w := newWorld(t)
	good := pbfake.Entity{Type: "feature", Fields: map[string]any{"name": "x"}}
	wrong := map[string]pbfake.Entity{
		"type":        {Type: "epic", Fields: map[string]any{"name": "x"}},
		"id":          {ID: "7", Type: "feature", Fields: map[string]any{"name": "x"}},
		"parent":      {Parent: "7", Type: "feature", Fields: map[string]any{"name": "x"}},
		"fields.name": {Type: "feature"},
	}
	for field, e := range wrong {
		_, err := w.fake.AddEntities([]pbfake.Entity{good, e})
		assert.ErrorContains(t, err, "entity 1: "+field)
	}
	assert.Empty(t, w.fake.Entities())
}
