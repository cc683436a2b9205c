package register

import (
	"context"

	"pushbutton/internal/fault"
	"pushbutton/internal/tenants"
)

// RotateActionSecret replaces the Authorization value that Productboard sends.
// Both values are accepted from before Productboard is told until shortly
// after, so no click is lost. Each step can be the last one before a crash. A
// second call goes on with the new value, and so does whatever else tells
// Productboard the action. may is given what is stored; its error ends the
// call.
func (r *Registrar) RotateActionSecret(ctx context.Context, tenant, id string, may func(tenants.Integration) error) (tenants.Integration, Result, error) {
	scope := r.store.Tenant(tenant)
	in, err := scope.Integration(ctx, id)
	if err == nil {
		err = may(in)
	}
	if err != nil {
		return tenants.Integration{}, Result{}, err
	}
	j := &job{tenant: tenant, desired: Desired{Integration: in}, stored: &in}
	switch {
	case in.ProductboardID == "":
		j.refuse(fault.Conflict, FieldName, "The integration is not registered at Productboard yet.")
	case in.Reconnect != nil && in.Reconnect.Side == fault.SideProductboard:
		j.refuse(fault.Conflict, FieldToken, "Productboard does not take the integration's credential, so it cannot be told a new secret: %s", in.Reconnect.Reason)
	case !in.Deleting.IsZero():
		refuseDeleting(j)
	case !in.Former.Rotating():
		if in, err = r.beginRotation(ctx, scope, in); err != nil {
			return tenants.Integration{}, Result{}, err
		}
		j.desired.Integration = in
	}
	return r.single(ctx, j, productboardOnly())
}

// beginRotation stores a new value beside the one that Productboard has.
func (r *Registrar) beginRotation(ctx context.Context, scope tenants.Scope, in tenants.Integration) (tenants.Integration, error) {
	before := in
	in.Former = tenants.FormerAuth{Value: in.ActionAuth}
	in.ActionAuth = tenants.NewActionAuth()
	in.SecretsSet = secretsSet(&before, in, r.now().UTC())
	if rec := in.Reconnect; rec != nil { // the mark is bound to the action secret; it stays true
		in.Reconnect = &tenants.Reconnect{Side: rec.Side, Reason: rec.Reason, Since: rec.Since}
	}
	for side, e := range in.Expires { // so are the ends
		in.SetExpiry(side, e.At)
	}
	return scope.Update(ctx, in)
}
