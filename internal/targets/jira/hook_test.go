package jira_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/proof/boundtest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/jira"
)

const hookSecret = "It's a Secret to Everybody"

func sign(body []byte) string {
	mac := hmac.New(sha256.New, []byte(hookSecret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func hook(body []byte, signature string) targets.Hook {
	return targets.Hook{Body: body, Now: time.Now(), Header: http.Header{"X-Hub-Signature": {signature}, "X-Atlassian-Webhook-Identifier": {"d-1"}}}
}

func TestReadHook(t *testing.T) {
	t.Parallel()
	updated, err := os.ReadFile(filepath.Join("testdata", "hook.updated.json"))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		body      string
		signature string // empty: the right one
		key       string
		want      []targets.HookEvent
		kind      fault.Kind
	}{
		// Jira's timestamp is old: a delivery is tried again for a while, with
		// the same body.
		"updated":           {body: string(updated), want: []targets.HookEvent{{Delivery: "d-1", ID: "10002"}}},
		"deleted":           {body: `{"timestamp":1,"webhookEvent":"jira:issue_deleted","issue":{"id":"10002","key":"ENG-3"}}`, want: []targets.HookEvent{{Delivery: "d-1", ID: "10002", Gone: true}}},
		"number as an id":   {body: `{"webhookEvent":"comment_created","issue":{"id":10002}}`, want: []targets.HookEvent{{Delivery: "d-1", ID: "10002"}}},
		"of no issue":       {body: `{"webhookEvent":"jira:version_released","version":{"id":"1"}}`},
		"wrong signature":   {body: string(updated), signature: sign([]byte("other")), kind: fault.Unauthorized},
		"changed body":      {body: string(updated) + " ", signature: sign(updated), kind: fault.Unauthorized},
		"no signature":      {body: string(updated), signature: "none", kind: fault.Unauthorized},
		"weaker method":     {body: string(updated), signature: "sha1=" + sign(updated)[7:], kind: fault.Unauthorized},
		"not hexadecimal":   {body: string(updated), signature: "sha256=zz", kind: fault.Unauthorized},
		"no secret is set":  {body: string(updated), key: "-", kind: fault.Unauthorized},
		"garbage":           {body: `{"webhookEvent":`, kind: fault.Invalid},
		"no event":          {body: `{"issue":{"id":"1"}}`, kind: fault.Invalid},
		"id that is a path": {body: `{"webhookEvent":"jira:issue_updated","issue":{"id":"../1"}}`, kind: fault.Invalid},
		"id missing":        {body: `{"webhookEvent":"jira:issue_updated","issue":{}}`, kind: fault.Invalid},
		"list":              {body: `[]`, kind: fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			signature, key := c.signature, hookSecret
			if signature == "" {
				signature = sign([]byte(c.body))
			}
			if c.key == "-" {
				key = ""
			}
			got, err := jira.Kind().ReadHook(secret.New(key), hook([]byte(c.body), signature))
			if c.kind != fault.Internal {
				require.Error(t, err)
				require.Equal(t, c.kind, fault.KindOf(err))
				require.Empty(t, got)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

// Whatever comes in, signed or not: no panic, and an event only of a number.
func FuzzReadHook(f *testing.F) {
	f.Add([]byte(`{"webhookEvent":"jira:issue_updated","issue":{"id":"10002"}}`), "sha256=00", true)
	f.Add([]byte(`{"issue":null}`), "", true)
	f.Add([]byte(`{}`), "sha256", false)
	for _, text := range boundtest.JSON() {
		f.Add([]byte(text), "", true)
	}
	f.Add([]byte(boundtest.Fill(`{"webhookEvent":"jira:issue_updated","issue":{"id":"10002","fields":[`, `"\u003c",`, `0]}}`)), "", true)
	f.Fuzz(func(t *testing.T, body []byte, signature string, right bool) {
		if right {
			signature = sign(body)
		}
		var events []targets.HookEvent
		var err error
		given := hook(body, signature)
		boundtest.Memory(t, len(body), boundtest.Limit{Base: 16 << 10, PerByte: 64}, func() { events, err = jira.Kind().ReadHook(secret.New(hookSecret), given) })
		if err != nil && len(events) > 0 {
			t.Fatal("an error and events")
		}
		if !right && signature != sign(body) && err == nil {
			t.Fatal("unsigned, and taken")
		}
		for _, e := range events {
			if e.ID == "" || len(e.ID) > 18 {
				t.Fatalf("id %q", e.ID)
			}
		}
	})
}
