package schema_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin/schema"
)

type inner struct {
	N int `json:"n,omitempty" min:"1" max:"3"`
}

type base struct {
	When time.Time `json:"when,omitzero"`
}

type page[T any] struct {
	Items []T `json:"items" max:"2"`
}

type thing struct {
	base
	Name   string            `json:"name" min:"2" max:"4" pattern:"^[a-z]+$" doc:"A name."`
	Kind   string            `json:"kind,omitempty" enum:"a,b"`
	On     bool              `json:"on,omitempty"`
	Ratio  float64           `json:"ratio,omitempty"`
	Inner  inner             `json:"inner,omitzero"`
	Maybe  *string           `json:"maybe"`
	Labels map[string]string `json:"labels,omitempty" max:"2"`
	Any    map[string]any    `json:"any,omitempty"`
	List   []inner           `json:"list,omitempty" min:"1" max:"2"`
	Hidden string            `json:"-"`
	Secret string            `json:"secret,omitempty" secret:"true"`
}

type patch struct{}

func (patch) Patched() reflect.Type { return reflect.TypeFor[thing]() }

func check(t *testing.T, typ reflect.Type, text string) []string {
	t.Helper()
	set := schema.NewSet()
	sch := set.Of(typ)
	v, err := schema.Parse([]byte(text))
	require.NoError(t, err)
	var out []string
	for _, w := range set.Check(sch, v, "") {
		out = append(out, w.Field+" "+w.Message)
	}
	return out
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		`{"name":"abc","maybe":null}`: nil,
		`{"name":"abc","maybe":"x","kind":"b","on":true,"ratio":1.5,"inner":{"n":2},"labels":{"a":"b"},"any":{"x":[1,null]},"list":[{}],"when":"2026-01-31T15:04:05+01:00","secret":"s"}`: nil,
		`[]`:                         {"body must be an object"},
		`null`:                       {"body must be an object"},
		`{}`:                         {"name is required", "maybe is required"},
		`{"name":"a","maybe":null}`:  {"name must have at least 2 characters"},
		`{"name":"ABCDE","maybe":1}`: {"maybe must be a string", "name must have at most 4 characters", "name must match ^[a-z]+$"},
		`{"name":null,"maybe":null,"kind":"c","on":"yes","ratio":"1","inner":{"n":4,"m":1},"when":"yesterday"}`: {
			"inner.m is not a field", "inner.n must be at most 3", "kind must be one of a, b", "name must be a string", "on must be true or false", "ratio must be a number",
			"when must be a time such as 2026-01-31T15:04:05Z"},
		`{"name":"abc","maybe":null,"inner":null,"labels":{"a":1},"list":[{"n":0},{"n":1.5}],"Hidden":"x","-":1}`: {
			"- is not a field", "Hidden is not a field", "inner must be an object", "labels.a must be a string", "list[0].n must be at least 1", "list[1].n must be a whole number"},
		`{"name":"abc","maybe":null,"labels":{"a":"","b":"","c":""},"list":[],"ratio":1e999}`: {"labels has more than 2 entries", "list must have at least 1 entries", "ratio is too large a number"},
	} {
		require.Equal(t, want, check(t, reflect.TypeFor[thing](), text), text)
	}
}

func TestCheckOfAPatch(t *testing.T) {
	t.Parallel()
	require.Empty(t, check(t, reflect.TypeFor[patch](), `{"name":null,"inner":null,"maybe":null,"labels":{"a":null},"list":null}`))
	require.Equal(t, []string{"inner.n must be at most 3", "name must have at least 2 characters", "x is not a field"}, check(t, reflect.TypeFor[patch](), `{"inner":{"n":9},"name":"a","x":null}`))
	require.Equal(t, []string{"body must be an object"}, check(t, reflect.TypeFor[patch](), `null`))
}

func TestNamesAndBounds(t *testing.T) {
	t.Parallel()
	set := schema.NewSet()
	require.Equal(t, "#/components/schemas/innerpage", set.Of(reflect.TypeFor[page[inner]]()).Ref)
	require.Contains(t, set.Named, "inner")
	set.Of(reflect.TypeFor[patch]())
	require.Contains(t, set.Named, "thingPatch")
	require.Empty(t, set.Named["thingPatch"].Required)
	raw, err := json.Marshal(set.Named["thingPatch"])
	require.NoError(t, err)
	require.Contains(t, string(raw), `"anyOf":[{"$ref":"#/components/schemas/innerPatch"},{"type":"null"}]`)

	many := `{"a` + strings.Repeat("x", 1000) + `":1,` + strings.TrimSuffix(strings.Repeat(`"b`+`":1,`, 1), ",") + `}`
	for _, w := range check(t, reflect.TypeFor[inner](), many) {
		require.Less(t, len(w), 200, "a long name is cut")
	}
	require.Panics(t, func() { set.Of(reflect.TypeFor[chan int]()) })
	for _, text := range []string{"", "{", "{} {}", "nul", `{"a":1}x`} {
		_, err := schema.Parse([]byte(text))
		require.Error(t, err, text)
	}
}
