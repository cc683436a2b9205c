package hooks

import (
	"context"
	"errors"
	"slices"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
)

// receiveShared takes a webhook of a whole app. target is the type of tracker, empty
// where the deployment has no such app.
func (r *Receiver) receiveShared(ctx context.Context, name string, req request) (target string, a answer) {
	kind, signing, ok := r.shared(name)
	if !ok {
		return "", refused()
	}
	// No tenant has its memory taken by strangers: the slash is in no tenant's id.
	h, end, refusal := r.read(ctx, "hooks/"+kind.Type, "hooks/"+kind.Type, maxShared, req)
	if refusal != nil {
		return kind.Type, *refusal
	}
	defer end()
	told, err := kind.ReadShared(signing, h)
	if err != nil {
		return kind.Type, unread(err)
	}
	return kind.Type, r.spread(ctx, kind.Type, told)
}

func (r *Receiver) shared(name string) (targets.Kind, secret.String, bool) {
	i := slices.IndexFunc(r.opts.Kinds, func(k targets.Kind) bool { return k.Type == name && k.SharedHook != nil })
	signing := r.opts.Shared[name]
	if i < 0 || signing.Empty() || r.opts.Routes == nil {
		return targets.Kind{}, secret.String{}, false
	}
	return r.opts.Kinds[i], signing, true
}

// spread gives events to each integration that a route leads to. If one cannot be
// told, the tracker is asked to send all of it again.
func (r *Receiver) spread(ctx context.Context, kind string, told targets.SharedEvents) answer {
	if told.Route == "" { // a ping, or an event of the app itself
		return ignored()
	}
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	refs, err := r.opts.Routes.ByRoute(ctx, kind, told.Route)
	if err != nil {
		return failed(err)
	}
	outcome := ignored()
	for _, ref := range refs {
		concerned, err := r.concerns(ctx, kind, told.Route, ref)
		if err != nil {
			return failed(err)
		}
		if !concerned {
			continue
		}
		a := r.keep(ctx, hintOf(ref, told.Events))
		if a.outcome == Failed {
			return a
		}
		if outcome.outcome != Taken {
			outcome = a
		}
	}
	return outcome
}

// concerns reports whether an integration has a route, by its own record. The entry
// of one that is gone is removed.
func (r *Receiver) concerns(ctx context.Context, kind, route string, ref Ref) (bool, error) {
	has := func(in tenants.Integration) bool {
		return in.Tenant == ref.Tenant && in.Target.Type == kind && in.HookMode() != tenants.HooksOff && in.Hook != nil && in.Hook.Route == route
	}
	in, err := r.integrations.ByID(ctx, ref.Integration)
	if err == nil && !has(in) { // another process may have registered it just now
		in, err = r.integrations.Refresh(ctx, ref.Integration)
	}
	switch {
	case errors.Is(err, fault.NotFound):
		return false, r.opts.Routes.RemoveRoute(ctx, kind, route, ref)
	case err != nil:
		return false, err
	case !has(in):
		return false, nil
	}
	off, err := r.off(ctx, in)
	return !off, err
}
