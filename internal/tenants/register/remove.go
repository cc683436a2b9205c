package register

import (
	"context"
	"errors"

	"pushbutton/internal/fault"
	"pushbutton/internal/tenants"
)

// FieldConfirm is where a Deletion's name is.
const FieldConfirm = "confirm"

// Deletion says how an integration is to be deleted.
type Deletion struct {
	// Confirm must be the integration's name: Productboard deletes every
	// button of it, for good.
	Confirm string
	// KeepAtProductboard leaves the column there, whose buttons then do
	// nothing: for a workspace that cannot be reached any more.
	KeepAtProductboard bool
	// May is given what is stored; its error ends the call. May be nil.
	May func(tenants.Integration) error
	// Progress, if set, is told how many of our records are gone.
	Progress func(done int64)
}

// Delete deletes an integration: at Productboard with every connection and
// button, the authorisation that we had, and our own records. The issues stay
// in the tracker. It can be called again after it was cut short, and goes on.
// Its error is Problems, fault.NotFound, or that of the step that failed.
func (r *Registrar) Delete(ctx context.Context, tenant, id string, d Deletion) error {
	scope := r.store.Tenant(tenant)
	in, err := scope.Integration(ctx, id)
	if err != nil {
		return err
	}
	if d.May != nil {
		if err := d.May(in); err != nil {
			return err
		}
	}
	if d.Confirm != in.Name {
		return Problems{{FieldConfirm, fault.New(fault.Invalid, "delete integration", "must be the integration's name: its column and every button in it are deleted at Productboard, for good")}}
	}
	if in.Deleting.IsZero() {
		in.Deleting = r.now().UTC()
		if in, err = scope.Update(ctx, in); err != nil {
			return err
		}
	}
	if !d.KeepAtProductboard {
		if err := r.deleteAtProductboard(ctx, in); err != nil {
			return err
		}
	}
	if r.opts.RemoveHook != nil {
		r.opts.RemoveHook(ctx, in)
	}
	if r.opts.Revoke != nil {
		if err := r.opts.Revoke(ctx, in); err != nil && !d.KeepAtProductboard {
			return err
		}
	}
	if err := r.opts.Buttons.DeleteIntegration(ctx, tenant, id, d.Progress); err != nil {
		return err
	}
	return r.forget(ctx, scope, id)
}

// deleteAtProductboard deletes at Productboard what there is of ours.
func (r *Registrar) deleteAtProductboard(ctx context.Context, in tenants.Integration) error {
	id := in.ProductboardID
	if id == "" {
		if in.CreateBegun.IsZero() {
			return nil // nothing was ever sent
		}
		if settled := in.CreateBegun.Add(createSettles); r.now().Before(settled) {
			return fault.New(fault.Conflict, "delete integration", "Productboard is creating it at the moment, or has left open whether it did. Delete it after "+settled.UTC().Format("15:04:05 MST")+".")
		}
		j := &job{tenant: in.Tenant, stored: &in, goal: in}
		ws := r.find(ctx, in)
		if ws.err != nil {
			return ws.err
		}
		r.decide(ctx, j, ws.listed)
		if j.state == Failed && !errors.Is(j.problems, fault.Conflict) {
			return j.problems
		}
		if j.action != actionAdopt {
			return nil // there is none, or none that is surely ours
		}
		id = j.existing.ID
	}
	err := r.productboard(in).DeleteIntegration(ctx, id)
	if errors.Is(err, fault.NotFound) {
		return nil // by an earlier call, or by somebody there
	}
	return err
}

// forget removes the record itself, whatever changed in it meanwhile.
func (r *Registrar) forget(ctx context.Context, scope tenants.Scope, id string) error {
	for {
		in, err := scope.Integration(ctx, id)
		if err == nil {
			err = scope.Delete(ctx, id, in.Version)
		}
		switch {
		case errors.Is(err, fault.NotFound):
			return nil
		case !errors.Is(err, tenants.ErrStale):
			return err
		}
	}
}
