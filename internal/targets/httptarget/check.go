package httptarget

import (
	"context"

	"pushbutton/internal/fault"
)

// Check implements targets.Driver.
func (d *driver) Check(ctx context.Context) error {
	for _, r := range d.checks {
		if err := d.ask(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// ask sends one of the check's requests.
func (d *driver) ask(ctx context.Context, r *request) error {
	_, err := d.get(ctx, r, checkData{})
	if err == nil || r.says == "" || fault.KindOf(err) != fault.Invalid && fault.KindOf(err) != fault.NotFound {
		return err
	}
	e := *fault.From(err)
	e.Public = d.name + ": " + r.says
	return &e
}
