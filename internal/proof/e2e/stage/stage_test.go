package stage

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// newStage has a shell script in the plugin's place.
func newStage(t *testing.T, script string) *Stage {
	t.Helper()
	file := filepath.Join(t.TempDir(), "plugin")
	require.NoError(t, os.WriteFile(file, []byte("#!/bin/sh\n"+script), 0o700))
	s, err := New(Options{Plugin: file, Settings: map[string]string{"PLUGIN_CONCURRENCY": "3"}})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.Close(false))
		require.NoDirExists(t, s.Dir())
	})
	return s
}

func TestPluginIsReadyAndStops(t *testing.T) {
	s := newStage(t, `echo starting
echo '{"msg":"ready","listen":"127.0.0.1:1","ops":"127.0.0.1:2"}'
exec sleep 60`)
	p, err := s.Plugin(t.Context(), RoleAPI, "api", nil)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:1", p.Listen)
	require.Equal(t, "127.0.0.1:2", p.Ops)
	var tails strings.Builder
	s.WriteTails(&tails, 5)
	require.Contains(t, tails.String(), "starting")
	require.NoError(t, p.Stop(10*time.Second))
	<-p.Exited()
	require.NoError(t, p.Stop(time.Second), "stopping twice does no harm")
}

func TestPluginThatEndsAtOnceSaysWhy(t *testing.T) {
	s := newStage(t, `echo 'no Redis' >&2; exit 1`)
	_, err := s.Plugin(t.Context(), RoleWorker, "worker", nil)
	require.ErrorContains(t, err, "no Redis")
}

func TestStubbornProcessIsKilled(t *testing.T) {
	s := newStage(t, `trap '' TERM
echo '{"msg":"ready"}'
while :; do sleep 0.1; done`)
	p, err := s.Plugin(t.Context(), RoleAPI, "api", nil)
	require.NoError(t, err)
	require.ErrorContains(t, p.Stop(50*time.Millisecond), "was killed")
	<-p.Exited()
}

func TestTool(t *testing.T) {
	t.Setenv("PLUGIN_LISTEN", "ours") // must not reach what is started
	s := newStage(t, `echo "$1 [$PLUGIN_LISTEN] $PLUGIN_CONCURRENCY $MORE"; echo sorry >&2; exit 3`)
	got, err := s.Tool(t.Context(), map[string]string{"MORE": "m"}, "apply")
	require.NoError(t, err)
	require.Equal(t, Result{Code: 3, Stdout: "apply [] 3 m\n", Stderr: "sorry\n"}, got)
}

func TestMetrics(t *testing.T) {
	m, err := readMetrics(strings.NewReader("# HELP x y\nx 1\nx{a=\"1\",b=\"2 3\"} 2\nx{a=\"2\"} 4\nxy 8\n"))
	require.NoError(t, err)
	require.InDelta(t, 7, m.Sum("x"), 0)
	require.InDelta(t, 2, m.Sum("x", `a="1"`, `b="2 3"`), 0)
	_, err = readMetrics(strings.NewReader("x one\n"))
	require.Error(t, err)
}

func TestEdge(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) }))
	defer backend.Close()
	s := newStage(t, `exec curl -fsS --proxy "$PLUGIN_OUTBOUND_PROXY" --cacert "$SSL_CERT_FILE" "$1"`)
	e, err := s.Edge(t.Context(), &Plugin{Listen: backend.Listener.Addr().String()})
	require.NoError(t, err)
	got, err := s.Tool(t.Context(), e.Settings(), Origin+"/actions/x")
	require.NoError(t, err)
	if got.Code == 127 {
		t.Skip("no curl on the PATH")
	}
	require.Equal(t, "/actions/x", got.Stdout, got.Stderr)
	got, err = s.Tool(t.Context(), e.Settings(), "https://elsewhere.example/")
	require.NoError(t, err)
	require.NotZero(t, got.Code, "it reaches nothing else")
}

func TestOneRunUsesAFolder(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lockDir(dir)
	require.NoError(t, err)
	_, err = lockDir(dir)
	require.ErrorContains(t, err, "in use")
	require.NoError(t, unlock())
	again, err := lockDir(dir)
	require.NoError(t, err)
	require.NoError(t, again())
}
