package redmine_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/proof/boundtest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/redmine"
)

const hookSecret = "hook-secret"

func hook(key, body string) targets.Hook {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	return targets.Hook{Header: http.Header{"X-Redmine-Signature-256": {"sha256=" + hex.EncodeToString(mac.Sum(nil))}}, Body: []byte(body)}
}

func TestReadHook(t *testing.T) {
	t.Parallel()
	const at = `"timestamp":"2026-05-04T10:11:12Z"`
	for name, c := range map[string]struct {
		body string
		want []targets.HookEvent
	}{
		"updated": {`{"type":"issue.updated",` + at + `,"data":{"issue":{"id":14,"project":{"id":1,"name":"Push"},"status":{"id":5,"name":"Closed","is_closed":true},"subject":"A wish"},` +
			`"journal":{"id":3,"notes":"","user":{"id":2,"name":"Jane"},"details":[{"property":"attr","prop_key":"status_id","old_value":"1","value":"5"}]}}}`, []targets.HookEvent{{ID: "14"}}},
		"created": {`{"type":"issue.created",` + at + `,"data":{"issue":{"id":15,"subject":"A wish"}}}`, []targets.HookEvent{{ID: "15"}}},
		"deleted": {`{"type":"issue.deleted",` + at + `,"data":{"issue":{"id":14}}}`, []targets.HookEvent{{ID: "14", Gone: true}}},
		"a page":  {`{"type":"wiki_page.updated",` + at + `,"data":{"wiki_page":{"title":"Wiki"}}}`, nil},
		"an hour": {`{"type":"time_entry.created",` + at + `,"data":{"time_entry":{"id":7,"issue":{"id":14}}}}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := redmine.Kind().ReadHook(secret.New(hookSecret), hook(hookSecret, c.body))
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestReadHookRefuses(t *testing.T) {
	t.Parallel()
	good := `{"type":"issue.updated","data":{"issue":{"id":14}}}`
	changed := hook(hookSecret, good)
	changed.Body = append(changed.Body, ' ')
	bare := hook(hookSecret, good)
	bare.Header.Set("X-Redmine-Signature-256", bare.Header.Get("X-Redmine-Signature-256")[len("sha256="):])
	for name, c := range map[string]struct {
		secret string
		hook   targets.Hook
		kind   fault.Kind
	}{
		"another secret":         {hookSecret, hook("another", good), fault.Unauthorized},
		"another body":           {hookSecret, changed, fault.Unauthorized},
		"no algorithm":           {hookSecret, bare, fault.Unauthorized},
		"no signature":           {hookSecret, targets.Hook{Body: []byte(good)}, fault.Unauthorized},
		"no secret of ours":      {"", hook("", good), fault.Unauthorized},
		"garbage":                {hookSecret, hook(hookSecret, `{"type":`), fault.Invalid},
		"another body's":         {hookSecret, hook(hookSecret, `{"action":"opened"}`), fault.Invalid},
		"no issue":               {hookSecret, hook(hookSecret, `{"type":"issue.updated","data":{}}`), fault.Invalid},
		"an issue without an id": {hookSecret, hook(hookSecret, `{"type":"issue.updated","data":{"issue":{"id":"14"}}}`), fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := redmine.Kind().ReadHook(secret.New(c.secret), c.hook)
			require.Error(t, err)
			require.Equal(t, c.kind, fault.KindOf(err))
		})
	}
}

func FuzzReadHook(f *testing.F) {
	f.Add(`{"type":"issue.deleted","data":{"issue":{"id":1}}}`)
	f.Add(`{"type":"issue.","data":{"issue":{"id":-1}}}`)
	f.Add(`{"type":".","data":null}`)
	for _, text := range boundtest.JSON() {
		f.Add(text)
	}
	f.Add(boundtest.Fill(`{"type":"issue.updated","data":{"issue":{"id":1},"journal":{"details":[`, `{"property":"attr"},`, `{}]}}}`))
	f.Fuzz(func(t *testing.T, body string) {
		var events []targets.HookEvent
		var err error
		given := hook(hookSecret, body)
		boundtest.Memory(t, len(body), boundtest.Limit{Base: 16 << 10, PerByte: 16}, func() { events, err = redmine.Kind().ReadHook(secret.New(hookSecret), given) })
		for _, e := range events {
			if err != nil || e.ID == "" || e.ID == "0" {
				t.Fatalf("%+v beside %v", e, err)
			}
		}
		if _, err := redmine.Kind().ReadHook(secret.New(hookSecret), hook("wrong", body)); err == nil {
			t.Fatalf("a wrong signature was taken: %v", err)
		}
	})
}
