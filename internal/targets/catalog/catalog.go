// Package catalog names every tracker that the plugin can push to, each
// exactly once. A new adapter is known to everything else by its line here.
//
// What must not live here: anything about a particular tracker.
package catalog

import (
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/asana"
	"pushbutton/internal/targets/azuredevops"
	"pushbutton/internal/targets/gitea"
	"pushbutton/internal/targets/github"
	"pushbutton/internal/targets/gitlab"
	"pushbutton/internal/targets/httptarget"
	"pushbutton/internal/targets/jira"
	"pushbutton/internal/targets/linear"
	"pushbutton/internal/targets/memtarget"
	"pushbutton/internal/targets/redmine"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/shortcut"
)

// Kinds lists every kind of tracker, in the order of its documentation.
func Kinds() []targets.Kind {
	return []targets.Kind{
		jira.Kind(),
		github.Kind(),
		gitlab.Kind(),
		linear.Kind(),
		azuredevops.Kind(),
		gitea.Kind(),
		asana.Kind(),
		shortcut.Kind(),
		redmine.Kind(),
		httptarget.Kind(),
		memtarget.Kind(),
	}
}

// Open makes a Target of a type's raw settings. It does not reach out. Its
// error wraps settings.FieldErrors, whose paths are "type", "settings.NAME" or
// "credentials.NAME".
func Open(typ string, given map[string]any, credentials map[string]secret.String, deps targets.Deps) (*targets.Target, error) {
	var names []string
	for _, kind := range Kinds() {
		if kind.Type == typ {
			return kind.Open(given, credentials, deps)
		}
		names = append(names, kind.Type)
	}
	message := "must be one of " + strings.Join(names, ", ")
	if s := settings.Suggest(typ, names); s != "" {
		message += " (did you mean " + s + "?)"
	}
	errs := settings.FieldErrors{{Path: "type", Message: message}}
	return nil, &fault.Error{Op: "open target", Kind: fault.Invalid, Side: fault.SidePlugin, Public: "The integration's target " + message + ".", Err: errs}
}
