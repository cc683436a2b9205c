package app

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"pushbutton/internal/admin"
	"pushbutton/internal/fault"
	"pushbutton/internal/hooks"
	"pushbutton/internal/hooks/keeper"
	"pushbutton/internal/pushes"
	"pushbutton/internal/targets/catalog"
	"pushbutton/internal/telemetry"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

// newKeeper makes the Keeper of webhooks.
func (a *App) newKeeper() *keeper.Keeper {
	open := func(ctx context.Context, in tenants.Integration) (keeper.Target, error) {
		return a.peers.Target(ctx, in)
	}
	return keeper.New(a.tenants, hooks.NewRoutes(a.rdb), open, a.cfg.PublicURL, &keeper.Options{Active: a.activeIntegrations, MissedSweeps: a.missedSweeps,
		Silent: a.setSilent, Claims: keeper.NewClaims(a.rdb), Log: a.log})
}

// missedSweeps tells the Keeper which webhooks are silent.
func (a *App) missedSweeps(ctx context.Context, tenant string, integrations []string) ([]int, error) {
	known, err := a.hints.Health(ctx, tenant, integrations)
	missed := make([]int, len(known))
	for i, h := range known {
		missed[i] = h.MissedSweeps
	}
	return missed, err
}

// setSilent keeps what the Keeper counted for the metrics of all processes.
func (a *App) setSilent(ctx context.Context, n int) error { return a.hints.SetSilent(ctx, n) }

// seeToHook brings the webhook of an integration that was declared into its state,
// and words what became of it.
func (a *App) seeToHook(ctx context.Context, before *tenants.Integration, in tenants.Integration) register.Webhook {
	if before != nil && before.Target.Type == in.Target.Type && !sameSettings(before.Target, in.Target) {
		if moved, err := a.keeper.Moved(ctx, *before, in); err == nil {
			in = moved
		}
	}
	out, err := a.keeper.Ensure(ctx, in)
	if err != nil {
		a.log.WarnContext(ctx, "the webhook could not be looked after", telemetry.KeyTenant, in.Tenant, telemetry.KeyIntegration, in.ID, telemetry.KeyError, err)
		return register.Webhook{Note: "not looked after yet: the plugin goes on by itself"}
	}
	return register.Webhook{Note: hookNote(out), Steps: out.Steps, Integration: out.Integration}
}

func sameSettings(a, b tenants.TargetConfig) bool {
	return fmt.Sprint(a.Settings) == fmt.Sprint(b.Settings) // maps are printed sorted
}

// hookNote words an Outcome; empty: there is nothing new.
func hookNote(out keeper.Outcome) string {
	in := out.Integration
	switch {
	case out.Problem != "":
		return "not registered: " + out.Problem + " Until then, sweeps alone keep the buttons true."
	case len(out.Steps) > 0:
		return fmt.Sprintf("to be set up at %s by hand; `plugin hooks rotate %s/%s` (the admin API's hook/rotate) tells the steps again, with a new secret", trackerTitle(in), in.Tenant, in.Name)
	case out.Changed && out.State == keeper.Registered:
		return "registered at " + trackerTitle(in)
	case out.Changed && out.State == keeper.Off:
		return "removed at " + trackerTitle(in)
	default:
		return ""
	}
}

func trackerTitle(in tenants.Integration) string {
	if kind, ok := catalog.ByType(in.Target.Type); ok {
		return kind.Title
	}
	return in.Target.Type
}

// removeHook removes the webhook of an integration that is being deleted, and what
// it has told.
func (a *App) removeHook(ctx context.Context, in tenants.Integration) {
	defer func() { _ = a.hints.Forget(context.WithoutCancel(ctx), in.Tenant, in.ID) }() // else it ends by itself within a week
	if err := a.keeper.Remove(ctx, in); err != nil {
		a.log.WarnContext(ctx, "the webhook of a deleted integration may stay at its tracker", telemetry.KeyTenant, in.Tenant, telemetry.KeyIntegration, in.ID, telemetry.KeyError, err)
	}
}

// Hooks looks after webhooks for the admin API and the commands.
type Hooks struct{ a *App }

// Hooks returns what looks after webhooks.
func (a *App) Hooks() Hooks { return Hooks{a} }

