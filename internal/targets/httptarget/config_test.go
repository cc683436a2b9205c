package httptarget_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/httptarget"
	"pushbutton/internal/targets/settings"
)

type m = map[string]any

const whsec = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func open(t *testing.T, settings m, creds map[string]string, deps targets.Deps) (*targets.Target, error) {
	t.Helper()
	secrets := map[string]secret.String{}
	for k, v := range creds {
		secrets[k] = secret.New(v)
	}
	return httptarget.Kind().Open(settings, secrets, deps)
}

func TestSettingsRefused(t *testing.T) {
	t.Parallel()
	create := func(more m) m {
		c := m{"url": "https://h/issues"}
		maps.Copy(c, more)
		return c
	}
	for name, c := range map[string]struct {
		settings m
		creds    map[string]string
		want     []string
	}{
		"nothing":              {m{}, nil, []string{"settings.create is required without settings.preset"}},
		"unknown preset":       {m{"preset": "redmin"}, nil, []string{"settings.preset must be one of PRESETS (did you mean redmine?)"}},
		"preset without vars":  {m{"preset": "redmine"}, nil, []string{"settings.vars.url is required (for example https://redmine.example.com)", "settings.vars.project is required (for example push)", "settings.vars.projectId is required (for example 1)", "settings.vars.markerField is required (for example 7)"}},
		"preset, odd var":      {m{"preset": "redmine", "vars": m{"url": "https://h", "project": "p", "projectId": "1", "markerField": "x", "projectID": "2"}}, nil, []string{"settings.vars.projectID is not known (did you mean projectId?)", "settings.vars.markerField must be a whole number, 0 or more"}},
		"preset, no secret":    {m{"preset": "redmine", "vars": m{"url": "https://h", "project": "p", "projectId": "1", "markerField": 7}}, nil, []string{"credentials.apiKey is required"}},
		"preset, other secret": {m{"preset": "redmine", "vars": m{"url": "https://h", "project": "p", "projectId": "1", "markerField": 7}}, map[string]string{"apiKey": "k", "apikey": "k"}, []string{"credentials.apikey is not used by the description (did you mean apiKey?)"}},
		"no address":           {m{"create": m{}}, nil, []string{"settings.create.url is required (for example 'https://api.example.com/issues/{{.ID}}')"}},
		"host of an item":      {m{"create": create(m{"url": "https://{{.Title}}/"})}, nil, []string{`settings.create.url must name its host itself or by {{var "name"}}: nothing else may lead a request elsewhere`}},
		"unknown part":         {m{"create": create(m{"bdy": "x"})}, nil, []string{"settings.create.bdy is not known (did you mean body?)"}},
		"method":               {m{"create": create(m{"method": "TRACE"})}, nil, []string{"settings.create.method must be one of GET, POST, PUT, PATCH, DELETE"}},
		"body, name":           {m{"create": create(m{"body": `{"t": {{.Titel}}}`})}, nil, []string{"settings.create.body does not work: 1:8: <.Titel>: can't evaluate field Titel"}},
		"body, not JSON":       {m{"create": create(m{"body": `{"t": {{.Title}},}`})}, nil, []string{"settings.create.body does not work: it does not make JSON"}},
		"body, empty case":     {m{"create": create(m{"body": `[{{range .Labels}}{{.}},{{end}} 1]`}), "find": m{"url": "https://h", "list": "$", "marker": "x"}}, nil, []string{"settings.find.marker is not a JSONPath: unexpected identifier at position 1", "settings.issue.id must be a JSONPath: the requests beside create need the tracker's own id"}},
		"field not mapped":     {m{"create": create(m{"body": `[{{.Field "Effort"}}]`})}, nil, []string{`settings.create.body does not work: 1:3: <.Field>: error calling Field: settings.fields does not map "Effort"`}},
		"content type":         {m{"create": create(m{"contentType": "multipart/form-data"})}, nil, []string{"settings.create.contentType must be JSON, application/x-www-form-urlencoded, XML or text/plain"}},
		"header":               {m{"create": create(m{"headers": m{"Host": "evil", "X Y": "1", "Content-Type": "x", "X-Ok": "{{.Nope}}"}})}, nil, []string{"settings.create.headers.Content-Type is set by contentType", "settings.create.headers.Host is not for a description to set", "settings.create.headers.X Y is not the name of a header", "settings.create.headers.X-Ok does not work: 1:2: <.Nope>: can't evaluate field Nope"}},
		"secret not given":     {m{"create": create(nil), "headers": m{"Authorization": `Bearer {{secret "token"}}`}}, nil, []string{`settings.create.headers.Authorization uses the secret "token", which credentials does not have`}},
		"secret on the button": {m{"create": create(nil), "issue": m{"id": "$.id", "url": `https://h/{{secret "token"}}`}}, map[string]string{"token": "a token"}, []string{"settings.issue.url uses a secret; only addresses and headers of requests may"}},
		"credential not used":  {m{"create": create(nil)}, map[string]string{"token": "t"}, []string{"credentials.token is not used by the description"}},
		"check without expect": {m{"create": create(nil), "check": m{"url": "https://h"}}, nil, []string{"settings.check.expect is required (for example $.ok)"}},
		"second check":         {m{"create": create(nil), "check": []any{m{"url": "https://h", "expect": "$.a"}, m{"url": "h", "expect": "$"}}}, nil, []string{"settings.check[1].url must begin with https:// or http:// and a host"}},
		"signing":              {m{"create": create(nil), "sign": "standard-webhooks"}, map[string]string{"signingSecret": "x"}, []string{`credentials.signingSecret must be "whsec_" and 24 to 64 random bytes in base64`}},
		"signing, no secret":   {m{"create": create(nil), "sign": "standard-webhooks"}, nil, []string{"credentials.signingSecret is required by settings.sign"}},
		"error kinds":          {m{"create": create(nil), "error": m{"kinds": m{"X": "bad"}, "statuses": m{"200": "invalid"}}}, nil, []string{"settings.error.kinds.X must be one of invalid, unauthorized, forbidden, notFound, conflict, rateLimited, unavailable, unknown"}},
		"status of success":    {m{"create": create(nil), "error": m{"statuses": m{"200": "invalid"}}}, nil, []string{"settings.error.statuses.200 is not a status of a refusal (300 to 599)"}},
		"issue":                {m{"create": create(nil), "issue": m{"id": "$.id", "url": "{{.ID}}", "key": "{{.Nope}}", "done": []any{"$["}, "idPattern": "("}}, nil, []string{"settings.issue.done[0] is not a JSONPath: unexpected eof at position 3", "settings.issue.idPattern is not a regular expression", "settings.issue.key does not work: 1:2: <.Nope>: can't evaluate field Nope", `settings.issue.url must name its host itself or by {{var "name"}}: nothing else may lead a request elsewhere`}},
		"id not read":          {m{"create": create(nil), "close": m{"url": "https://h/{{.ID}}"}}, nil, []string{"settings.issue.id must be a JSONPath: the requests beside create need the tracker's own id"}},
		"field types":          {m{"create": create(nil), "fieldTypes": m{"Effort": "int"}}, nil, []string{"settings.fieldTypes.Effort must be one of text, longtext, number, bool, date, time, url"}},
		"var name":             {m{"create": create(nil), "vars": m{"a b": "x"}}, nil, []string{`settings.vars has the name "a b"; letters, digits, - and _ are possible`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, c.settings, c.creds, targets.Deps{})
			var fields settings.FieldErrors
			require.ErrorAs(t, err, &fields)
			var got []string
			for _, f := range fields {
				got = append(got, f.Error())
			}
			for i := range c.want {
				c.want[i] = presetList(c.want[i])
			}
			slices.Sort(got)
			slices.Sort(c.want)
			require.Equal(t, c.want, got)
			require.Equal(t, fault.Invalid, fault.KindOf(err))
		})
	}
}

