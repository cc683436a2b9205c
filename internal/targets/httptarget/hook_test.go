package httptarget_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/proof/boundtest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/httptarget"
	"pushbutton/internal/targets/settings"
)

const hookSecret = "hook-secret-canary"

// hooked are the settings of a tracker whose webhooks are described.
func hooked(webhook m) m {
	return m{"name": "Tracker", "create": m{"url": "https://h/issues"}, "read": m{"url": "https://h/issues/{{.ID}}"}, "issue": m{"id": "$.id", "idPattern": "[A-Z0-9-]+"}, "webhook": webhook}
}

func sum(key, body string) []byte {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	return mac.Sum(nil)
}

func hook(header, value, body string) targets.Hook {
	return targets.Hook{Header: http.Header{http.CanonicalHeaderKey(header): {value}, "X-Delivery": {"d-1"}}, Body: []byte(body)}
}

func TestReadHook(t *testing.T) {
	t.Parallel()
	const body = `{"event":"changed","issue":{"id":7,"title":"x"},"more":[{"id":"A-1"},{"id":"A-2"},{"id":"A-1"},{"id":"a b"},{"id":null},{"id":true}]}`
	for name, c := range map[string]struct {
		webhook m
		value   string
		want    []targets.HookEvent
	}{
		"hex":             {m{"signature": "X-Signature", "id": "$.issue.id"}, hex.EncodeToString(sum(hookSecret, body)), []targets.HookEvent{{ID: "7"}}},
		"upper-case hex":  {m{"signature": "X-Signature", "id": "$.issue.id"}, strings.ToUpper(hex.EncodeToString(sum(hookSecret, body))), []targets.HookEvent{{ID: "7"}}},
		"prefix":          {m{"signature": "x-signature", "prefix": "sha256=", "algorithm": "sha256", "id": "$.issue.id", "delivery": "x-delivery"}, "sha256=" + hex.EncodeToString(sum(hookSecret, body)), []targets.HookEvent{{ID: "7", Delivery: "d-1"}}},
		"base64, several": {m{"signature": "X-Signature", "encoding": "base64", "id": "$.more[*].id"}, base64.StdEncoding.EncodeToString(sum(hookSecret, body)), []targets.HookEvent{{ID: "A-1"}, {ID: "A-2"}}},
		"something else":  {m{"signature": "X-Signature", "id": "$.page.id"}, hex.EncodeToString(sum(hookSecret, body)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := mustOpen(t, hooked(c.webhook), nil)
			require.True(t, target.ReadsHooks())
			got, err := target.ReadHook(secret.New(hookSecret), hook("X-Signature", c.value, body))
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestReadHookBounds(t *testing.T) {
	t.Parallel()
	target := mustOpen(t, hooked(m{"signature": "X-Signature", "id": "$[*]", "delivery": "X-Delivery"}), nil)
	var all []string
	for i := range 1000 {
		all = append(all, strconv.Itoa(i))
	}
	body := "[" + strings.Join(all, ",") + "]"
	h := hook("X-Signature", hex.EncodeToString(sum(hookSecret, body)), body)
	h.Header.Set("X-Delivery", strings.Repeat("d", 1000))
	got, err := target.ReadHook(secret.New(hookSecret), h)
	require.NoError(t, err)
	require.Len(t, got, 100)
	require.Len(t, got[0].Delivery, 100)
}

// What is refused shows nothing of the secret, nor of the right signature.
func TestReadHookRefuses(t *testing.T) {
	t.Parallel()
	const good = `{"issue":{"id":7}}`
	plain := hex.EncodeToString(sum(hookSecret, good))
	signed := func(body string) targets.Hook {
		return hook("X-Signature", "sha256="+hex.EncodeToString(sum(hookSecret, body)), body)
	}
	changed := signed(good)
	changed.Body = append(changed.Body, ' ')
	for name, c := range map[string]struct {
		secret string
		hook   targets.Hook
		kind   fault.Kind
	}{
		"another secret":    {"another", signed(good), fault.Unauthorized},
		"another body":      {hookSecret, changed, fault.Unauthorized},
		"no prefix":         {hookSecret, hook("X-Signature", plain, good), fault.Unauthorized},
		"another header":    {hookSecret, hook("X-Other", "sha256="+plain, good), fault.Unauthorized},
		"half a signature":  {hookSecret, hook("X-Signature", "sha256="+plain[:32], good), fault.Unauthorized},
		"a long signature":  {hookSecret, hook("X-Signature", "sha256="+strings.Repeat(plain, 1000), good), fault.Unauthorized},
		"in base64":         {hookSecret, hook("X-Signature", "sha256="+base64.StdEncoding.EncodeToString(sum(hookSecret, good)), good), fault.Unauthorized},
		"empty":             {hookSecret, hook("X-Signature", "sha256=", good), fault.Unauthorized},
		"no secret of ours": {"", hook("X-Signature", "sha256="+hex.EncodeToString(sum("", good)), good), fault.Unauthorized},
		"garbage":           {hookSecret, signed(`{"issue":`), fault.Invalid},
		"two values":        {hookSecret, signed(good + good), fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := mustOpen(t, hooked(m{"signature": "X-Signature", "prefix": "sha256=", "id": "$.issue.id"}), nil).ReadHook(secret.New(c.secret), c.hook)
			require.Error(t, err)
			require.Equal(t, c.kind, fault.KindOf(err))
			for _, text := range []string{err.Error(), fault.From(err).Public, fmt.Sprintf("%+v", err)} {
				require.NotContains(t, text, hookSecret)
				require.NotContains(t, text, plain)
			}
		})
	}
}

func TestWebhookSettings(t *testing.T) {
	t.Parallel()
	target := mustOpen(t, m{"create": m{"url": "https://h/issues"}}, nil)
	require.False(t, target.ReadsHooks(), "nothing describes them")
	_, err := target.ReadHook(secret.New(hookSecret), hook("X-Signature", "x", "{}"))
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	_, err = httptarget.Kind().ReadHook(secret.New(hookSecret), hook("X-Signature", hex.EncodeToString(sum(hookSecret, "{}")), "{}"))
	require.Equal(t, fault.Unauthorized, fault.KindOf(err), "without settings nothing says how")

	noRead := hooked(m{"signature": "X-Signature", "id": "$.id"})
	delete(noRead, "read")
	for name, c := range map[string]struct {
		settings m
		want     []string
	}{
		"nothing":         {hooked(m{}), []string{"settings.webhook.id is required (for example $.issue.id)", "settings.webhook.signature is required (for example X-Hub-Signature-256)"}},
		"headers":         {hooked(m{"signature": "X Signature", "id": "$.id", "delivery": "a:b", "prefix": "a\nb"}), []string{"settings.webhook.delivery is not the name of a header", "settings.webhook.prefix must be at most 100 bytes that can stand in a header", "settings.webhook.signature is not the name of a header"}},
		"a long prefix":   {hooked(m{"signature": "X-Signature", "id": "$.id", "prefix": strings.Repeat("p", 101)}), []string{"settings.webhook.prefix must be at most 100 bytes that can stand in a header"}},
		"another hash":    {hooked(m{"signature": "X-Signature", "id": "$.id", "algorithm": "sha1", "encoding": "hexx"}), []string{"settings.webhook.algorithm must be one of sha256", "settings.webhook.encoding must be one of hex, base64 (did you mean hex?)"}},
		"no path":         {hooked(m{"signature": "X-Signature", "id": "issue.id"}), []string{"settings.webhook.id is not a JSONPath: unexpected identifier at position 1"}},
		"an endless path": {hooked(m{"signature": "X-Signature", "id": "$..a..b"}), []string{"settings.webhook.id must be a JSONPath of at most 500 bytes with at most one .. and one filter, which does not begin at $ again"}},
		"a slip":          {hooked(m{"signature": "X-Signature", "id": "$.id", "prefx": "x"}), []string{"settings.webhook.prefx is not known (did you mean prefix?)"}},
		"no read":         {noRead, []string{"settings.webhook needs settings.read, which is sent for each issue that a webhook names"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := open(t, c.settings, nil, targets.Deps{})
			var fields settings.FieldErrors
			require.ErrorAs(t, err, &fields)
			got := map[string]bool{}
			for _, f := range fields {
				got[f.Error()] = true
			}
			require.Equal(t, c.want, slices.Sorted(maps.Keys(got)))
		})
	}
}

func FuzzReadHook(f *testing.F) {
	f.Add(`{"issue":{"id":1}}`, "$.issue.id")
	f.Add(`{"a":[{"id":"x"},{"id":"y"}]}`, "$..id")
	for _, text := range boundtest.JSON() {
		f.Add(text, "$..a")
	}
	f.Add(boundtest.Fill(`[`, `{"id":"A"},`, `{}]`), "$[?@.id == 'A'].id")
	f.Fuzz(func(t *testing.T, body, where string) {
		target, err := open(t, hooked(m{"signature": "X-Signature", "id": where}), nil, targets.Deps{})
		if err != nil {
			return
		}
		var events []targets.HookEvent
		given := hook("X-Signature", hex.EncodeToString(sum(hookSecret, body)), body)
		boundtest.Memory(t, len(body), boundtest.Limit{Base: 1 << 20, PerByte: 512}, func() { events, err = target.ReadHook(secret.New(hookSecret), given) })
		for _, e := range events {
			if err != nil || e.ID == "" {
				t.Fatalf("%+v beside %v", e, err)
			}
		}
		if _, err := target.ReadHook(secret.New("wrong"), given); err == nil {
			t.Fatal("a wrong signature was taken")
		}
	})
}
