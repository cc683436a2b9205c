package targets

import (
	"context"
	"errors"

	"pushbutton/internal/fault"
)

// Address is an address that settings lead to, and the setting that says so
// ("settings.url").
type Address struct{ Path, URL string }

// Addressed is a driver whose addresses are more than its kind's settings of
// TypeURL.
type Addressed interface {
	Addresses() []Address
}

// addressesOf lists the addresses that an admin gave. What is a setting's
// default is the vendor's own, and may not even be used.
func addressesOf(fields []Field, values Values) []Address {
	var out []Address
	for _, f := range fields {
		if given := values.String(f.Name); f.Type == TypeURL && given != "" && given != f.Default {
			out = append(out, Address{Path: "settings." + f.Name, URL: given})
		}
	}
	return out
}

// CheckAddresses tells whether the tracker's addresses may be reached, by the
// rules that every request obeys, without sending one. The error wraps
// FieldErrors with every address that is wrong or refused; it is the fault
// itself where names cannot be looked up at the moment.
func (t *Target) CheckAddresses(ctx context.Context) error {
	if t.opts.http == nil {
		return nil
	}
	all := t.opts.addresses
	if more, ok := Ability[Addressed](t.driver); ok {
		all = append(all[:len(all):len(all)], more.Addresses()...)
	}
	var wrong FieldErrors
	kind := fault.Invalid
	for _, a := range all {
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
