// Package stage starts the real things that an end-to-end run needs, each as
// a process of its own: a redis-server, Debian's Redmine, the sandbox
// (Productboard's simulator with the in-memory tracker), and the plugin's own
// processes. Everything is on loopback or a socket, keeps its files and logs
// in one temporary folder, and is stopped by its own pid.
//
// What must not live here: what a run does and what it expects; nothing of
// the plugin beyond its command line, settings and metrics.
package stage

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Origin is the public address of the plugin, as Productboard knows it. The
// sandbox maps it to processes here.
const Origin = "https://plugin.example"

// Options sets up a Stage.
type Options struct {
	// Plugin is the program under test.
	Plugin string
	// Settings are the PLUGIN_* variables of every process of the plugin,
	// beside those that the Stage sets.
	Settings map[string]string
}

// Stage holds what was started. It is safe for concurrent use.
type Stage struct {
	opts Options
	dir  string
	key  string

	mu        sync.Mutex
	processes []*Process
	closers   []func() error
}

// New makes an empty stage with a folder of its own.
func New(opts Options) (*Stage, error) {
	plugin, err := filepath.Abs(opts.Plugin)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(plugin); err != nil {
		return nil, fmt.Errorf("the program under test: %w (make build makes it)", err)
	}
	opts.Plugin = plugin
	dir, err := os.MkdirTemp("", "pushbutton-") // short: a socket's path holds 107 bytes
	if err != nil {
		return nil, err
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	return &Stage{opts: opts, dir: dir, key: "stage:" + base64.StdEncoding.EncodeToString(key)}, nil
}

// Dir is the stage's folder: files put there go away with it.
func (s *Stage) Dir() string { return s.dir }

// Close stops everything that still runs, the latest first, and waits for
// it. The folder with the logs is removed unless keep is set.
func (s *Stage) Close(keep bool) error {
	s.mu.Lock()
	closers := s.closers
	s.closers = nil
	s.mu.Unlock()
	var errs []error
	for _, c := range slices.Backward(closers) {
		errs = append(errs, c())
	}
	if !keep {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

func (s *Stage) onClose(c func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closers = append(s.closers, c)
}

// WriteTails writes the last lines of every process' output.
func (s *Stage) WriteTails(w io.Writer, lines int) {
	s.mu.Lock()
	processes := slices.Clone(s.processes)
	s.mu.Unlock()
	seen := map[string]bool{} // a process that was started again goes on in its log
	for _, p := range processes {
		if seen[p.log] {
			continue
		}
		seen[p.log] = true
		_, _ = fmt.Fprintf(w, "--- %s (%s)\n%s\n", p.Name, p.log, tail(p.log, lines))
	}
}

func tail(file string, lines int) string {
	raw, err := os.ReadFile(file) //nolint:gosec // one of our own logs
	if err != nil {
		return err.Error()
	}
	all := strings.Split(string(bytes.TrimRight(raw, "\n")), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
