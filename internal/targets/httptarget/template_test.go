package httptarget

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/theory/jsonpath"

	"pushbutton/internal/fault"
	"pushbutton/internal/limits/jsonlimit"
	"pushbutton/internal/proof/boundtest"
	"pushbutton/internal/richtext"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/templates"
)

func newEnv() *env {
	return &env{vars: map[string]string{"base": "https://tracker.example.com/app", "host": "tracker.example.com", "list": "a b/c", "path": "1/2", "n": "7", "empty": ""},
		secrets: map[string]secret.String{"token": secret.New("canary-token"), "key": secret.New("canary/key")}, used: map[string]bool{}}
}

// Whatever an item holds, a body stays JSON and every value arrives as it was.
func FuzzJSONStaysJSON(f *testing.F) {
	for _, seed := range []string{"", "A wish", `"`, `\`, `\"`, "</script>", "\x00\x1f\u2028", "{{.Title}}", `", "admin": true, "x": "`, "\xff", "🚀"} {
		f.Add(seed, seed)
	}
	for _, seed := range []string{boundtest.Fill("", "<", ""), boundtest.Fill("", "\x00", ""), boundtest.Fill("", "\xff", "")} {
		f.Add(seed, "")
	}
	t, err := newEnv().parse(`{"a": {{.Title}}, "b": "<{{.Title}}>{{upper .Link}}", "{{.Link}}!": {{json .Labels}},
		"list": [{{range $i, $l := .Labels}}{{if $i}}, {{end}}{"name": {{$l}}}{{end}}],
		"nested": "{{json (dict "x" .Title "y" .Labels)}}", "null": {{if .Reporter}}{{.Reporter}}{{else}}null{{end}}}`, useJSON)
	require.NoError(f, err)
	f.Fuzz(func(t2 *testing.T, title, link string) {
		var out string
		var err error
		budget := templates.NewBudget(t2.Context())
		boundtest.Memory(t2, len(title)+len(link), boundtest.Limit{Base: 128 << 10, PerByte: 900}, func() {
			out, err = t.run(budget, &draftData{Title: title, Link: link, Labels: []string{title, link}})
		})
		require.LessOrEqual(t2, budget.Bytes(), templates.MaxBytes)
		require.NoError(t2, err)
		var got map[string]any
		require.NoError(t2, json.Unmarshal([]byte(out), &got), out)
		title = strings.ToValidUTF8(title, "\ufffd")
		same := func(want string, got any) { // encoding/json replaces each bad byte, ToValidUTF8 a run
			s, ok := got.(string)
			require.True(t2, ok)
			require.Equal(t2, strings.ReplaceAll(want, "\ufffd", ""), strings.ReplaceAll(s, "\ufffd", ""))
		}
		same(title, got["a"])
		require.Len(t2, got["list"], 2)
		same(title, got["list"].([]any)[0].(map[string]any)["name"])
		var nested map[string]any
		require.NoError(t2, json.Unmarshal([]byte(got["nested"].(string)), &nested))
		same(title, nested["x"])
		require.Nil(t2, got["null"])
	})
}

