package targets

import (
	"context"
	"errors"
	"fmt"

	"pushbutton/internal/fault"
)

// Address is an address that settings lead to.
type Address struct {
	// Path is the setting that says so ("settings.url").
	Path string
	URL  string
	// Credentials names those that are sent there; nil: any of them may be.
	Credentials []string
}

// Addressed is a driver whose addresses are more than its kind's settings of
// TypeURL.
type Addressed interface {
	Addresses() []Address
}

// addressesOf lists the addresses that settings name, nested ones too, and
// apart those of them that an admin gave: what is a setting's default is the
// vendor's own, and may not even be used.
func addressesOf(path string, fields []Field, values Values) (all, given []Address) {
	nested := func(path string, f Field, v Values) {
		a, g := addressesOf(path, f.Fields, v)
		all, given = append(all, a...), append(given, g...)
	}
	for _, f := range fields {
		at := path + "." + f.Name
		switch f.Type {
		case TypeURL:
			a := Address{Path: at, URL: values.String(f.Name)}
			if a.URL == "" {
				continue
			}
			if all = append(all, a); a.URL != f.Default {
				given = append(given, a)
			}
		case TypeObject:
			nested(at, f, values.Object(f.Name))
		case TypeObjects:
			for i, v := range values.Objects(f.Name) {
				nested(fmt.Sprintf("%s[%d]", at, i), f, v)
			}
		case TypeString, TypeBool, TypeInt, TypeList, TypeMap:
		}
	}
	return all, given
}

// addresses lists every address that the settings lead to.
func (t *Target) addresses() []Address {
	all := t.opts.addresses
	if more, ok := Ability[Addressed](t.driver); ok {
		all = append(all[:len(all):len(all)], more.Addresses()...)
	}
	return all
}

// CheckAddresses tells whether the tracker's addresses may be reached, by the
// rules that every request obeys, without sending one. The error wraps
// FieldErrors with every address that is wrong or refused; it is the fault
// itself where names cannot be looked up at the moment.
func (t *Target) CheckAddresses(ctx context.Context) error {
	if t.opts.http == nil {
		return nil
	}
	var wrong FieldErrors
	kind := fault.Invalid
	for _, a := range t.addresses() {
		err := t.opts.http.CheckAddress(ctx, a.URL)
		switch {
		case err == nil:
		case errors.Is(err, fault.Invalid), errors.Is(err, fault.Blocked):
			e := fault.From(err)
			kind = e.Kind
			wrong = append(wrong, FieldError{Path: a.Path, Message: "is refused: " + e.Public})
		default:
			return t.fault(OpCheck, err)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	e := wrong.fault()
	e.Kind = kind
	return e
}
