package config

import (
	"fmt"
	"strings"
)

const lineWidth = 78

// ExampleEnv renders config/example.env: every setting with its help, the
// ones without a default to be filled in or left out.
func ExampleEnv() string {
	var b strings.Builder
	b.WriteString("# Every setting of the plugin. Each is also a flag: PLUGIN_REDIS_URL is --redis-url.\n" +
		"# A setting that is absent or empty has its default.\n")
	for _, s := range Settings() {
		b.WriteString("\n")
		for _, line := range wrap(s.Help, lineWidth) {
			b.WriteString("# " + line + "\n")
		}
		if s.Default == "" && s.Example != "" {
			fmt.Fprintf(&b, "# Example: %s\n", s.Example)
		}
		fmt.Fprintf(&b, "#%s=%s\n", s.Env, s.Default)
	}
	return b.String()
}

// Table renders the settings as a Markdown table, for the documentation.
func Table() string {
	var b strings.Builder
	b.WriteString("| Variable | Flag | Default | What it does |\n| --- | --- | --- | --- |\n")
	for _, s := range Settings() {
		def := "none"
		if s.Default != "" {
			def = "`" + s.Default + "`"
		}
		help := s.Help
		if s.Example != "" {
			help += " Example: `" + s.Example + "`."
		}
		fmt.Fprintf(&b, "| `%s` | `--%s` | %s | %s |\n", s.Env, s.Flag(), def, strings.ReplaceAll(help, "|", `\|`))
	}
	return b.String()
}

// wrap breaks a text into lines of at most width bytes, between words.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
