package gitea_test

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
	"pushbutton/internal/targets/gitea"
)

const signing = "it is signed with this"

func digest(key, body string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

// hook is a delivery; headers is name, value, name, value...
func hook(body string, headers ...string) targets.Hook {
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return targets.Hook{Header: h, Body: []byte(body)}
}

const delivery = "6d4d6ab6-21d2-4c5a-a40f-3f2f4bd6dfc0"

func TestReadHook(t *testing.T) {
	t.Parallel()
	body := `{"action":"label_updated","number":7,"issue":{"number":7,"state":"open"},"repository":{"full_name":"acme/app"}}`
	gone := `{"action":"deleted","number":7,"issue":{"number":7}}`
	one := []targets.HookEvent{{Delivery: delivery, ID: "7"}}
	form := "payload=" + url.QueryEscape(body)
	for name, c := range map[string]struct {
		h    targets.Hook
		want []targets.HookEvent
	}{
		"Gitea":     {hook(body, "X-Gitea-Event", "issues", "X-Gitea-Delivery", delivery, "X-Gitea-Signature", digest(signing, body)), one},
		"as GitHub": {hook(body, "X-Gitea-Event", "issues", "X-Gitea-Delivery", delivery, "X-Hub-Signature-256", "sha256="+digest(signing, body)), one},
		"Forgejo":   {hook(body, "X-Forgejo-Event", "issues", "X-Forgejo-Delivery", delivery, "X-Forgejo-Signature", digest(signing, body)), one},
		"deleted":   {hook(gone, "X-Gitea-Event", "issues", "X-Gitea-Delivery", delivery, "X-Gitea-Signature", digest(signing, gone)), []targets.HookEvent{{Delivery: delivery, ID: "7", Gone: true}}},
		"a form":    {hook(form, "X-Gitea-Event", "issues", "X-Gitea-Delivery", delivery, "X-Gitea-Signature", digest(signing, body), "Content-Type", "application/x-www-form-urlencoded"), one},
		"a comment": {hook(body, "X-Gitea-Event", "issue_comment", "X-Gitea-Signature", digest(signing, body)), nil},
	} {
		got, err := gitea.Kind().ReadHook(secret.New(signing), c.h)
		require.NoError(t, err, name)
		require.Equal(t, c.want, got, name)
	}
}

func TestReadHookRefuses(t *testing.T) {
	t.Parallel()
	body := `{"action":"closed","issue":{"number":7}}`
	for name, c := range map[string]struct {
		signing string
		h       targets.Hook
		want    fault.Kind
	}{
		"another secret": {signing, hook(body, "X-Gitea-Event", "issues", "X-Gitea-Signature", digest("another", body)), fault.Unauthorized},
		"another body":   {signing, hook(body+" ", "X-Gitea-Event", "issues", "X-Gitea-Signature", digest(signing, body)), fault.Unauthorized},
		"one of two bad": {signing, hook(body, "X-Gitea-Event", "issues", "X-Gitea-Signature", "00", "X-Hub-Signature-256", "sha256="+digest(signing, body)), fault.Unauthorized},
		"unsigned":       {signing, hook(body, "X-Gitea-Event", "issues"), fault.Unauthorized},
		"no secret":      {"", hook(body, "X-Gitea-Event", "issues", "X-Gitea-Signature", digest("", body)), fault.Unauthorized},
		"no JSON":        {signing, hook("{", "X-Gitea-Event", "issues", "X-Gitea-Signature", digest(signing, "{")), fault.Invalid},
		"no issue":       {signing, hook("{}", "X-Gitea-Event", "issues", "X-Gitea-Signature", digest(signing, "{}")), fault.Invalid},
		"no form":        {signing, hook("%zz", "Content-Type", "application/x-www-form-urlencoded"), fault.Invalid},
	} {
		got, err := gitea.Kind().ReadHook(secret.New(c.signing), c.h)
		require.Error(t, err, name)
		require.Equal(t, c.want, fault.KindOf(err), name)
		require.Empty(t, got, name)
	}
}

func FuzzReadHook(f *testing.F) {
	f.Add("issues", "application/json", `{"action":"closed","issue":{"number":7}}`)
	f.Add("issues", "application/x-www-form-urlencoded", "payload=%7B%7D")
	for _, text := range boundtest.JSON() {
		f.Add("issues", "application/json", text)
	}
	f.Add("issues", "application/x-www-form-urlencoded", boundtest.Fill("payload=", "%5B%7B%7D", ""))
	f.Fuzz(func(t *testing.T, event, contentType, body string) {
		var got []targets.HookEvent
		var err error
		given := hook(body, "X-Gitea-Event", event, "Content-Type", contentType, "X-Gitea-Signature", digest(signing, body))
		boundtest.Memory(t, len(body), boundtest.Limit{Base: 16 << 10, PerByte: 64}, func() { got, err = gitea.Kind().ReadHook(secret.New(signing), given) })
		for _, e := range got {
			if err != nil || e.ID == "" || e.ID[0] == '-' || e.ID == "0" {
				t.Errorf("%v %v", got, err)
			}
		}
	})
}
