package main

import (
	"bufio"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

//go:embed node/package.json node/package-lock.json node/server.js
var nodeFiles embed.FS

// nodeLimit bounds the installation of Express.
const nodeLimit = time.Minute

// newNode is reference (c): the shape of Productboard's published sample,
// Express in one process, which answers and goes on in memory: no queue, no
// record. It needs node and npm, and npm's registry or a cache of it.
func newNode(ctx context.Context) (c *contestant, err error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, errors.New("no node on the PATH")
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return nil, errors.New("no npm on the PATH")
	}
	dir, err := os.MkdirTemp("", "bench-node")
	if err != nil {
		return nil, err
	}
	stop := func() { _ = os.RemoveAll(dir) }
	defer func() {
		if err != nil {
			stop()
		}
	}()
	files, err := fs.Sub(nodeFiles, "node")
	if err != nil {
		return nil, err
	}
	if err := os.CopyFS(dir, files); err != nil {
		return nil, err
	}
	ictx, cancel := context.WithTimeout(ctx, nodeLimit)
	defer cancel()
	install := exec.CommandContext(ictx, npm, "ci", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts", "--silent") //nolint:gosec // from the PATH
	install.Dir, install.WaitDelay = dir, time.Second
	if said, err := install.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("npm ci: %w: %s", err, strings.TrimSpace(string(said)))
	}
	return startNode(node, dir, stop)
}

func startNode(node, dir string, remove func()) (*contestant, error) {
	cmd := exec.Command(node, filepath.Join(dir, "server.js")) //nolint:gosec,noctx // from the PATH; ended by close
	cmd.Env = append(os.Environ(), "NODE_ENV=production", "ACTION_AUTH="+benchAuth)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		remove()
	}
	// It says its address once it listens; a kill ends the wait.
	limit := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
	defer limit.Stop()
	lines := bufio.NewScanner(said)
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), "http://127.0.0.1:") {
		stop()
		return nil, errors.New("it did not say its address")
	}
	c := against(lines.Text() + "/action")
	c.other, c.done = cmd.Process.Pid, append(c.done, stop)
	return c, nil
}
