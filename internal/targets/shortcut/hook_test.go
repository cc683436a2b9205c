package shortcut_test

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
	"pushbutton/internal/targets/shortcut"
)

const hookSecret = "hook-secret"

func hook(key, body string) targets.Hook {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	return targets.Hook{Header: http.Header{"Payload-Signature": {hex.EncodeToString(mac.Sum(nil))}}, Body: []byte(body)}
}

// The shapes are those of Shortcut's page on outgoing web hooks.
func TestReadHook(t *testing.T) {
	t.Parallel()
	const head = `"id":"595285dc-9c43-4b9c-a1e6-0cd9aff5b084","changed_at":"2017-06-27T16:20:44Z","primary_id":16927,"member_id":"56d8a839-1c52-437f-b981-c3a15a11d6d4","version":"v1"`
	event := targets.HookEvent{Delivery: "595285dc-9c43-4b9c-a1e6-0cd9aff5b084", ID: "16927"}
	gone := event
	gone.Gone = true
	for name, c := range map[string]struct {
		body string
		want []targets.HookEvent
	}{
		"moved":    {`{` + head + `,"actions":[{"id":16927,"entity_type":"story","action":"update","name":"test","changes":{"workflow_state_id":{"new":1495,"old":1493}}}],"references":[]}`, []targets.HookEvent{event}},
		"remark":   {`{` + head + `,"actions":[{"id":7,"entity_type":"story-comment","action":"create","text":"x"},{"id":16927,"entity_type":"story","action":"update"},{"id":16927,"entity_type":"story","action":"update"}]}`, []targets.HookEvent{event}},
		"deleted":  {`{` + head + `,"actions":[{"id":16927,"entity_type":"story","action":"delete"}]}`, []targets.HookEvent{gone}},
		"an epic":  {`{` + head + `,"actions":[{"id":3,"entity_type":"epic","action":"update"}]}`, nil},
		"a branch": {`{` + head + `,"actions":[{"id":"b","entity_type":"branch","action":"push"},{"entity_type":"story"}]}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := shortcut.Kind().ReadHook(secret.New(hookSecret), hook(hookSecret, c.body))
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestReadHookRefuses(t *testing.T) {
	t.Parallel()
	good := `{"id":"1","actions":[]}`
	changed := hook(hookSecret, good)
	changed.Body = append(changed.Body, ' ')
	for name, c := range map[string]struct {
		secret string
		hook   targets.Hook
		kind   fault.Kind
	}{
		"another secret":  {hookSecret, hook("another", good), fault.Unauthorized},
		"another body":    {hookSecret, changed, fault.Unauthorized},
		"no signature":    {hookSecret, targets.Hook{Body: []byte(good)}, fault.Unauthorized},
		"no secret of us": {"", hook("", good), fault.Unauthorized},
		"garbage":         {hookSecret, hook(hookSecret, `{"id":`), fault.Invalid},
		"another body's":  {hookSecret, hook(hookSecret, `{"action":"opened"}`), fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := shortcut.Kind().ReadHook(secret.New(c.secret), c.hook)
			require.Error(t, err)
			require.Equal(t, c.kind, fault.KindOf(err))
		})
	}
}

func FuzzReadHook(f *testing.F) {
	f.Add(`{"id":"1","actions":[{"id":1,"entity_type":"story","action":"delete"}]}`)
	f.Add(`{"actions":null}`)
	f.Add(`{"actions":[{"id":1e9,"entity_type":"story"}]}`)
	for _, text := range boundtest.JSON() {
		f.Add(text)
	}
	f.Add(boundtest.Fill(`{"id":"1","actions":[`, `{"id":1,"entity_type":"story","action":"delete"},`, `{}]}`))
	f.Fuzz(func(t *testing.T, body string) {
		var events []targets.HookEvent
		var err error
		given := hook(hookSecret, body)
		boundtest.Memory(t, len(body), boundtest.Limit{Base: 16 << 10, PerByte: 64}, func() { events, err = shortcut.Kind().ReadHook(secret.New(hookSecret), given) })
		for _, e := range events {
			if err != nil || e.ID == "" || e.ID == "0" {
				t.Fatalf("%+v beside %v", e, err)
			}
		}
		if _, err := shortcut.Kind().ReadHook(secret.New(hookSecret), hook("wrong", body)); err == nil {
			t.Fatalf("a wrong signature was taken: %v", err)
		}
	})
}
