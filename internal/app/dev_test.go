package app

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/config"
)

var silent = slog.New(slog.NewTextHandler(io.Discard, nil))

// startDev runs `plugin dev` in this process and returns its address; with a
// key, the admin API is on.
func startDev(t *testing.T, adminKey ...string) string {
	t.Helper()
	cfg, err := config.Load(config.Sources{Defaults: map[string]string{
		"PLUGIN_ADMIN_JWT_KEY": base64.StdEncoding.EncodeToString([]byte(strings.Join(adminKey, ""))),
		"PLUGIN_LISTEN":        "127.0.0.1:0", "PLUGIN_OPS_LISTEN": "127.0.0.1:0", "PLUGIN_DRAIN_DELAY": "0s", "PLUGIN_SHUTDOWN_TIMEOUT": "2s", "PLUGIN_REFRESH": "1s",
	}})
	require.NoError(t, err)
	ln, err := net.Listen("tcp", cfg.Listen)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- Dev{Config: cfg, Listener: ln, Log: silent, Version: "test", Ready: func(url string) { ready <- url }}.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	select {
	case url := <-ready:
		require.Equal(t, "http://"+ln.Addr().String()+"/sandbox", url)
		return "http://" + ln.Addr().String()
	case err := <-ended:
		ended <- err
		require.NoError(t, err)
		return ""
	}
}

func fetch(t *testing.T, method, url string, in, out any) {
	t.Helper()
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		require.NoError(t, err)
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, url, body)
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Less(t, resp.StatusCode, 400, string(raw))
	if out != nil {
		require.NoError(t, json.Unmarshal(raw, out), string(raw))
	}
}

type shownBoard struct {
	Entities     []struct{ ID, Type, Name string }
	Integrations []struct{ ID string }
	Connections  []struct {
		EntityID   string
		Connection struct{ State, Label, HoverLabel, Tooltip, TargetURL, Message string }
	}
}

func TestDevFromClickToIssue(t *testing.T) {
	address := startDev(t)
	var b shownBoard
	fetch(t, http.MethodGet, address+"/sandbox/api/board", nil, &b)
	require.Len(t, b.Integrations, 1)
	require.Len(t, b.Entities, devItems)
	for _, e := range b.Entities {
		fetch(t, http.MethodPost, address+"/sandbox/api/clicks", map[string]string{
			"integrationId": b.Integrations[0].ID, "entityId": e.ID, "trigger": "button.push"}, nil)
	}
	require.Eventually(t, func() bool {
		b = shownBoard{}
		fetch(t, http.MethodGet, address+"/sandbox/api/board", nil, &b)
		for _, c := range b.Connections {
			if c.Connection.State != "connected" {
				return false
			}
		}
		return len(b.Connections) == devItems
	}, 20*time.Second, 50*time.Millisecond, "every click becomes an issue")

	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, b.Connections[0].Connection.TargetURL, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	page, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Contains(t, string(page), b.Connections[0].Connection.HoverLabel, "the link opens the issue")

	for _, path := range []string{"/sandbox/api/board", "/v2/", "/tracker/control/", "/actions/x", "/admin/v1/tenants"} {
		req, err = http.NewRequestWithContext(t.Context(), http.MethodGet, address+path, nil)
		require.NoError(t, err)
		req.Host = "rebound.example"
		resp, err = http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusMisdirectedRequest, resp.StatusCode, "a stranger's name leads nowhere: %s", path)
	}
}

// What happens to an issue in its tracker reaches the button, without a hook and
// without a click.
func TestAnIssuesStatusReachesItsButton(t *testing.T) {
	address := startDev(t)
	var b shownBoard
	fetch(t, http.MethodGet, address+"/sandbox/api/board", nil, &b)
	fetch(t, http.MethodPost, address+"/sandbox/api/clicks", map[string]string{
		"integrationId": b.Integrations[0].ID, "entityId": b.Entities[0].ID, "trigger": "button.push"}, nil)
	shows := func(label string) func() bool {
		return func() bool {
			b = shownBoard{}
			fetch(t, http.MethodGet, address+"/sandbox/api/board", nil, &b)
			return len(b.Connections) == 1 && b.Connections[0].Connection.State == "connected" && b.Connections[0].Connection.Label == label
		}
	}
	require.Eventually(t, shows("Open"), 20*time.Second, 50*time.Millisecond)
	var issues struct{ Issues []struct{ ID string } }
	fetch(t, http.MethodGet, address+"/tracker/control/issues?project="+SandboxProject, nil, &issues)
	require.Len(t, issues.Issues, 1)
	fetch(t, http.MethodPut, address+"/tracker/control/issues/"+issues.Issues[0].ID+"/status", map[string]string{"status": "Done"}, nil)
	require.Eventually(t, shows("Done"), 30*time.Second, 50*time.Millisecond)
}

// A renamed or moved issue reaches its button too. One reading of a trashed issue
// shows nothing as deleted.
func TestAnIssuesFatesReachItsButton(t *testing.T) {
	address := startDev(t)
	var b shownBoard
	fetch(t, http.MethodGet, address+"/sandbox/api/board", nil, &b)
	entities := b.Entities[:2]
	for _, e := range entities {
		fetch(t, http.MethodPost, address+"/sandbox/api/clicks", map[string]string{
			"integrationId": b.Integrations[0].ID, "entityId": e.ID, "trigger": "button.push"}, nil)
	}
	button := func(n int) (shown struct{ State, Label, HoverLabel, Tooltip, TargetURL, Message string }) {
		b = shownBoard{}
		fetch(t, http.MethodGet, address+"/sandbox/api/board", nil, &b)
		for _, c := range b.Connections {
			if c.EntityID == entities[n].ID {
				shown = c.Connection
			}
		}
		return shown
	}
	eventually := func(shows func() bool, what string) {
		t.Helper()
		require.Eventually(t, shows, 30*time.Second, 50*time.Millisecond, what)
	}
	eventually(func() bool { return button(0).State == "connected" && button(1).State == "connected" }, "two issues")
	change := func(n int, what string, value any) {
		address := button(n).TargetURL
		id := address[strings.LastIndex(address, "/")+1:]
		fetch(t, http.MethodPut, strings.SplitAfter(address, "/tracker")[0]+"/control/issues/"+id+"/"+what, map[string]any{what: value}, nil)
	}
	before := button(0)

	change(0, "title", "Quite another name")
	change(0, "project", "archive")
	eventually(func() bool {
		now := button(0)
		return strings.Contains(now.Tooltip, "Quite another name") && now.HoverLabel == "ARCHIVE-1"
	}, "renamed and moved")
	require.NotEqual(t, before.TargetURL, button(0).TargetURL)

	// Both are read with one request.
	change(0, "trashed", true)
	change(1, "status", "Done")
	eventually(func() bool { return button(1).Label == "Done" }, "read after the other was trashed")
	require.Equal(t, "Open", button(0).Label)
	change(0, "trashed", false)
	change(0, "status", "In Progress")
	eventually(func() bool { return button(0).Label == "In Progress" }, "restored")
}
