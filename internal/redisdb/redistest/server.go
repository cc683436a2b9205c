package redistest

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// startLimit bounds a server's start and its end, settleLimit the time in
	// which several find each other.
	startLimit  = 10 * time.Second
	settleLimit = 30 * time.Second
	pollEvery   = 5 * time.Millisecond
)

// Server is one redis-server of a test.
type Server struct {
	// Addr is its host:port on loopback; empty where it has a socket alone.
	Addr string

	cmd    *exec.Cmd
	exited chan struct{}
	log    string
}

// Start starts a redis-server on a free port of loopback, with an append-only
// file, which ends with the test. It skips the test where no redis-server is on
// the PATH.
func Start(tb testing.TB, args ...string) *Server {
	tb.Helper()
	port := freePort(tb)
	s := start(tb, shortDir(tb), append([]string{"--port", port, "--bind", "127.0.0.1"}, args...)...)
	s.Addr = net.JoinHostPort("127.0.0.1", port)
	s.awaitReady(tb, client(tb, "redis://"+s.Addr))
	return s
}

// StartTLS starts a redis-server as Start does, reached by TLS alone. Clients
// need no certificate of their own.
func StartTLS(tb testing.TB, cert, key string) *Server {
	tb.Helper()
	port := freePort(tb)
	s := start(tb, shortDir(tb), "--port", "0", "--tls-port", port, "--bind", "127.0.0.1",
		"--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert, "--tls-auth-clients", "no")
	s.Addr = net.JoinHostPort("127.0.0.1", port)
	s.await(tb, startLimit, "it does not listen", func(ctx context.Context) bool {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.Addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return s
}

// start starts a redis-server with its files in dir, and does not wait for it.
func start(tb testing.TB, dir string, args ...string) *Server {
	tb.Helper()
	s := run(tb, dir, append(args, "--dir", dir, "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
		"--maxmemory-policy", "noeviction")...)
	return s
}

// run runs redis-server with these arguments.
func run(tb testing.TB, dir string, args ...string) *Server {
	tb.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		tb.Skip("no redis-server on the PATH: only what runs on miniredis was tested")
	}
	s := &Server{exited: make(chan struct{}), log: filepath.Join(dir, "redis.log")}
	// Cleanup ends it: t.Context would kill it before the test's own cleanups.
	s.cmd = exec.CommandContext(context.Background(), binary, append(args, "--logfile", s.log)...) //nolint:gosec // a redis-server of the PATH with our own folder
	if err := s.cmd.Start(); err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	go func() { defer close(s.exited); _ = s.cmd.Wait() }()
	tb.Cleanup(s.stop)
	return s
}

// Kill ends the server at once, as kill -9 does, and waits for that.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.exited
}

func (s *Server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exited:
	case <-time.After(startLimit):
		s.Kill()
	}
}

func (s *Server) awaitReady(tb testing.TB, c redis.UniversalClient) {
	tb.Helper()
	s.await(tb, startLimit, "it does not answer", func(ctx context.Context) bool { return c.Ping(ctx).Err() == nil })
}

// await polls until so returns true, because servers give no other signal.
func (s *Server) await(tb testing.TB, limit time.Duration, otherwise string, so func(ctx context.Context) bool) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !so(ctx) {
		select {
		case <-tick.C:
			continue
		case <-s.exited:
		case <-ctx.Done():
		}
		text, _ := os.ReadFile(s.log)
		tb.Fatalf("redistest: redis-server: %s:\n%s", otherwise, text)
	}
}

// shortDir is a folder for a server: a socket's path may have no more than
// about 100 bytes, and t.TempDir's is longer.
func shortDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "redistest")
	if err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// freePort is a port that was free a moment ago.
func freePort(tb testing.TB) string {
	tb.Helper()
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	defer func() { _ = ln.Close() }()
	return strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
}
