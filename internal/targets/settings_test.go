package targets

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets/settings"
)

// A key is seen in a text also where its line ends have become blanks.
func TestMaskedLines(t *testing.T) {
	t.Parallel()
	target := &Target{opts: Options{secrets: secret.NewMask(settings.MaskedLines(map[string]secret.String{
		"key": secret.New("-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\nxy==\n-----END KEY-----"), "pin": secret.New("abc")})...)}}
	require.Equal(t, "abc -----BEGIN KEY----- [secret] xy==", target.mask("abc -----BEGIN KEY----- MIIEpAIBAAKCAQEA xy=="))
}

func fields() []settings.Field {
	return []settings.Field{{Name: "url", Type: settings.TypeURL, Required: true}, {Name: "project", Required: true}}
}

func TestOpenTellsEverything(t *testing.T) {
	t.Parallel()
	kind := Kind{Type: "k", Settings: fields(), Credentials: []settings.Field{{Name: "token", Required: true, Secret: true}},
		New: func(Config, Deps) (Driver, error) {
			return nil, settings.FieldErrors{{Path: "settings.project", Message: "is a number"}}
		}}
	_, err := kind.Open(nil, map[string]secret.String{"key": secret.New("s3cret-value")}, Deps{})
	var wrong settings.FieldErrors
	require.ErrorAs(t, err, &wrong)
	require.EqualError(t, wrong, "settings.url is required; settings.project is required; credentials.key is not known; credentials.token is required")
	require.Equal(t, fault.Invalid, fault.KindOf(err))
	require.NotContains(t, err.Error(), "s3cret-value")

	_, err = kind.Open(map[string]any{"url": "https://h", "project": "p"}, map[string]secret.String{"token": secret.New("t")}, Deps{})
	require.ErrorContains(t, err, "settings.project is a number", "what New finds wrong has the same form")
}

func TestOneCredential(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		token, oauth, given string
		second              bool
		wrong               string
	}{
		"the first":  {token: "t", given: "t"},
		"the second": {oauth: "o", given: "o", second: true},
		"neither":    {wrong: "credentials.token is required (or oauth)"},
		"both":       {token: "t", oauth: "o", wrong: "credentials.oauth must not stand beside token: give one of them"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			given, second, errs := Config{Credentials: map[string]secret.String{"token": secret.New(c.token), "oauth": secret.New(c.oauth)}}.OneCredential("token", "oauth")
			if c.wrong != "" {
				require.EqualError(t, errs, c.wrong)
				return
			}
			require.Empty(t, errs)
			require.Equal(t, c.given, given.Reveal())
			require.Equal(t, c.second, second)
		})
	}
}
