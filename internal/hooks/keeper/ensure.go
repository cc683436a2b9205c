package keeper

import (
	"context"
	"errors"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/hooks"
	"pushbutton/internal/targets"
	"pushbutton/internal/telemetry"
	"pushbutton/internal/tenants"
)

// Ensure brings an integration's webhook into the state that its settings ask for.
// Where that is so already, nothing is sent. What the tracker refuses is in the
// Outcome; the error is that of the store.
func (k *Keeper) Ensure(ctx context.Context, in tenants.Integration) (Outcome, error) {
	return k.ensured(ctx, in, false)
}

// Register does what Ensure does, and asks the tracker in any case.
func (k *Keeper) Register(ctx context.Context, in tenants.Integration) (Outcome, error) {
	return k.ensured(ctx, in, true)
}

func (k *Keeper) ensured(ctx context.Context, in tenants.Integration, force bool) (Outcome, error) {
	return k.alone(ctx, in, waitFor, func(ctx context.Context, in tenants.Integration) (Outcome, error) { return k.ensure(ctx, in, force) })
}

// Moved removes what is registered where an integration's settings led before. What
// that tracker refuses is logged: its events name issues that no button has.
func (k *Keeper) Moved(ctx context.Context, before, in tenants.Integration) (tenants.Integration, error) {
	if before.Hook == nil || before.Hook.ID == "" {
		return in, nil
	}
	out, err := k.alone(ctx, in, waitFor, func(ctx context.Context, in tenants.Integration) (Outcome, error) {
		if in.Hook == nil || in.Hook.ID != before.Hook.ID {
			return Outcome{Integration: in}, nil
		}
		if err := k.removeAt(ctx, before); err != nil {
			k.warn(ctx, in, "a webhook could not be removed", err)
		}
		in, err := k.store.SetHook(ctx, in.Tenant, in.ID, func(h *tenants.Hook) bool {
			h.ID, h.Of = "", ""
			return !h.Token.Empty()
		})
		return Outcome{Integration: in}, err
	})
	return out.Integration, err
}

func (k *Keeper) ensure(ctx context.Context, in tenants.Integration, force bool) (Outcome, error) {
	if !in.Deleting.IsZero() { // one that is made now would stay at the tracker
		return Outcome{State: Off, Integration: in}, nil
	}
	if !wanted(in) {
		return k.switchOff(ctx, in)
	}
	if why := k.unreachable(); why != "" {
		return Outcome{State: Failed, Problem: why, Integration: in}, nil
	}
	target, err := k.open(ctx, in)
	if err != nil {
		return Outcome{State: Failed, Problem: sentence(err), Integration: in}, nil //nolint:nilerr // it is in the outcome
	}
	if !target.ReadsHooks() {
		if in.Hook != nil {
			in, err = k.forget(ctx, in)
		}
		return Outcome{State: None, Integration: in}, err
	}
	byHand := in.HookMode() == tenants.HooksManual || !target.RegistersHooks()
	in, made, err := k.prepare(ctx, in, target, byHand)
	if err != nil {
		return Outcome{Integration: in}, err
	}
	if byHand {
		out := Outcome{State: Manual, Integration: in}
		if made {
			out.Steps = k.Steps(in)
		}
		return out, nil
	}
	if !force && k.fresh(in) {
		return Outcome{State: Registered, Integration: in}, nil
	}
	return k.register(ctx, in, target)
}

// prepare makes what the webhook needs before its tracker hears of it.
func (k *Keeper) prepare(ctx context.Context, in tenants.Integration, target Target, byHand bool) (after tenants.Integration, made bool, err error) {
	chooses := target.ChoosesHookSecret()
	if byHand && in.Hook != nil && (in.Hook.ID != "" || in.Hook.Route != "") {
		// The plugin's own would double what the admin sets up.
		if err := k.remove(ctx, in); err != nil {
			k.warn(ctx, in, "a webhook could not be removed", err)
		}
		if in, err = k.forget(ctx, in); err != nil {
			return in, false, err
		}
	}
	h := in.Hook
	ready := h != nil && !h.Token.Empty() && (chooses || !h.Secret.Empty())
	if ready && (byHand && h.Problem == "" || !byHand && !h.Tried.IsZero()) {
		return in, false, nil
	}
	after, err = k.store.SetHook(ctx, in.Tenant, in.ID, func(h *tenants.Hook) bool {
		made = false // it may be called again
		if h.Token.Empty() {
			h.Token, made = tenants.NewHookToken(), true
		}
		if h.Secret.Empty() && !chooses {
			h.Secret, made = tenants.NewHookSecret(), true
		}
		cleared := byHand && h.Problem != ""
		if cleared { // what the plugin failed at is the admin's now
			h.Problem, h.Failures = "", 0
		}
		if made && byHand && chooses {
			h.Handshake = k.now().Add(handshakeByHand)
		}
		first := !byHand && h.Tried.IsZero()
		if first { // before it is tried: a crash must not have the removal believe that it never was
			h.Tried = k.now()
		}
		return made || cleared || first
	})
	return after, made, err
}

// fresh reports whether the tracker need not be asked about a registration.
func (k *Keeper) fresh(in tenants.Integration) bool {
	h, now := in.Hook, k.now()
	if h == nil || h.Problem != "" || h.Registered.IsZero() || h.Of != k.digest(in) || now.Sub(h.Registered) >= confirmAfter {
		return false
	}
	// One that never lives for two weeks would be renewed each minute.
	return h.Ends.IsZero() || h.Ends.Sub(now) > min(renewAhead, h.Ends.Sub(h.Registered)/2)
}

