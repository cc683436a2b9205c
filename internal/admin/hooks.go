package admin

import (
	"context"
	"net/http"
	"time"

	"pushbutton/internal/admin/auth"
	"pushbutton/internal/tenants"
)

// Hooks keeps the webhooks of integrations.
type Hooks interface {
	// Hook returns how an integration's webhook is. It sends nothing.
	Hook(ctx context.Context, in tenants.Integration) (Hook, error)
	// RegisterHook has the tracker send the webhook now.
	RegisterHook(ctx context.Context, in tenants.Integration) (HookChanged, error)
	// RotateHook replaces the webhook's secret.
	RotateHook(ctx context.Context, in tenants.Integration) (HookChanged, error)
}

// Hook is an integration's webhook on the wire, without address and secret.
type Hook struct {
	Mode         string    `json:"mode" enum:"auto,manual,off" doc:"The integration's setting hooks."`
	State        string    `json:"state" enum:"registered,manual,off,failed,pending,none" doc:"registered: by the plugin. manual: an admin sets it up. failed: the plugin tries again by itself. pending: the plugin registers it within minutes. none: the tracker sends none that can be read."`
	Problem      string    `json:"problem,omitempty" doc:"Why it could not be registered, and what to do."`
	Registered   time.Time `json:"registered,omitzero" doc:"When the tracker last confirmed it."`
	Ends         time.Time `json:"ends,omitzero" doc:"When it ends unless the plugin renews it, which it does ahead of time."`
	LastEvent    time.Time `json:"lastEvent,omitzero" doc:"When the last one came. Absent: none did lately."`
	MissedSweeps int       `json:"missedSweeps" doc:"How many sweeps in a row found a change that no webhook had told. From 3 on it counts as silent."`
}

// HookChanged is a webhook after a request changed it.
type HookChanged struct {
	Hook
	Steps []string `json:"steps,omitempty" doc:"How to set it up at the tracker by hand, with address and secret. They are not told again."`
}

// NamedHook is a webhook and the integration whose it is. The client and the plugin
// itself hand it to the commands.
type NamedHook struct {
	// ID and Name are the integration's, and Tracker is the kind of its tracker.
	ID, Name, Tracker string
	HookChanged
}

// HookRoutes are the routes of webhooks.
func HookRoutes(h Hooks) []Route {
	const tag, path = "Integrations", integrationPath + "/hook"
	do := func(f func(ctx context.Context, in tenants.Integration) (HookChanged, error)) func(ctx context.Context, c *Call, _, _ None) (HookChanged, error) {
		return func(ctx context.Context, c *Call, _, _ None) (HookChanged, error) {
			in, err := c.Scope.Integration(ctx, c.Param("integration"))
			if err != nil {
				return HookChanged{}, err
			}
			return f(ctx, in)
		}
	}
	return []Route{
		Handle(Route{Method: http.MethodGet, Path: path, Operation: "getHook", Tag: tag, Role: auth.Viewer,
			Summary: "Show how an integration's webhook is"},
			func(ctx context.Context, c *Call, _, _ None) (Hook, error) {
				in, err := c.Scope.Integration(ctx, c.Param("integration"))
				if err != nil {
					return Hook{}, err
				}
				return h.Hook(ctx, in)
			}),
		Handle(Route{Method: http.MethodPost, Path: path + "/register", Operation: "registerHook", Tag: tag, Role: auth.Admin, Limit: integrationLimit,
			Summary: "Register an integration's webhook at its tracker now", Description: "The plugin does so by itself. Use this after the tracker's rights were mended. What the tracker refuses is in `problem`."}, do(h.RegisterHook)),
		Handle(Route{Method: http.MethodPost, Path: path + "/rotate", Operation: "rotateHook", Tag: tag, Role: auth.Admin, Limit: integrationLimit,
			Summary: "Replace the secret of an integration's webhook", Description: "The former secret is accepted for 10 minutes more. Where the plugin registers webhooks, it tells the tracker. Else the answer has the steps with address and secret."}, do(h.RotateHook)),
	}
}
