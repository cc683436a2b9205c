package targettest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
)

// What adapters' own tests and their fakes have in common beside the suite.

// Client is a way out to servers on this machine; it ends with the test.
func Client(tb testing.TB) *outbound.Client {
	tb.Helper()
	client := outbound.New(&outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}, UserAgent: "targettest"})
	tb.Cleanup(client.Close)
	return client
}

// Open makes a target of an account at a server, without a proxy.
func Open(tb testing.TB, kind targets.Kind, a Account, url string) *targets.Target {
	tb.Helper()
	target, err := kind.Open(a.Settings(url), a.Credentials, targets.Deps{HTTP: Client(tb)})
	require.NoError(tb, err)
	return target
}

// With adds name, value, name, value... to settings, and returns them.
func With(settings map[string]any, more ...any) map[string]any {
	for i := 0; i+1 < len(more); i += 2 {
		settings[more[i].(string)] = more[i+1]
	}
	return settings
}

// Recorder starts a server that passes everything on to another one, and keeps
// the bodies of the requests that keep accepts. Read them when nothing is under
// way.
func Recorder(t *testing.T, server string, keep func(*http.Request) bool) (url string, bodies *[]string) {
	t.Helper()
	bodies = &[]string{}
	proxy := NewProxy(t, server)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler) // whoever called is gone
		}
		r.Body = io.NopCloser(bytes.NewReader(raw))
		if keep(r) {
			*bodies = append(*bodies, string(raw))
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return front.URL, bodies
}

// Golden compares JSON, whatever the order of its properties, with a file in
// the folder testdata. write writes the file anew instead.
func Golden(tb testing.TB, file, got string, write bool) {
	tb.Helper()
	var tree any
	numbers := json.NewDecoder(strings.NewReader(got))
	numbers.UseNumber() // as they are written
	require.NoError(tb, numbers.Decode(&tree))
	pretty, err := json.MarshalIndent(tree, "", "  ")
	require.NoError(tb, err)
	path := filepath.Join("testdata", file)
	if write {
		require.NoError(tb, os.WriteFile(path, append(pretty, '\n'), 0o600))
	}
	want, err := os.ReadFile(path) //nolint:gosec // a test names it
	require.NoError(tb, err)
	require.Equal(tb, strings.TrimSpace(string(want)), string(pretty))
}
