package check

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestComposeFiles(t *testing.T) {
	require.Empty(t, compose(t.Context(), "../compose.yaml", 2))
	require.Empty(t, compose(t.Context(), "../../compose.yaml", 1))
}

func TestComposeFilesThatAreWrongAreFound(t *testing.T) {
	raw, err := os.ReadFile("../compose.yaml")
	require.NoError(t, err)
	for name, c := range map[string]struct{ from, to, want string }{
		"a field that does not exist": {"stop_grace_period: 45s", "stop_graceperiod: 45s", "stop_graceperiod"},
		"killed too early":            {"stop_grace_period: 45s", "stop_grace_period: 10s", "is killed after 10s"},
		"a setting misspelt":          {"PLUGIN_LOG_FORMAT", "PLUGIN_LOGFORMAT", "is no setting"},
		"a key in the file":           {"${PLUGIN_ENCRYPTION_KEYS:?id:base64, see README.md}", "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "is a secret"},
		"an image without a digest":   {"redis:7.4@sha256:71da9275c5f3fcb97d0fa0c8c5b36cc995327265420f17a04bfd544f458059f7", "redis:7.4", "no tag with a digest"},
		"one worker":                  {"command: [\"worker\"]\n    environment: *environment\n    deploy: { replicas: 2 }", "command: [\"worker\"]\n    environment: *environment", "fewer than 2"},
		"no append-only file":         {`"--appendonly", "yes"`, `"--appendonly", "no"`, "--appendonly yes"},
		"an evicting Redis":           {"noeviction", "allkeys-lru", "noeviction"},
		"a network that is none":      {"networks: [store, out]", "networks: [stores, out]", "stores"},
	} {
		t.Run(name, func(t *testing.T) {
			require.True(t, strings.Contains(string(raw), c.from), "the case does not fit the file any more")
			path := filepath.Join(t.TempDir(), "compose.yaml")
			require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(raw), c.from, c.to, 1)), 0o600))
			require.Contains(t, strings.Join(compose(t.Context(), path, 2), "\n"), c.want)
		})
	}
}
