package settings

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/secret"
)

func fields() []Field {
	return []Field{
		{Name: "url", Type: TypeURL, Required: true}, {Name: "project", Required: true}, {Name: "format", Default: "a", Enum: []string{"a", "b"}},
		{Name: "on", Type: TypeBool, Default: "true"}, {Name: "count", Type: TypeInt, Default: "3"},
		{Name: "tags", Type: TypeList, Enum: []string{"x", "y"}}, {Name: "colors", Type: TypeMap, Enum: []string{"red"}},
	}
}

func TestDecodeSettings(t *testing.T) {
	t.Parallel()
	base := func(more map[string]any) map[string]any {
		out := map[string]any{"url": "https://h/redmine/", "project": "p"}
		maps.Copy(out, more)
		return out
	}
	t.Run("defaults and forms", func(t *testing.T) {
		values, errs := Decode("settings", fields(), base(map[string]any{"project": uint64(12), "count": float64(7), "on": false,
			"tags": []any{"x", "y"}, "colors": map[string]any{"New": "red"}}))
		require.Empty(t, errs)
		require.Equal(t, "https://h/redmine", values.String("url"))
		require.Equal(t, "12", values.String("project"))
		require.Equal(t, "a", values.String("format"))
		require.Equal(t, 7, values.Int("count"))
		require.False(t, values.Bool("on"))
		require.Equal(t, []string{"x", "y"}, values.List("tags"))
		require.Equal(t, map[string]string{"New": "red"}, values.Map("colors"))
	})
	for name, c := range map[string]struct {
		set  map[string]any
		want string
	}{
		"missing":          {map[string]any{"project": ""}, "settings.project is required"},
		"no address":       {map[string]any{"url": "ftp://h"}, "settings.url must be an address that starts with https:// or http://"},
		"password in it":   {map[string]any{"url": "https://u:p@h"}, "settings.url must not hold a user name or password"},
		"query":            {map[string]any{"url": "https://h?a=1"}, "settings.url must not have a ? or # part"},
		"half a number":    {map[string]any{"project": 1.5}, "settings.project must be a text; put it in quotes"},
		"list for a text":  {map[string]any{"project": []any{"p"}}, "settings.project must be a text"},
		"not of the enum":  {map[string]any{"format": "c"}, "settings.format must be one of a, b"},
		"no bool":          {map[string]any{"on": "maybe"}, "settings.on must be true or false"},
		"negative":         {map[string]any{"count": -1}, "settings.count must be a whole number, 0 or more"},
		"entry of a list":  {map[string]any{"tags": []any{"x", "z"}}, "settings.tags[1] must be one of x, y"},
		"value of a map":   {map[string]any{"colors": map[string]any{"New": "rde"}}, "settings.colors.New must be one of red (did you mean red?)"},
		"unknown, close":   {map[string]any{"Colours": 1}, "settings.Colours is not known (did you mean colors?)"},
		"unknown, far off": {map[string]any{"whatever": 1}, "settings.whatever is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			_, errs := Decode("settings", fields(), base(c.set))
			require.EqualError(t, errs, c.want)
		})
	}
	t.Run("all at once", func(t *testing.T) {
		_, errs := Decode("settings", fields(), map[string]any{"on": 3, "x": 1})
		require.Len(t, errs, 4)
	})
}

func TestDecodeCredentials(t *testing.T) {
	t.Parallel()
	key := "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\n-----END KEY-----"
	fields := []Field{{Name: "token", Secret: true}, {Name: "key", Secret: true, Multiline: true}}
	creds, errs := DecodeCredentials(fields, map[string]secret.String{"token": secret.New("t0ken\n"), "key": secret.New(key + "\n")})
	require.Empty(t, errs)
	require.Equal(t, "t0ken", creds["token"].Reveal())
	require.Equal(t, key, creds["key"].Reveal())
	for name, c := range map[string]struct {
		field, value, want string
	}{
		"two lines":         {"token", "a\nb", "credentials.token has a character that no credential has (line breaks, accents)"},
		"long":              {"token", strings.Repeat("a", 4097), "credentials.token is longer than 4096 bytes"},
		"accents in a key":  {"key", key + "\n\u00e4", "credentials.key has a character that no credential has (accents, control characters)"},
		"control in a key":  {"key", key + "\x00.", "credentials.key has a character that no credential has (accents, control characters)"},
		"a key, but longer": {"key", strings.Repeat("a", 16385), "credentials.key is longer than 16384 bytes"},
	} {
		_, errs := DecodeCredentials(fields, map[string]secret.String{c.field: secret.New(c.value)})
		require.EqualError(t, errs, c.want, name)
	}
}