// Whatever an id is, the request goes to the same host and to as many segments.
func FuzzAddressStaysInPlace(f *testing.F) {
	for _, seed := range []string{"1", "..", "../..", "a/b", "?x=1", "#", "@evil.example", "//evil.example", "%2e%2e", "\r\nHost: x", " ", "é", "\\", boundtest.Fill("", "/", ""), boundtest.Fill("", "é", "")} {
		f.Add(seed)
	}
	a, err := newEnv().parseAddress(`{{var "base"}}/issues/{{.ID}}/x?q={{.ID}}&fixed=1`)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, id string) {
		var text string
		var err error
		budget := templates.NewBudget(t.Context())
		boundtest.Memory(t, len(id), boundtest.Limit{Base: 64 << 10, PerByte: 24}, func() { text, err = a.render(budget, issueData{id}) })
		require.LessOrEqual(t, budget.Bytes(), templates.MaxBytes)
		if err != nil {
			return
		}
		u, err := url.Parse(text)
		require.NoError(t, err)
		require.Equal(t, "tracker.example.com", u.Host)
		require.Len(t, strings.Split(u.EscapedPath(), "/"), 5, text)
		require.Equal(t, id, u.Query().Get("q"))
		require.Equal(t, "1", u.Query().Get("fixed"))
		require.Empty(t, u.Fragment)
	})
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	w := &draftData{Title: "a & b = <c>", Labels: []string{"x", "y"}, Fields: map[string]any{"N": json.Number("12")}, known: []string{"N"}}
	for name, c := range map[string]struct {
		where      use
		text, want string
	}{
		"form":                 {useForm, `name={{.Title}}&list={{var "list"}}`, "name=a+%26+b+%3D+%3Cc%3E&list=a+b%2Fc"},
		"xml":                  {useXML, `<t a="{{.Title}}">{{.Title}}</t>`, `<t a="a &amp; b = &lt;c&gt;">a &amp; b = &lt;c&gt;</t>`},
		"plain text":           {useText, "{{.Title}}", "a & b = <c>"},
		"number":               {useJSON, `[{{int (var "n")}}, {{.Field "n"}}, "{{.Field "N"}}"]`, `[7, 12, "12"]`},
		"labels":               {useJSON, `[{{.Labels}}, "{{join "+" .Labels}}", "{{.Labels}}"]`, `[["x","y"], "x+y", "x, y"]`},
		"JSON in JSON":         {useJSON, `{"v": "{{json (dict "a" .Title)}}"}`, `{"v": "{\"a\":\"a & b = <c>\"}"}`},
		"pieces":               {useJSON, `{{json (chunks 4 .Title)}}`, `["a & ","b = ","<c>"]`},
		"variable of its own":  {useJSON, `{{$t := .Title}}{"a": {{$t}}}`, `{"a": "a & b = <c>"}`},
		"basic authentication": {useHeader, `Basic {{base64 (printf "%s:%s" "me" (secret "token"))}}`, "Basic bWU6Y2FuYXJ5LXRva2Vu"},
		"nothing":              {useJSON, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := newEnv().parse(c.text, c.where)
			require.NoError(t, err)
			got, err := made.run(templates.NewBudget(t.Context()), w)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

// TestRequestEndsWithItsContext: nothing is sent, and the error is the context's.
func TestRequestEndsWithItsContext(t *testing.T) {
	t.Parallel()
	made, err := open(targets.Config{Settings: settings.Values{setCreate: settings.Values{reqURL: "https://tracker.example.com/issues", reqMethod: "POST",
		reqBody: `["{{if eq .Title "now"}}{{range int "9000000000000"}}{{end}}{{end}}"]`}}}, targets.Deps{})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = made.Create(ctx, targets.Draft{Marker: sampleMarker, Title: "now"})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, fault.Canceled, fault.KindOf(err))
	require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
}

func TestTemplatesRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		where      use
		text, want string
	}{
		"syntax":                  {useJSON, "{{.Title", "is not a template"},
		"unknown function":        {useJSON, "{{shell .Title}}", "is not a template"},
		"escaper":                 {useJSON, "{{_path .Title}}", "calls _path, which is no function"},
		"variable":                {useJSON, `{{var "nope"}}`, `uses the variable "nope", which settings.vars does not have`},
		"variable of an item":     {useURL, `{{var .Title}}`, `must name a var in quotes`},
		"piped":                   {useURL, `{{"token" | secret}}`, `must name a secret in quotes`},
		"secret not there":        {useHeader, `{{secret "nope"}}`, `uses the secret "nope", which credentials does not have`},
		"secret in a body":        {useJSON, `{"k": {{secret "token"}}}`, "uses a secret; only addresses and headers of requests may"},
		"secret in capitals":      {useHeader, `{{upper (secret "token")}}`, "in no other way"},
		"secret piped":            {useHeader, `{{secret "token" | truncate 3}}`, "in no other way"},
		"secret in a pipe":        {useHeader, `{{secret "token" | base64 | upper}}`, "in no other way"},
		"secret in brackets":      {useHeader, `{{replace "a" "b" ((secret "token"))}}`, "in no other way"},
		"secret in printf in ...": {useHeader, `{{lower (printf "x%s" (secret "token"))}}`, "in no other way"},
		"secret compared":         {useHeader, `{{if eq (secret "token") "x"}}1{{end}}`, "in no other way"},
		"secret as a variable":    {useHeader, `{{$s := secret "token"}}{{upper $s}}`, "in no other way"},
		"secret with":             {useHeader, `{{with secret "token"}}{{upper .}}{{end}}`, "in no other way"},
		"secret in a loop":        {useHeader, `{{range chunks 1 (secret "token")}}{{.}} {{end}}`, "in no other way"},
		"hidden in a condition":   {useJSON, `{{if eq (secret "token") "x"}}1{{end}}`, "uses a secret"},
		"hidden in a variable":    {useText, `{{$s := secret "token"}}{{$s}}`, "uses a secret"},
		"define":                  {useJSON, `{{define "x"}}{{end}}{{template "x"}}`, "must not use define, block or template"},
		"number":                  {useJSON, `{{range 100000}}x{{end}}`, "whole numbers up to 1000 are possible"},
		"loops":                   {useJSON, `{{range 9}}{{range 9}}{{range 9}}x{{end}}{{end}}{{end}}`, "nests more than 2 loops"},
		"break":                   {useJSON, `[{{range .Labels}}"{{break}}"{{end}}]`, "must not use break or continue"},
		"quote in one branch":     {useJSON, `{{if .Title}}"{{end}}`, "opens or closes a quote"},
		"quote in a loop":         {useJSON, `{{range .Labels}}"{{end}}`, "opens or closes a quote"},
		"quote left open":         {useJSON, `{"a": "{{.Title}}}`, "does not close a quote"},
		"backslash":               {useJSON, `"\{{.Title}}"`, "has a backslash before {{"},
		"raw of an item":          {useURL, `https://h/{{raw .ID}}`, "may use raw in addresses only, and of a constant"},
		"raw elsewhere":           {useJSON, `{{raw (var "path")}}`, "may use raw in addresses only"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newEnv().parse(c.text, c.where)
			require.Error(t, err)
			require.Contains(t, err.Error(), c.want)
		})
	}
}

