package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const canary = "canary-7f3a"

func TestASecretNeverPrintsItself(t *testing.T) {
	t.Parallel()
	s := New(canary)
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil))
	log.Info("x", "s", s, "in", struct{ S String }{s}, "p", &s)
	fmt.Fprintf(&out, "%v %+v %#v %s %q", s, struct{ S String }{s}, struct{ S String }{s}, s, s)
	for verb := 'A'; verb <= 'z'; verb++ {
		for _, v := range []any{s, &s, struct{ S String }{s}, struct{ s String }{s}, &struct{ s *String }{&s}, []String{s}, map[string]any{"s": s}, fmt.Errorf("x: %v", s)} {
			fmt.Fprintf(&out, "%"+string(verb)+"%+"+string(verb)+"%#"+string(verb)+"\n", v, v, v)
		}
	}
	require.NotContains(t, strings.ToLower(out.String()), hex.EncodeToString([]byte(canary)))
	raw, err := json.Marshal(map[string]any{"s": s, "list": []String{s}})
	require.NoError(t, err)
	text, err := s.MarshalText()
	require.NoError(t, err)
	require.NotContains(t, out.String()+string(raw)+string(text), canary)
	require.Equal(t, canary, s.Reveal())
	require.NotContains(t, s.Fingerprint(), canary)
	require.True(t, s.Equal(canary))
	require.False(t, s.Equal(canary+"x"))
	require.True(t, String{}.Empty())
}

func key(id string, b byte) Key { return Key{ID: id, Bytes: bytes.Repeat([]byte{b}, KeySize)} }

func TestSealAndRotate(t *testing.T) {
	t.Parallel()
	old, err := NewKeyring([]Key{key("k1", 1)})
	require.NoError(t, err)
	sealed, err := old.Seal(New(canary), "acme/token")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(sealed, "k1:"))
	require.NotContains(t, sealed, canary)
	again, err := old.Seal(New(canary), "acme/token")
	require.NoError(t, err)
	require.NotEqual(t, sealed, again, "a fresh nonce each time")

	rotated, err := NewKeyring([]Key{key("k2", 2), key("k1", 1)})
	require.NoError(t, err)
	opened, err := rotated.Open(sealed, "acme/token")
	require.NoError(t, err)
	require.Equal(t, canary, opened.Reveal())
	newer, err := rotated.Seal(opened, "acme/token")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(newer, "k2:"))
	_, err = old.Open(newer, "acme/token")
	require.ErrorIs(t, err, ErrUnknownKey)
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	ring, err := NewKeyring([]Key{key("k1", 1)})
	require.NoError(t, err)
	sealed, err := ring.Seal(New(canary), "acme/token")
	require.NoError(t, err)
	for name, c := range map[string][2]string{
		"another tenant": {sealed, "other/token"}, "another field": {sealed, "acme/key"},
		"changed": {sealed[:len(sealed)-6] + "AAAA==", "acme/token"}, "cut": {sealed[:9], "acme/token"}, "no key id": {"abc", "acme/token"}, "empty": {"", ""},
	} {
		_, err := ring.Open(c[0], c[1])
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), canary)
	}
}

func TestParseKeys(t *testing.T) {
	t.Parallel()
	good := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, KeySize))
	keys, err := ParseKeys("a:" + good + ", b:" + good)
	require.NoError(t, err)
	require.Len(t, keys, 2)
	_, err = ParseKeys("nothing,b:c2hvcnQ=,a:" + good + ",a:" + good)
	for _, want := range []string{"key 1", "key 2", "key 4"} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "c2hvcnQ")
	_, err = NewKeyring(nil)
	require.Error(t, err)
}
