package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Sources is where the values come from. A value that is empty counts as not
// given, wherever it stands.
type Sources struct {
	// Lookup reads the environment (os.LookupEnv).
	Lookup func(string) (string, bool)
	// Flags holds the flags that were given on the command line, by
	// Setting.Flag. They go before the environment.
	Flags map[string]string
	// Defaults replaces Setting.Default, by Setting.Env: `plugin dev` has
	// others than a server.
	Defaults map[string]string
	// Required lists settings, by Setting.Env, that must not be empty.
	Required []string
}

// Load reads and checks every setting. Its error joins one error per wrong
// setting; each names the variable and the flag, and none the value of a
// secret.
func Load(src Sources) (Config, error) {
	var c Config
	var errs []error
	settings := Settings()
	for _, s := range settings {
		value := src.value(s)
		var err error
		switch {
		case value != "":
			err = s.set(&c, value)
		case slices.Contains(src.Required, s.Env):
			err = fmt.Errorf("is required%s", example(s))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s (--%s): %w", s.Env, s.Flag(), err))
		}
	}
	errs = append(errs, c.adminErrors()...)
	return c, errors.Join(append(errs, src.unknown(settings)...)...)
}

func (src Sources) value(s Setting) string {
	value, isSet := src.Flags[s.Flag()]
	if !isSet && src.Lookup != nil {
		value, _ = src.Lookup(s.Env)
	}
	if value = strings.TrimSpace(value); value != "" {
		return value
	}
	if value, ok := src.Defaults[s.Env]; ok {
		return value
	}
	return s.Default
}

// unknown reports the caller's own mistakes: names in Sources that are none.
func (src Sources) unknown(settings []Setting) []error {
	var errs []error
	known := func(name string, of func(Setting) string) bool {
		return slices.ContainsFunc(settings, func(s Setting) bool { return of(s) == name })
	}
	for flag := range src.Flags {
		if !known(flag, Setting.Flag) {
			errs = append(errs, fmt.Errorf("--%s: is not a setting", flag))
		}
	}
	env := func(s Setting) string { return s.Env }
	for name := range src.Defaults {
		if !known(name, env) {
			errs = append(errs, fmt.Errorf("%s: is not a setting", name))
		}
	}
	for _, name := range src.Required {
		if !known(name, env) {
			errs = append(errs, fmt.Errorf("%s: is not a setting", name))
		}
	}
	return errs
}

// Misnamed lists the variables of an environment ("NAME=value", os.Environ)
// that look like settings and are none: a misspelt one would silently leave
// its default in force.
func Misnamed(environ []string) []string {
	var out []string
	settings := Settings()
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, prefix) && !slices.ContainsFunc(settings, func(s Setting) bool { return s.Env == name }) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func example(s Setting) string {
	if s.Example == "" {
		return ""
	}
	return ", for example " + s.Example
}