// The host of a request is known before any item is.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`https://api.example.com/x/{{.ID}}`:                      "https://api.example.com/x/a%2Fb",
		`{{var "base"}}/x?q={{.ID}}`:                             "https://tracker.example.com/app/x?q=a%2Fb",
		`https://{{var "host"}}/{{.ID}}`:                         "https://tracker.example.com/a%2Fb",
		`https://{{var "host"}}:8443/`:                           "https://tracker.example.com:8443/",
		`https://{{var "host"}}`:                                 "https://tracker.example.com",
		`http://h?x={{var "list"}}`:                              "http://h?x=a+b%2Fc",
		`https://h/{{var "list"}}`:                               "https://h/a%20b%2Fc",
		`https://h/{{raw (var "path")}}/{{secret "token"}}`:      "https://h/1/2/canary-token",
		`https://h/{{raw (secret "key")}}?k={{secret "key"}}`:    "https://h/canary/key?k=canary%2Fkey",
		`{{var "base"}}{{if .ID}}/x{{end}}`:                      "https://tracker.example.com/app/x",
		`https://h/a{{if .ID}}?q=1{{else}}?r=2{{end}}&s={{.ID}}`: "https://h/a?q=1&s=a%2Fb",
	} {
		t.Run(text, func(t *testing.T) {
			a, err := newEnv().parseAddress(text)
			require.NoError(t, err)
			got, err := a.render(templates.NewBudget(t.Context()), issueData{"a/b"})
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
	for text, want := range map[string]string{
		"":                                    "must begin with https:// or http:// and a host",
		"/issues":                             "must begin with https:// or http:// and a host",
		"ftp://h/":                            "must begin with https:// or http:// and a host",
		"https:///x":                          "must begin with https:// or http:// and a host",
		"https://u:p@h/":                      "must not hold a user name or password",
		`{{.ID}}`:                             "nothing else may lead a request elsewhere",
		`{{secret "token"}}/x`:                "nothing else may lead a request elsewhere",
		`https://{{.ID}}/x`:                   "nothing else may lead a request elsewhere",
		`https://{{.ID}}.example.com/`:        "nothing else may lead a request elsewhere",
		`https://example.com{{.ID}}`:          "nothing else may lead a request elsewhere",
		`https://example.com:{{.ID}}/`:        "nothing else may lead a request elsewhere",
		`https://{{secret "token"}}@h/`:       "nothing else may lead a request elsewhere",
		`{{if .ID}}https://h/{{end}}`:         "nothing else may lead a request elsewhere",
		`{{with "https://h/"}}{{.}}{{end}}`:   "nothing else may lead a request elsewhere",
		`{{var "base" | lower}}/x`:            "nothing else may lead a request elsewhere",
		`https://h/{{if .ID}}?{{end}}{{.ID}}`: "begins the query",
	} {
		t.Run(text, func(t *testing.T) {
			_, err := newEnv().parseAddress(text)
			require.Error(t, err)
			require.Contains(t, err.Error(), want)
		})
	}
	t.Run("found when it is filled in", func(t *testing.T) {
		for text, id := range map[string]string{`https://h/a/{{.ID}}`: "..", `https://h/a/{{.ID}}.`: ".", `https://h/#{{.ID}}`: "x"} {
			a, err := newEnv().parseAddress(text)
			require.NoError(t, err)
			_, err = a.render(templates.NewBudget(t.Context()), issueData{id})
			require.Error(t, err, text)
		}
	})
}

func TestPaths(t *testing.T) {
	t.Parallel()
	doc, err := decode([]byte(`{"id": 12345678901234567890, "f": [{"id": 7, "v": "x"}, {"id": 8, "v": null}], "no": false, "zero": 0, "none": null, "empty": [], "t": ""}`))
	require.NoError(t, err)
	e := newEnv()
	read := func(text string) *path {
		p, err := e.parsePath(text)
		require.NoError(t, err)
		return p
	}
	require.Equal(t, "12345678901234567890", read("$.id").text(doc), "no digit is lost")
	require.Equal(t, "x", read(`$.f[?@.id == {{var "n"}}].v`).text(doc))
	require.Empty(t, read("$.f[1].v").text(doc))
	for text, want := range map[string]bool{"$.id": true, "$.no": false, "$.zero": false, "$.none": false, "$.t": false, "$.nope": false, "$.empty": true, "$.empty[*]": false, "$.f[0]": true} {
		require.Equal(t, want, read(text).isTruthy(doc), text)
	}
	for text, want := range map[string]string{
		"$.":                             "is not a JSONPath",
		"id":                             "is not a JSONPath",
		"$..a..b":                        "at most one ..",
		"$.a[?@.b[?@.c]]":                "one filter",
		"$.a[?@.b == $.c]":               "does not begin at $ again",
		"$." + strings.Repeat("a", 500):  "at most 500 bytes",
		"$" + strings.Repeat("[*,*]", 5): "at most 4 commas",
		"$['a','a'][?@..*]":              "whose filter has no .. beside commas",
		"$['a','b']['a','b']['a','b']..['a','b','c']":        "at most 4 commas",
		"$[?search(@, '.{1000}')]":                           "without braces",
		"$[?match(@.a, @.b)]":                                "a pattern in quotes",
		"$[?search (@.a, 'x') || match(@.a , $x)]":           "a pattern in quotes",
		"$[?match(@.a, '" + strings.Repeat("ab", 26) + "')]": "at most 50 bytes",
		`$[?@ == '{{var "nope"}}']`:                          "uses the variable \"nope\"",
	} {
		_, err := e.parsePath(text)
		require.Error(t, err, text)
		require.Contains(t, err.Error(), want)
	}
	e.vars["evil"] = "'] || $.x['"
	_, err = e.parsePath(`$['{{var "evil"}}']`)
	require.ErrorContains(t, err, "a character that a JSONPath cannot take here")
}

// TestMatchingWhatIsNotThere: a filter of an answer that lacks the path is no
// reason to lose the issue that the answer names.
func TestMatchingWhatIsNotThere(t *testing.T) {
	t.Parallel()
	doc, err := decode([]byte(`{"id": 7, "list": [{"id": 8}, {"id": 9, "name": "abc"}]}`))
	require.NoError(t, err)
	for text, want := range map[string]string{"$.list[?match(@.name, 'a.c')].id": "9", "$.list[?search(@.name, \"b\")].id": "9", "$.list[?match(@.nope, 'a')].id": "",
		"$.list[?search(@.nope.deeper, 'a')].id": "", "$[?match(@, 'a')]": "", "$.list[?length(@.name) == 3].id": "9", "$.list[?value(@.nope) == 1].id": ""} {
		p, err := newEnv().parsePath(text)
		require.NoError(t, err, text)
		require.Equal(t, want, p.text(doc), text)
	}
	// The library's own panics, as of a pattern that is not there.
	raw, err := jsonpath.Parse("$.list[?match(@.name, @.nope)].id")
	require.NoError(t, err)
	require.Panics(t, func() { raw.Select(doc) }, "else the guard can go")
	require.Empty(t, (&path{raw}).text(doc))
}

// FuzzTemplateOfADescription bounds the steps and bytes of every place.
func FuzzTemplateOfADescription(f *testing.F) {
	for _, seed := range []string{`{{range int "9000000000000"}}{{end}}`, `{{range chunks 1 .Text}}{{json .}}{{end}}`, `{{json (dict "a" .Labels)}}`, `{{base64 .HTML | upper}}`,
		`{{with $x := .Title}}{{range int "99"}}{{$x}}{{end}}{{end}}`} {
		f.Add(seed)
	}
	for _, seed := range []string{"{{.Title}}", "{{if .Title}}x{{else}}y{{end}}", "{{range .Labels}}", "{{.Text}}"} {
		f.Add(strings.Repeat(seed, 4096/len(seed)))
	}
	d := &driver{writer: writer{limit: maxDescription, count: counter("")}}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return
		}
		for _, where := range []use{useURL, useHeader, useJSON, useForm, useXML, useText} {
			var made *tmpl
			var err error
			boundtest.Memory(t, len(text), boundtest.Limit{Base: 2 << 20, PerByte: 400}, func() { made, err = newEnv().parse(text, where) })
			if err != nil {
				continue
			}
			b := templates.NewBudget(t.Context())
			draft := targets.Draft{Title: "A wish", Labels: make([]string, 20), Description: richtext.Paragraph(richtext.Text(strings.Repeat("word ", 20_000)))}
			var out string
			boundtest.Memory(t, len(text), boundtest.Limit{Base: templates.MaxSteps<<10 + 2*templates.MaxBytes}, func() { out, _ = made.run(b, d.draftData(draft)) })
			if b.Steps() > templates.MaxSteps+2*len(text)+1 || b.Bytes() > templates.MaxBytes+1 || len(out) > made.max {
				t.Fatalf("%d steps, %d bytes, %d written", b.Steps(), b.Bytes(), len(out))
			}
		}
	})
}

