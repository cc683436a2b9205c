package targets

import (
	"context"
	"errors"
	"slices"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets/settings"
)

// Addressed is a driver whose addresses are more than its kind's settings of
// TypeURL.
type Addressed interface {
	Addresses() []settings.Address
}

// addresses lists every address that the settings lead to.
func (t *Target) addresses() []settings.Address {
	all := t.opts.addresses
	if more, ok := Ability[Addressed](t.driver); ok {
		all = append(slices.Clip(all), more.Addresses()...)
	}
	return all
}

// CheckAddresses reports whether the tracker's addresses may be reached, by the
// rules that every request obeys, without sending one. The error wraps
// FieldErrors with every address that is wrong or refused; it is the fault
// itself where names cannot be looked up at the moment.
func (t *Target) CheckAddresses(ctx context.Context) error {
	if t.opts.http == nil {
		return nil
	}
	var wrong settings.FieldErrors
	kind := fault.Invalid
	for _, a := range t.addresses() {
		err := t.opts.http.CheckAddress(ctx, a.URL)
		switch {
		case err == nil:
		case errors.Is(err, fault.Invalid), errors.Is(err, fault.Blocked):
			e := fault.From(err)
			kind = e.Kind
			wrong = append(wrong, settings.FieldError{Path: a.Path, Message: "is refused: " + e.Public})
		default:
			return t.fault(OpCheck, err)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	e := wrong.Fault()
	e.Kind = kind
	return e
}
