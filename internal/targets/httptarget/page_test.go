package httptarget_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/targets/httptarget"
	"pushbutton/internal/targets/settings"
)

var update = flag.Bool("update", false, "write the list of keys in docs/http-target.md anew")

const page, keysHead = "../../../docs/http-target.md", "\n## Every key\n"

// The page ends with every key of a description, made of the settings.
func TestKeysAreDocumented(t *testing.T) {
	raw, err := os.ReadFile(page)
	require.NoError(t, err)
	text, listed, _ := strings.Cut(string(raw), keysHead)
	want := keys()
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(text+keysHead+want), 0o600))
		return
	}
	require.Equal(t, want, listed, "run: go test ./internal/targets/httptarget -run Keys -update")
}

// keys lists what requests share once, and then what each part has beside it.
func keys() string {
	fields := httptarget.Kind().Settings
	named := func(name string) settings.Field {
		return fields[slices.IndexFunc(fields, func(f settings.Field) bool { return f.Name == name })]
	}
	shared := named("create").Fields
	var b strings.Builder
	table := func(title string, fields []settings.Field) {
		fmt.Fprintf(&b, "\n%s\n\n| key | what it is | example |\n| --- | --- | --- |\n", title)
		for _, f := range fields {
			help := f.Help
			if f.Required {
				help = "**Required.** " + help
			}
			if len(f.Enum) > 0 {
				help += " One of " + strings.Join(f.Enum, ", ") + "."
			}
			fmt.Fprintf(&b, "| `%s` | %s | `%s` |\n", f.Name, help, strings.ReplaceAll(f.Example, "|", `\|`))
		}
	}
	table("At the top:", fields)
	table("Every request (`check`, `create`, `find`, `read`, `readMany`, `update`, `comment`, `close`):", shared)
	for _, f := range fields {
		var own []settings.Field
		for _, nested := range f.Fields {
			if !slices.ContainsFunc(shared, func(s settings.Field) bool { return s.Name == nested.Name && s.Help == nested.Help }) {
				own = append(own, nested)
			}
		}
		if len(own) > 0 {
			table("`"+f.Name+"`:", own)
		}
	}
	return b.String()
}
