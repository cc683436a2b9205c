package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/catalog"
)

// Every kind is described well enough to make documentation and forms of it.
func TestKindsAreDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range catalog.Kinds() {
		assert.NotEmpty(t, k.Title)
		assert.NotNil(t, k.New)
		assert.False(t, seen[k.Type], "%s is there twice", k.Type)
		seen[k.Type] = true
		for _, f := range append(k.Settings, k.Credentials...) {
			assert.NotEmpty(t, f.Help, "%s.%s", k.Type, f.Name)
			assert.NotEmpty(t, f.Example, "%s.%s", k.Type, f.Name)
		}
		for _, f := range k.Settings {
			assert.False(t, f.Secret, "%s.%s belongs to the credentials", k.Type, f.Name)
		}
		for _, f := range k.Credentials {
			assert.True(t, f.Secret, "%s.%s", k.Type, f.Name)
		}
	}
}

func TestOpen(t *testing.T) {
	settings := map[string]any{"url": "http://127.0.0.1:1", "project": "p"}
	creds := map[string]secret.String{"apiKey": secret.New("k")}
	for _, typ := range []string{"redmine", "memory"} {
		target, err := catalog.Open(typ, settings, creds, targets.Deps{})
		require.NoError(t, err)
		assert.Equal(t, typ, target.Type())
	}
	_, err := catalog.Open("redmin", settings, creds, targets.Deps{})
	var wrong targets.FieldErrors
	require.ErrorAs(t, err, &wrong)
	assert.EqualError(t, wrong, "type must be one of gitlab, redmine, memory (did you mean redmine?)")
	assert.Equal(t, fault.Invalid, fault.KindOf(err))
}
