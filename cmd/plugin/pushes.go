package main

import (
	"context"
	"errors"
	"fmt"

	"pushbutton/config"
	"pushbutton/internal/app"
	"pushbutton/internal/connections"
)

func pushesCommand() command {
	return command{name: "pushes", settings: true, summary: "list, show or retry pushes that failed: pushes list | show KEY | retry KEY... | --all retry", setup: func(inv *invocation) func(context.Context, []string) error {
		var f app.PushFilter
		inv.flags.StringVar(&f.Tenant, "tenant", "", "only this `TENANT`")
		inv.flags.StringVar(&f.Integration, "integration", "", "only this integration, by its `NAME` or id")
		inv.flags.StringVar(&f.Kind, "kind", "", "only this `KIND` of failure, such as unauthorized")
		inv.flags.IntVar(&f.Limit, "limit", 100, "at most this `NUMBER`; 0 for all")
		all := inv.flags.Bool("all", false, "with retry: every failed push that the other flags let through")
		return func(ctx context.Context, args []string) error {
			do, err := inv.pushes(f, *all, args)
			if err != nil {
				return err
			}
			cfg, err := inv.load(nil, config.EncryptionKeys)
			if err != nil {
				return err
			}
			return app.WithApp(ctx, cfg, inv.logger(cfg), version, do)
		}
	}}
}

// pushes makes what the arguments ask for. Flags may also follow the verb.
func (inv *invocation) pushes(f app.PushFilter, all bool, args []string) (func(context.Context, *app.App) error, error) {
	if len(args) == 0 {
		return nil, &usageError{errors.New("say list, show KEY, or retry KEY... (flags go first)")}
	}
	verb, args := args[0], args[1:]
	var keys []connections.Key
	for _, arg := range args {
		key, err := connections.ParseKey(arg)
		if err != nil {
			return nil, &usageError{fmt.Errorf("%w (want TENANT/INTEGRATION:ENTITY, as list prints it)", err)}
		}
		keys = append(keys, key)
	}
	switch {
	case verb == "list" && len(keys) == 0:
		return func(ctx context.Context, a *app.App) error { return a.ListPushes(ctx, inv.stdout, f) }, nil
	case verb == "show" && len(keys) == 1:
		return func(ctx context.Context, a *app.App) error { return a.ShowPush(ctx, inv.stdout, keys[0]) }, nil
	case verb == "retry" && len(keys) > 0 && !all:
		return func(ctx context.Context, a *app.App) error {
			for _, key := range keys {
				if err := a.RetryPush(ctx, key); err != nil {
					return err
				}
				_, _ = fmt.Fprintln(inv.stdout, "retried", key)
			}
			return nil
		}, nil
	case verb == "retry" && all && len(keys) == 0:
		return func(ctx context.Context, a *app.App) error {
			n, err := a.RetryPushes(ctx, f)
			_, _ = fmt.Fprintf(inv.stdout, "retried %d\n", n)
			return err
		}, nil
	default:
		return nil, &usageError{errors.New("say list, show KEY, retry KEY..., or --all retry (flags go first)")}
	}
}
