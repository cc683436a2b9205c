package settings

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/secret"
)

func nested() []Field {
	request := []Field{{Name: "url", Required: true}, {Name: "method", Default: "GET", Enum: []string{"GET", "POST"}}, {Name: "body", Max: 10},
		{Name: "headers", Type: TypeMap}}
	return []Field{{Name: "create", Type: TypeObject, Fields: request}, {Name: "check", Type: TypeObjects, Fields: request}}
}

func TestDecodeNested(t *testing.T) {
	t.Parallel()
	values, errs := Decode("settings", nested(), map[string]any{
		"create": map[string]any{"url": "u", "method": "POST", "headers": map[string]any{"A": 1.0}},
		"check":  []any{map[string]any{"url": "one"}, map[string]any{"url": "two"}}})
	require.Empty(t, errs)
	require.Equal(t, "POST", values.Object("create").String("method"))
	require.Equal(t, map[string]string{"A": "1"}, values.Object("create").Map("headers"))
	require.Len(t, values.Objects("check"), 2)
	require.Equal(t, "two", values.Objects("check")[1].String("url"))
	require.Equal(t, "GET", values.Objects("check")[1].String("method"), "defaults are filled in")
	require.Nil(t, values.Object("other"))

	values, errs = Decode("settings", nested(), map[string]any{"check": map[string]any{"url": "one"}})
	require.Empty(t, errs)
	require.Len(t, values.Objects("check"), 1, "one by itself is a list of one")

	for name, c := range map[string]struct {
		set  map[string]any
		want string
	}{
		"missing":       {map[string]any{"create": map[string]any{}}, "settings.create.url is required"},
		"unknown":       {map[string]any{"create": map[string]any{"url": "u", "metod": "GET"}}, "settings.create.metod is not known (did you mean method?)"},
		"no map":        {map[string]any{"create": "u"}, "settings.create must be a map of names to values"},
		"in a list":     {map[string]any{"check": []any{map[string]any{"url": "u"}, map[string]any{"url": "u", "method": "SOMETHING"}}}, "settings.check[1].method must be one of GET, POST"},
		"not in a list": {map[string]any{"check": []any{"u"}}, "settings.check[0] must be a map of names to values"},
		"too long":      {map[string]any{"create": map[string]any{"url": "u", "body": "12345678901"}}, "settings.create.body must be valid UTF-8 of at most 10 bytes"},
		"too many":      {map[string]any{"check": make([]any, 101)}, "settings.check has more than 100 entries"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, errs := Decode("settings", nested(), c.set)
			require.EqualError(t, errs, c.want)
		})
	}
}

func TestCredentialsOfAnyName(t *testing.T) {
	t.Parallel()
	fields := []Field{{Name: AnyName, Secret: true}, {Name: "token", Required: true, Secret: true}}
	creds, errs := DecodeCredentials(fields, map[string]secret.String{"token": secret.New("t"), "key": secret.New("k\n")})
	require.Empty(t, errs)
	require.Equal(t, "k", creds["key"].Reveal())
	require.Equal(t, "t", creds["token"].Reveal())

	_, errs = DecodeCredentials(fields, map[string]secret.String{"a b": secret.New("s3cret"), "key": secret.New("a\nb")})
	require.EqualError(t, errs, "credentials.a b is not known; credentials.token is required; credentials.key has a character that no credential has (line breaks, accents)")
	require.NotContains(t, errs.Error(), "s3cret")
}
