package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"pushbutton/config"
	"pushbutton/internal/secret"
)

// childRedis is a redis-server of our own, for one machine: no network port,
// every write on disk before it is confirmed.
type childRedis struct {
	cmd    *exec.Cmd
	url    string
	exited chan struct{}
	err    error
}

const (
	childStart = 10 * time.Second
	childStop  = 10 * time.Second
	childPoll  = 5 * time.Millisecond
)

// startRedis starts the redis-server on the PATH with its files in dir.
func startRedis(ctx context.Context, dir string) (*childRedis, error) {
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errors.New("no Redis: PLUGIN_REDIS_URL is empty and there is no redis-server on the PATH. Install it (Debian: apt-get install redis-server) or set PLUGIN_REDIS_URL to one with an append-only file")
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	socket := filepath.Join(dir, "redis.sock")
	if len(socket) > 100 { // sun_path holds 108 bytes
		return nil, fmt.Errorf("data folder: the path %q is too long for a socket; set PLUGIN_DATA_DIR to a shorter one", dir)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	// G204: the program's own arguments, the folder is the operator's.
	//nolint:gosec,noctx // it must outlive the context: it is stopped last, by Stop
	cmd := exec.Command(binary, "--port", "0", "--unixsocket", socket, "--unixsocketperm", "700", "--dir", dir,
		"--appendonly", "yes", "--appendfsync", "always", "--save", "", "--maxmemory-policy", "noeviction", "--daemonize", "no", "--loglevel", "warning", "--logfile", "redis.log")
	// Its own group: a Ctrl-C in the terminal must not stop Redis before us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.ExtraFiles = []*os.File{lock}
	err = cmd.Start()
	_ = lock.Close() // the child holds the lock from here on
	if err != nil {
		return nil, fmt.Errorf("start redis-server: %w", err)
	}
	c := &childRedis{cmd: cmd, url: "unix://" + socket, exited: make(chan struct{})}
	go func() {
		c.err = cmd.Wait()
		close(c.exited)
	}()
	if err := c.await(ctx); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

// lockDir makes sure that one process alone keeps a Redis in the folder.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator's folder
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("data folder %s is in use by another process", dir)
	}
	return f, nil
}

// await returns when the server answers; it loads its file first.
func (c *childRedis) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, childStart)
	defer cancel()
	rdb, err := OpenRedis(config.Config{RedisURL: secret.New(c.url)})
	if err != nil {
		return err
	}
	defer func() { _ = rdb.Close() }()
	tick := time.NewTicker(childPoll)
	defer tick.Stop()
	for {
		if rdb.Ping(ctx).Err() == nil {
			return nil
		}
		select {
		case <-c.exited:
			return fmt.Errorf("redis-server ended at once; see redis.log in the data folder: %w", c.err)
		case <-ctx.Done():
			return fmt.Errorf("redis-server did not answer within %s", childStart)
		case <-tick.C:
		}
	}
}

// Stop ends the server and waits for it.
func (c *childRedis) Stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(childStop)
	defer timer.Stop()
	select {
	case <-c.exited:
	case <-timer.C:
		_ = c.cmd.Process.Kill()
		<-c.exited
	}
}
