// Package schema makes JSON Schemas (draft 2020-12, which OpenAPI 3.1 uses) of
// Go types, and checks JSON against them, naming everything that is wrong. One
// schema serves the document and the check, so that they cannot disagree.
//
// It knows what the admin API's bodies need and no more: objects of known
// fields, lists, maps, text, whole numbers, booleans, times. What must not
// live here: HTTP, and any rule that needs more than the value itself.
package schema

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Schema is one JSON Schema.
type Schema struct {
	Ref                  string             `json:"$ref,omitempty"`
	AnyOf                []*Schema          `json:"anyOf,omitempty"` // one thing, or null
	Description          string             `json:"description,omitempty"`
	Type                 Types              `json:"type,omitempty"`
	Format               string             `json:"format,omitempty"`
	Pattern              string             `json:"pattern,omitempty"`
	Enum                 []string           `json:"enum,omitempty"`
	MinLength            *int               `json:"minLength,omitempty"`
	MaxLength            *int               `json:"maxLength,omitempty"`
	Minimum              *int64             `json:"minimum,omitempty"`
	Maximum              *int64             `json:"maximum,omitempty"`
	MinItems             *int               `json:"minItems,omitempty"`
	MaxItems             *int               `json:"maxItems,omitempty"`
	MaxProperties        *int               `json:"maxProperties,omitempty"`
	Default              any                `json:"default,omitempty"`
	Items                *Schema            `json:"items,omitempty"`
	Properties           map[string]*Schema `json:"properties,omitempty"`
	Required             []string           `json:"required,omitempty"`
	AdditionalProperties any                `json:"additionalProperties,omitempty"` // *Schema, or false
	WriteOnly            bool               `json:"writeOnly,omitempty"`
}

// Types are the JSON types that a value may have; one of them is written as a
// text, several as a list.
type Types []string

// MarshalJSON implements json.Marshaler.
func (t Types) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]string(t))
}

// Custom is a type that tells its own schema.
type Custom interface{ JSONSchema() *Schema }

// Patch is the body of a JSON merge patch (RFC 7396): its schema is that of
// what it changes, where nothing is required and everything may be null.
type Patch interface{ Patched() reflect.Type }

// RefPrefix is where an OpenAPI document keeps the schemas that it names.
const RefPrefix = "#/components/schemas/"

// Set is the schemas of one document. Struct types with a name are kept under
// it once and referred to.
type Set struct {
	Named map[string]*Schema
	types map[string]reflect.Type
}

// NewSet makes an empty Set.
func NewSet() *Set { return &Set{Named: map[string]*Schema{}, types: map[string]reflect.Type{}} }

// Of returns the schema of a type. It panics for a type that it cannot
// describe, which is a programmer's mistake and seen by any test.
//
// A field's json tag gives its name; without omitempty or omitzero it is
// required. Other tags: doc (a sentence), min and max (characters of a text,
// items of a list or map, value of a number), enum (comma-separated), pattern,
// format and default. The tag secret ("true") marks what is taken and never
// given back.
func (s *Set) Of(t reflect.Type) *Schema { return s.of(t, false) }

func (s *Set) of(t reflect.Type, patch bool) *Schema {
	if c, ok := reflect.TypeAssert[Custom](reflect.Zero(t)); ok && t.Kind() != reflect.Pointer {
		return c.JSONSchema()
	}
	if p, ok := reflect.TypeAssert[Patch](reflect.Zero(t)); ok {
		return s.of(p.Patched(), true)
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return &Schema{Type: Types{"string"}, Format: "date-time"}
	case t == reflect.TypeFor[json.RawMessage]() || t.Kind() == reflect.Interface:
		return &Schema{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem(), patch)
	case reflect.String:
		return &Schema{Type: Types{"string"}}
	case reflect.Bool:
		return &Schema{Type: Types{"boolean"}}
	case reflect.Int, reflect.Int64:
		return &Schema{Type: Types{"integer"}, Format: "int64"}
	case reflect.Float64:
		return &Schema{Type: Types{"number"}}
	case reflect.Slice:
		return &Schema{Type: Types{"array"}, Items: s.of(t.Elem(), false)}
	case reflect.Map:
		elem := s.of(t.Elem(), patch)
		if patch {
			elem = nullable(elem)
		}
		return &Schema{Type: Types{"object"}, AdditionalProperties: elem}
	case reflect.Struct:
		return s.object(t, patch)
	default:
		panic(fmt.Sprintf("schema: %s cannot be described", t))
	}
}