// What a description cannot promise is said; what it can, is there.
func TestCaveatsAndAbilities(t *testing.T) {
	t.Parallel()
	create := m{"url": "https://hooks.example.com/x"}
	target, err := open(t, m{"create": create}, nil, targets.Deps{})
	require.NoError(t, err)
	require.Equal(t, "hooks.example.com", target.Traits().Name)
	require.Contains(t, target.Traits().Caveat, "may make a second issue")
	require.Contains(t, target.Traits().Caveat, "wrong credentials show with the first push")
	require.NoError(t, target.Check(t.Context()), "there is nothing to ask")
	found, err := target.Find(t.Context(), "pb-x")
	require.NoError(t, err)
	require.Nil(t, found)
	_, able, _ := target.Read(t.Context(), "1")
	require.False(t, able)
	able, _ = target.Close(t.Context(), "1")
	require.False(t, able)
	able, _ = target.Comment(t.Context(), "1", "x")
	require.False(t, able)
	_, able, _ = target.Update(t.Context(), "1", targets.Draft{})
	require.False(t, able)
	_, able, _ = target.FindAll(t.Context(), "pb-x")
	require.False(t, able)

	target, err = open(t, m{"preset": "redmine", "vars": m{"url": "https://h", "project": "p", "projectId": 1, "markerField": 7}}, map[string]string{"apiKey": "k"}, targets.Deps{})
	require.NoError(t, err)
	require.Empty(t, target.Traits().Caveat)
	require.Equal(t, "Redmine", target.Traits().Name)

	target, err = open(t, m{"preset": "redmine", "name": "Our Redmine", "find": m{"url": "https://h", "list": "$", "marker": "$.m", "consistency": 9, "scan": true},
		"vars": m{"url": "https://h", "project": "p", "projectId": 1, "markerField": 7}}, map[string]string{"apiKey": "k"}, targets.Deps{})
	require.NoError(t, err, "a part that is set takes the place of the preset's")
	require.Equal(t, "Our Redmine", target.Traits().Name)
	require.Equal(t, "9s", target.Traits().Consistency.String())
	require.Equal(t, targets.LookupScan, target.Traits().Lookup)

	kind := httptarget.Kind()
	_, can := targets.Ability[targets.Closer](kind.Driver)
	require.True(t, can, "the documentation asks what the kind can have")
}
