package asana_test

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
	"pushbutton/internal/targets/asana"
)

const hookSecret = "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81"

func hook(key, body string) targets.Hook {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	return targets.Hook{Header: http.Header{"X-Hook-Signature": {hex.EncodeToString(mac.Sum(nil))}}, Body: []byte(body)}
}

// The shapes are those of Asana's page on web hooks.
func TestReadHook(t *testing.T) {
	t.Parallel()
	const user = `"user":{"gid":"1","resource_type":"user"},"created_at":"2026-01-01T00:00:00.000Z"`
	for name, c := range map[string]struct {
		body string
		want []targets.HookEvent
	}{
		"changed, twice": {`{"events":[{` + user + `,"action":"changed","resource":{"gid":"12","resource_type":"task","resource_subtype":"default_task"},"parent":null,"change":{"field":"completed","action":"changed"}},
			{` + user + `,"action":"changed","resource":{"gid":"12","resource_type":"task"},"parent":null,"change":{"field":"name","action":"changed"}}]}`, []targets.HookEvent{{ID: "12"}}},
		"deleted":           {`{"events":[{` + user + `,"action":"deleted","resource":{"gid":"12","resource_type":"task"},"parent":null}]}`, []targets.HookEvent{{ID: "12", Gone: true}}},
		"to another column": {`{"events":[{` + user + `,"action":"removed","resource":{"gid":"12","resource_type":"task"},"parent":{"gid":"3","resource_type":"section"}}]}`, []targets.HookEvent{{ID: "12"}}},
		"a remark":          {`{"events":[{` + user + `,"action":"added","resource":{"gid":"99","resource_type":"story"},"parent":{"gid":"12","resource_type":"task"}}]}`, nil},
		"heartbeat":         {`{"events":[]}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := asana.Kind().ReadHook(secret.New(hookSecret), hook(hookSecret, c.body))
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestReadHookRefuses(t *testing.T) {
	t.Parallel()
	good := `{"events":[]}`
	changed := hook(hookSecret, good)
	changed.Body = []byte(`{"events":[] }`)
	for name, c := range map[string]struct {
		secret string
		hook   targets.Hook
		kind   fault.Kind
	}{
		"another secret":  {hookSecret, hook("another", good), fault.Unauthorized},
		"another body":    {hookSecret, changed, fault.Unauthorized},
		"no signature":    {hookSecret, targets.Hook{Body: []byte(good)}, fault.Unauthorized},
		"no hex":          {hookSecret, targets.Hook{Header: http.Header{"X-Hook-Signature": {"zz"}}, Body: []byte(good)}, fault.Unauthorized},
		"no secret of us": {"", hook("", good), fault.Unauthorized},
		"garbage":         {hookSecret, hook(hookSecret, `{"events":`), fault.Invalid},
		"no events":       {hookSecret, hook(hookSecret, `{"action":"opened"}`), fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := asana.Kind().ReadHook(secret.New(c.secret), c.hook)
			require.Error(t, err)
			require.Equal(t, c.kind, fault.KindOf(err))
		})
	}
}

func FuzzReadHook(f *testing.F) {
	f.Add(`{"events":[{"action":"deleted","resource":{"gid":"12","resource_type":"task"},"parent":null}]}`)
	f.Add(`{"events":null}`)
	f.Add(`[]`)
	for _, text := range boundtest.JSON() {
		f.Add(text)
	}
	f.Add(boundtest.Fill(`{"events":[`, `{"action":"deleted","resource":{"gid":"12","resource_type":"task"}},`, `{}]}`))
	f.Fuzz(func(t *testing.T, body string) {
		var events []targets.HookEvent
		var err error
		given := hook(hookSecret, body)
		boundtest.Memory(t, len(body), boundtest.Limit{Base: 16 << 10, PerByte: 64}, func() { events, err = asana.Kind().ReadHook(secret.New(hookSecret), given) })
		for _, e := range events {
			if err != nil || e.ID == "" {
				t.Fatalf("%+v beside %v", e, err)
			}
		}
		if _, err := asana.Kind().ReadHook(secret.New(hookSecret), hook("wrong", body)); err == nil {
			t.Fatalf("a wrong signature was taken: %v", err)
		}
	})
}
