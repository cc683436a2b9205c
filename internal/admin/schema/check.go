package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxWrong bounds how many mistakes one check reports.
const MaxWrong = 100

// FieldError is one thing that is wrong: where, and a sentence without its subject
// ("is required").
type FieldError struct {
	Field   string `json:"field" doc:"Where it is wrong: a path into the body such as limits.maxInFlight or items[2].name, or query.NAME, or header.NAME."`
	Message string `json:"message" doc:"What is wrong with it."`
}

// Parse reads JSON as Check wants it: exactly one value.
func Parse(raw []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON value")
	}
	return v, nil
}

// Check returns everything that is wrong with a parsed value, at most MaxWrong
// things. at is the value's own place; empty at the top.
func (s *Set) Check(sch *Schema, v any, at string) []FieldError {
	c := &check{set: s}
	c.value(sch, v, at)
	return c.wrong
}

type check struct {
	set   *Set
	wrong []FieldError
}

func (c *check) say(at, format string, args ...any) {
	if at == "" {
		at = "body"
	}
	if len(c.wrong) < MaxWrong {
		c.wrong = append(c.wrong, FieldError{at, fmt.Sprintf(format, args...)})
	}
}

func (c *check) value(sch *Schema, v any, at string) {
	sch = c.set.Resolve(sch)
	if len(sch.AnyOf) > 0 {
		if v != nil {
			c.value(sch.AnyOf[0], v, at)
		}
		return
	}
	if len(sch.Type) == 0 || v == nil && slices.Contains(sch.Type, "null") {
		return
	}
	var ok bool
	switch sch.Type[0] {
	case "object":
		var m map[string]any
		if m, ok = v.(map[string]any); ok {
			c.object(sch, m, at)
		}
	case "array":
		var list []any
		if list, ok = v.([]any); ok {
			c.list(sch, list, at)
		}
	case "string":
		var text string
		if text, ok = v.(string); ok {
			c.text(sch, text, at)
		}
	case "boolean":
		_, ok = v.(bool)
	default:
		var n json.Number
		if n, ok = v.(json.Number); ok {
			c.number(sch, n, at)
		}
	}
	if !ok {
		c.say(at, "must be %s", spoken(sch.Type[0]))
	}
}

func spoken(kind string) string {
	switch kind {
	case "object", "array":
		return "an " + kind
	case "integer":
		return "a whole number"
	case "boolean":
		return "true or false"
	default:
		return "a " + kind
	}
}

func (c *check) object(sch *Schema, m map[string]any, at string) {
	if sch.MaxProperties != nil && len(m) > *sch.MaxProperties {
		c.say(at, "has more than %d entries", *sch.MaxProperties)
		return
	}
	for _, name := range sch.Required {
		if _, ok := m[name]; !ok {
			c.say(join(at, name), "is required")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		field, known := sch.Properties[name]
		if !known {
			var open bool
			if field, open = sch.AdditionalProperties.(*Schema); !open {
				c.say(join(at, quote(name)), "is not a field")
				continue
			}
		}
		c.value(field, m[name], join(at, quote(name)))
	}
}

func (c *check) list(sch *Schema, list []any, at string) {
	c.size(len(list), sch.MinItems, sch.MaxItems, "entries", at)
	if sch.MaxItems != nil && len(list) > *sch.MaxItems {
		return
	}
	for i, v := range list {
		c.value(sch.Items, v, fmt.Sprintf("%s[%d]", at, i))
	}
}

func (c *check) text(sch *Schema, text, at string) {
	c.size(utf8.RuneCountInString(text), sch.MinLength, sch.MaxLength, "characters", at)
	if len(sch.Enum) > 0 && !slices.Contains(sch.Enum, text) {
		c.say(at, "must be one of %s", strings.Join(sch.Enum, ", "))
	}
	if sch.Pattern != "" && !regexp.MustCompile(sch.Pattern).MatchString(text) {
		c.say(at, "must match %s", sch.Pattern)
	}
	if sch.Format == "date-time" {
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			c.say(at, "must be a time such as 2026-01-31T15:04:05Z")
		}
	}
}

func (c *check) number(sch *Schema, n json.Number, at string) {
	if sch.Type[0] == "number" {
		if _, err := n.Float64(); err != nil {
			c.say(at, "is too large a number")
		}
		return
	}
	v, err := n.Int64()
	switch {
	case err != nil:
		c.say(at, "must be a whole number")
	case sch.Minimum != nil && v < *sch.Minimum:
		c.say(at, "must be at least %d", *sch.Minimum)
	case sch.Maximum != nil && v > *sch.Maximum:
		c.say(at, "must be at most %d", *sch.Maximum)
	}
}

func (c *check) size(n int, least, most *int, what, at string) {
	switch {
	case least != nil && n < *least:
		c.say(at, "must have at least %d %s", *least, what)
	case most != nil && n > *most:
		c.say(at, "must have at most %d %s", *most, what)
	}
}

func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

// quote cuts a name that somebody else chose.
func quote(name string) string {
	const most = 100
	name = strings.ToValidUTF8(name, "�")
	if utf8.RuneCountInString(name) > most {
		name = string([]rune(name)[:most]) + "…"
	}
	return name
}
