package github_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"github.com/stretchr/testify/require"
	"net/http"
	"net/url"
	"testing"

	"pushbutton/internal/fault"
	"pushbutton/internal/proof/boundtest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/github"
)

const signing = "it is signed with this"

func signature(key, body string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func hook(event, contentType, body string) targets.Hook {
	h := http.Header{}
	h.Set("X-GitHub-Event", event)
	h.Set("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
	h.Set("X-Hub-Signature-256", signature(signing, body))
	h.Set("Content-Type", contentType)
	return targets.Hook{Header: h, Body: []byte(body)}
}

func TestReadHook(t *testing.T) {
	t.Parallel()
	const delivery = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
	issue := func(action string) string {
		return `{"action":"` + action + `","issue":{"number":7,"state":"open"},"repository":{"full_name":"acme/app"}}`
	}
	for name, c := range map[string]struct {
		event, body string
		want        []targets.HookEvent
	}{
		"closed":      {"issues", issue("closed"), []targets.HookEvent{{Delivery: delivery, ID: "7"}}},
		"deleted":     {"issues", issue("deleted"), []targets.HookEvent{{Delivery: delivery, ID: "7", Gone: true}}},
		"transferred": {"issues", issue("transferred"), []targets.HookEvent{{Delivery: delivery, ID: "7", Gone: true}}},
		"ping":        {"ping", `{"zen":"Keep it logically awesome."}`, nil},
		"comment":     {"issue_comment", issue("created"), nil},
	} {
		for contentType, body := range map[string]string{"application/json": c.body, "application/x-www-form-urlencoded": "payload=" + url.QueryEscape(c.body)} {
			got, err := github.Kind().ReadHook(secret.New(signing), hook(c.event, contentType, body))
			require.NoError(t, err, name)
			require.Equal(t, c.want, got, name)
		}
	}
}

func TestReadHookRefuses(t *testing.T) {
	t.Parallel()
	good := `{"action":"closed","issue":{"number":7}}`
	resigned := func(header string) targets.Hook {
		h := hook("issues", "application/json", good)
		h.Header.Set("X-Hub-Signature-256", header)
		return h
	}
	for name, c := range map[string]struct {
		signing string
		h       targets.Hook
		want    fault.Kind
	}{
		"another secret": {signing, resigned(signature("another", good)), fault.Unauthorized},
		"another body":   {signing, resigned(signature(signing, good+" ")), fault.Unauthorized},
		"SHA-1":          {signing, resigned("sha1=" + signature(signing, good)[7:]), fault.Unauthorized},
		"unsigned":       {signing, resigned(""), fault.Unauthorized},
		"no secret":      {"", resigned(signature("", good)), fault.Unauthorized},
		"no JSON":        {signing, hook("issues", "application/json", "payload={}"), fault.Invalid},
		"no issue":       {signing, hook("issues", "application/json", `{"action":"closed"}`), fault.Invalid},
		"no form":        {signing, hook("issues", "application/x-www-form-urlencoded", "%zz"), fault.Invalid},
	} {
		got, err := github.Kind().ReadHook(secret.New(c.signing), c.h)
		require.Equal(t, c.want, fault.KindOf(err), name)
		require.Error(t, err, name)
		require.Empty(t, got, name)
	}
}

func FuzzReadHook(f *testing.F) {
	f.Add("issues", "application/json", `{"action":"closed","issue":{"number":7}}`)
	f.Add("issues", "application/x-www-form-urlencoded", "payload=%7B%22issue%22%3A%7B%22number%22%3A-1%7D%7D")
	f.Add("ping", "", "[]")
	for _, text := range boundtest.JSON() {
		f.Add("issues", "application/json", text)
	}
	f.Add("issues", "application/x-www-form-urlencoded", boundtest.Fill("payload=", "%5B%7B%7D", ""))
	f.Fuzz(func(t *testing.T, event, contentType, body string) {
		var got []targets.HookEvent
		var err error
		given := hook(event, contentType, body)
		boundtest.Memory(t, len(body), boundtest.Limit{Base: 16 << 10, PerByte: 64}, func() { got, err = github.Kind().ReadHook(secret.New(signing), given) })
		for _, e := range got {
			if err != nil || e.ID == "" || e.ID[0] == '-' || e.ID == "0" {
				t.Errorf("%v %v", got, err)
			}
		}
	})
}
