package register

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"

	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
)

// Create registers one integration, as Apply would, and finishes one of the
// same name that an earlier call could not finish. It reads the fields of
// desired that Desired.Integration lists. With OAuth it only stores the
// integration, and Register follows once somebody has authorised the plugin.
//
// Its error is Problems. Nothing was written then, unless the outcome at
// Productboard is unknown (fault.IsUnsure): the same call settles it a minute
// later.
func (r *Registrar) Create(ctx context.Context, tenant string, desired tenants.Integration) (tenants.Integration, Result, error) {
	j := &job{tenant: tenant, desired: Desired{Integration: desired}}
	stored, err := r.store.Tenant(tenant).ByName(ctx, desired.Name)
	switch {
	case err == nil && (stored.ProductboardID != "" || stored.CreateBegun.IsZero()):
		j.refuse(fault.Conflict, FieldName, "The tenant has an integration of this name already.")
	case err == nil:
		j.stored = &stored
	case !errors.Is(err, fault.NotFound):
		j.fail(FieldName, err)
	}
	return r.single(ctx, j, bothSides())
}

// Register registers an integration at Productboard that is stored and not
// registered yet. That is so until somebody authorises the plugin, and after a
// create that was cut short. With recreate it also registers one that was
// deleted there.
func (r *Registrar) Register(ctx context.Context, tenant, id string, recreate bool) (tenants.Integration, Result, error) {
	return r.recreating(recreate).Patch(ctx, tenant, id, func(*tenants.Integration) error { return nil })
}

// Patch changes one integration. change turns the stored one into the desired
// one; its error ends the call. It may change the fields that
// Desired.Integration lists, but neither Type nor Target.Type. Its error is
// Problems, change's, or fault.NotFound.
//
// Only what the change touches is checked, so that a fault on one side does not
// stop a repair on the other. An integration that needs a reconnect is checked
// whole.
//
// A tracker's credential goes to another scheme, host or port only if the
// caller knows it: change replaces it, or sent names it. Otherwise whoever may
// change an address could read the credential there.
func (r *Registrar) Patch(ctx context.Context, tenant, id string, change func(*tenants.Integration) error, sent ...string) (tenants.Integration, Result, error) {
	stored, err := r.store.Tenant(tenant).Integration(ctx, id)
	if err != nil {
		return tenants.Integration{}, Result{}, err
	}
	desired := clone(stored)
	if err := change(&desired); err != nil {
		return tenants.Integration{}, Result{}, err
	}
	j := &job{tenant: tenant, desired: Desired{Integration: desired}, stored: &stored}
	if desired.Name != stored.Name {
		_, err := r.store.Tenant(tenant).ByName(ctx, desired.Name)
		if err == nil {
			j.refuse(fault.Conflict, FieldName, "The tenant has an integration of this name already.")
		} else if !errors.Is(err, fault.NotFound) {
			j.fail(FieldName, err)
		}
	}
	if desired.Target.Type == stored.Target.Type && !reflect.DeepEqual(stored.Target, desired.Target) {
		r.refuseDisclosure(j, sent)
	}
	return r.single(ctx, j, r.sidesOf(stored, desired))
}

// refuseDisclosure refuses settings that lead a stored credential, which the
// caller need not know, to another address.
func (r *Registrar) refuseDisclosure(j *job, sent []string) {
	before, now := j.stored.Target, j.desired.Integration.Target
	moved, err := r.opts.Recipients(before, now)
	if err != nil {
		describeTarget(j, err)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(moved)) {
		if slices.Contains(sent, name) || !before.Credentials[name].Equal(now.Credentials[name].Reveal()) {
			continue
		}
		j.refuse(fault.Invalid, FieldCredentials+"."+name, "must be sent again: target.%s leads to another address (%s), and a stored credential is only sent to where it was set for. Send the credential together with the address.",
			moved[name].Path, moved[name].Origin())
	}
}

// single checks one integration and carries out what it needs.
func (r *Registrar) single(ctx context.Context, j *job, look sides) (tenants.Integration, Result, error) {
	if j.state != Failed {
		r.inspect(ctx, j, look, r.find)
	}
	if j.state != Failed {
		r.perform(ctx, j)
	}
	if j.state == Failed {
		return tenants.Integration{}, r.result(j), j.problems
	}
	return *j.stored, r.result(j), nil
}

// find looks at Productboard for one integration alone, and at the whole list
// only for one whose id is not known.
func (r *Registrar) find(ctx context.Context, in tenants.Integration) *workspace {
	if in.ProductboardID == "" {
		all := &workspaces{open: r.productboard, known: map[string]*workspace{}}
		return all.of(ctx, in)
	}
	ws := &workspace{session: r.productboard(in)}
	existing, err := ws.session.GetIntegration(ctx, in.ProductboardID)
	switch {
	case err == nil:
		ws.listed = []pbapi.Integration{existing}
	case !errors.Is(err, fault.NotFound): // a missing one is what decide looks at
		ws.err = err
	}
	return ws
}

// sidesOf returns which sides a change concerns.
func (r *Registrar) sidesOf(stored, desired tenants.Integration) sides {
	if stored.Reconnect != nil || stored.ProductboardID == "" {
		return bothSides()
	}
	target := !reflect.DeepEqual(stored.Target, desired.Target)
	return sides{
		target: target,
		// The mapping names fields of Productboard's items.
		productboard: target && !reflect.DeepEqual(stored.Target.Settings, desired.Target.Settings) ||
			stored.Name != desired.Name || stored.ButtonLabel != desired.ButtonLabel || stored.Disabled != desired.Disabled ||
			!reflect.DeepEqual(stored.Productboard, desired.Productboard) || stored.Registered != r.digest(desired),
	}
}

// clone is a copy whose maps can be changed.
func clone(in tenants.Integration) tenants.Integration {
	in.Target.Settings, _ = cloneValue(in.Target.Settings).(map[string]any)
	in.Target.Credentials = maps.Clone(in.Target.Credentials)
	return in
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = cloneValue(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = cloneValue(e)
		}
		return out
	default:
		return v
	}
}

// PreviewOf renders the issue that a push of an entity would create, without
// creating it.
func (r *Registrar) PreviewOf(ctx context.Context, tenant, id, entity string) (targets.Preview, error) {
	in, err := r.store.Tenant(tenant).Integration(ctx, id)
	if err != nil {
		return targets.Preview{}, err
	}
	return r.opts.Preview(ctx, in, entity)
}
