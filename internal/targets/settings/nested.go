package settings

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"pushbutton/internal/secret"
)

// Object returns a TypeObject setting; nil if it is absent.
func (v Values) Object(name string) Values { o, _ := v[name].(Values); return o }

// Objects returns a TypeObjects setting.
func (v Values) Objects(name string) []Values { o, _ := v[name].([]Values); return o }

// named puts a field of its own for each given credential in the place of one
// for AnyName.
func named(fields []Field, raw map[string]secret.String) ([]Field, FieldErrors) {
	at := slices.IndexFunc(fields, func(f Field) bool { return f.Name == AnyName })
	if at < 0 {
		return fields, nil
	}
	out := slices.Delete(slices.Clone(fields), at, at+1)
	if len(raw) > maxEntries {
		return out, FieldErrors{{"credentials", fmt.Sprintf("has more than %d entries", maxEntries)}}
	}
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		if ValidName(name) && !slices.ContainsFunc(out, func(f Field) bool { return f.Name == name }) {
			f := fields[at]
			f.Name = name
			out = append(out, f)
		}
	}
	return out, nil
}

// ValidName reports whether settings may use the name: 1 to 64 letters, digits,
// - and _.
func ValidName(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	return name != "" && len(name) <= 64 && strings.Trim(name, letters) == ""
}

// object takes a nested map of names to values.
func (d *decoder) object(path string, raw any) Values {
	given, ok := raw.(map[string]any)
	if !ok {
		d.errs = append(d.errs, FieldError{path, "must be a map of names to values"})
		return nil
	}
	values, errs := Decode(path, d.field.Fields, given)
	d.errs = append(d.errs, errs...)
	return values
}

// objects takes a list of them, or one by itself.
func (d *decoder) objects(raw any) []Values {
	items, ok := raw.([]any)
	if !ok {
		return []Values{d.object(d.path, raw)}
	}
	if len(items) > maxEntries {
		d.fail("has more than %d entries", maxEntries)
		return nil
	}
	out := make([]Values, len(items))
	for i, item := range items {
		out[i] = d.object(fmt.Sprintf("%s[%d]", d.path, i), item)
	}
	return out
}
