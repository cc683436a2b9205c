package httptarget_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/httptarget"
	"pushbutton/internal/targets/settings"
)

// Every ready-made description opens with its examples, and says what it needs.
func TestPresetsOpen(t *testing.T) {
	t.Parallel()
	all, err := httptarget.Presets()
	require.NoError(t, err)
	require.Len(t, all, 7)
	for _, p := range all {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			vars, creds := m{}, map[string]string{}
			for _, v := range p.Variables {
				vars[v.Name] = v.Example
				require.NotEmpty(t, v.Help)
			}
			for _, s := range p.Secrets {
				creds[s.Name] = "canary"
			}
			target, err := open(t, m{"preset": p.Name, "vars": vars}, creds, targets.Deps{})
			require.NoError(t, err)
			require.Equal(t, p.Title, target.Traits().Name)
			require.Empty(t, target.Traits().Caveat, "it has a check and a look-up")
			require.NotEmpty(t, p.Guide.Permissions)
			require.NotEmpty(t, p.Guide.Token)
		})
	}
}

// The page lists every ready-made description with what it takes.
func TestPresetsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/http-target.md")
	require.NoError(t, err)
	all, err := httptarget.Presets()
	require.NoError(t, err)
	names := func(fields []settings.Field) string {
		out := make([]string, len(fields))
		for i, f := range fields {
			if out[i] = f.Name; f.Required {
				out[i] = "**" + f.Name + "**"
			}
		}
		return strings.Join(out, ", ")
	}
	for _, p := range all {
		require.Contains(t, string(page), fmt.Sprintf("\n| `%s` | %s | %s |\n", p.Name, names(p.Variables), names(p.Secrets)))
	}
}

// The page's descriptions are what it says they are.
func TestPageOpens(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/http-target.md")
	require.NoError(t, err)
	blocks := strings.Split(string(page), "```yaml\n")[1:]
	require.Len(t, blocks, 3)
	for _, b := range blocks {
		text, _, _ := strings.Cut(b, "\n```")
		type target struct {
			Settings    m
			Credentials map[string]string
		}
		var whole struct{ Target target }
		var alone target
		require.NoError(t, yaml.Unmarshal([]byte(text), &whole), text)
		require.NoError(t, yaml.Unmarshal([]byte(text), &alone), text)
		if whole.Target.Settings != nil {
			alone = whole.Target
		}
		for name := range alone.Credentials {
			alone.Credentials[name] = whsec
		}
		_, err := open(t, alone.Settings, alone.Credentials, targets.Deps{})
		require.NoError(t, err, text)
	}
}
