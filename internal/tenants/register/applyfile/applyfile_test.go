package applyfile_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/proof/boundtest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/catalog"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
	"pushbutton/internal/tenants/register/applyfile"
)

// options knows one variable, one file, and a tracker "redmine" that wants a
// project and a key.
func options() *applyfile.Options {
	return &applyfile.Options{
		Lookup: func(name string) (string, bool) {
			if name == "PB_TOKEN" {
				return "canary-token", true
			}
			return "", false
		},
		ReadFile: func(path string, _ int64) ([]byte, error) {
			if path == "redmine.key" {
				return []byte("canary-key\n"), nil
			}
			return nil, errors.New("no such file")
		},
		CheckTarget: func(c tenants.TargetConfig) error {
			var errs settings.FieldErrors
			if c.Type != "redmine" {
				errs = append(errs, settings.FieldError{Path: "type", Message: "must be one of redmine"})
			}
			if c.Settings["project"] == nil {
				errs = append(errs, settings.FieldError{Path: "settings.project", Message: "is required"})
			}
			if s, ok := c.Settings["url"].(string); ok && !strings.HasPrefix(s, "http") {
				errs = append(errs, settings.FieldError{Path: "settings.url", Message: "must be an address"})
			}
			if c.Credentials["apiKey"].Empty() {
				errs = append(errs, settings.FieldError{Path: "credentials.apiKey", Message: "is required"})
			}
			if len(errs) > 0 {
				return errs
			}
			return nil
		},
	}
}

const good = `tenants:
  - id: acme
    integrations:
      - name: Engineering
        button: { label: Push }
        productboard: { token: "env:PB_TOKEN" }
        target:
          type: redmine
          settings: { url: "http://127.0.0.1:3100", project: push, limit: 3, on: true }
          credentials: { apiKey: "file:redmine.key" }
`

func TestParse(t *testing.T) {
	t.Parallel()
	declaration, err := applyfile.Parse("acme.yaml", []byte(good), options())
	require.NoError(t, err)
	require.Len(t, declaration.Tenants, 1)
	require.Equal(t, "acme", declaration.Tenants[0].ID)
	require.Len(t, declaration.Tenants[0].Integrations, 1)
	want := declaration.Tenants[0].Integrations[0]
	require.Equal(t, tenants.Integration{
		Name: "Engineering", ButtonLabel: "Push", Productboard: tenants.APIToken(secret.New("canary-token")),
		Answer: tenants.AnswerV2, OnUnlink: tenants.UnlinkLeave,
		Target: tenants.TargetConfig{Type: "redmine",
			Settings:    map[string]any{"url": "http://127.0.0.1:3100", "project": "push", "limit": 3.0, "on": true},
			Credentials: map[string]secret.String{"apiKey": secret.New("canary-key")}},
	}, want.Integration)

	require.Equal(t, "acme.yaml:6:25: tenants[0].integrations[0].productboard.token", want.Origin(register.FieldToken))
	require.Equal(t, "acme.yaml:9:11: tenants[0].integrations[0].target.settings", want.Origin(register.FieldSettings))
	require.Equal(t, "acme.yaml:4:9: tenants[0].integrations[0].type", want.Origin(register.FieldType), "what is absent stands where it should be")
}

func TestParseOptionalKeys(t *testing.T) {
	t.Parallel()
	declaration, err := applyfile.Parse("acme.yaml", []byte(strings.Replace(good, "        button:",
		"        enabled: false\n        answer: v1\n        onUnlink: close\n        refresh: { enabled: false, onDeleted: reset }\n        hooks: manual\n        type: com.example.push\n        button:", 1)), options())
	require.NoError(t, err)
	in := declaration.Tenants[0].Integrations[0].Integration
	require.True(t, in.Disabled)
	require.Equal(t, tenants.AnswerV1, in.Answer)
	require.Equal(t, tenants.UnlinkClose, in.OnUnlink)
	require.Equal(t, tenants.RefreshSettings{Off: true, ResetDeleted: true}, in.Refresh)
	require.Equal(t, tenants.HooksManual, in.Hooks)
	require.Equal(t, "com.example.push", in.Type)
}

func TestParseAliases(t *testing.T) {
	t.Parallel()
	text := strings.Replace(good, `{ url: "http`, `&s { url: "http`, 1) + `
      - name: Support
        button: { label: Push }
        productboard: { token: "env:PB_TOKEN" }
        target: { type: redmine, settings: *s, credentials: { apiKey: "file:redmine.key" } }
`
	declaration, err := applyfile.Parse("acme.yaml", []byte(text), options())
	require.NoError(t, err)
	in := declaration.Tenants[0].Integrations
	require.Equal(t, in[0].Integration.Target, in[1].Integration.Target)
}

