package redisdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/secret"
	"pushbutton/internal/telemetry"
)

// Child is a redis-server of our own, for one machine. It has no network port,
// and every write is on disk before it is confirmed. A server that ends is
// started again on its files, until it has kept ending for too long.
type Child struct {
	binary, dir, url string
	// lock is held as long as this process runs, so that no other process takes
	// the folder between two servers.
	lock   *os.File
	log    *slog.Logger
	timing timing

	mu       sync.Mutex
	server   *serverRun
	stopping bool

	// lost is sent one error when the server cannot be brought back.
	lost chan error
	// stop ends the watch, which closes watched.
	stop    context.CancelFunc
	watched chan struct{}
}

// serverRun is one run of the server.
type serverRun struct {
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // once exited is closed
}

// timing says how a server that ended is started again.
type timing struct {
	// first and most bound the wait before a start, which doubles.
	first, most time.Duration
	// patience is how long it may come and go before it counts as lost.
	patience time.Duration
	// steady is how long it must run before the trouble counts as over.
	steady time.Duration
}

func usualTiming() timing {
	return timing{first: 100 * time.Millisecond, most: 5 * time.Second, patience: time.Minute, steady: time.Minute}
}

const (
	// childStart bounds the wait for an answer, not counting the time in which
	// the server loads its files.
	childStart = 10 * time.Second
	childStop  = 10 * time.Second
	childPoll  = 5 * time.Millisecond
	// socketName is the server's socket in its folder.
	socketName = "redis.sock"
)

// StartChild starts the redis-server on the PATH with its files in dir, and
// returns when it answers. It runs until Stop.
func StartChild(ctx context.Context, dir string, log *slog.Logger) (*Child, error) {
	return startChild(ctx, dir, log, usualTiming())
}

func startChild(ctx context.Context, dir string, log *slog.Logger, timing timing) (*Child, error) {
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
	socket := filepath.Join(dir, socketName)
	if len(socket) > 100 { // sun_path holds 108 bytes
		return nil, fmt.Errorf("data folder: the path %q is too long for a socket; set PLUGIN_DATA_DIR to a shorter one", dir)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	c := &Child{binary: binary, dir: dir, url: "unix://" + socket, lock: lock, log: log, timing: timing, lost: make(chan error, 1), watched: make(chan struct{})}
	server, err := c.start(ctx)
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	wctx, stop := context.WithCancel(context.WithoutCancel(ctx)) // the server must outlive the context: Stop stops it last
	c.stop = stop
	go c.watch(wctx, server)
	return c, nil
}

// start starts a server and returns when it answers.
func (c *Child) start(ctx context.Context) (*serverRun, error) {
	// G204: the program's own arguments, the folder is the operator's.
	//nolint:gosec,noctx // it must outlive the context
	cmd := exec.Command(c.binary, "--port", "0", "--unixsocket", filepath.Join(c.dir, socketName), "--unixsocketperm", "700", "--dir", c.dir,
		"--appendonly", "yes", "--appendfsync", "always", "--save", "", "--maxmemory-policy", "noeviction", "--daemonize", "no", "--loglevel", "warning", "--logfile", "redis.log")
	// Its own group: a Ctrl-C in the terminal must not stop Redis before us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.ExtraFiles = []*os.File{c.lock} // it holds the lock too, in case it outlives us
	server := &serverRun{cmd: cmd, exited: make(chan struct{})}
	if err := c.launch(server); err != nil {
		return nil, err
	}
	if err := c.await(ctx, server); err != nil {
		server.end()
		return nil, err
	}
	return server, nil
}

func (c *Child) launch(server *serverRun) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopping {
		return errors.New("redis-server is being stopped")
	}
	if err := server.cmd.Start(); err != nil {
		return fmt.Errorf("start redis-server: %w", err)
	}
	c.server = server
	go func() {
		server.err = server.cmd.Wait()
		close(server.exited)
	}()
	return nil
}

