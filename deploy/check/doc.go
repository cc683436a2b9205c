// Package check holds the files of deploy/ against what they are for: every
// document against the published types of Kubernetes and Compose, strictly,
// and against the plugin itself: its settings, commands, ports, probes and
// time-outs. It is a module of its own, so that those types stay out of the
// service's module graph; nothing imports it.
//
// What must not live here: metrics, rules and dashboards (internal/app's
// tests hold those against the metrics; promtool runs from here).
package check

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"pushbutton/config"
	"pushbutton/internal/server"
)

// findings collects what is wrong, each with its place.
type findings []string

func (f *findings) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

// notOurs are the variables that containers may set and that are no setting.
func notOurs() []string { return []string{"GOMEMLIMIT", "GOMAXPROCS"} }

// settings checks a container's environment as the plugin would read it, and
// returns the configuration that it makes. secret holds the names of those
// variables that are filled from a secret.
func (f *findings) settings(where string, env map[string]string, secret []string) config.Config {
	known := map[string]config.Setting{}
	for _, s := range config.Settings() {
		known[s.Env] = s
	}
	given := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if slices.Contains(notOurs(), name) {
			continue
		}
		s, ok := known[name]
		if !ok {
			f.add("%s: %s is no setting of the plugin", where, name)
			continue
		}
		given[name] = env[name]
		if slices.Contains(secret, name) {
			given[name] = plausible(name)
		} else if s.Secret {
			f.add("%s: %s is a secret, and stands in the file", where, name)
		}
	}
	cfg, err := config.Load(config.Sources{
		Lookup:   func(name string) (string, bool) { v, ok := given[name]; return v, ok },
		Required: []string{config.RedisURL, config.EncryptionKeys, config.PublicURL},
	})
	if err != nil {
		f.add("%s: %v", where, err)
	}
	return cfg
}

// plausible stands for a secret that the file only refers to.
func plausible(name string) string {
	switch name {
	case config.RedisURL:
		return "redis://redis:6379/0"
	case config.EncryptionKeys:
		return "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	default:
		return "x"
	}
}

// margin is what a supervisor gives beyond the plugin's own limits.
const margin = 5 * time.Second

// grace checks that a supervisor waits long enough before it kills.
func (f *findings) grace(where string, cfg config.Config, given time.Duration) {
	if needed := cfg.DrainDelay + cfg.ShutdownTimeout + margin; given < needed {
		f.add("%s: is killed after %s, but PLUGIN_DRAIN_DELAY and PLUGIN_SHUTDOWN_TIMEOUT need %s and a margin of %s", where, given, cfg.DrainDelay+cfg.ShutdownTimeout, margin)
	}
}

// role checks the command of a container.
func (f *findings) role(where string, args []string) {
	if len(args) != 1 || !slices.Contains([]string{"serve", "api", "worker"}, args[0]) {
		f.add("%s: runs %q, which is none of serve, api and worker", where, strings.Join(args, " "))
	}
}

// probe checks that a path is one that the ops listener serves.
func (f *findings) probe(where, path string) {
	ready := func(context.Context) error { return errors.New("not ready") }
	rec := httptest.NewRecorder()
	server.Ops(ready, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })).
		ServeHTTP(rec, httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, nil))
	if rec.Code == http.StatusNotFound {
		f.add("%s: %s is nothing that PLUGIN_OPS_LISTEN serves", where, path)
	}
}

// port is the port of a listen address that is reachable from outside of the
// container.
func (f *findings) port(where, setting, listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || host != "" && host != "0.0.0.0" && host != "::" {
		f.add("%s: %s is %q, which cannot be reached from outside of the container", where, setting, listen)
	}
	return port
}
