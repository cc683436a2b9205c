// Package quarantine does a run that ended its workers in a process of its own. In
// the whole deployment it does one such run at a time, within a limit on memory. A
// run that ends its process again takes down nothing else, and shows that the item
// is the reason.
//
// Do is the worker's side. Serve is the side of the process that the worker starts.
//
// What must not live here: which runs are suspect and what becomes of their
// pushes (actions), how the process finds its settings (cmd, app).
package quarantine

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/actions"
	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
)

const (
	// lockKey is the key in Redis of the lock that the run in quarantine has.
	lockKey = "pb:quarantine"
	// lockTTL is how long the lock lasts if nobody renews it.
	lockTTL = 15 * time.Second
	// stopTimeout bounds how long the process may take to hand its run back.
	stopTimeout = 5 * time.Second
	// started is the line that the process writes when it begins the run.
	started = "begun\n"
	// maxStderr is how much of a process's errors is kept, in bytes.
	maxStderr = 2000
)

// Memory limits what the process may allocate, in bytes. RLIMIT_DATA counts writable
// memory whether it is touched or not. The Go runtime has some 85 MB of it, hardly
// touched, so that the worker and this process stay within the shipped memory limit
// of 256 MiB.
const Memory = 192 << 20

// request is the input of the process.
type request struct {
	Key    connections.Key
	Run    int64
	Owner  string
	Memory uint64
}

// Quarantine is the worker's side. It is safe for concurrent use.
type Quarantine struct {
	rdb     redis.UniversalClient
	command func(ctx context.Context) *exec.Cmd
	memory  uint64
	renew   *redis.Script
	unlock  *redis.Script
}

// New makes a Quarantine. command makes the command of a process that calls Serve
// and ends. Its Stderr is where the log goes. memory is what the process may
// allocate, in bytes.
func New(rdb redis.UniversalClient, command func(ctx context.Context) *exec.Cmd, memory uint64) *Quarantine {
	return &Quarantine{rdb: rdb, command: command, memory: memory,
		renew:  redis.NewScript(`if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end`),
		unlock: redis.NewScript(`if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end`),
	}
}

// Do implements actions.Quarantine.
func (q *Quarantine) Do(ctx context.Context, key connections.Key, run int64, owner string) error {
	token := rand.Text()
	free, err := q.rdb.SetNX(ctx, lockKey, token, lockTTL).Result()
	if err != nil {
		return fault.Wrap(fault.Unavailable, "enter quarantine", err)
	}
	if !free {
		return actions.ErrOccupied
	}
	held, release := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		q.keep(held, token)
	}()
	err = q.process(ctx, request{Key: key, Run: run, Owner: owner, Memory: q.memory})
	release()
	<-done
	lctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	return errors.Join(err, q.unlock.Run(lctx, q.rdb, []string{lockKey}, token).Err())
}

// keep renews the lock until the context ends. It retries a renewal that failed: at
// worst a second run is in quarantine elsewhere.
func (q *Quarantine) keep(ctx context.Context, token string) {
	tick := time.NewTicker(lockTTL / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			rctx, cancel := context.WithTimeout(ctx, lockTTL/3)
			_ = q.renew.Run(rctx, q.rdb, []string{lockKey}, token, lockTTL.Milliseconds()).Err()
			cancel()
		}
	}
}

// process starts the process and waits for its end.
func (q *Quarantine) process(ctx context.Context, o request) error {
	in, err := json.Marshal(o)
	if err != nil {
		return fault.Wrap(fault.Internal, "enter quarantine", err)
	}
	cmd := q.command(ctx)
	// It is asked to stop as the worker is, and then hands its run back.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTimeout
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, stderr := &bytes.Buffer{}, &head{}
	cmd.Stdin, cmd.Stdout = bytes.NewReader(in), out
	if cmd.Stderr == nil {
		cmd.Stderr = io.Discard
	}
	cmd.Stderr = io.MultiWriter(cmd.Stderr, stderr)
	err = cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fault.Wrap(fault.Canceled, "quarantine", context.Cause(ctx))
	case out.String() == started:
		return fmt.Errorf("%w: %w: %s", actions.ErrDied, err, stderr)
	default:
		return &fault.Error{Op: "enter quarantine", Kind: fault.Internal, Side: fault.SidePlugin, Err: fmt.Errorf("%w: %s", err, stderr)}
	}
}

// head keeps the beginning of what is written to it: a Go program that dies says first
// what of.
type head struct{ text []byte }

func (h *head) Write(p []byte) (int, error) {
	h.text = append(h.text, p[:min(len(p), maxStderr-len(h.text))]...)
	return len(p), nil
}

func (h *head) String() string { return string(h.text) }
