package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopLimit is how long a process may take to end by itself.
const stopLimit = 15 * time.Second

// Process is a program that the stage started.
type Process struct {
	// Name distinguishes it from others; its log is named after it.
	Name string

	cmd    *exec.Cmd
	log    string
	ready  chan string
	exited chan struct{}
	err    error // set when exited is closed
}

// start starts a program whose output goes to a log. wanted picks the line of
// output that says that it is ready; nil means that nobody asks.
func (s *Stage) start(name string, env []string, wanted func(line string) bool, argv ...string) (*Process, error) {
	p := &Process{Name: name, log: filepath.Join(s.dir, name+".log"), ready: make(chan string, 1), exited: make(chan struct{})}
	// Appended: a program that is started again goes on in its log.
	file, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	//nolint:gosec,noctx // it is stopped by Close, in order, not by a context
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.Env, p.cmd.Dir = env, s.dir
	out := &output{file: file, wanted: wanted, ready: p.ready}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	// Its own group, so that a Ctrl-C leaves the order of stopping to us; and
	// an end, should we be killed.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		_ = file.Close()
		close(p.exited)
	}()
	s.mu.Lock()
	s.processes = append(s.processes, p)
	s.mu.Unlock()
	s.onClose(func() error { return p.Stop(stopLimit) })
	return p, nil
}

// await returns the line that says that the process is ready.
func (p *Process) await(ctx context.Context, limit time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case line := <-p.ready:
		return line, nil
	case <-p.exited:
		return "", fmt.Errorf("%s ended at once (%w):\n%s", p.Name, errors.Join(p.err), tail(p.log, 10))
	case <-ctx.Done():
		return "", fmt.Errorf("%s was not ready within %s: %w\n%s", p.Name, limit, ctx.Err(), tail(p.log, 10))
	}
}

// Pid is the process' id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Signal sends it a signal.
func (p *Process) Signal(sig syscall.Signal) error { return p.cmd.Process.Signal(sig) }

// Stop asks it to end, kills it after limit, and waits. The error says that
// it had to be killed; one that has ended before is fine.
func (p *Process) Stop(limit time.Duration) error {
	select {
	case <-p.exited:
		return nil
	default:
	}
	_ = p.Signal(syscall.SIGCONT)
	_ = p.Signal(syscall.SIGTERM)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.exited:
		return nil
	case <-timer.C:
		p.Kill()
		return fmt.Errorf("%s did not end within %s and was killed", p.Name, limit)
	}
}

// Kill ends it without asking (SIGKILL) and waits.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// Result is what a program that ends by itself left behind.
type Result struct {
	Code           int
	Stdout, Stderr string
}

// run runs a program to its end. The error is for one that could not be run;
// an exit code is a Result.
func (s *Stage) run(ctx context.Context, env []string, dir string, argv ...string) (Result, error) {
	//nolint:gosec // the caller's own programs
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = env, dir, &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	// What it started goes with it.
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	result := Result{Code: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return result, fmt.Errorf("%s: %w", strings.Join(argv, " "), ctx.Err())
	case err == nil, errors.As(err, &exit):
		return result, nil
	default:
		return result, fmt.Errorf("%s: %w", argv[0], err)
	}
}

// output writes a process' log and watches for one line of it.
type output struct {
	file   *os.File
	wanted func(string) bool
	ready  chan<- string

	mu   sync.Mutex
	rest []byte
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.file.Write(b) // first: who waits for the line reads the log then
	if o.wanted != nil {
		o.watch(b)
	}
	return n, err
}

func (o *output) watch(b []byte) {
	o.rest = append(o.rest, b...)
	for {
		line, rest, whole := bytes.Cut(o.rest, []byte("\n"))
		if !whole {
			return
		}
		o.rest = rest
		if o.wanted(string(line)) {
			o.ready <- string(line)
			o.wanted, o.rest = nil, nil
			return
		}
	}
}
