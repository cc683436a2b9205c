package check

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

func promtool(t *testing.T, args ...string) (string, error) {
	t.Helper()
	binary, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool on the PATH (Debian: apt-get install prometheus): the rules were not run")
	}
	cmd := exec.CommandContext(t.Context(), binary, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), err
}

func TestPromtool(t *testing.T) {
	for _, args := range [][]string{
		{"check", "rules", "../prometheus/rules.yaml"},
		{"test", "rules", "../prometheus/rules_test.yaml"},
		{"check", "config", "--syntax-only", "../prometheus/scrape.yaml"},
	} {
		out, err := promtool(t, args...)
		require.NoError(t, err, out)
		t.Logf("promtool %v\n%s", args, out)
	}
}

type ruleFile struct {
	Groups []struct {
		Rules []struct {
			Alert, Expr string
			Labels      map[string]string
			Annotations map[string]string
		}
	}
}

type ruleTests struct {
	Tests []struct {
		AlertRuleTest []struct {
			Alertname string `json:"alertname"`
			ExpAlerts []any  `json:"exp_alerts"`
		} `json:"alert_rule_test"`
	}
}

func read(t *testing.T, path string, into any) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(raw, into))
	return raw
}

func TestEveryAlertIsSeenToFireAndNotToFire(t *testing.T) {
	var rules ruleFile
	var tests ruleTests
	read(t, "../prometheus/rules.yaml", &rules)
	read(t, "../prometheus/rules_test.yaml", &tests)
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, test := range tests.Tests {
		for _, a := range test.AlertRuleTest {
			if len(a.ExpAlerts) > 0 {
				fires[a.Alertname] = true
			} else {
				quiet[a.Alertname] = true
			}
		}
	}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			require.True(t, fires[r.Alert], "%s is never seen to fire", r.Alert)
			require.True(t, quiet[r.Alert], "%s is never seen not to fire", r.Alert)
			require.Contains(t, []string{"page", "ticket"}, r.Labels["severity"], r.Alert)
			require.NotEmpty(t, r.Annotations["summary"], r.Alert)
			require.NotEmpty(t, r.Annotations["description"], r.Alert)
		}
	}
}

// The unit tests must notice a rule that can no longer fire, each of them.
func TestRulesThatNeverFireAreNoticed(t *testing.T) {
	var rules ruleFile
	raw := read(t, "../prometheus/rules.yaml", &rules)
	tests, err := os.ReadFile("../prometheus/rules_test.yaml")
	require.NoError(t, err)
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			t.Run(r.Alert, func(t *testing.T) {
				dir := t.TempDir()
				gone := bytes.Replace(raw, []byte("alert: "+r.Alert+"\n"), []byte("alert: Gone\n"), 1)
				require.NoError(t, os.WriteFile(filepath.Join(dir, "rules.yaml"), gone, 0o600))
				require.NoError(t, os.WriteFile(filepath.Join(dir, "rules_test.yaml"), tests, 0o600))
				out, err := promtool(t, "test", "rules", filepath.Join(dir, "rules_test.yaml"))
				require.Error(t, err, out)
			})
		}
	}
}

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ X, Y, W, H int }
	Targets                  []struct{ Expr string }
}

type dashboard struct {
	UID    string
	Panels []panel
}

// Every query of the dashboard is one that Prometheus can read.
func TestDashboard(t *testing.T) {
	var d dashboard
	raw, err := os.ReadFile("../grafana/dashboard.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &d))
	require.NotEmpty(t, d.UID)
	var ids []int
	var group []map[string]any
	for _, p := range d.Panels {
		require.NotContains(t, ids, p.ID)
		ids = append(ids, p.ID)
		require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		if p.Type == "row" {
			continue
		}
		require.NotEmpty(t, p.Targets, p.Title)
		require.NotEmpty(t, p.Description, p.Title)
		for _, target := range p.Targets {
			expr := bytes.ReplaceAll([]byte(target.Expr), []byte("$__rate_interval"), []byte("5m"))
			group = append(group, map[string]any{"record": "panel:" + string(rune('a'+len(group)%26)) + string(rune('a'+len(group)/26)), "expr": string(expr)})
		}
	}
	require.True(t, slices.IsSortedFunc(d.Panels, func(a, b panel) int { return a.GridPos.Y - b.GridPos.Y }))
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": group}}})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "panels.yaml")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	out, err := promtool(t, "check", "rules", path)
	require.NoError(t, err, out)
}
