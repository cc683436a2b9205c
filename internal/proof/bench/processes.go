package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"pushbutton/config"
)

// buildLimit bounds the compiling of the program, readyLimit its start.
const (
	buildLimit = 8 * time.Minute
	readyLimit = 20 * time.Second
)

// program is the plugin as it is shipped, to be run as processes of its own.
type program struct {
	binary string
	env    []string
}

// buildProgram compiles it for this Redis and Productboard.
func buildProgram(ctx context.Context, cfg config.Config, server *redisServer, key string) (*program, func(), error) {
	dir, err := os.MkdirTemp("", "bench-plugin")
	if err != nil {
		return nil, nil, err
	}
	remove := func() { _ = os.RemoveAll(dir) }
	binary := filepath.Join(dir, "plugin")
	ctx, cancel := context.WithTimeout(ctx, buildLimit)
	defer cancel()
	said, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "pushbutton/cmd/plugin").CombinedOutput() //nolint:gosec // our own
	if err != nil {
		remove()
		return nil, nil, fmt.Errorf("build the program: %w: %s", err, said)
	}
	return &program{binary: binary, env: []string{
		"PATH=" + os.Getenv("PATH"), "PLUGIN_REDIS_URL=" + server.url, "PLUGIN_ENCRYPTION_KEYS=" + key, "PLUGIN_PUBLIC_URL=" + cfg.PublicURL,
		"PLUGIN_PRODUCTBOARD_API_URL=" + cfg.ProductboardAPIURL, "PLUGIN_OUTBOUND_ALLOW=127.0.0.0/8", "PLUGIN_DRAIN_DELAY=0s", "PLUGIN_LOG_LEVEL=warn",
	}}, remove, nil
}

// with is the program with one more variable in its environment.
func (p *program) with(variable string) *program {
	return &program{binary: p.binary, env: append(slices.Clone(p.env), variable)}
}

// process is one of them.
type process struct {
	cmd   *exec.Cmd
	front string        // where its front would listen
	took  time.Duration // from its start until it was ready
	ended chan error
}

// start runs a command of the program until /readyz says yes.
func (p *program) start(ctx context.Context, command string, concurrency int) (*process, error) {
	ops, err := freeAddress()
	if err != nil {
		return nil, err
	}
	front, err := freeAddress()
	if err != nil {
		return nil, err
	}
	var said strings.Builder
	cmd := exec.Command(p.binary, command) //nolint:gosec,noctx // ended by stop
	cmd.Env = append([]string{"PLUGIN_OPS_LISTEN=" + ops, "PLUGIN_LISTEN=" + front, fmt.Sprint("PLUGIN_CONCURRENCY=", concurrency)}, p.env...)
	cmd.Stdout, cmd.Stderr = io.Discard, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r := &process{cmd: cmd, front: front, ended: make(chan error, 1)}
	go func() { r.ended <- cmd.Wait() }()
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	for !ready(ctx, ops) {
		select {
		case err := <-r.ended:
			return nil, fmt.Errorf("plugin %s ended: %w: %s", command, err, said.String())
		default:
		}
		if err := wait(ctx, time.Millisecond); err != nil {
			return nil, errors.Join(fmt.Errorf("plugin %s was not ready within %s", command, readyLimit), r.stop())
		}
	}
	r.took = time.Since(begun)
	return r, nil
}

func (r *process) stop() error {
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	limit := time.NewTimer(readyLimit)
	defer limit.Stop()
	select {
	case err := <-r.ended:
		return err
	case <-limit.C:
		return errors.Join(errors.New("a process did not end"), r.cmd.Process.Kill())
	}
}

func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once
	if err != nil {
		return "", err
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String(), nil
}

func ready(ctx context.Context, address string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// startsAndRests measures how soon a process is ready, against one that only
// tells its version, and what it holds in memory while it has nothing to do.
func startsAndRests(ctx context.Context, o options, p *program, out io.Writer) error {
	var serve, bare []float64
	rest := map[string][]float64{}
	for range o.rounds {
		begun := time.Now()
		if err := exec.CommandContext(ctx, p.binary, "version").Run(); err != nil { //nolint:gosec // our own
			return fmt.Errorf("plugin version: %w", err)
		}
		bare = append(bare, ms(time.Since(begun)))
		for _, command := range []string{"serve", "api", "worker"} {
			r, err := p.start(ctx, command, 20)
			if err != nil {
				return err
			}
			if command == "serve" {
				serve = append(serve, ms(r.took))
			}
			err = wait(ctx, o.rest/5)
			bytes, rerr := resident(r.cmd.Process.Pid)
			rest[command] = append(rest[command], float64(bytes)/(1<<20))
			if err := errors.Join(err, rerr, r.stop()); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(out, "a process of its own, %d rounds\n  %-34s %s (goal: at most 300; a process that only tells its version: %s)\n", o.rounds, "serve: start to ready, ms", spread(serve, "%.0f"), spread(bare, "%.0f"))
	for _, command := range []string{"serve", "api", "worker"} {
		fmt.Fprintf(out, "  %-34s %s (goal: at most 40)\n", command+": resident at rest, MB", spread(rest[command], "%.0f"))
	}
	fmt.Fprintln(out)
	return nil
}
