package pbfake_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/pbapi/pbfake"
)

func TestConnectionStates(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i, e := r.integration(), r.entity()
	path := connection(i, e)
	stateOf := func() map[string]any {
		return r.call("GET", path, "").at("data", "fields", "connection").(map[string]any)
	}
	require.Equal(t, map[string]any{"state": "initial"}, stateOf(), "what does not exist is initial")

	resp := r.call("PUT", path, put(connected))
	require.Equal(t, 200, resp.status)
	require.Equal(t, e, resp.at("data", "id"))
	require.Equal(t, r.api+path, resp.at("data", "links", "self"))
	require.Equal(t, map[string]any{"state": "connected", "label": "Done", "hoverLabel": "PB-1", "tooltip": "PB-1 Dark mode",
		"color": "green", "targetUrl": "https://tracker.example/1"}, stateOf())

	require.Equal(t, 200, r.call("PUT", path, put(`{"state":"error","message":"No."}`)).status)
	require.Equal(t, map[string]any{"state": "error", "message": "No."}, stateOf(), "a PUT replaces, it does not merge")

	require.Equal(t, 200, r.call("PUT", path, put(`{"state":"initial"}`)).status)
	require.Equal(t, map[string]any{"state": "initial"}, stateOf())
	require.Empty(t, r.call("GET", "/plugin-integrations/"+i+"/connections", "").doc["data"], "initial is as good as deleted")

	require.Equal(t, 200, r.call("PUT", path, put(connected)).status)
	require.Equal(t, 204, r.call("DELETE", path, "").status)
	require.Equal(t, map[string]any{"state": "initial"}, stateOf())
	require.Equal(t, 204, r.call("DELETE", path, "").status, "deleting nothing is no error")
}

func TestConnectionIDsInAnyCase(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i := r.integration()
	e, err := r.fake.AddEntity(pbfake.Entity{ID: "ABCDEF00-0000-4000-8000-000000000001", Type: "release", Fields: map[string]any{"name": "x"}})
	require.NoError(t, err)
	require.Equal(t, 200, r.call("PUT", connection(i, "ABCDEF00-0000-4000-8000-000000000001"), put(connected)).status)
	require.Equal(t, "connected", r.fake.State(i, e.ID).Name)
}

func TestSearchByEntity(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i := r.integration()
	a, b := r.entity(), r.entity()
	for _, e := range []string{a, b} {
		r.call("PUT", connection(i, e), put(connected))
	}
	search := func(filter string) []any {
		resp := r.call("POST", "/plugin-integrations/"+i+"/connections/search", `{"data":{"filter":`+filter+`}}`)
		require.Equal(t, 200, resp.status, resp.raw)
		return resp.doc["data"].([]any)
	}
	require.Len(t, search(`{"entityId":["`+a+`","`+nowhere+`"]}`), 1)
	require.Empty(t, search(`{"entityId":["`+a+`"],"state":["error"]}`))
	require.Empty(t, search(`{"entityId":[]}`), "a filter with nothing in it matches nothing")
	require.Len(t, search(`{}`), 2)
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *pbfake.Options) {
		o.RateLimit = 3
		o.Tokens = append(o.Tokens, pbfake.Token{Value: "other"})
	})
	get := func(token string) reply {
		return r.call("GET", "/plugin-integrations", "", "Authorization", "Bearer "+token)
	}
	for n := range 3 {
		resp := get(token)
		require.Equal(t, 200, resp.status)
		require.Equal(t, "3", resp.header.Get("X-RateLimit-Limit"))
		require.Equal(t, []string{"2", "1", "0"}[n], resp.header.Get("X-RateLimit-Remaining"))
		r.clock.Advance(200e6)
	}
	resp := get(token)
	code, _ := resp.problem()
	require.Equal(t, 429, resp.status)
	require.Equal(t, "rate.limitExceeded", code)
	require.Equal(t, "1", resp.header.Get("Retry-After"))
	require.Equal(t, "0", resp.header.Get("X-RateLimit-Remaining"))
	require.Equal(t, 200, get("other").status, "each token has its own")

	r.clock.Advance(400e6) // a second after the first
	require.Equal(t, 200, get(token).status)
	require.Equal(t, 429, get(token).status, "the window slides, it does not start over")
	r.fake.SetRateLimit(0)
	require.Equal(t, 200, get(token).status)
	require.Empty(t, get(token).header.Get("X-RateLimit-Limit"))
}
