package pbfake_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/pbapi/pbfake"
)

func (r *rig) control() string {
	s := httptest.NewServer(r.fake.Control())
	r.t.Cleanup(s.Close)
	return s.URL + pbfake.ControlPrefix
}

func TestControl(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.control()
	resp := r.call("POST", c+"/entities", `{"entities":[{"type":"release","fields":{"name":"1.0"}}],"seed":10}`)
	require.Equal(t, 200, resp.status, resp.raw)
	ids := resp.doc["ids"].([]any)
	require.Len(t, ids, 11)
	e := ids[10].(string)
	i := r.integration()

	resp = r.call("POST", c+"/clicks", `{"integrationId":"`+i+`","entityId":"`+e+`","trigger":"button.push","user":{"name":"J","email":"j@example.com"}}`)
	require.Equal(t, 200, resp.status, resp.raw)
	require.Equal(t, "progress", resp.at("connection", "state"))
	require.EqualValues(t, 200, resp.at("status"))
	require.Empty(t, resp.at("failure"))

	resp = r.call("GET", c+"/board", "")
	require.Len(t, resp.doc["entities"], 11)
	require.Len(t, resp.doc["integrations"], 1)
	require.Equal(t, "progress", resp.doc["connections"].([]any)[0].(map[string]any)["connection"].(map[string]any)["state"])
	require.NotContains(t, resp.raw, "chosen by the plugin")

	require.Contains(t, r.call("GET", c+"/connections?state=progress&integrationId="+i, "").raw, e)
	require.Equal(t, "[]", r.call("GET", c+"/connections?state=error", "").raw)
	require.Contains(t, r.call("GET", c+"/entities?type=release", "").raw, `"name":"1.0"`)
	require.Contains(t, r.call("GET", c+"/integrations", "").raw, `"name":"Engineering"`)
	require.EqualValues(t, 1, r.call("GET", c+"/counters", "").doc["click"])
	require.EqualValues(t, 1, r.call("GET", c+"/counters?integrationId="+i+"&entityId="+e, "").doc["click"])
	require.Equal(t, 204, r.call("DELETE", c+"/counters", "").status)
	require.Equal(t, "{}", r.call("GET", c+"/counters?entityId="+e, "").raw)

	resp = r.call("GET", c+"/journal?since=0&limit=3", "")
	require.Len(t, resp.doc["events"], 3)
	require.Equal(t, 204, r.call("PUT", c+"/integrations/"+i+"/legacy", `{"legacy":true}`).status)
	require.True(t, r.fake.Integrations()[0].Legacy)
	require.Equal(t, 204, r.call("PUT", c+"/edges", `{"origin":"https://b.example","backends":["http://127.0.0.1:1"]}`).status)
	require.Equal(t, 204, r.call("POST", c+"/tokens", `{"value":"late"}`).status)
	require.Equal(t, 200, r.call("GET", "/entities", "", "Authorization", "Bearer late").status)
	require.Equal(t, 204, r.call("DELETE", c+"/tokens/late", "").status)
	require.Equal(t, 401, r.call("GET", "/entities", "", "Authorization", "Bearer late").status)
	require.Equal(t, 204, r.call("PUT", c+"/ratelimit", `{"perSecond":1}`).status)
	require.Equal(t, "1", r.call("GET", "/entities", "").header.Get("X-RateLimit-Limit"))
}

func TestControlFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.control()
	fault := `{"class":"connection.put","kind":"status","status":429,"retryAfterMs":1500,"probability":0.5,"count":3}`
	resp := r.call("POST", c+"/faults", fault)
	require.Equal(t, 200, resp.status, resp.raw)
	id := resp.at("id").(string)
	require.JSONEq(t, `[`+strings.Replace(fault, "{", `{"id":"`+id+`",`, 1)+`]`, r.call("GET", c+"/faults", "").raw)
	require.Equal(t, 204, r.call("DELETE", c+"/faults/"+id, "").status)
	require.Equal(t, "[]", r.call("GET", c+"/faults", "").raw)
	r.call("POST", c+"/faults", fault)
	require.Equal(t, 204, r.call("DELETE", c+"/faults", "").status)
	require.Empty(t, r.fake.Faults())
}

func TestControlRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.control()
	i, e := r.integration(), r.entity()
	click := func(i, e, trigger string) string {
		return `{"integrationId":"` + i + `","entityId":"` + e + `","trigger":"` + trigger + `"}`
	}
	cases := []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", "/clicks", click(nowhere, e, "button.push"), 404, "integration"},
		{"POST", "/clicks", click(i, nowhere, "button.push"), 404, "entity"},
		{"POST", "/clicks", click(i, e, "push"), 400, "trigger"},
		{"POST", "/clicks", `{"entity":"x"}`, 400, "entity"},
		{"POST", "/entities", `{}`, 400, "entities or seed"},
		{"POST", "/entities", `{"seed":1000000}`, 400, "seed"},
		{"POST", "/entities", `{"entities":[{"type":"epic","fields":{"name":"x"}}]}`, 400, "type"},
		{"POST", "/faults", `{"class":"api","kind":"status","status":99}`, 400, "status"},
		{"POST", "/faults", `{"class":"api","kind":"delay","delayMs":9000000000000000}`, 400, "delayMs"},
		{"PUT", "/edges", `{"origin":"https://x.example","backends":["http://192.0.2.1"]}`, 400, "this machine"},
		{"PUT", "/integrations/" + nowhere + "/legacy", `{"legacy":true}`, 404, "integration"},
		{"GET", "/journal?since=x", "", 400, "since"},
		{"GET", "/events?since=x", "", 400, "since"},
		{"POST", "/tokens", `{}`, 400, "value"},
		{"GET", "/nothing", "", 404, "no such operation"},
	}
	for _, tc := range cases {
		resp := r.call(tc.method, c+tc.path, tc.body)
		require.Equal(t, tc.status, resp.status, tc.path)
		require.Contains(t, resp.at("error"), tc.says, tc.path)
	}
	r.call("PATCH", "/plugin-integrations/"+i, create(`"integrationStatus":"disabled"`))
	require.Equal(t, 409, r.call("POST", c+"/clicks", click(i, e, "button.push")).status)
	resp := r.call("DELETE", c+"/faults", "", "Sec-Fetch-Site", "cross-site")
	require.Equal(t, http.StatusForbidden, resp.status, "another web site must not reach it through a browser")
}

func TestControlEvents(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.control()
	r.entity()
	r.entity()
	ctx := t.Context()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c+"/events", nil)
	require.NoError(t, err)
	req.Header.Set("Last-Event-ID", "1")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))

	lines := bufio.NewScanner(resp.Body)
	next := func() (e struct {
		Seq  uint64
		Kind string
	}) {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				require.NoError(t, json.Unmarshal([]byte(data), &e))
				return e
			}
		}
		t.Fatal("the stream ended")
		return e
	}
	require.Equal(t, uint64(2), next().Seq, "what was seen is not sent again")
	r.integration()
	require.Equal(t, "probe", next().Kind)
	require.Equal(t, "integration", next().Kind)
	r.fake.Close()
	for lines.Scan() { // ends: Close ends the stream
	}
	require.NoError(t, lines.Err())
}
