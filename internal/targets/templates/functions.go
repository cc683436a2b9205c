package templates

import (
	"fmt"
	"reflect"
)

// metered returns the functions such that each pays for its arguments before
// it runs and for its result after.
func (b *Budget) metered(funcs map[string]any) map[string]any {
	out := make(map[string]any, len(funcs)+2)
	for name, fn := range funcs {
		out[name] = b.meter(reflect.ValueOf(fn))
	}
	out[fnStep] = func(nodes int) (string, error) { return "", b.pay(nodes, 0) }
	out[fnSized] = func(v any) (any, error) { return v, b.Charge(size(reflect.ValueOf(v), maxDepth)) }
	return out
}

// meter wraps one function: func(...) T becomes func(...) (T, error).
func (b *Budget) meter(fn reflect.Value) any {
	typ := fn.Type()
	in := make([]reflect.Type, typ.NumIn())
	for i := range in {
		in[i] = typ.In(i)
	}
	failure := reflect.TypeFor[error]()
	result := typ.Out(0)
	wrapped := reflect.FuncOf(in, []reflect.Type{result, failure}, typ.IsVariadic())
	fails := func(err error) []reflect.Value {
		return []reflect.Value{reflect.Zero(result), reflect.ValueOf(&err).Elem()}
	}
	return reflect.MakeFunc(wrapped, func(args []reflect.Value) []reflect.Value {
		read := 0
		for _, arg := range args {
			read += size(arg, maxDepth)
		}
		if err := b.Charge(read); err != nil {
			return fails(err)
		}
		var out []reflect.Value
		if typ.IsVariadic() {
			out = fn.CallSlice(args)
		} else {
			out = fn.Call(args)
		}
		if len(out) == 2 && !out[1].IsNil() {
			return out
		}
		if err := b.Charge(size(out[0], maxDepth)); err != nil {
			return fails(err)
		}
		return []reflect.Value{out[0], reflect.Zero(failure)}
	}).Interface()
}

const (
	// maxDepth bounds how deep size looks into a value. What templates see is
	// not so deep.
	maxDepth = 16
	// header is what an element of a list or map takes beside its text, in bytes.
	header = 16
)

// size is about how many bytes of text a value has.
func size(v reflect.Value, depth int) int {
	if !v.IsValid() || depth == 0 {
		return 0
	}
	switch v.Kind() {
	case reflect.String:
		return v.Len()
	case reflect.Interface, reflect.Pointer:
		return size(v.Elem(), depth-1)
	case reflect.Slice, reflect.Array:
		sum := 0
		for i := range v.Len() {
			sum += header + size(v.Index(i), depth-1)
		}
		return sum
	case reflect.Map:
		sum := 0
		for each := v.MapRange(); each.Next(); {
			sum += header + size(each.Key(), depth-1) + size(each.Value(), depth-1)
		}
		return sum
	case reflect.Struct:
		sum := 0
		for _, field := range v.Fields() {
			sum += size(field, depth-1)
		}
		return sum
	case reflect.Func: // a text that is made when it is wanted
		if !v.CanInterface() || v.IsNil() {
			return 0
		}
		if text, ok := reflect.TypeAssert[fmt.Stringer](v); ok {
			return len(text.String())
		}
		return 0
	default:
		return 0
	}
}