// register asks the tracker for the webhook, and stores what it says.
func (k *Keeper) register(ctx context.Context, in tenants.Integration, target Target) (Outcome, error) {
	var err error
	if target.ChoosesHookSecret() {
		if in, err = k.store.SetHook(ctx, in.Tenant, in.ID, func(h *tenants.Hook) bool {
			h.Handshake = k.now().Add(handshakeFor)
			return !h.Token.Empty()
		}); err != nil || in.Hook == nil {
			return Outcome{State: Pending, Integration: in}, err
		}
	}
	asked := *in.Hook
	got, supported, err := target.RegisterHook(ctx, targets.HookWanted{URL: k.address(in), Prefix: k.prefix(in), Secret: asked.Secret, ID: asked.ID})
	if err == nil && !supported {
		return Outcome{State: Manual, Integration: in}, nil
	}
	if err == nil {
		err = k.reroute(ctx, in, got.Route)
	}
	if err != nil {
		return k.failed(ctx, in, err)
	}
	// What the tracker has must not be forgotten because the caller gives up.
	sctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeLimit)
	defer cancel()
	after, err := k.store.SetHook(sctx, in.Tenant, in.ID, func(h *tenants.Hook) bool {
		if !h.Token.Equal(asked.Token.Reveal()) || !target.ChoosesHookSecret() && !h.Secret.Equal(asked.Secret.Reveal()) {
			return false // rotated or forgotten meanwhile: that goes on from there
		}
		if end := k.now().Add(formerFor); h.FormerUntil.After(end) {
			h.FormerUntil = end // the tracker has the new secret
		}
		h.Handshake = time.Time{}
		h.ID, h.Ends, h.Route = got.ID, got.Ends, got.Route
		h.Registered, h.Tried, h.Problem, h.Failures = k.now(), k.now(), "", 0
		in.Hook = h
		h.Of = k.digest(in) // with the secret of a handshake
		if lacksSecret(h, asked, got, target) {
			// Without the id it is made anew, and a secret comes with that alone.
			h.ID, h.Of, h.Failures = "", "", asked.Failures+1
			h.Problem = "The tracker has made the webhook, and no secret came from it. Check that it reaches " + k.publicURL + "."
		}
		return true
	})
	if errors.Is(err, fault.NotFound) || err == nil && !after.Deleting.IsZero() {
		k.undo(sctx, in, target, got)
	}
	if err != nil {
		return Outcome{Integration: in}, err
	}
	state, problem := k.stateOf(after, target)
	return Outcome{State: state, Changed: true, Problem: problem, Integration: after}, nil
}

// lacksSecret reports whether the tracker has made a webhook whose secret did not
// come.
func lacksSecret(h *tenants.Hook, asked tenants.Hook, got targets.HookRegistration, target Target) bool {
	if got.Route != "" {
		return false
	}
	same := h.Secret.Equal(asked.Secret.Reveal())
	return h.Secret.Empty() || target.ChoosesHookSecret() && same && got.ID != asked.ID
}

// undo removes the webhook of an integration that was deleted while the tracker was
// asked for it. The deletion may have been at the tracker before.
func (k *Keeper) undo(ctx context.Context, in tenants.Integration, target Target, got targets.HookRegistration) {
	var err error
	if got.Route != "" {
		err = k.routes.RemoveRoute(ctx, in.Target.Type, got.Route, hooks.Ref{Tenant: in.Tenant, Integration: in.ID})
	} else {
		_, err = target.RemoveHook(ctx, got.ID, k.prefix(in), in.Hook.Token, in.Hook.Secret)
	}
	if err != nil {
		k.warn(ctx, in, "a webhook could not be removed", err)
	}
}

// storeLimit bounds the writing down of what a tracker did.
const storeLimit = 5 * time.Second

// reroute leads the route of an app's one webhook to the integration. It is taken
// from the route before once that is stored no more.
func (k *Keeper) reroute(ctx context.Context, in tenants.Integration, route string) error {
	ref := hooks.Ref{Tenant: in.Tenant, Integration: in.ID}
	if route != "" {
		if err := k.routes.AddRoute(ctx, in.Target.Type, route, ref); err != nil {
			return err
		}
	}
	if before := in.Hook.Route; before != "" && before != route {
		return k.routes.RemoveRoute(ctx, in.Target.Type, before, ref)
	}
	return nil
}

// failed stores why a webhook could not be registered.
func (k *Keeper) failed(ctx context.Context, in tenants.Integration, cause error) (Outcome, error) {
	if errors.Is(ctx.Err(), context.Canceled) && errors.Is(cause, fault.Canceled) {
		return Outcome{State: Pending, Integration: in}, cause // it says nothing of the tracker
	}
	sctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeLimit)
	defer cancel()
	problem := sentence(cause)
	after, err := k.store.SetHook(sctx, in.Tenant, in.ID, func(h *tenants.Hook) bool {
		if h.Token.Empty() {
			return false
		}
		h.Tried, h.Problem = k.now(), problem
		h.Failures++
		return true
	})
	k.warn(ctx, in, "a webhook could not be registered", cause)
	return Outcome{State: Failed, Changed: true, Problem: problem, Integration: after}, err
}

func (k *Keeper) warn(ctx context.Context, in tenants.Integration, message string, err error) {
	k.opts.Log.WarnContext(ctx, message, telemetry.KeyTenant, in.Tenant, telemetry.KeyIntegration, in.ID, telemetry.KeyError, err)
}
