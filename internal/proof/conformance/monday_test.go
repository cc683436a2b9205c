package conformance_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/proof/conformance/vendors"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/httptarget"
	"pushbutton/internal/targets/httptarget/httpfake"
	"pushbutton/internal/targets/targettest"
)

func mondaySpec(t *testing.T) vendors.Spec {
	return vendors.LoadGraphQL(t, vendors.File(t, "../../..", "monday.graphql"), "/v2")
}

// The ready-made description of monday asks for what its schema has.
func TestMonday(t *testing.T) {
	h := httpfake.Monday(httptarget.Kind())
	watch := vendors.NewWatch(mondaySpec(t))
	h.Watch = watch.Front
	targettest.Run(t, h)

	server := h.Start(t)
	target := targettest.Open(t, h.Kind, server.Mine, watch.Front(t, server.URL))
	made, err := target.Create(t.Context(), targets.Draft{Marker: "pb-first", Title: "A wish"})
	require.NoError(t, err)
	_, _, err = target.Update(t.Context(), made.ID, targets.Draft{Marker: "pb-first", Title: "Another"})
	require.NoError(t, err)
	for _, op := range []string{"Me", "Board", "CreateItem", "FindItems", "Item", "Items", "UpdateItem", "Comment", "Archive"} {
		require.NotZero(t, watch.Seen()[op], op)
	}
}

// Broken on purpose, a request does not pass.
func TestMondaySpecBites(t *testing.T) {
	spec := mondaySpec(t)
	const create = `mutation C($board: ID!, $name: String!, $values: JSON) { create_item(board_id: $board, item_name: $name, column_values: $values) { id name } }`
	for name, c := range map[string]struct {
		document, variables string
		bites               bool
	}{
		"as it should be":   {create, `{"board": "1", "name": "x", "values": "{}"}`, false},
		"no name":           {create, `{"board": "1"}`, true},
		"unknown argument":  {strings.Replace(create, "item_name:", "name:", 1), `{"board": "1", "name": "x"}`, true},
		"unknown selection": {strings.Replace(create, "{ id name }", "{ id title }", 1), `{"board": "1", "name": "x"}`, true},
		"unknown operation": {strings.Replace(create, "create_item", "create_task", 1), `{"board": "1", "name": "x"}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := json.Marshal(map[string]any{"query": c.document, "variables": json.RawMessage(c.variables)})
			require.NoError(t, err)
			_, _, err = spec.Request(httptest.NewRequest(http.MethodPost, "/v2", nil), body)
			require.Equal(t, c.bites, err != nil, "%v", err)
		})
	}
}
