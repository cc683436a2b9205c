package secret

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/proof/boundtest"
)

func TestMaskHidesEveryForm(t *testing.T) {
	t.Parallel()
	const token = `s3cr+t/&"tök>en'0123456789`
	m := NewMask(token, "short", "")
	quoted, err := json.Marshal(token)
	require.NoError(t, err)
	texts := map[string]string{
		"plain": token, "query": url.QueryEscape(token), "path": url.PathEscape(token), "hex": hex.EncodeToString([]byte(token)),
		"HEX": strings.ToUpper(hex.EncodeToString([]byte(token))), "JSON": string(quoted), "HTML": html.EscapeString(token), "cut": token[:14] + "…",
		"twice": token + " " + token,
	}
	for _, user := range []string{"", "u", "us", "use", "user@example.com"} {
		texts["basic of "+user] = "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+token))
		texts["basic, URL, of "+user] = "Basic " + base64.URLEncoding.EncodeToString([]byte(user+":"+token+":more"))
	}
	for name, text := range texts {
		got := m.Hide("before " + text + " after")
		require.Contains(t, got, masked, name)
		require.True(t, strings.HasPrefix(got, "before ") && strings.HasSuffix(got, " after"), name)
		for _, part := range []string{"s3cr", "0123456789", hex.EncodeToString([]byte("0123456789")), base64.StdEncoding.EncodeToString([]byte("456789"))} {
			require.NotContains(t, got, part, name)
		}
	}
	require.Equal(t, "short words and s3cr+t/ alone", m.Hide("short words and s3cr+t/ alone"))
	require.Equal(t, "x", Mask{}.Hide("x"))
	require.Equal(t, "nothing", NewMask("abc", "").Hide("nothing"))
}

func FuzzMask(f *testing.F) {
	f.Add("token-0123456789", "user", "")
	f.Add("+/+/+/", "", "x")
	f.Add("aaaaaaaaaaaaaaaaaaaaaaab", boundtest.Fill("", "a", ""), "")
	f.Add("token-0123456789", boundtest.Fill("", "token-0123456789", ""), "")
	f.Add(boundtest.Fill("", "\"<", ""), "", "")
	f.Fuzz(func(t *testing.T, token, before, after string) {
		var got string
		text := before + token + after
		boundtest.Memory(t, len(token)+len(text), boundtest.Limit{Base: 32 << 10, PerByte: 80}, func() { got = NewMask(token).Hide(text) })
		if len(token) >= minMasked && !strings.Contains(masked, token) && !strings.Contains(before, token) && !strings.Contains(after, token) && strings.Contains(got, token) &&
			!strings.Contains(before+masked, token) && !strings.Contains(masked+after, token) && !strings.Contains(before+masked+after, token) {
			t.Errorf("%q is still in %q", token, got)
		}
		var core string
		text = base64.StdEncoding.EncodeToString([]byte(text))
		boundtest.Memory(t, len(token)+len(text), boundtest.Limit{Base: 32 << 10, PerByte: 80}, func() { core = NewMask(token).Hide(text) })
		if len(token) >= minPart && len(token) <= maxFormed && !strings.Contains(core, masked) {
			t.Errorf("%q in base64 is still in %q", token, core)
		}
	})
}

func FuzzOpen(f *testing.F) {
	ring, err := NewKeyring([]Key{key("k2", 2), key("k1", 1)})
	require.NoError(f, err)
	// One text for all processes of the fuzzing: each has its own nonces.
	const sealed = "k2:RX9mtKQOLBcyg2YDxNyg0rAn0fKRyRRALDBNNOoG2JXy8vISqtUh"
	for _, s := range []string{sealed, "", ":", "k1:", "k2:" + sealed[3:], "k1:" + sealed[3:], "k2:AAAA", "k3:AAAA", sealed + "=", sealed + "\n", strings.Replace(sealed, ":", "::", 1)} {
		f.Add(s, "acme/token")
	}
	f.Add(sealed, "other/token")
	f.Add(boundtest.Fill("k2:", "AAAA", ""), "acme/token")
	f.Add(boundtest.Fill("", "k2:", ""), "acme/token")
	f.Add(sealed, boundtest.Fill("", "/", ""))
	f.Fuzz(func(t *testing.T, text, bound string) {
		var opened String
		var err error
		boundtest.Memory(t, len(text)+len(bound), boundtest.Limit{Base: 4 << 10, PerByte: 8}, func() { opened, err = ring.Open(text, bound) })
		if err == nil && (text != sealed || bound != "acme/token") {
			t.Errorf("%q opens for %q", text, bound)
		}
		if err == nil && opened.Reveal() != canary {
			t.Error("another text came out")
		}
		if err != nil && (!opened.Empty() || strings.Contains(err.Error(), canary)) {
			t.Error("a failed opening gives something")
		}
	})
}
