package pbfake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A problem is one thing wrong with a document.
type problem struct {
	// pointer is the JSON Pointer (RFC 6901) of the place.
	pointer string
	// shape is set for a missing field or a wrong JSON type, which is a 400
	// (request.invalid) in the published examples. A right type with a wrong
	// value, or an unknown field, is a 422 (validation.failed).
	shape  bool
	detail string
}

// A rule looks at one decoded value and reports what is wrong with it.
type rule func(v any, at string, report func(problem))

// field is a rule for a property of an object.
type field struct {
	rule
	required bool
}

func must(r rule) field { return field{r, true} }
func may(r rule) field  { return field{r, false} }

// check runs a rule over a whole document.
func check(r rule, doc any) []problem {
	var out []problem
	r(doc, "", func(p problem) { out = append(out, p) })
	return out
}

// object wants an object with these properties and no others.
func object(fields map[string]field) rule {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return func(v any, at string, report func(problem)) {
		doc, ok := v.(map[string]any)
		if !ok {
			report(wrongType(at, "an object", v))
			return
		}
		for _, name := range names {
			here := at + "/" + escapePointer(name)
			value, there := doc[name]
			switch {
			case there:
				fields[name].rule(value, here, report)
			case fields[name].required:
				report(problem{here, true, fmt.Sprintf("Field '%s' is required but was not provided.", name)})
			}
		}
		unknown := make([]string, 0)
		for name := range doc {
			if _, known := fields[name]; !known {
				unknown = append(unknown, name)
			}
		}
		slices.Sort(unknown)
		for _, name := range unknown {
			report(problem{at + "/" + escapePointer(name), false, fmt.Sprintf("The field '%s' is not known here.", name)})
		}
	}
}

// list wants an array.
func list(item rule) rule {
	return func(v any, at string, report func(problem)) {
		items, ok := v.([]any)
		if !ok {
			report(wrongType(at, "an array", v))
			return
		}
		for i, it := range items {
			item(it, at+"/"+strconv.Itoa(i), report)
		}
	}
}

// text wants a string of min to max characters (code points) that passes
// every check; a check returns what is wrong, or "".
func text(minLen, maxLen int, checks ...func(string) string) rule {
	return func(v any, at string, report func(problem)) {
		s, ok := v.(string)
		if !ok {
			report(wrongType(at, "a string", v))
			return
		}
		n := utf8.RuneCountInString(s)
		switch {
		case n < minLen:
			report(problem{at, false, fmt.Sprintf("The value must have at least %d characters.", minLen)})
			return
		case n > maxLen:
			report(problem{at, false, fmt.Sprintf("The value must have at most %d characters, it has %d.", maxLen, n)})
			return
		}
		for _, check := range checks {
			if wrong := check(s); wrong != "" {
				report(problem{at, false, wrong})
				return
			}
		}
	}
}

// enum wants one of some strings.
func enum(values ...string) rule {
	return text(0, math.MaxInt, func(s string) string {
		if slices.Contains(values, s) {
			return ""
		}
		return "The value must be one of: " + strings.Join(values, ", ") + "."
	})
}

// constant wants one integer.
func constant(want int64) rule {
	return func(v any, at string, report func(problem)) {
		n, ok := v.(json.Number)
		if !ok {
			report(wrongType(at, "an integer", v))
			return
		}
		f, err := n.Float64()
		switch {
		case err != nil || f != math.Trunc(f):
			report(wrongType(at, "an integer", v))
		case f != float64(want):
			report(problem{at, false, fmt.Sprintf("The value must be %d.", want)})
		}
	}
}

func boolean(v any, at string, report func(problem)) {
	if _, ok := v.(bool); !ok {
		report(wrongType(at, "a boolean", v))
	}
}

// byState picks the rule of a connection state by its discriminator.
func byState(states map[string]rule) rule {
	names := make([]string, 0, len(states))
	for name := range states {
		names = append(names, name)
	}
	slices.Sort(names)
	only := enum(names...)
	return func(v any, at string, report func(problem)) {
		doc, ok := v.(map[string]any)
		if !ok {
			report(wrongType(at, "an object", v))
			return
		}
		state, there := doc["state"]
		if !there {
			report(problem{at + "/state", true, "Field 'state' is required but was not provided."})
			return
		}
		if name, ok := state.(string); ok && states[name] != nil {
			states[name](doc, at, report)
			return
		}
		only(state, at+"/state", report)
	}
}

func wrongType(at, want string, v any) problem {
	got := "null"
	switch v.(type) {
	case map[string]any:
		got = "an object"
	case []any:
		got = "an array"
	case string:
		got = "a string"
	case json.Number:
		got = "a number"
	case bool:
		got = "a boolean"
	}
	name := at[strings.LastIndex(at, "/")+1:]
	if name == "" {
		name = "the document"
	}
	return problem{at, true, fmt.Sprintf("Field '%s' must be %s, but received %s.", name, want, got)}
}

func isUUID(s string) string {
	if validUUID(s) {
		return ""
	}
	return "The value must be a UUID."
}

// validUUID accepts the canonical form only: 8-4-4-4-12 hex digits.
func validUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
				return false
			}
		}
	}
	return true
}

func isURI(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || (u.Host == "" && u.Opaque == "" && u.Path == "") || strings.ContainsAny(s, " \t\r\n") {
		return "The value must be an absolute URL."
	}
	return ""
}

func escapePointer(s string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(s)
}

// decodeJSON reads one JSON document of valid UTF-8, numbers kept as they are.
func decodeJSON(raw []byte) (any, error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("the body is not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var doc any
	if err := d.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the body is empty")
		}
		return nil, fmt.Errorf("at byte %d: %w", d.InputOffset(), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more after the JSON document")
	}
	return doc, nil
}