func FuzzJSONPath(f *testing.F) {
	for _, seed := range []string{"$.id", "$..x", "$[?@.a == 1]", "$[0:9:2]", "$['a','b']", "$[?length(@) == 0]", "$[?match(@, 'a.*')]", "", "$$", "$[", `{{var "n"}}`, "$..*", "$..[*]..[*]..[*]"} {
		f.Add(seed, `{"id": 1, "x": [{"a": 1}]}`)
		f.Add(seed, boundtest.Fill("[", `{"a":[1]},`, "1]"))
	}
	for _, body := range boundtest.JSON() {
		f.Add("$..*", body)
	}
	// The most that a path can select again and again, and the deepest place.
	deep := strings.Repeat(`{"a":`, jsonlimit.MaxDepth-1)
	ends := strings.Repeat("}", jsonlimit.MaxDepth-1)
	f.Add("$['a','a']['a','a']['a','a']['a','a']..*", deep+boundtest.Fill("[", "1,", "1]")+ends)
	f.Add("$['a','a']['a','a']['a','a']['a','a']..*", deep+boundtest.Fill("[", "1,1,1,1,1,1,1,1,1,1,", "1]")[:20001]+"1]"+ends)
	f.Add("$..*", deep+boundtest.Fill("[", "1,", "1]")[:2*maxValues-200]+"1]"+ends)
	f.Add("$[?@..*]", deep+boundtest.Fill("[", "1,", "1]")[:2*maxValues-200]+"1]"+ends)
	f.Add("$[?@..b]", deep+boundtest.Fill("[", "1,", "1]")[:2*maxValues-200]+"1]"+ends)
	f.Add("$["+strings.Repeat("0:9,", 4)+"0:9]"+strings.Repeat("[0:9]", 60), boundtest.Fill("[", "[[1]],", "1]"))
	f.Add(boundtest.Fill("$", ".a", ""), "{}")
	f.Add(boundtest.Fill("$[", "'a',", "0]"), "{}")
	f.Fuzz(func(t *testing.T, text, body string) {
		raw := []byte(body)
		if _, err := (jsonlimit.Limits{Values: maxValues}).Scan(raw); err != nil {
			return // as the outbound client does
		}
		boundtest.Memory(t, len(text)+len(body), boundtest.Limit{Base: 128 << 10, PerByte: 6000}, func() {
			p, err := newEnv().parsePath(text)
			if err != nil {
				return
			}
			if doc, err := decode(raw); err == nil {
				_, _, _ = p.text(doc), p.isTruthy(doc), p.first(doc)
			}
		})
	})
}

func TestWords(t *testing.T) {
	t.Parallel()
	const marker = "pb-abc"
	for text, want := range map[string]bool{marker: true, "x `pb-abc` y": true, "pb-abc.": true, "\npb-abc": true, "pb-abcd": false, "xpb-abc": false, "pb-abc-d": false,
		"pb-abcd pb-abc": true, "PB-ABC": false, "": false} {
		require.Equal(t, want, hasWord(text, marker), text)
	}
}
