package conformance

import (
	"os"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

// The admin API's own document is one of OpenAPI 3.1, and its schemas are
// JSON Schemas. internal/app holds it against what is served.
func TestAdminDocumentIsOpenAPI(t *testing.T) {
	raw, err := os.ReadFile("../../../docs/openapi.json")
	require.NoError(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(raw)
	require.NoError(t, err)
	require.True(t, doc.IsOpenAPI31OrLater())
	require.NoError(t, doc.Validate(t.Context()))
	good := map[string]any{"id": "acme", "name": "Acme", "limits": map[string]any{"maxQueued": 1.0}}
	create := doc.Components.Schemas["TenantCreate"].Value
	require.NoError(t, create.VisitJSON(good, openapi3.EnableJSONSchema2020()))
	for _, bad := range []map[string]any{{}, {"id": "A"}, {"id": "a", "x": 1.0}, {"id": "a", "limits": map[string]any{"maxQueued": -1.0}}} {
		require.Error(t, create.VisitJSON(bad, openapi3.EnableJSONSchema2020()), "%v", bad)
	}
}