// Hook implements admin.Hooks.
func (h Hooks) Hook(ctx context.Context, in tenants.Integration) (admin.Hook, error) {
	state, problem := h.a.keeper.StateOf(ctx, in)
	out := wireHook(in, state, problem)
	health, err := h.a.hints.Health(ctx, in.Tenant, []string{in.ID})
	if err == nil {
		out.LastEvent, out.MissedSweeps = health[0].LastEvent, health[0].MissedSweeps
	}
	return out, err
}

// RegisterHook implements admin.Hooks.
func (h Hooks) RegisterHook(ctx context.Context, in tenants.Integration) (admin.HookChanged, error) {
	return h.changed(h.a.keeper.Register(ctx, in))
}

// RotateHook implements admin.Hooks.
func (h Hooks) RotateHook(ctx context.Context, in tenants.Integration) (admin.HookChanged, error) {
	return h.changed(h.a.keeper.Rotate(ctx, in))
}

func (h Hooks) changed(out keeper.Outcome, err error) (admin.HookChanged, error) {
	if err != nil {
		return admin.HookChanged{}, err
	}
	return admin.HookChanged{Hook: wireHook(out.Integration, out.State, out.Problem), Steps: out.Steps}, nil
}

// HookScope looks after the webhooks of one tenant's integrations. An integration is
// named by its id or its name; a *pushes.FieldError says that there is none.
type HookScope struct {
	hooks  Hooks
	tenant string
}

// Tenant binds the service to a tenant. It does not ask whether there is one.
func (h Hooks) Tenant(tenant string) HookScope { return HookScope{h, tenant} }

// List lists the webhooks, by the names of their integrations.
func (s HookScope) List(ctx context.Context) iter.Seq2[admin.NamedHook, error] {
	return func(yield func(admin.NamedHook, error) bool) {
		s.hooks.a.ofTenant(ctx, s.tenant, func(in tenants.Integration, err error) bool {
			if err != nil {
				return yield(admin.NamedHook{}, err)
			}
			return yield(s.show(ctx, in))
		})
	}
}

// Show returns one webhook.
func (s HookScope) Show(ctx context.Context, integration string) (admin.NamedHook, error) {
	in, err := s.find(ctx, integration)
	if err != nil {
		return admin.NamedHook{}, err
	}
	return s.show(ctx, in)
}

// Register has the tracker send a webhook now.
func (s HookScope) Register(ctx context.Context, integration string) (admin.NamedHook, error) {
	return s.change(ctx, integration, s.hooks.RegisterHook)
}

// Rotate replaces a webhook's secret.
func (s HookScope) Rotate(ctx context.Context, integration string) (admin.NamedHook, error) {
	return s.change(ctx, integration, s.hooks.RotateHook)
}

func (s HookScope) find(ctx context.Context, which string) (tenants.Integration, error) {
	scope := s.hooks.a.tenants.Tenant(s.tenant)
	in, err := scope.Integration(ctx, which)
	if errors.Is(err, fault.NotFound) {
		in, err = scope.ByName(ctx, which)
	}
	if errors.Is(err, fault.NotFound) {
		err = pushes.UnknownIntegration()
	}
	return in, err
}

func (s HookScope) show(ctx context.Context, in tenants.Integration) (admin.NamedHook, error) {
	hook, err := s.hooks.Hook(ctx, in)
	return namedHook(in, admin.HookChanged{Hook: hook}), err
}

func (s HookScope) change(ctx context.Context, integration string, do func(context.Context, tenants.Integration) (admin.HookChanged, error)) (admin.NamedHook, error) {
	in, err := s.find(ctx, integration)
	if err != nil {
		return admin.NamedHook{}, err
	}
	changed, err := do(ctx, in)
	return namedHook(in, changed), err
}

func namedHook(in tenants.Integration, hook admin.HookChanged) admin.NamedHook {
	return admin.NamedHook{ID: in.ID, Name: in.Name, Tracker: in.Target.Type, HookChanged: hook}
}

func wireHook(in tenants.Integration, state keeper.State, problem string) admin.Hook {
	out := admin.Hook{Mode: string(in.HookMode()), State: string(state), Problem: problem}
	if in.Hook != nil {
		out.Registered, out.Ends = in.Hook.Registered, in.Hook.Ends
	}
	return out
}
