package config

import (
	"errors"
	"fmt"
	"strings"

	"pushbutton/internal/secret"
)

// MaxSecretFile bounds a file that holds a secret, in bytes.
const MaxSecretFile = 64 << 10

// ResolveSecret reads the secret that a reference names: "env:NAME" through
// lookup, "file:PATH" through read. read gets one byte more than MaxSecretFile
// as its limit and may return less. What a relative path is relative to is up
// to read. One line break at the end is taken off. An empty secret is an error,
// and so is anything that is no reference: a secret itself does not belong
// where references do, and the error does not repeat it.
func ResolveSecret(ref string, lookup func(string) (string, bool), read func(path string, limit int64) ([]byte, error)) (secret.String, error) {
	kind, name, ok := strings.Cut(ref, ":")
	if !ok || name == "" || (kind != "env" && kind != "file") {
		return secret.String{}, errors.New("must be env:NAME or file:PATH; a secret itself must not stand here")
	}
	if kind == "env" {
		// The name is not repeated unless it can be one: it may be a secret.
		if !variableName(name) {
			return secret.String{}, errors.New("env: must be followed by the name of an environment variable")
		}
		value, ok := lookup(name)
		if !ok {
			return secret.String{}, fmt.Errorf("the environment variable %s is not set", name)
		}
		return content(value, "the environment variable "+name)
	}
	raw, err := read(name, MaxSecretFile+1)
	if err != nil {
		return secret.String{}, fmt.Errorf("the file cannot be read: %w", err)
	}
	if len(raw) > MaxSecretFile {
		return secret.String{}, fmt.Errorf("the file %s is larger than %d bytes", quote(name), MaxSecretFile)
	}
	return content(string(raw), "the file "+quote(name))
}

func content(value, where string) (secret.String, error) {
	value = strings.TrimSuffix(strings.TrimSuffix(value, "\n"), "\r")
	if strings.TrimSpace(value) == "" {
		return secret.String{}, fmt.Errorf("%s is empty", where)
	}
	return secret.New(value), nil
}

// variableName holds for names as POSIX shells take them.
func variableName(s string) bool {
	for i, r := range s {
		letter := r == '_' || (r >= 'A' && r <= 'Z') || (r >= 'a' && r <= 'z')
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}
