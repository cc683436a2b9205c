// Package quarantine does a run that workers died of in a process of its own:
// one at a time in the deployment, within a bound on memory. What it takes down
// is that process alone, and its end says that the item was the reason.
//
// Do is the worker's side, Serve the side of the process that it starts.
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
	// occupied is the key in Redis that holds who is in quarantine.
	occupied = "pb:quarantine"
	// claim is how long the place is held without being renewed.
	claim = 15 * time.Second
	// stopping bounds how long the process may take to hand its run back.
	stopping = 5 * time.Second
	// begun is what the process writes when it begins the run.
	begun = "begun\n"
	// maxSaid is how much of what a process says at its end is kept, in bytes.
	maxSaid = 2000
)

// Memory is what the process may allocate, in bytes (RLIMIT_DATA, which counts
// writable memory whether it is touched or not). Some 85 MB of it are the Go
// runtime's and hardly touched, so that a worker beside it and what it then uses
// stay within the shipped memory limit of 256 MiB.
const Memory = 192 << 20

// order is what the process reads from its input.
type order struct {
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
	leave   *redis.Script
}

// New makes a Quarantine. command makes the command of a process that calls
// Serve and ends, with its Stderr where its log is to go; memory is what it may
// allocate, in bytes.
func New(rdb redis.UniversalClient, command func(ctx context.Context) *exec.Cmd, memory uint64) *Quarantine {
	return &Quarantine{rdb: rdb, command: command, memory: memory,
		renew: redis.NewScript(`if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end`),
		leave: redis.NewScript(`if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end`),
	}
}

// Do implements actions.Quarantine.
func (q *Quarantine) Do(ctx context.Context, key connections.Key, run int64, owner string) error {
	me := rand.Text()
	free, err := q.rdb.SetNX(ctx, occupied, me, claim).Result()
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
		q.hold(held, me)
	}()
	err = q.process(ctx, order{Key: key, Run: run, Owner: owner, Memory: q.memory})
	release()
	<-done
	lctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	return errors.Join(err, q.leave.Run(lctx, q.rdb, []string{occupied}, me).Err())
}

// hold renews the claim until the context ends. A renewal that fails is tried
// again: at worst a second run is in quarantine, elsewhere.
func (q *Quarantine) hold(ctx context.Context, me string) {
	tick := time.NewTicker(claim / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			rctx, cancel := context.WithTimeout(ctx, claim/3)
			_ = q.renew.Run(rctx, q.rdb, []string{occupied}, me, claim.Milliseconds()).Err()
			cancel()
		}
	}
}

// process starts the process and waits for its end.
func (q *Quarantine) process(ctx context.Context, o order) error {
	in, err := json.Marshal(o)
	if err != nil {
		return fault.Wrap(fault.Internal, "enter quarantine", err)
	}
	cmd := q.command(ctx)
	// It is told to stop as the worker is, and hands its run back.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopping
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, said := &bytes.Buffer{}, &beginning{}
	cmd.Stdin, cmd.Stdout = bytes.NewReader(in), out
	if cmd.Stderr == nil {
		cmd.Stderr = io.Discard
	}
	cmd.Stderr = io.MultiWriter(cmd.Stderr, said)
	err = cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fault.Wrap(fault.Canceled, "quarantine", context.Cause(ctx))
	case out.String() == begun:
		return fmt.Errorf("%w: %w: %s", actions.ErrDied, err, said)
	default:
		return &fault.Error{Op: "enter quarantine", Kind: fault.Internal, Side: fault.SidePlugin, Err: fmt.Errorf("%w: %s", err, said)}
	}
}

// beginning keeps the beginning of what is written to it: a Go program that dies says
// first what of.
type beginning struct{ text []byte }

func (t *beginning) Write(p []byte) (int, error) {
	t.text = append(t.text, p[:min(len(p), maxSaid-len(t.text))]...)
	return len(p), nil
}

func (t *beginning) String() string { return string(t.text) }