// object keeps a struct's schema under its name and refers to it.
func (s *Set) object(t reflect.Type, patch bool) *Schema {
	name := nameOf(t)
	if patch && name != "" {
		name += "Patch"
	}
	if name == "" {
		return s.fields(t, patch)
	}
	if known, ok := s.types[name]; ok && known != t {
		panic(fmt.Sprintf("schema: %s and %s have the same name", known, t))
	}
	if _, ok := s.types[name]; !ok {
		s.types[name] = t
		s.Named[name] = s.fields(t, patch)
	}
	return &Schema{Ref: RefPrefix + name}
}

// nameOf is a type's name in the document: Page[x.Tenant] is TenantPage.
func nameOf(t reflect.Type) string {
	outer, inner, generic := strings.Cut(t.Name(), "[")
	if !generic {
		return outer
	}
	inner = strings.TrimSuffix(inner, "]")
	return inner[strings.LastIndexAny(inner, "./")+1:] + outer
}

func (s *Set) fields(t reflect.Type, patch bool) *Schema {
	out := &Schema{Type: Types{"object"}, Properties: map[string]*Schema{}, AdditionalProperties: false}
	s.collect(t, patch, out)
	return out
}

func (s *Set) collect(t reflect.Type, patch bool, out *Schema) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			s.collect(f.Type, patch, out)
			continue
		case !f.IsExported() || name == "-":
			continue
		case name == "":
			panic(fmt.Sprintf("schema: %s.%s has no json tag", t, f.Name))
		}
		optional := strings.Contains(options, "omit")
		field := s.of(f.Type, patch)
		decorate(field, f)
		if patch || f.Type.Kind() == reflect.Pointer && !optional {
			field = nullable(field)
		}
		if !optional && !patch {
			out.Required = append(out.Required, name)
		}
		out.Properties[name] = field
	}
}

// nullable lets a value be null as well.
func nullable(s *Schema) *Schema {
	switch {
	case s.Ref != "":
		ref := &Schema{Ref: s.Ref}
		return &Schema{Description: s.Description, AnyOf: []*Schema{ref, {Type: Types{"null"}}}}
	case len(s.Type) > 0 && !slices.Contains(s.Type, "null"):
		s.Type = append(slices.Clone(s.Type), "null")
	}
	return s
}

func decorate(s *Schema, f reflect.StructField) {
	s.Description = f.Tag.Get("doc")
	if v := f.Tag.Get("format"); v != "" {
		s.Format = v
	}
	s.Pattern = f.Tag.Get("pattern")
	if v := f.Tag.Get("enum"); v != "" {
		s.Enum = strings.Split(v, ",")
	}
	s.WriteOnly = s.WriteOnly || f.Tag.Get("secret") == "true"
	least, most := bound(f, "min"), bound(f, "max")
	switch {
	case len(s.Type) == 0:
	case s.Type[0] == "string":
		s.MinLength, s.MaxLength = or(small(least), s.MinLength), or(small(most), s.MaxLength)
	case s.Type[0] == "array":
		s.MinItems, s.MaxItems = small(least), small(most)
	case s.Type[0] == "object":
		s.MaxProperties = small(most)
	default:
		s.Minimum, s.Maximum = least, most
	}
	if v := f.Tag.Get("default"); v != "" {
		s.Default = v
		if n, err := strconv.ParseInt(v, 10, 64); err == nil && s.Type[0] == "integer" {
			s.Default = n
		}
	}
}

func or(a, b *int) *int {
	if a == nil {
		return b
	}
	return a
}

func bound(f reflect.StructField, tag string) *int64 {
	v := f.Tag.Get(tag)
	if v == "" {
		return nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("schema: the tag %s of %s is no number", tag, f.Name))
	}
	return &n
}

func small(n *int64) *int {
	if n == nil {
		return nil
	}
	v := int(*n)
	return &v
}

// Inline returns the schema of a struct itself, without keeping it under its
// name.
func (s *Set) Inline(t reflect.Type) *Schema { return s.fields(t, false) }

// Resolve follows a reference.
func (s *Set) Resolve(sch *Schema) *Schema {
	if sch.Ref == "" {
		return sch
	}
	return s.Named[strings.TrimPrefix(sch.Ref, RefPrefix)]
}
