package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"html"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/telemetry"
)

// canaries are made-up secrets, one for every place that holds a secret. What
// the plugin writes anywhere is searched for them, by code that shares nothing
// with what hides them.
type canaries struct {
	mu     sync.Mutex
	forms  map[string]string // what must not be seen, and whose it is
	number int
}

const canaryHalf = 12

// plant makes a secret: two random halves, each of which is as telling as the
// whole, and between them characters that are written differently in
// addresses, JSON and HTML.
func (c *canaries) plant(name string) string {
	raw := make([]byte, canaryHalf)
	_, _ = rand.Read(raw)
	text := hex.EncodeToString(raw)
	value := text[:canaryHalf] + "+/&" + text[canaryHalf:]
	c.watch(name, value)
	return value
}

// plantKey makes a private key in PEM; each of its lines is as secret.
func (c *canaries) plantKey(tb testing.TB, name string) string {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(tb, err)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); len(line) == 64 && !strings.HasPrefix(line, "MII") {
			c.watch(name, line)
		}
	}
	return text
}

// plantRaw watches a secret that is no text.
func (c *canaries) plantRaw(name string, size int) []byte {
	raw := make([]byte, size)
	_, _ = rand.Read(raw)
	c.watch(name, string(raw))
	return raw
}

func (c *canaries) watch(name, value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.number++
	add := func(kind, form string) {
		if len(form) >= canaryHalf {
			c.forms[form] = fmt.Sprintf("%s (%s)", name, kind)
		}
	}
	halves := []string{value}
	if len(value) == 2*canaryHalf+3 {
		halves = append(halves, value[:canaryHalf], value[canaryHalf+3:])
	}
	for _, v := range halves {
		add("plain", v)
		add("hex", hex.EncodeToString([]byte(v)))
		add("HEX", strings.ToUpper(hex.EncodeToString([]byte(v))))
		add("query", url.QueryEscape(v))
		add("path", url.PathEscape(v))
		add("HTML", html.EscapeString(v))
	}
	quoted, _ := json.Marshal(value)
	add("JSON", strings.Trim(string(quoted), `"`))
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		add("base64", enc.EncodeToString([]byte(value)))
		// Within a longer text: without the characters that its neighbours share.
		for shift := range 3 {
			text := enc.EncodeToString([]byte(strings.Repeat("\x00", shift) + value + "\x00\x00\x00"))
			add("base64 within", text[4:4+(len(value)-3)/3*4])
		}
	}
}

// found lists whose secrets stand in a text.
func (c *canaries) found(text string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for form, name := range c.forms {
		if strings.Contains(text, form) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// sink collects what is written, by any number of writers.
type sink struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

func (s *sink) add(format string, args ...any) { _, _ = fmt.Fprintf(s, format+"\n", args...) }

// logger logs everything, in both forms.
func (s *sink) logger() *slog.Logger {
	return slog.New(slog.NewMultiHandler(telemetry.NewLogger(s, slog.LevelDebug, false).Handler(), telemetry.NewLogger(s, slog.LevelDebug, true).Handler()))
}

// dump returns everything that a Redis holds, keys and values.
func dump(tb testing.TB, rdb redis.UniversalClient) string {
	tb.Helper()
	ctx := context.Background()
	keys, err := rdb.Keys(ctx, "*").Result()
	require.NoError(tb, err)
	var out strings.Builder
	for _, key := range keys {
		var value any
		kind := rdb.Type(ctx, key).Val()
		switch kind {
		case "string":
			value = rdb.Get(ctx, key).Val()
		case "hash":
			value = rdb.HGetAll(ctx, key).Val()
		case "list":
			value = rdb.LRange(ctx, key, 0, -1).Val()
		case "set":
			value = rdb.SMembers(ctx, key).Val()
		case "zset":
			value = rdb.ZRangeWithScores(ctx, key, 0, -1).Val()
		case "stream":
			value = rdb.XRange(ctx, key, "-", "+").Val()
		case "none": // expired meanwhile
		default:
			require.Fail(tb, "a kind of value that the dump does not know", "%s: %s", key, kind)
		}
		fmt.Fprintln(&out, key, value)
	}
	return out.String()
}

// The search finds what it must: without this a silent plugin would prove
// nothing.
func TestTheCanarySearchCanFail(t *testing.T) {
	c := &canaries{forms: map[string]string{}}
	token := c.plant("token")
	key := c.plantKey(t, "key")
	raw := c.plantRaw("raw", 32)
	c.plant("silent")
	out := &sink{}
	log := out.logger()
	for name, leak := range map[string]func(){
		"a log line":          func() { log.Debug("x", "header", "Bearer "+token) },
		"an error":            func() { log.Error("x", "err", fmt.Errorf("refused: %q", token)) },
		"basic, one":          func() { log.Info("x", "h", base64.StdEncoding.EncodeToString([]byte("u:"+token))) },
		"basic, two":          func() { log.Info("x", "h", base64.StdEncoding.EncodeToString([]byte("us:"+token))) },
		"basic, three":        func() { log.Info("x", "h", base64.URLEncoding.EncodeToString([]byte("use:"+token+":x"))) },
		"an address":          func() { log.Info("x", "url", "https://x/?key="+url.QueryEscape(token)) },
		"hex":                 func() { log.Info("x", "hex", hex.EncodeToString([]byte(token))) },
		"the first half":      func() { log.Info("x", "cut", token[:canaryHalf]) },
		"a line of a key":     func() { log.Info("x", "key", strings.Split(key, "\n")[5]) },
		"a key in base64":     func() { log.Info("x", "key", base64.StdEncoding.EncodeToString(raw)) },
		"a struct's field":    func() { log.Info("x", "struct", fmt.Sprintf("%+v", struct{ token string }{token})) },
		"a structure's field": func() { log.Info("x", "any", map[string]any{"deep": []any{token}}) },
	} {
		out.buf.Reset()
		require.Empty(t, c.found(out.String()))
		leak()
		require.NotEmpty(t, c.found(out.String()), name)
		require.NotContains(t, strings.Join(c.found(out.String()), " "), "silent")
	}
	require.Greater(t, len(slices.Collect(maps.Keys(c.forms))), 50)
}