func TestParseOAuth(t *testing.T) {
	t.Parallel()
	text := strings.Replace(good, `token: "env:PB_TOKEN"`, `oauth: { clientId: c, clientSecret: "env:PB_TOKEN", scope: "entities:read" }`, 1)
	declaration, err := applyfile.Parse("acme.yaml", []byte(text), options())
	require.NoError(t, err)
	auth := declaration.Tenants[0].Integrations[0].Integration.Productboard
	require.Equal(t, tenants.ProductboardAuth{Kind: tenants.AuthOAuth, ClientID: "c", ClientSecret: secret.New("canary-token"), Scope: "entities:read"}, auth)
}

// Each case changes one thing of the good file and wants exactly these errors.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const at = "tenants[0].integrations[0]."
	for name, tc := range map[string]struct{ old, new, want string }{
		"label too long":      {"label: Push", "label: Push it now", "5:19: " + at + "button.label: has 11 characters, at most 10"},
		"label by characters": {"label: Push", "label: ééééééééééé", "5:19: " + at + "button.label: has 11 characters, at most 10"},
		"label empty":         {"label: Push", `label: ""`, "5:19: " + at + "button.label: must not be empty"},
		"label blank":         {"label: Push", `label: " "`, "5:19: " + at + "button.label: must not be empty"},
		"label null":          {"label: Push", "label:", "5:19: " + at + "button.label: must be a text, not nothing"},
		"label a number":      {"label: Push", "label: 42", "5:19: " + at + "button.label: must be a text, not a number; put it in quotes"},
		"label a list":        {"label: Push", "label: [a]", "5:19: " + at + "button.label: must be a text, not a list"},
		"label of two lines":  {"label: Push", `label: "a\nb"`, "5:19: " + at + "button.label: must not hold line breaks or other control characters"},
		"unknown key":         {"button:", "buton: 1\n        button:", "5:9: " + at + "buton: is not known (did you mean button?)"},
		"odd key":             {"button:", "colour: 1\n        button:", "5:9: " + at + "colour: is not known; known keys are name, type, enabled, answer, onUnlink, refresh, hooks, button, productboard, target"},
		"unknown top key":     {"tenants:", "version: 1\ntenants:", "1:1: version: is not known; known keys are tenants"},
		"missing label":       {"{ label: Push }", "{}", "5:9: " + at + "button.label: is required"},
		"missing name":        {"- name: Engineering\n        button", "- button", "4:9: " + at + "name: is required"},
		"button no map":       {"{ label: Push }", "Push", "5:9: " + at + "button: must be a map of names to values, not a text"},
		"tenant id":           {"id: acme", "id: Acme", "2:5: tenants[0].id: must be made of a-z, 0-9 and - only"},
		"tenant id too long":  {"id: acme", "id: " + strings.Repeat("a", 64), "2:5: tenants[0].id: has 64 characters, at most 63"},
		"name too long":       {"Engineering", strings.Repeat("n", 256), "4:9: " + at + "name: has 256 characters, at most 255"},
		"literal token":       {"env:PB_TOKEN", "hunter2", "6:25: " + at + "productboard.token: must be env:NAME or file:PATH; a secret itself must not stand here"},
		"variable not set":    {"env:PB_TOKEN", "env:OTHER", "6:25: " + at + "productboard.token: the environment variable OTHER is not set"},
		"literal credential":  {"file:redmine.key", "hunter2", "10:26: " + at + "target.credentials.apiKey: must be env:NAME or file:PATH; a secret itself must not stand here"},
		"file not there":      {"file:redmine.key", "file:other.key", "10:26: " + at + "target.credentials.apiKey: the file cannot be read: no such file"},
		"no credential":       {`{ token: "env:PB_TOKEN" }`, "{}", "6:9: " + at + "productboard: must hold exactly one of token, oauth and jwt"},
		"two credentials":     {`"env:PB_TOKEN" }`, `"env:PB_TOKEN", oauth: { clientId: c } }`, "6:9: " + at + "productboard: must hold exactly one of token, oauth and jwt"},
		"oauth, no client":    {`token: "env:PB_TOKEN"`, "oauth: {}", "6:25: " + at + "productboard.oauth.clientId: is required"},
		"jwt, no key":         {`token: "env:PB_TOKEN"`, `jwt: { clientId: c, subject: u, privateKey: "env:PB_TOKEN" }`, "6:57: " + at + "productboard.jwt.privateKey: is not an RSA private key in PEM (PKCS#1 or PKCS#8, without a password)"},
		"target type":         {"type: redmine", "type: remine", "8:11: " + at + "target.type: must be one of redmine"},
		"setting missing":     {", project: push", "", "9:11: " + at + "target.settings.project: is required"},
		"setting wrong":       {`"http://127.0.0.1:3100"`, "x", "9:23: " + at + "target.settings.url: must be an address"},
		"settings no map":     {`{ url: "http://127.0.0.1:3100", project: push, limit: 3, on: true }`, "x", "9:11: " + at + "target.settings: must be a map of names to values"},
		"number too large":    {"limit: 3", "limit: 9007199254740993000", "9:68: " + at + "target.settings.limit: is too large a number; put it in quotes"},
		"not a number":        {"limit: 3", "limit: .inf", "9:68: " + at + "target.settings.limit: must be a text, a number, true or false, a list or a map, not a number"},
		"enabled":             {"button:", "enabled: maybe\n        button:", "5:9: " + at + "enabled: must be true or false, not a text"},
		"answer":              {"button:", "answer: v3\n        button:", "5:9: " + at + "answer: must be one of v2, v1"},
		"onUnlink":            {"button:", "onUnlink: delete\n        button:", "5:9: " + at + "onUnlink: must be one of leave, comment, close"},
		"refresh":             {"button:", "refresh: off\n        button:", "5:9: " + at + "refresh: must be a map of names to values, not a text"},
		"refresh enabled":     {"button:", "refresh: { enabled: 1 }\n        button:", "5:20: " + at + "refresh.enabled: must be true or false, not a number"},
		"refresh onDeleted":   {"button:", "refresh: { onDeleted: hide }\n        button:", "5:20: " + at + "refresh.onDeleted: must be one of show, reset"},
		"refresh key":         {"button:", "refresh: { onDelete: reset }\n        button:", "5:20: " + at + "refresh.onDelete: is not known (did you mean onDeleted?)"},
		"hooks":               {"button:", "hooks: yes\n        button:", "5:9: " + at + "hooks: must be one of auto, manual, off"},
		"type":                {"button:", "type: push\n        button:", "5:9: " + at + "type: must be a reversed domain name, such as com.example.push"},
		"tenants no list":     {"tenants:\n  - id", "tenants:\n    id", "1:1: tenants: must be a list, not a map"},
		"key twice":           {"button:", "name: Other\n        button:", "4:9: tenants[0].integrations[0]: has the key \"name\" twice, again in line 5"},
		"merge key":           {"{ label: Push }", "{ label: Push, <<: {a: b} }", "5:9: " + at + "button: merge keys (<<) are not supported: repeat the keys"},
		"tag":                 {"label: Push", "label: !secret Push", "5:19: " + at + "button.label: tags (!secret) are not supported"},
		"alias of nothing":    {"label: Push", "label: *x", "5:19: " + at + "button.label: there is no anchor &x"},
		"two documents":       {"tenants:", "a: 1\n---\ntenants:", "holds more than one document (---)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, good, tc.old)
			_, err := applyfile.Parse("acme.yaml", []byte(strings.Replace(good, tc.old, tc.new, 1)), options())
			sep := ":"
			if tc.want[0] > '9' {
				sep = ": "
			}
			require.EqualError(t, err, "acme.yaml"+sep+tc.want)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestParseReportsAllErrorsInOrder(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer("id: acme", "id: A", "label: Push", "label: Push it now", "env:PB_TOKEN", "literal", "type: redmine", "typ: redmine").Replace(good)
	_, err := applyfile.Parse("acme.yaml", []byte(text), options())
	var problems applyfile.Problems
	require.ErrorAs(t, err, &problems)
	var paths []string
	for _, p := range problems {
		require.Equal(t, "acme.yaml", p.File)
		paths = append(paths, fmt.Sprintf("%d %s", p.Line, strings.TrimPrefix(p.Path, "tenants[0].integrations[0].")))
	}
	require.Equal(t, []string{"2 tenants[0].id", "5 button.label", "6 productboard.token", "7 target.type", "8 target.typ"}, paths)
	require.Len(t, strings.Split(err.Error(), "\n"), len(problems))
}

func TestParseRefusesDuplicates(t *testing.T) {
	t.Parallel()
	_, rest, _ := strings.Cut(good, "tenants:\n")
	_, err := applyfile.Parse("acme.yaml", []byte(good+rest), options())
	require.EqualError(t, err, `acme.yaml:11:5: tenants[1].id: the tenant "acme" is declared twice`)

	_, integrations, _ := strings.Cut(good, "integrations:\n")
	_, err = applyfile.Parse("acme.yaml", []byte(good+integrations), options())
	require.EqualError(t, err, `acme.yaml:11:9: tenants[0].integrations[1].name: the integration "Engineering" is declared twice in this tenant`)
}

func TestParseRefusesWholeFiles(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for i := range 8 {
		bomb += fmt.Sprintf("%c: &%c [%s*%c]\n", 'b'+i, 'b'+i, strings.Repeat(fmt.Sprintf("*%c,", 'a'+i), 9), 'a'+i)
	}
	settings := func(s string) string {
		return strings.Replace(good, `{ url: "http://127.0.0.1:3100", project: push, limit: 3, on: true }`, s, 1)
	}
	for name, tc := range map[string]struct{ text, want string }{
		"empty":            {"", "acme.yaml: is empty"},
		"a comment":        {"# nothing\n", "acme.yaml: is empty"},
		"null":             {"~", "acme.yaml: must be a map"},
		"a text":           {"hello", "acme.yaml: must be a map"},
		"no tenant":        {"tenants: []", "acme.yaml:1:1: tenants: must list at least one tenant"},
		"null tenant":      {"tenants: [~]", "tenants[0]: must be a map of names to values, not nothing"},
		"too large":        {strings.Repeat("#", applyfile.MaxSize+1), "is larger than 1048576 bytes"},
		"no UTF-8":         {"\xff", "is not valid UTF-8"},
		"no YAML":          {"tenants: [", "is not valid YAML"},
		"tab":              {"tenants:\n\t- id: a", "is not valid YAML"},
		"deep brackets":    {strings.Repeat("[", 40_000), "acme.yaml:1:33: is nested more than 32 deep"},
		"deep dashes":      {strings.Repeat("- ", 10_000) + "a", "is nested more than 32 deep"},
		"empty lines":      {"tenants: |\n" + strings.Repeat(" \n", 490_000), "acme.yaml:202:1: more than 200 empty lines in a row"},
		"many tokens":      {strings.Repeat("- a\n", 60_000), "split it"},
		"many keys":        {strings.Repeat("a: b\n", 501), "acme.yaml:501:1: is the key 501 of one map, at most 500"},
		"many keys below":  {"x:\n- y: 1\n" + strings.Repeat("  # c\n  a:\n  - b\n", 501), "is the key 501 of one map, at most 500"},
		"many empty texts": {strings.Repeat("a: |\n", 501), "is the key 501 of one map, at most 500"},
		"many documents":   {strings.Repeat("--- a\n", 17), "holds more than one document (---)"},
		"alias bomb":       {settings("\n" + indent(bomb)), "nested too deep, or aliases make it too large"},
		"alias of itself":  {settings("&s { a: *s }"), "nested too deep, or aliases make it too large"},
		"alias loop":       {settings("{ a: &a [*b], b: &b [*a] }"), "nested too deep, or aliases make it too large"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := applyfile.Parse("acme.yaml", []byte(tc.text), options())
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// TestManyShortMaps: the bound is on one map, not on the file.
func TestManyShortMaps(t *testing.T) {
	t.Parallel()
	const entry = "- a: 1\n  b:\n    c: {d: 1, e: 2}\n    f: | # c\n     g: 1\n     h: 2\n    g: >-\n     x\n"
	_, err := applyfile.Parse("acme.yaml", []byte("tenants:\n"+strings.Repeat(entry, 600)), options())
	require.ErrorContains(t, err, "tenants[16].id: is required")
	require.NotContains(t, err.Error(), "of one map")
}

func indent(s string) string {
	return "            " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n            ")
}

// A parser's message may show the piece of the file that it stumbled on, and
// with it a secret.
func TestParseShowsNoSource(t *testing.T) {
	t.Parallel()
	_, err := applyfile.Parse("acme.yaml", []byte("tenants:\n  - token: [hunter2\n"), options())
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hunter2")
}

func TestExampleFileIsValid(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../../config/plugin.example.yaml")
	require.NoError(t, err)
	opts := options()
	opts.CheckTarget = func(c tenants.TargetConfig) error {
		_, err := catalog.Open(c.Type, c.Settings, c.Credentials, targets.Deps{})
		return err
	}
	declaration, err := applyfile.Parse("acme.yaml", text, opts)
	require.NoError(t, err)
	require.Len(t, declaration.Tenants[0].Integrations, 2)
}

// What is wrong deep in a description is told where it stands.
func TestNestedSettings(t *testing.T) {
	t.Parallel()
	const head = `tenants:
  - id: acme
    integrations:
      - name: Helpdesk
        button: { label: Push }
        productboard: { token: "env:PB_TOKEN" }
        target:
          type: http
          credentials: { token: "file:redmine.key" }
          settings:
            headers: { Authorization: 'Bearer {{secret "token"}}' }
            check:
              - url: https://help.example.com/me
                expect: $.id
`
	opts := options()
	opts.CheckTarget = func(c tenants.TargetConfig) error {
		_, err := catalog.Open(c.Type, c.Settings, c.Credentials, targets.Deps{})
		return err
	}
	_, err := applyfile.Parse("acme.yaml", []byte(head+`            create:
              url: https://help.example.com/tickets
              body: |
                {"title": {{.Title}}, "ref": {{.Marker}}}
            issue: { id: $.id, status: $.state, done: [closed] }
`), opts)
	require.NoError(t, err)
	_, err = applyfile.Parse("acme.yaml", []byte(head+`              - url: "{{.ID}}"
                expect: $.id
            create:
              url: https://help.example.com/tickets
              body: '{"title": {{.Titel}}}'
            issue: { id: "$[" }
`), opts)
	require.Error(t, err)
	const at = "tenants[0].integrations[0].target.settings."
	require.Equal(t, "acme.yaml:15:17: "+at+"check[1].url: must name its host itself or by {{var \"name\"}}: nothing else may lead a request elsewhere\n"+
		"acme.yaml:19:15: "+at+"create.body: does not work: 1:12: <.Titel>: can't evaluate field Titel\n"+
		"acme.yaml:20:22: "+at+"issue.id: is not a JSONPath: unexpected eof at position 3", err.Error())
}

func FuzzApplyFile(f *testing.F) {
	example, err := os.ReadFile("../../../../config/plugin.example.yaml")
	require.NoError(f, err)
	for _, seed := range []string{good, string(example), "", "tenants: [", "a: &a [*a]", "- - - a", "? a\n: b", "a: |\n  b\n c", "<<: *x", "!!map {a: b}",
		"tenants:\n- &x {id: a}\n- *x", "\xef\xbb\xbftenants: []", "'", "a: \"\\u0000\"", "%YAML 1.2\n---\na"} {
		f.Add([]byte(seed))
	}
	aliases := "a: &a [x,x,x,x,x,x,x,x]\n"
	for at := 'b'; at <= 'z'; at++ { // each holds the one before eight times: 8^26 values
		aliases += string(at) + ": &" + string(at) + " [" + strings.Repeat("*"+string(at-1)+",", 8) + "]\n"
	}
	f.Add([]byte(aliases))
	for _, seed := range append(boundtest.JSON(), boundtest.Fill("a: &a x\nb: [", "*a,", "*a]"), boundtest.Fill("", "- ", "a"), boundtest.Fill("", "a: b\n", ""), boundtest.Fill("", "- "+strings.Repeat("a: b\n  ", 500)+"\n", ""), boundtest.Fill("", "--- a\n", ""),
		boundtest.Fill("tenants:\n", "- id: a\n", ""), boundtest.Fill("tenants: [", "{},", "{}]")) {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var declaration register.Declaration
		var err error
		opts := options()
		boundtest.Memory(t, len(data), boundtest.Limit{Base: 1 << 20, PerByte: 1200}, func() { declaration, err = applyfile.Parse("acme.yaml", data, opts) })
		if err == nil {
			require.NotEmpty(t, declaration.Tenants)
			for _, tenant := range declaration.Tenants {
				require.True(t, tenants.ValidTenantID(tenant.ID))
				for _, w := range tenant.Integrations {
					require.NotEmpty(t, w.Integration.Name)
					require.NotEmpty(t, w.Integration.ButtonLabel)
					require.False(t, w.Integration.Productboard.Token.Empty())
					require.NotEmpty(t, w.Origin(register.FieldToken))
				}
			}
			return
		}
		var problems applyfile.Problems
		require.ErrorAs(t, err, &problems)
		require.NotEmpty(t, problems)
		require.Empty(t, declaration.Tenants)
		require.NotContains(t, err.Error(), "canary")
	})
}
