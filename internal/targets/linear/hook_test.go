package linear_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/proof/boundtest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/linear"
)

const (
	signing = "lin_wh_0a0b0c"
	hookID  = "2174add1-f7c8-44e3-bbf3-2d60b5ea8bc9"
)

func now() time.Time { return time.UnixMilli(1_770_000_000_000) }

func signed(key, body string) targets.Hook {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	return targets.Hook{Now: now(), Body: []byte(body),
		Header: http.Header{"Linear-Signature": {hex.EncodeToString(mac.Sum(nil))}, "Linear-Delivery": {"delivery-1"}}}
}

// sample is a webhook that was sent at a time.
func sample(tb testing.TB, at time.Time) string {
	tb.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "hook.issue.json"))
	require.NoError(tb, err)
	return strings.Replace(string(raw), "1770000000000", fmt.Sprint(at.UnixMilli()), 1)
}

func TestReadHook(t *testing.T) {
	t.Parallel()
	issue := sample(t, now())
	event := func(gone bool) []targets.HookEvent {
		return []targets.HookEvent{{Delivery: "delivery-1", ID: hookID, Gone: gone}}
	}
	changed := signed(signing, issue)
	changed.Body = []byte(strings.Replace(issue, hookID, "2174add1-f7c8-44e3-bbf3-2d60b5ea8bca", 1))
	header := signed(signing, sample(t, now().Add(-time.Hour)))
	header.Header.Set("Linear-Timestamp", fmt.Sprint(now().UnixMilli()))
	bare := signed(signing, issue)
	bare.Header.Del("Linear-Signature")
	for name, c := range map[string]struct {
		hook targets.Hook
		want []targets.HookEvent
		kind fault.Kind // Internal: none
	}{
		"updated":            {signed(signing, issue), event(false), 0},
		"50 seconds late":    {signed(signing, sample(t, now().Add(-50*time.Second))), event(false), 0},
		"removed":            {signed(signing, strings.Replace(issue, `"update"`, `"remove"`, 1)), event(true), 0},
		"trashed":            {signed(signing, strings.Replace(issue, `"data": {`, `"data": {"trashed": true,`, 1)), event(true), 0},
		"a comment":          {signed(signing, strings.Replace(issue, `"Issue"`, `"Comment"`, 1)), nil, 0},
		"old":                {signed(signing, sample(t, now().Add(-61*time.Second))), nil, fault.Unauthorized},
		"from the future":    {signed(signing, sample(t, now().Add(61*time.Second))), nil, fault.Unauthorized},
		"time in the header": {header, nil, fault.Unauthorized},
		"another key":        {signed("lin_wh_other", issue), nil, fault.Unauthorized},
		"changed":            {changed, nil, fault.Unauthorized},
		"not signed":         {bare, nil, fault.Unauthorized},
		"garbage":            {signed(signing, "<html>"), nil, fault.Invalid},
		"no time":            {signed(signing, `{"type":"Issue","data":{"id":"`+hookID+`"}}`), nil, fault.Invalid},
		"no issue":           {signed(signing, strings.Replace(issue, hookID, "ENG-1", 1)), nil, fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := linear.Kind().ReadHook(secret.New(signing), c.hook)
			require.Equal(t, c.want, got)
			if c.kind == fault.Internal {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			require.Equal(t, c.kind, fault.KindOf(err))
			require.NotContains(t, err.Error(), signing)
		})
	}
	_, err := linear.Kind().ReadHook(secret.String{}, signed("", issue))
	require.Equal(t, fault.Unauthorized, fault.KindOf(err), "no secret, no trust")
}

// Whatever is signed well: no panic, and an event names an issue.
func FuzzReadHook(f *testing.F) {
	f.Add(sample(f, now()))
	f.Add(`{"type":"Issue","webhookTimestamp":9223372036854775807,"data":{"id":"` + hookID + `"}}`)
	f.Add(`[]`)
	for _, text := range boundtest.JSON() {
		f.Add(text)
	}
	f.Add(boundtest.Fill(`{"type":"Issue","data":{"id":"`+hookID+`"},"updatedFrom":[`, `"\u003c",`, `0]}`))
	f.Fuzz(func(t *testing.T, body string) {
		var events []targets.HookEvent
		var err error
		given := signed(signing, body)
		boundtest.Memory(t, len(body), boundtest.Limit{Base: 16 << 10, PerByte: 64}, func() { events, err = linear.Kind().ReadHook(secret.New(signing), given) })
		if err == nil {
			for _, e := range events {
				if len(e.ID) != len(hookID) {
					t.Fatalf("%q is no issue", e.ID)
				}
			}
		}
	})
}
