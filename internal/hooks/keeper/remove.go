package keeper

import (
	"context"

	"pushbutton/internal/fault"
	"pushbutton/internal/hooks"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

// Rotate replaces the webhook's secret, and tells the tracker where the plugin
// registers. The former one is taken for ten minutes more, which begin once the
// tracker has the new one. A tracker that chooses the secret is asked for another
// webhook, and so chooses anew; where an admin sets it up, the address changes too.
// An integration that takes no webhooks is fault.Conflict.
func (k *Keeper) Rotate(ctx context.Context, in tenants.Integration) (Outcome, error) {
	return k.alone(ctx, in, waitFor, k.rotate)
}

func (k *Keeper) rotate(ctx context.Context, in tenants.Integration) (Outcome, error) {
	const op = "rotate webhook secret"
	if !wanted(in) || !in.Deleting.IsZero() {
		return Outcome{}, fault.New(fault.Conflict, op, "The integration takes no webhooks. Set hooks to auto or manual first.")
	}
	target, err := k.open(ctx, in)
	if err != nil {
		return Outcome{}, err
	}
	if !target.ReadsHooks() {
		return Outcome{}, fault.New(fault.Conflict, op, "The tracker sends no webhooks that can be read.")
	}
	byHand := in.HookMode() == tenants.HooksManual || !target.RegistersHooks()
	after, err := k.store.SetHook(ctx, in.Tenant, in.ID, func(h *tenants.Hook) bool {
		now := k.now()
		if !byHand && !h.Former.Empty() && h.FormerUntil.Sub(now) > formerFor {
			// The tracker did not take the secret of the last rotation yet. Nobody has
			// used that one, and the tracker signs with the former one.
			h.Of = ""
			return true
		}
		h.Of = ""
		if !byHand && target.ChoosesHookSecret() {
			h.ID = "" // then it is made anew; until that is done, the tracker signs as before
			if h.Token.Empty() {
				h.Token = tenants.NewHookToken()
			}
			return true
		}
		if !h.Secret.Empty() {
			h.Former, h.FormerUntil = h.Secret, now.Add(formerFor)
			if !byHand {
				h.FormerUntil = now.Add(formerPending)
			}
		}
		h.Secret = tenants.NewHookSecret()
		if h.Token.Empty() || target.ChoosesHookSecret() {
			h.Token = tenants.NewHookToken()
		}
		if target.ChoosesHookSecret() {
			h.Secret = secret.String{}
			h.Handshake = now.Add(handshakeByHand)
		}
		return true
	})
	if err != nil {
		return Outcome{}, err
	}
	if byHand {
		return Outcome{State: Manual, Integration: after, Steps: k.Steps(after)}, nil
	}
	if why := k.unreachable(); why != "" {
		return Outcome{State: Failed, Problem: why, Integration: after}, nil
	}
	return k.register(ctx, after, target)
}

// Remove removes the webhook of an integration that is being deleted. The error says
// that the tracker may have it still; no deletion should wait for that.
func (k *Keeper) Remove(ctx context.Context, in tenants.Integration) error {
	end, err := k.claim(ctx, in, removeLimit)
	if err != nil {
		return err
	}
	defer end()
	if now, err := k.store.SetHook(ctx, in.Tenant, in.ID, func(*tenants.Hook) bool { return false }); err == nil {
		in = now
	}
	return k.remove(ctx, in)
}

func (k *Keeper) remove(ctx context.Context, in tenants.Integration) error {
	if in.Hook == nil {
		return nil
	}
	err := k.removeAt(ctx, in)
	if rerr := k.unroute(ctx, in); err == nil {
		err = rerr
	}
	return err
}

// removeAt removes at the tracker what the plugin has registered there.
func (k *Keeper) removeAt(ctx context.Context, in tenants.Integration) error {
	if in.Hook.ID == "" && in.Hook.Tried.IsZero() {
		return nil // it was never asked for one
	}
	ctx, cancel := context.WithTimeout(ctx, removeLimit)
	defer cancel()
	target, err := k.open(ctx, in)
	if err != nil {
		return err
	}
	_, err = target.RemoveHook(ctx, in.Hook.ID, k.prefix(in), in.Hook.Token, in.Hook.Secret, in.Hook.Former)
	return err
}

func (k *Keeper) unroute(ctx context.Context, in tenants.Integration) error {
	if in.Hook.Route == "" {
		return nil
	}
	return k.routes.RemoveRoute(ctx, in.Target.Type, in.Hook.Route, hooks.Ref{Tenant: in.Tenant, Integration: in.ID})
}

// switchOff removes a webhook that is wanted no more. A tracker that is not there at
// the moment is asked again. One that does not let the plugin is not.
func (k *Keeper) switchOff(ctx context.Context, in tenants.Integration) (Outcome, error) {
	if in.Hook == nil {
		return Outcome{State: Off, Integration: in}, nil
	}
	changed := in.Hook.ID != ""
	err := k.remove(ctx, in)
	if kind := fault.KindOf(err); err != nil && (kind.Transient() || kind == fault.Canceled) {
		out, err := k.failed(ctx, in, err)
		return out, err
	}
	out := Outcome{State: Off, Changed: changed}
	if err != nil {
		out.Problem = "The tracker may send the webhook still. Delete it there: " + sentence(err)
		k.warn(ctx, in, "a webhook could not be removed", err)
	}
	out.Integration, err = k.forget(ctx, in)
	return out, err
}

// forget drops what is stored of a webhook.
func (k *Keeper) forget(ctx context.Context, in tenants.Integration) (tenants.Integration, error) {
	return k.store.SetHook(ctx, in.Tenant, in.ID, func(h *tenants.Hook) bool {
		*h = tenants.Hook{}
		return true
	})
}