// watch starts the server again whenever it ends, until the context does. It
// logs one line for an end and one for a return.
func (c *Child) watch(ctx context.Context, server *serverRun) {
	defer close(c.watched)
	var t trouble
	for began := time.Now(); ; began = time.Now() {
		select {
		case <-ctx.Done():
			return
		case <-server.exited:
		}
		if t.since.IsZero() || time.Since(began) >= c.timing.steady {
			t = trouble{since: time.Now(), wait: c.timing.first}
		}
		c.log.WarnContext(ctx, "redis-server of our own has ended and is started again; clicks are refused meanwhile", telemetry.KeyFolder, c.dir, telemetry.KeyEnded, ended(server.err))
		next, err := c.restart(ctx, &t)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			c.lost <- fmt.Errorf("redis-server of our own does not come back (%w). See redis.log in %s; if the disk is full, make room. Then start the plugin again: no click that was answered is lost", err, c.dir)
			return
		}
		c.log.InfoContext(ctx, "redis-server of our own is back", telemetry.KeyFolder, c.dir)
		server = next
	}
}

// trouble is a period in which the server keeps ending: when it began, and how
// long to wait before the next start.
type trouble struct {
	since time.Time
	wait  time.Duration
}

// restart starts the server, with pauses, until it answers or the patience is
// over.
func (c *Child) restart(ctx context.Context, t *trouble) (*serverRun, error) {
	err := errors.New("it ends again and again")
	for time.Since(t.since) < c.timing.patience {
		timer := time.NewTimer(t.wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		case <-timer.C:
		}
		t.wait = min(2*t.wait, c.timing.most)
		var server *serverRun
		if server, err = c.start(ctx); err == nil {
			return server, nil
		}
	}
	return nil, err
}

func ended(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

// lockDir makes sure that only one process keeps a Redis in the folder.
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
func (c *Child) await(ctx context.Context, server *serverRun) error {
	rdb, err := Open(c.URL(), nil)
	if err != nil {
		return err
	}
	defer func() { _ = rdb.Close() }()
	tick := time.NewTicker(childPoll)
	defer tick.Stop()
	late := time.NewTimer(childStart)
	defer late.Stop()
	asking, done := context.WithCancel(ctx) // the client keeps dialling
	defer done()
	go func() {
		select {
		case <-server.exited:
			done()
		case <-asking.Done():
		}
	}()
	for {
		err := rdb.Ping(asking).Err()
		if err == nil {
			return nil
		}
		if redis.HasErrorPrefix(err, "LOADING") {
			late.Reset(childStart)
		}
		select {
		case <-server.exited:
			return fmt.Errorf("redis-server ended at once; see redis.log in the data folder: %s", ended(server.err))
		case <-ctx.Done():
			return fmt.Errorf("redis-server was not waited for: %w", context.Cause(ctx))
		case <-late.C:
			return fmt.Errorf("redis-server did not answer within %s", childStart)
		case <-tick.C:
		}
	}
}

// URL is the address of the server.
func (c *Child) URL() secret.String { return secret.New(c.url) }

// Lost receives one error when the server cannot be started again.
func (c *Child) Lost() <-chan error { return c.lost }

// RunningChild returns the address of the server that another process runs in
// a folder.
func RunningChild(dir string) (secret.String, error) {
	socket, err := filepath.Abs(filepath.Join(dir, socketName))
	if err != nil {
		return secret.String{}, fmt.Errorf("data folder: %w", err)
	}
	if _, err := os.Stat(socket); err != nil {
		return secret.String{}, errors.New("no Redis: PLUGIN_REDIS_URL is empty, and no `plugin serve` runs with a Redis of its own in PLUGIN_DATA_DIR (" + dir + ")")
	}
	return secret.New("unix://" + socket), nil
}

// Stop ends the server and waits for it.
func (c *Child) Stop() {
	c.mu.Lock()
	c.stopping = true
	server := c.server
	c.mu.Unlock()
	c.stop()
	<-c.watched
	server.end()
	_ = c.lock.Close()
}

// end ends a run of the server and waits for it.
func (s *serverRun) end() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(childStop)
	defer timer.Stop()
	select {
	case <-s.exited:
	case <-timer.C:
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
}
