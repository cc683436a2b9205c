package gitlab_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/proof/boundtest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/gitlab"
)

const signingToken = "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q="

func now() time.Time { return time.Unix(1_770_000_000, 0) }

// signed is a webhook as GitLab signs it with a signing token.
func signed(tb testing.TB, at time.Time, body string) targets.Hook {
	tb.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(signingToken, "whsec_"))
	require.NoError(tb, err)
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("msg-1." + stamp + "." + body))
	return targets.Hook{Now: now(), Body: []byte(body), Header: http.Header{
		"Webhook-Id": {"msg-1"}, "Webhook-Timestamp": {stamp},
		"Webhook-Signature": {"v1,AAAA v1,not-base64 v2,x v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))}}}
}

func sample(tb testing.TB, name string) string {
	tb.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(tb, err)
	return string(raw)
}

func TestReadHook(t *testing.T) {
	t.Parallel()
	issue := sample(t, "hook.issue.json")
	event := []targets.HookEvent{{Delivery: "msg-1", ID: "23"}}
	plain := func(token, body string) targets.Hook {
		return targets.Hook{Now: now(), Body: []byte(body), Header: http.Header{"X-Gitlab-Token": {token}, "Idempotency-Key": {"msg-1"}}}
	}
	changed := signed(t, now(), issue)
	changed.Body = []byte(strings.Replace(issue, "23", "24", 1))
	otherID := signed(t, now(), issue)
	otherID.Header.Set("Webhook-Id", "msg-2")
	without := signed(t, now(), issue)
	without.Header.Del("Webhook-Timestamp")
	for name, c := range map[string]struct {
		signing string
		hook    targets.Hook
		want    []targets.HookEvent
		kind    fault.Kind // Internal: none
	}{
		"signing token":                {signingToken, signed(t, now(), issue), event, 0},
		"a little late":                {signingToken, signed(t, now().Add(-4*time.Minute), issue), event, 0},
		"a task":                       {signingToken, signed(t, now(), `{"object_kind":"work_item","object_attributes":{"iid":23}}`), event, 0},
		"something else":               {signingToken, signed(t, now(), `{"object_kind":"push"}`), nil, 0},
		"old":                          {signingToken, signed(t, now().Add(-6*time.Minute), issue), nil, fault.Unauthorized},
		"from the future":              {signingToken, signed(t, now().Add(6*time.Minute), issue), nil, fault.Unauthorized},
		"changed":                      {signingToken, changed, nil, fault.Unauthorized},
		"another id":                   {signingToken, otherID, nil, fault.Unauthorized},
		"no timestamp":                 {signingToken, without, nil, fault.Unauthorized},
		"no downgrade to a token":      {signingToken, plain(signingToken, issue), nil, fault.Unauthorized},
		"a signing token that is none": {"whsec_!", signed(t, now(), issue), nil, fault.Unauthorized},
		"secret token":                 {"s3cret", plain("s3cret", issue), event, 0},
		"another secret token":         {"s3cret", plain("s3cre", issue), nil, fault.Unauthorized},
		"no secret token":              {"s3cret", targets.Hook{Now: now(), Body: []byte(issue)}, nil, fault.Unauthorized},
		"no secret at all":             {"", targets.Hook{Now: now(), Body: []byte(issue)}, nil, fault.Unauthorized},
		"garbage":                      {"s3cret", plain("s3cret", "<html>"), nil, fault.Invalid},
		"no kind":                      {"s3cret", plain("s3cret", "{}"), nil, fault.Invalid},
		"no issue":                     {"s3cret", plain("s3cret", `{"object_kind":"issue"}`), nil, fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := gitlab.Kind().ReadHook(secret.New(c.signing), c.hook)
			require.Equal(t, c.want, got)
			if c.kind == fault.Internal {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			require.Equal(t, c.kind, fault.KindOf(err))
			if c.signing != "" {
				require.NotContains(t, err.Error(), c.signing)
			}
		})
	}
}

// Whatever is signed well: no panic, and an event names an issue.
func FuzzReadHook(f *testing.F) {
	f.Add(sample(f, "hook.issue.json"))
	f.Add(`{"object_kind":"note","object_attributes":{"iid":1}}`)
	f.Add(`[]`)
	for _, text := range boundtest.JSON() {
		f.Add(text)
	}
	f.Add(boundtest.Fill(`{"object_kind":"issue","object_attributes":{"iid":1},"changes":[`, `"\u003c",`, `0]}`))
	f.Fuzz(func(t *testing.T, body string) {
		var events []targets.HookEvent
		var err error
		given := signed(t, now(), body)
		boundtest.Memory(t, len(body), boundtest.Limit{Base: 16 << 10, PerByte: 64}, func() { events, err = gitlab.Kind().ReadHook(secret.New(signingToken), given) })
		if err != nil && fault.KindOf(err) != fault.Invalid {
			t.Fatalf("signed well, and yet %v", err)
		}
		for _, e := range events {
			if n, err := strconv.Atoi(e.ID); err != nil || n <= 0 {
				t.Fatalf("%q is no issue", e.ID)
			}
		}
	})
}
