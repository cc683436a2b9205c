package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"pushbutton/internal/pbapi/pbfake"
)

// input sends one input that the seed makes up, and returns the status of its
// answer, 0 where it has none.
type input func(ctx context.Context, h *house, r *rand.Rand) (status int, err error)

// kind is a kind of input.
type kind struct {
	name string
	// begin and end put the house into the state that the inputs need; nil: none.
	begin, end func(h *house)
	send       input
}

func kinds() []kind {
	return []kind{
		{name: "templates", send: sendTemplate},
		{name: "answers", send: sendForAnswer, begin: func(h *house) { h.tracker.hostile.Store(true) }, end: func(h *house) { h.tracker.hostile.Store(false) }},
		{name: "documents", send: sendDocument},
		{name: "items", send: sendItem},
		{name: "requests", send: sendRequest},
	}
}

func kindNames() []string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}

// sendTemplate has a template checked, and, where the check sees nothing of it,
// pushed.
func sendTemplate(ctx context.Context, h *house, r *rand.Rand) (int, error) {
	settings := h.described("markdown")
	create := settings["create"].(map[string]any)
	text := template(r)
	if r.IntN(2) == 0 { // the check, which knows only made-up items, sees nothing of it
		text = `{{if eq .Name "bomb"}}` + text + `{{end}}x`
	}
	switch r.IntN(5) {
	case 0:
		settings["title"] = text
	case 1:
		settings["description"] = text
	case 2:
		settings["fields"] = map[string]any{"x": text}
	case 3:
		create["body"] = `{"x": "` + request(r) + `"}`
	default:
		create["url"] = `{{var "url"}}/` + request(r)
	}
	status, err := h.call(ctx, h.admin, http.MethodPatch, h.own(bombs), map[string]any{"target": map[string]any{"settings": settings}})
	if err == nil && status == http.StatusOK {
		err = h.push(ctx, bombs, pbfake.Entity{Type: "feature", Fields: map[string]any{"name": "bomb", "description": "<p>" + strings.Repeat("a", 50_000) + "</p>",
			"tags": tags(200)}})
	}
	return status, err
}

func tags(n int) []map[string]any {
	out := make([]map[string]any, n)
	for i := range out {
		out[i] = map[string]any{"name": fmt.Sprintf("tag %d", i)}
	}
	return out
}

// sendForAnswer has the plugin ask the hostile tracker: by a push, or by what an
// admin and a viewer can have checked.
func sendForAnswer(ctx context.Context, h *house, r *rand.Rand) (int, error) {
	item := pbfake.Entity{Type: "feature", Fields: map[string]any{"name": "Wish", "description": "<p>x</p>"}}
	switch r.IntN(4) {
	case 0:
		return h.call(ctx, h.admin, http.MethodPost, h.own(anyAnswer)+"/check", nil)
	case 1:
		type object = map[string]any
		target := pick(r,
			object{"type": "gitea", "settings": object{"url": h.tracker.url, "repository": "a/b"}, "credentials": object{"token": "t"}},
			object{"type": "gitlab", "settings": object{"url": h.tracker.url, "project": "a/b"}, "credentials": object{"token": "t"}},
			object{"type": "redmine", "settings": object{"url": h.tracker.url, "project": "a"}, "credentials": object{"apiKey": strings.Repeat("0", 40)}},
			object{"type": "jira", "settings": object{"edition": "dataCenter", "url": h.tracker.url, "project": "A"}, "credentials": object{"personalAccessToken": "t"}},
		)
		return h.call(ctx, h.admin, http.MethodPost, "/tenants/"+hostileTenant+"/integrations", object{
			"name": "Another", "buttonLabel": "Push", "productboard": object{"token": hostileTenant + token}, "target": target})
	default:
		return 0, h.push(ctx, anyAnswer, item)
	}
}

// sendDocument sends a body that is no plain request.
func sendDocument(ctx context.Context, h *house, r *rand.Rand) (int, error) {
	t := "/tenants/" + hostileTenant
	route := pick(r, t+"/integrations", t+"/apply", t+"/integrations/import", h.own(anyAnswer)+"/preview", h.own(anyAnswer)+"/check", t+"/connections/retry", h.own(anyAnswer))
	method, who := http.MethodPost, pick(r, h.admin, h.viewer)
	if route == h.own(anyAnswer) {
		method = http.MethodPatch
	}
	return h.raw(ctx, who, method, route, strings.NewReader(document(r)), nil)
}

// sendItem makes an item, and has it pushed and previewed.
func sendItem(ctx context.Context, h *house, r *rand.Rand) (int, error) {
	f := formats()[r.IntN(len(formats()))]
	item := pbfake.Entity{Type: "feature", Fields: map[string]any{"name": pick(r, "Wish", strings.Repeat("🔥", 200), "\u202e#1 @all"), "description": description(r)}}
	if r.IntN(2) == 0 {
		return 0, h.push(ctx, f, item)
	}
	ids, err := h.sandbox.AddEntities(ctx, []pbfake.Entity{item})
	if err != nil {
		return 0, err
	}
	return h.call(ctx, h.viewer, http.MethodPost, h.own(f)+"/preview", map[string]string{"entity": ids[0]})
}

// sendRequest sends what anybody can: lists, refused calls, headers, clicks of
// nobody's.
func sendRequest(ctx context.Context, h *house, r *rand.Rand) (int, error) {
	t := "/tenants/" + hostileTenant
	long := strings.Repeat(pick(r, "x", "%00", "%1b", "é"), pick(r, 1, 300, 5000))
	path := pick(r, t+"/connections?limit=1000&q="+long, t+"/audit?cursor="+long, t+"/audit/denied", "/tenants/"+innocentTenant, "/tenants?limit=999999999999", t+"/integrations?cursor="+long,
		t+"/usage", "/whoami", t+"/connections?state=error&limit=1&cursor="+long)
	header := http.Header{"X-Request-Id": {pick(r, "x", strings.Repeat("y", 5000))}, "Idempotency-Key": {fmt.Sprint(r.Uint64())}}
	method := pick(r, http.MethodGet, http.MethodGet, http.MethodDelete, http.MethodPost)
	if r.IntN(4) == 0 {
		return h.send(ctx, "", http.MethodPost, "/actions/"+pick(r, "x", h.columns[anyAnswer].own, long), strings.NewReader(document(r)), header)
	}
	return h.raw(ctx, pick(r, h.admin, h.viewer, "", "x.y.z"), method, path, strings.NewReader("{}"), header)
}

func (h *house) own(name string) string {
	return "/tenants/" + hostileTenant + "/integrations/" + h.columns[name].own
}

func (h *house) call(ctx context.Context, token, method, path string, in any) (int, error) {
	raw, err := json.Marshal(in)
	if err != nil {
		return 0, err
	}
	return h.raw(ctx, token, method, path, bytes.NewReader(raw), nil)
}

func (h *house) raw(ctx context.Context, token, method, path string, body io.Reader, header http.Header) (int, error) {
	if header == nil {
		header = http.Header{}
	}
	header.Set("If-Match", "*")
	return h.send(ctx, token, method, "/admin/v1"+path, body, header)
}

// answerLimit is the longest that the plugin may take for an answer: a route has
// 60 s.
const answerLimit = 75 * time.Second

func (h *house) send(ctx context.Context, token, method, path string, body io.Reader, header http.Header) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+h.api.Listen+path, body)
	if err != nil {
		return http.StatusBadRequest, nil // no address at all
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Body.Close()
}
