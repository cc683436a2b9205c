// Package redistest runs one test on every Redis a machine offers: on an
// embedded miniredis, whose time the test moves, and on a real redis-server
// where one is on the PATH. The sub-tests' names and logs say which it was.
//
// What must not live here: anything the program itself needs; only tests
// import this package.
package redistest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

const (
	startLimit = 10 * time.Second
	pollEvery  = 5 * time.Millisecond
)

// Env is a Redis of the test's own, empty at first and gone afterwards.
type Env struct {
	// Client is closed when the test ends.
	Client redis.UniversalClient
	// URL reaches the same server from elsewhere (redis:// or unix://).
	URL string
	// Mini is the embedded server, nil on a real one.
	Mini *miniredis.Miniredis

	advance func(time.Duration)
}

// Advance moves the server's time on: what TIME tells, and what is left of
// each key's life. miniredis' TIME flows with the clock until the first
// Advance and stands still from then on. A real server's time cannot be
// moved: there Advance skips the rest of the test.
func (e Env) Advance(d time.Duration) { e.advance(d) }

// Each runs f as a sub-test on miniredis, and as another one on a real
// redis-server with an append-only file, which is skipped where none is
// installed.
func Each(t *testing.T, f func(t *testing.T, env Env)) {
	t.Helper()
	t.Run("miniredis", func(t *testing.T) { f(t, Mini(t)) })
	t.Run("redis-server", func(t *testing.T) { f(t, Real(t)) })
}

// Mini starts an embedded Redis that ends with the test.
func Mini(t testing.TB) Env {
	t.Helper()
	mini := miniredis.RunT(t)
	var now time.Time
	return Env{
		Client: client(t, "redis://"+mini.Addr()),
		URL:    "redis://" + mini.Addr(),
		Mini:   mini,
		advance: func(d time.Duration) {
			if now.IsZero() {
				now = time.Now()
			}
			now = now.Add(d)
			mini.SetTime(now)
			mini.FastForward(d)
		},
	}
}

// Real starts a redis-server that ends with the test, listening on a Unix
// socket alone and writing an append-only file (everysec). It skips the test
// where no redis-server is on the PATH.
func Real(t testing.TB) Env {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("no redis-server on the PATH: the test ran on miniredis alone")
	}
	// Not t.TempDir: a socket's path may have no more than about 100 bytes.
	dir, err := os.MkdirTemp("", "redistest")
	if err != nil {
		t.Fatalf("redistest: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "redis.sock")
	log := filepath.Join(dir, "redis.log")
	// Cleanup ends it: t.Context would kill it before the test's own cleanups.
	cmd := exec.CommandContext(context.Background(), binary, //nolint:gosec // a redis-server of the PATH with our own folder
		"--port", "0", "--unixsocket", socket, "--dir", dir, "--logfile", log,
		"--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction")
	if err := cmd.Start(); err != nil {
		t.Fatalf("redistest: %v", err)
	}
	exited := make(chan struct{})
	go func() { defer close(exited); _ = cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-exited:
		case <-time.After(startLimit):
			_ = cmd.Process.Kill()
			<-exited
		}
	})
	env := Env{Client: client(t, "unix://"+socket), URL: "unix://" + socket}
	env.advance = func(time.Duration) { t.Skip("a real server's time cannot be moved") }
	awaitReady(t, env.Client, exited, log)
	t.Logf("running on %s (append-only file)", binary)
	return env
}

// awaitReady polls, because a process that starts gives no other signal.
func awaitReady(t testing.TB, c redis.UniversalClient, exited <-chan struct{}, log string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for c.Ping(ctx).Err() != nil {
		select {
		case <-tick.C:
			continue
		case <-exited:
		case <-ctx.Done():
		}
		text, _ := os.ReadFile(log) //nolint:gosec // our own file
		t.Fatalf("redistest: redis-server did not start:\n%s", text)
	}
}

func client(t testing.TB, url string) redis.UniversalClient {
	t.Helper()
	opts, err := redis.ParseURL(url)
	if err != nil {
		t.Fatalf("redistest: %v", err)
	}
	opts.ContextTimeoutEnabled = true
	opts.MaxRetries = -1
	c := redis.NewClient(opts)
	t.Cleanup(func() { _ = c.Close() })
	return c
}
