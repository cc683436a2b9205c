package stage

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// Roles that Plugin starts.
const (
	RoleAPI    = "api"
	RoleWorker = "worker"
)

const pluginStart = 20 * time.Second

// Plugin is a process of the plugin.
type Plugin struct {
	*Process
	// Listen is the address of the front door, empty for a worker; Ops is
	// that of health and metrics. Both are host:port.
	Listen, Ops string
}

// Plugin starts `plugin api` or `plugin worker` and waits until it is ready.
// settings go over the stage's own; addresses are free ones unless they are
// set.
func (s *Stage) Plugin(ctx context.Context, role, name string, settings map[string]string) (*Plugin, error) {
	env := s.environment(map[string]string{"PLUGIN_LISTEN": "127.0.0.1:0", "PLUGIN_OPS_LISTEN": "127.0.0.1:0",
		"PLUGIN_DRAIN_DELAY": "0s", "PLUGIN_LOG_FORMAT": "json"}, settings)
	var told struct{ Msg, Listen, Ops string }
	p, err := s.start(name, env, func(line string) bool {
		return json.Unmarshal([]byte(line), &told) == nil && told.Msg == "ready"
	}, s.opts.Plugin, role)
	if err != nil {
		return nil, err
	}
	if _, err := p.await(ctx, pluginStart); err != nil {
		return nil, err
	}
	return &Plugin{Process: p, Listen: told.Listen, Ops: told.Ops}, nil
}

// Tool runs one of the plugin's commands that end by themselves (apply,
// doctor) in the stage's folder.
func (s *Stage) Tool(ctx context.Context, settings map[string]string, args ...string) (Result, error) {
	return s.run(ctx, s.environment(settings), s.dir, append([]string{s.opts.Plugin}, args...)...)
}

// environment is ours without any setting of the plugin, and then the
// stage's, and then the given ones.
func (s *Stage) environment(more ...map[string]string) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PLUGIN_") {
			env = append(env, v)
		}
	}
	env = append(env, "PLUGIN_PUBLIC_URL="+Origin, "PLUGIN_ENCRYPTION_KEYS="+s.key, "PLUGIN_OUTBOUND_ALLOW=127.0.0.0/8")
	for _, settings := range append([]map[string]string{s.opts.Settings}, more...) {
		for k, v := range settings {
			env = append(env, k+"="+v) // of several, the last counts (os/exec)
		}
	}
	return env
}

// Ready reports whether the process says that it may get requests (/readyz).
func (p *Plugin) Ready(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Ops+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Metrics are the values of a process' series, by name and labels as they
// stand in the text format.
type Metrics map[string]float64

// Metrics reads them.
func (p *Plugin) Metrics(ctx context.Context) (Metrics, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Ops+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("metrics of %s: %w", p.Name, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("metrics of %s: status %d", p.Name, resp.StatusCode)
	}
	return readMetrics(resp.Body)
}

func readMetrics(r io.Reader) (Metrics, error) {
	m := Metrics{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		at := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || at < 0 {
			continue
		}
		v, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("metrics: %q: %w", line, err)
		}
		m[line[:at]] = v
	}
	return m, lines.Err()
}

// Sum adds up the series of one name whose labels hold all of these texts
// (`operation="create issue"`).
func (m Metrics) Sum(name string, labels ...string) float64 {
	var sum float64
series:
	for series, v := range m {
		if series != name && !strings.HasPrefix(series, name+"{") {
			continue
		}
		for _, l := range labels {
			if !strings.Contains(series, l) {
				continue series
			}
		}
		sum += v
	}
	return sum
}
