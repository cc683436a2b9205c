package redisdb

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
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
)

var silent = slog.New(slog.NewTextHandler(io.Discard, nil))

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
	rdb := redis.NewClient(&redis.Options{Network: "unix", Addr: filepath.Join(dir, socketName), Protocol: 2})
	defer func() { _ = rdb.Close() }()
	info, err := rdb.Info(t.Context(), "server").Result()
	require.NoError(t, err)
	pid, err := strconv.Atoi(field(info, "process_id"))
	require.NoError(t, err)
	return pid
}

func needRedis(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("no redis-server on the PATH: the child is one, and .ci/run installs it")
	}
}

// mustStart starts the Redis that `plugin serve` brings.
func mustStart(t *testing.T, dir string) *Child {
	t.Helper()
	needRedis(t)
	child, err := StartChild(context.Background(), dir, silent)
	require.NoError(t, err)
	return child
}

// A Redis that cannot come back ends the process with a sentence: whoever
// started it can act, and nobody waits for clicks to be taken.
func TestALostRedisIsTold(t *testing.T) {
	needRedis(t)
	for name, harm := range map[string]func(t *testing.T, dir string){
		"its file cannot be read": func(t *testing.T, dir string) {
			files, err := filepath.Glob(filepath.Join(dir, "appendonly*"))
			require.NoError(t, err)
			require.NotEmpty(t, files)
			for _, f := range files {
				require.NoError(t, os.RemoveAll(f))
				require.NoError(t, os.WriteFile(f, []byte("canary"), 0o600)) // neither a folder nor a log
			}
		},
		"its folder is gone": func(t *testing.T, dir string) { require.NoError(t, os.RemoveAll(dir)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			log := &lines{}
			c, err := startChild(t.Context(), dir, slog.New(slog.NewTextHandler(log, nil)), timing{first: time.Millisecond, most: 10 * time.Millisecond, patience: 200 * time.Millisecond, steady: time.Minute})
			require.NoError(t, err)
			pid := pidOf(t, dir)
			harm(t, dir)
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
			err = <-c.lost
			require.ErrorContains(t, err, "redis-server of our own does not come back")
			require.ErrorContains(t, err, "redis.log in "+dir)
			require.Equal(t, 1, log.count("has ended and is started again"))
			c.Stop()
		})
	}
}

// One that answers and ends again and again is lost as well.
func TestARedisThatFlaps(t *testing.T) {
	needRedis(t)
	dir := t.TempDir()
	c, err := startChild(t.Context(), dir, silent, timing{first: time.Millisecond, most: time.Millisecond, patience: 300 * time.Millisecond, steady: time.Hour})
	require.NoError(t, err)
	defer c.Stop()
	require.Eventually(t, func() bool {
		c.mu.Lock()
		_ = c.server.cmd.Process.Kill()
		c.mu.Unlock()
		select {
		case err = <-c.lost:
			return true
		default:
			return false
		}
	}, time.Minute, 5*time.Millisecond)
	require.ErrorContains(t, err, "does not come back")
}

func TestChildRedisKeepsItsWord(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	child := mustStart(t, dir)
	_, err := StartChild(ctx, dir, silent)
	require.ErrorContains(t, err, "in use by another process")
	rdb, err := Open(child.URL(), nil)
	require.NoError(t, err)
	require.NoError(t, rdb.Set(ctx, "k", "v", 0).Err())
	d, err := RequireDurable(ctx, rdb, false)
	require.NoError(t, err)
	require.Equal(t, "always", d.AppendFsync)
	require.Empty(t, d.Warnings)
	require.NoError(t, rdb.Close())
	child.Stop()

	child = mustStart(t, dir)
	defer child.Stop()
	rdb, err = Open(child.URL(), nil)
	require.NoError(t, err)
	defer func() { _ = rdb.Close() }()
	require.Equal(t, "v", rdb.Get(ctx, "k").Val(), "it survives a restart")
}

func TestServeWithoutARedis(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := StartChild(context.Background(), t.TempDir(), silent)
	require.ErrorContains(t, err, "apt-get install redis-server")
	require.NotContains(t, err.Error(), "\n")
}

func TestToolsFindTheRedisOfServe(t *testing.T) {
	dir := t.TempDir()
	_, err := RunningChild(dir)
	require.ErrorContains(t, err, "PLUGIN_REDIS_URL is empty")
	child := mustStart(t, dir)
	defer child.Stop()
	url, err := RunningChild(dir)
	require.NoError(t, err)
	require.Equal(t, child.url, url.Reveal())
	_, err = os.Stat(dir)
	require.NoError(t, err)
}
