package jira

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/proof/boundtest"
	"pushbutton/internal/richtext"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
)

// What people write as a number, a moment or a choice, and what Jira reads.
func TestFormsOfValues(t *testing.T) {
	t.Parallel()
	c := client{cfg: config{cloud: true}}
	for name, c := range map[string]struct {
		schema fieldSchema
		value  string
		want   any
	}{
		"number":              {fieldSchema{Type: "number"}, "-3.50", -3.5},
		"number without zero": {fieldSchema{Type: "number"}, ".5", 0.5},
		"number with a plus":  {fieldSchema{Type: "number"}, "+5", 5.0},
		"endless number":      {fieldSchema{Type: "number"}, strings.Repeat("9", 400), nil},
		"moment":              {fieldSchema{Type: "datetime"}, "2026-03-31T08:30:00Z", "2026-03-31T08:30:00.000+0000"},
		"not a moment":        {fieldSchema{Type: "datetime"}, "soon", nil},
		"parent choice":       {fieldSchema{Type: "option-with-child"}, "20", cascade{ID: "20"}},
		"child choice":        {fieldSchema{Type: "option-with-child"}, "20/202", cascade{ID: "20", Child: &idRef{"202"}}},
		"team":                {fieldSchema{Type: "team", Custom: "com.atlassian.jira.plugin.system.customfieldtypes:atlassian-team"}, "a-b", "a-b"},
		"long line":           {fieldSchema{Type: "string"}, strings.Repeat("x", 300), strings.Repeat("x", 254) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			how, ok := client{}.form(c.schema)
			require.True(t, ok)
			require.Equal(t, c.want, how.write(c.value))
		})
	}
	for _, s := range []fieldSchema{{Type: "timetracking"}, {Type: "array", Items: "attachment"}, {Type: "any"}, {}} {
		_, ok := c.form(s)
		require.False(t, ok, s)
	}
}

func TestNamesOfChoices(t *testing.T) {
	t.Parallel()
	require.Equal(t, []targets.Option{{ID: "1", Name: "v"}, {ID: "2", Name: "n"}, {ID: "3", Name: "K"}, {ID: "3/4", Name: "K / c"}, {ID: "8", Name: "l"}},
		options([]allowedValue{{ID: "1", Value: "v", Name: "n"}, {ID: "2", Name: "n"}, {ID: "3", Key: "K", Children: []allowedValue{{ID: "4", Value: "c"}, {ID: "5", Disabled: true}}}, {ID: "6", Archived: true}, {Name: "no id"}, {ID: "8", Label: "l"}}))
}

// Apps describe their fields as they like. What does not fit makes one field
// unknown, and hides no other.
func TestFieldsAreReadOneByOne(t *testing.T) {
	t.Parallel()
	const good = `{"fieldId":"good","name":"Good","schema":{"type":"string"}}`
	unknown := fieldMeta{ID: "odd", Name: "Odd", Required: true}
	for name, c := range map[string]struct {
		odd  string
		want fieldMeta
	}{
		"numbers as ids": {`{"fieldId":"odd","name":"Odd","required":true,"schema":{"type":"option2"},"allowedValues":[{"id":1,"label":"Gold"}]}`,
			fieldMeta{ID: "odd", Name: "Odd", Required: true, Schema: fieldSchema{Type: "option2"}, Allowed: []allowedValue{{ID: "1", Label: "Gold"}}}},
		"choices as texts":     {`{"allowedValues":["Gold"],"fieldId":"odd","name":"Odd","required":true,"schema":{"type":"option"}}`, unknown},
		"choices in an object": {`{"allowedValues":{"a":1},"fieldId":"odd","name":"Odd","required":true,"schema":{"type":"option"}}`, unknown},
		"schema as a text":     {`{"schema":"option","fieldId":"odd","name":"Odd","required":true}`, unknown},
		"an id that is none": {`{"fieldId":"odd","name":"Odd","required":true,"schema":{"type":"option"},"allowedValues":[{"id":{"x":1},"name":["y"]}]}`,
			fieldMeta{ID: "odd", Name: "Odd", Required: true, Schema: fieldSchema{Type: "option"}, Allowed: []allowedValue{{}}}},
		"no field at all": {`7`, fieldMeta{}},
	} {
		t.Run(name, func(t *testing.T) {
			var got page[fieldMeta]
			require.NoError(t, json.Unmarshal([]byte(`{"fields":[`+c.odd+`,`+good+`]}`), &got))
			require.Equal(t, []fieldMeta{c.want, {ID: "good", Name: "Good", Schema: fieldSchema{Type: "string"}}}, got.Fields)
			_, ok := client{}.form(got.Fields[0].Schema)
			require.Equal(t, c.want.Schema.Type == "option", ok)
		})
	}
}

// Whatever a title or label is: within Jira's limit, as Java counts.
func FuzzLine(f *testing.F) {
	for _, s := range []string{"", "a b", strings.Repeat("🚀", 300), strings.Repeat("é", 400), strings.Repeat("👩‍👩‍👧‍👦", 60), "\xff\x00", boundtest.Fill("", "e\u0301", ""), boundtest.Fill("", "👩‍", "👩"), boundtest.Fill("", "a\n", "")} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got, created string
		boundtest.Memory(t, len(s), boundtest.Limit{Base: 512 << 10, PerByte: 400}, func() { got, created = line(s), label(s) })
		if richtext.UTF16Len(got) > maxLine || !utf8.ValidString(got) || got == "" {
			t.Fatalf("%q", got)
		}
		if strings.ContainsAny(created, " \t\n") {
			t.Fatalf("%q", created)
		}
	})
}

// Whatever Jira, or something in front of it, says of a failure: a sentence
// that fits a button and has no credential in it, and the same outcome as
// without it, unless somebody in front of Jira answered.
func FuzzRefine(f *testing.F) {
	for _, s := range []string{"", "<html>", `{"errorMessages":["x"],"errors":{"summary":"y"}}`, `{"errors":[1]}`, `{"message":"Unauthorized; scope does not match","code":401}`, `{"errorMessages":["Basic c2VjcmV0"]}`} {
		f.Add(400, s, "")
		f.Add(401, s, "x")
		f.Add(403, s, "x")
		f.Add(404, s, "AUTHENTICATED_FAILED")
		f.Add(429, s, "2026-11-24T08:00Z")
	}
	for _, text := range boundtest.JSON() {
		f.Add(400, text, "")
	}
	f.Add(400, boundtest.Fill(`{"errorMessages":[`, `"\u003c\u003c",`, `""]}`), "")
	c := client{cfg: config{cloud: true, project: "ENG", auth: secret.New("Basic c2VjcmV0")}}
	f.Fuzz(func(t *testing.T, status int, body, header string) {
		if status < 300 || status > 599 {
			return
		}
		h := http.Header{"X-Ratelimit-Reset": {header}, "Ratelimit-Reason": {header}, "Atl-Traceid": {header}, "X-Seraph-Loginreason": {header}}
		plain := outbound.FromStatus(status, h)
		var got *fault.Error
		reply := outbound.Reply{Status: status, Header: h, Body: []byte(body)}
		boundtest.Memory(t, len(body)+4*len(header), boundtest.Limit{Base: 16 << 10, PerByte: 80}, func() { got = c.refine(reply, outbound.FromStatus(status, h)) })
		if got == nil || got.Unsure != plain.Unsure && got.Kind != fault.Intermediary {
			t.Fatal("another outcome")
		}
		if utf8.RuneCountInString(got.Public) > text.MaxPublic || strings.Contains(got.Public, "c2VjcmV0") {
			t.Fatal(got.Public)
		}
	})
}
