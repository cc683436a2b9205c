package config_test

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/config"
)

var update = flag.Bool("update", false, "write the generated files")

const exampleFile = "example.env"

func TestExampleEnvIsWhatTheSettingsSay(t *testing.T) {
	if *update {
		require.NoError(t, os.WriteFile(exampleFile, []byte(config.ExampleEnv()), 0o644))
	}
	got, err := os.ReadFile(exampleFile)
	require.NoError(t, err)
	require.Equal(t, config.ExampleEnv(), string(got), "run: go test ./config -update")
}

const (
	document    = "../docs/configuration.md"
	tableBegins = "<!-- table: made by config.Table -->\n"
	tableEnds   = "<!-- end of table -->\n"
)

func TestDocumentHoldsTheTable(t *testing.T) {
	raw, err := os.ReadFile(document)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(raw), tableBegins)
	require.True(t, ok)
	table, tail, ok := strings.Cut(rest, tableEnds)
	require.True(t, ok)
	if *update {
		require.NoError(t, os.WriteFile(document, []byte(head+tableBegins+config.Table()+tableEnds+tail), 0o644))
		return
	}
	require.Equal(t, config.Table(), table, "run: go test ./config -update")
}

// With every line's comment sign taken off, the file must load and give what
// no file at all gives.
func TestExampleEnvHoldsTheDefaults(t *testing.T) {
	t.Parallel()
	var pairs []string
	for _, m := range regexp.MustCompile(`(?m)^#(PLUGIN_[A-Z_]+)=(.*)$`).FindAllStringSubmatch(config.ExampleEnv(), -1) {
		pairs = append(pairs, m[1], m[2])
	}
	require.Len(t, pairs, 2*len(config.Settings()))
	fromFile, err := config.Load(config.Sources{Lookup: env(pairs...)})
	require.NoError(t, err)
	none, err := config.Load(config.Sources{})
	require.NoError(t, err)
	require.Equal(t, none, fromFile)
}

func TestSettingsAreDescribed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	table := config.Table()
	for _, s := range config.Settings() {
		require.False(t, seen[s.Env], s.Env)
		seen[s.Env] = true
		require.Regexp(t, `^PLUGIN_[A-Z_]+$`, s.Env)
		require.Regexp(t, `^[a-z-]+$`, s.Flag())
		require.True(t, strings.HasSuffix(s.Help, "."), "%s: %q is no sentence", s.Env, s.Help)
		require.Contains(t, table, "| `"+s.Env+"` | `--"+s.Flag()+"` |")
		if s.Example != "" && !s.Secret {
			_, err := config.Load(config.Sources{Lookup: env("PLUGIN_ADMIN_JWT_ISSUER", "i", "PLUGIN_ADMIN_JWT_AUDIENCE", "a", s.Env, s.Example)})
			require.NoError(t, err, "the example must be valid")
		}
	}
	require.Equal(t, len(config.Settings())+2, strings.Count(table, "\n"))
}
