package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// crew is the processes that use the session.
type crew struct {
	setup string
	mu    sync.Mutex
	mates []*mate
}

// mate is one process.
type mate struct {
	number int
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
}

func newCrew(n int, setup string) *crew {
	c := &crew{setup: setup, mates: make([]*mate, n)}
	for i := range c.mates {
		c.mates[i] = &mate{number: i}
	}
	return c
}

func (c *crew) start(m *mate) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, "-worker", c.setup+" "+strconv.Itoa(m.number)) //nolint:gosec,noctx // ourselves; it is killed by close
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.mu.Lock()
	m.cmd, m.in, m.out = cmd, in, bufio.NewReader(out)
	c.mu.Unlock()
	return nil
}

// round has every process make a call, those that were killed meanwhile once
// more after they were started again. It tells how many could not.
func (c *crew) round(ctx context.Context, round int) (failed int, err error) {
	var group sync.WaitGroup
	results := make(chan error, len(c.mates))
	for _, m := range c.mates {
		group.Go(func() { results <- c.call(ctx, m, round) })
	}
	group.Wait()
	close(results)
	for err := range results {
		if errors.Is(err, errNotThrough) {
			failed++
		} else if err != nil {
			return failed, err
		}
	}
	return failed, nil
}

var errNotThrough = errors.New("a process did not get through")

func (c *crew) call(ctx context.Context, m *mate, round int) error {
	for range 10 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if m.cmd == nil {
			if err := c.start(m); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintf(m.in, "%d\n", round); err == nil {
			line, err := m.out.ReadString('\n')
			switch {
			case err == nil && strings.TrimSpace(line) == "ok":
				return nil
			case err == nil:
				return fmt.Errorf("%w: %s", errNotThrough, strings.TrimSpace(line))
			}
		}
		_ = m.cmd.Wait() // it was killed
		c.mu.Lock()
		m.cmd = nil
		c.mu.Unlock()
	}
	return errors.New("a process ends again and again")
}

// strike kills or freezes a process; a frozen one goes on after a while.
func (c *crew) strike(number int, how string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cmd := c.mates[number].cmd
	if cmd == nil {
		return
	}
	if how != "frozen" {
		_ = cmd.Process.Kill()
		return
	}
	_ = cmd.Process.Signal(syscall.SIGSTOP)
	time.AfterFunc(lock+lock/2, func() { _ = cmd.Process.Signal(syscall.SIGCONT) })
}

func (c *crew) close() {
	for _, m := range c.mates {
		if m.cmd != nil {
			_ = m.cmd.Process.Kill()
			_ = m.cmd.Wait()
		}
	}
}

// hitman stands before the simulator and strikes whoever asks for a token.
type hitman struct {
	next   http.Handler
	crew   *crew
	killed map[string]int

	mu   sync.Mutex
	dice *rand.Rand
	plan string
}

// arm decides what befalls the next one who asks for a token.
func (h *hitman) arm(never bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	plans := []string{"", "", "before", "after", "after", "frozen"}
	h.plan = plans[h.dice.IntN(len(plans))]
	if never {
		h.plan = ""
	}
}

func (h *hitman) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.Atoi(strings.TrimPrefix(r.UserAgent(), "refresh/"))
	if err != nil || r.URL.Path != "/oauth2/token" || h.crew == nil {
		h.next.ServeHTTP(w, r)
		return
	}
	h.mu.Lock()
	plan := h.plan
	h.plan = ""
	if plan != "" {
		h.killed[plan]++
	}
	h.mu.Unlock()
	if plan == "before" {
		h.crew.strike(number, plan)
		panic(http.ErrAbortHandler)
	}
	// The reply is held back until the one who asked is struck.
	kept := httptest.NewRecorder()
	h.next.ServeHTTP(kept, r)
	if plan != "" {
		h.crew.strike(number, plan)
	}
	maps.Copy(w.Header(), kept.Header())
	w.WriteHeader(kept.Code)
	_, _ = w.Write(kept.Body.Bytes())
}
