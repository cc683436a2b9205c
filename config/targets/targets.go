// Package targets holds the ready-made descriptions of trackers for the http
// target, one YAML file each, built into the program.
//
// What must not live here: what a description means (internal/targets/httptarget).
package targets

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed *.yaml
var files embed.FS

const suffix = ".yaml"

// Names lists the descriptions, sorted.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil // a folder that is built in can be read
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), suffix)
	}
	return names
}

// Read returns a description's text.
func Read(name string) ([]byte, error) {
	text, err := files.ReadFile(name + suffix)
	if err != nil {
		return nil, fmt.Errorf("there is no description %q", name)
	}
	return text, nil
}
