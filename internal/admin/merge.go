package admin

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"pushbutton/internal/admin/schema"
)

// Merge is the body of a JSON merge patch (RFC 7396) for a T.
type Merge[T any] struct{ patch map[string]any }

// Patched implements schema.Patch.
func (Merge[T]) Patched() reflect.Type { return reflect.TypeFor[T]() }

// UnmarshalJSON implements json.Unmarshaler.
func (m *Merge[T]) UnmarshalJSON(raw []byte) error {
	v, err := schema.Parse(raw)
	m.patch, _ = v.(map[string]any)
	return err
}

// Has reports whether the patch names a field, to set it or to take it away.
func (m Merge[T]) Has(path ...string) bool {
	at := m.patch
	for i, name := range path {
		v, ok := at[name]
		if !ok || i == len(path)-1 {
			return ok
		}
		at, _ = v.(map[string]any)
	}
	return false
}

// Names lists the fields that the patch names in an object; none where it names
// no such object.
func (m Merge[T]) Names(path ...string) []string {
	at := m.patch
	for _, name := range path {
		at, _ = at[name].(map[string]any)
	}
	return slices.Sorted(maps.Keys(at))
}

// Apply returns what the patch makes of a value. What then lacks a field that
// it needs, or is wrong otherwise, is a problem that names it.
func (m Merge[T]) Apply(current T) (T, error) {
	var out T
	raw, err := json.Marshal(current)
	if err != nil {
		return out, err
	}
	before, err := schema.Parse(raw)
	if err != nil {
		return out, err
	}
	after := mergePatch(before, m.patch)
	set := schema.NewSet()
	if wrong := set.Check(set.Of(reflect.TypeFor[T]()), after, ""); len(wrong) > 0 {
		return out, Invalid(wrong...)
	}
	if raw, err = json.Marshal(after); err == nil {
		err = unmarshal(raw, &out)
	}
	return out, err
}

// mergePatch is the algorithm of RFC 7396, section 2.
func mergePatch(target any, patch any) any {
	fields, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	object, ok := target.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	for name, v := range fields {
		if v == nil {
			delete(object, name)
			continue
		}
		object[name] = mergePatch(object[name], v)
	}
	return object
}
