package app

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/config"
	"pushbutton/internal/redisdb/redistest"
)

// written finds what a text says of metrics that are not exported, or of
// labels that they do not have.
func written(text string, exported map[string][]string) (wrong []string, seen int) {
	for _, m := range regexp.MustCompile(`\b((?:plugin|process|go)_[a-z_]+)(\\?\{[^}]*\})?`).FindAllStringSubmatch(text, -1) {
		labels, ok := exported[m[1]]
		if !ok {
			wrong = append(wrong, m[1])
			continue
		}
		seen++
		for _, l := range regexp.MustCompile(`([a-z_]+)\s*(?:=|!=|=~|!~)\\*"`).FindAllStringSubmatch(m[2], -1) {
			// What Prometheus adds to every series is not ours.
			if !slices.Contains(append([]string{"job", "instance", "pod", "namespace"}, labels...), l[1]) {
				wrong = append(wrong, m[1]+"{"+l[1]+"}")
			}
		}
	}
	return wrong, seen
}

// An alert on a metric that was renamed never fires.
func TestWhatIsWrittenOfMetricsIsExported(t *testing.T) {
	cfg, err := config.Load(config.Sources{Flags: map[string]string{"encryption-keys": "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}})
	require.NoError(t, err)
	a, err := New(cfg, redistest.Mini(t).Client, silent, "test")
	require.NoError(t, err)
	defer a.Close()
	exported := a.metrics.Names()
	require.Equal(t, []string{"trigger", "outcome"}, exported["plugin_actions_total"])
	require.Contains(t, exported, "plugin_queue_age_seconds")

	for _, file := range []string{"prometheus/rules.yaml", "prometheus/rules_test.yaml", "prometheus/adapter.yaml", "grafana/dashboard.json", "kubernetes/worker.yaml", "../docs/run.md"} {
		text, err := os.ReadFile(filepath.Join("../../deploy", file))
		require.NoError(t, err)
		wrong, seen := written(strings.ReplaceAll(string(text), "pushbutton", ""), exported)
		require.Empty(t, wrong, file)
		require.NotZero(t, seen, file)
	}
	wrong, _ := written(`sum(plugin_stuck_total) + plugin_actions_total{kind="x"} + plugin_ack_seconds_bucket{le="1"}`, exported)
	require.Equal(t, []string{"plugin_stuck_total", "plugin_actions_total{kind}"}, wrong, "the test can fail")
}
