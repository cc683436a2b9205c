package app

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"pushbutton/config"
	"pushbutton/internal/redisdb"
)

// lines is a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), part)
}

// pidOf is the process id of the Redis in a folder.
func pidOf(t *testing.T, dir string) int {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Network: "unix", Addr: filepath.Join(dir, "redis.sock"), Protocol: 2})
	defer func() { _ = rdb.Close() }()
	info, err := rdb.Info(t.Context(), "server").Result()
	require.NoError(t, err)
	_, rest, ok := strings.Cut(info, "process_id:")
	require.True(t, ok)
	id, _, _ := strings.Cut(rest, "\r")
	pid, err := strconv.Atoi(id)
	require.NoError(t, err)
	return pid
}

func needRedis(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("no redis-server on the PATH: serve brings its own Redis only where there is one")
	}
}

// `plugin serve` with a Redis of its own: when that is killed clicks are
// refused, it comes back on its files, and clicks are taken and worked on again.
func TestServeBringsItsRedisBack(t *testing.T) {
	needRedis(t)
	dir := t.TempDir()
	log := &lines{}
	listen := func() net.Listener {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		return ln
	}
	boxed, front := listen(), listen()
	address := "http://" + boxed.Addr().String()
	w := &whole{box: NewSandbox(address, 4, 1)}
	srv := &http.Server{Handler: w.box.Handler()}
	go func() { _ = srv.Serve(boxed) }()
	t.Cleanup(func() { _ = srv.Close(); w.box.Close() })
	cfg, err := config.Load(config.Sources{Flags: map[string]string{
		"data-dir": dir, "ops-listen": "127.0.0.1:0", "drain-delay": "0s", "shutdown-timeout": "4s", "outbound-allow": "127.0.0.0/8", "public-url": SandboxOrigin,
		"productboard-api-url": address + "/v2", "encryption-keys": "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
	}})
	require.NoError(t, err)
	require.NoError(t, w.box.Productboard.SetEdge(SandboxOrigin, "http://"+front.Addr().String()))
	ctx, cancel := context.WithCancel(context.Background())
	ended, ready := make(chan error, 1), make(chan struct{})
	go func() {
		ended <- Program{Config: cfg, Roles: Roles{API: true, Worker: true}, Log: slog.New(slog.NewTextHandler(log, nil)), Version: "test", Listener: front,
			Started: func(ctx context.Context, a *App, _ string) error {
				defer close(ready)
				_, err := a.Registrar().Apply(ctx, demoDeclaration(address))
				return err
			}}.Run(ctx)
	}()
	select {
	case <-ready:
	case err := <-ended:
		require.NoError(t, err)
	}
	w.integration = w.box.Productboard.Integrations()[0].ID
	for _, e := range w.box.Productboard.Entities() {
		w.items = append(w.items, e.ID)
	}
	require.True(t, w.click(t, w.items[0]))
	w.await(t, w.items[:1])

	for round := range 2 {
		pid := pidOf(t, dir)
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		require.Eventually(t, func() bool { return log.count("is back") == round+1 }, time.Minute, 10*time.Millisecond)
		require.NotEqual(t, pid, pidOf(t, dir))
		require.Eventually(t, func() bool { return w.click(t, w.items[round+1]) }, time.Minute, 10*time.Millisecond, "clicks are taken again")
		require.Equal(t, round+1, log.count("has ended and is started again"), "told once")
	}
	require.True(t, w.click(t, w.items[3]))
	w.once(t)
	cancel()
	require.NoError(t, <-ended)
	require.Zero(t, log.count("does not come back"))
}

// What ends a program that lost its Redis is that error.
func TestTheProgramEndsWithoutItsRedis(t *testing.T) {
	needRedis(t)
	dir := t.TempDir()
	c, err := redisdb.StartChild(t.Context(), dir, silent)
	require.NoError(t, err)
	defer c.Stop()
	cfg, err := config.Load(config.Sources{Flags: map[string]string{"ops-listen": "127.0.0.1:0", "listen": "127.0.0.1:0", "drain-delay": "0s", "shutdown-timeout": "1s",
		"encryption-keys": "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}})
	require.NoError(t, err)
	cfg.RedisURL = c.URL()
	rdb, err := OpenRedis(cfg)
	require.NoError(t, err)
	defer func() { _ = rdb.Close() }()
	a, err := New(cfg, rdb, silent, "test")
	require.NoError(t, err)
	defer a.Close()
	lost := make(chan error, 1)
	lost <- context.DeadlineExceeded
	err = Program{Config: cfg, Roles: Roles{API: true, Worker: true}, Log: silent, Version: "test"}.serve(t.Context(), a, lost)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
