package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"pushbutton/config"
	"pushbutton/internal/admin"
	"pushbutton/internal/app"
)

// hookScope looks after the webhooks of one tenant's integrations, on Redis or
// through a running plugin.
type hookScope interface {
	List(ctx context.Context) iter.Seq2[admin.NamedHook, error]
	Show(ctx context.Context, integration string) (admin.NamedHook, error)
	Register(ctx context.Context, integration string) (admin.NamedHook, error)
	Rotate(ctx context.Context, integration string) (admin.NamedHook, error)
}

// hookScopes returns the scope of each tenant.
type hookScopes interface {
	TenantIDs(ctx context.Context) iter.Seq2[string, error]
	HooksOf(tenant string) hookScope
}

// HooksOf implements hookScopes.
func (l localScopes) HooksOf(tenant string) hookScope { return l.App.Hooks().Tenant(tenant) }

// HooksOf implements hookScopes.
func (s serverScopes) HooksOf(tenant string) hookScope { return s.Hooks(tenant) }

const hookVerbs = "list, show TENANT/NAME, rotate TENANT/NAME or register TENANT/NAME (an integration by its name or id; flags go first)"

func hooksCommand() command {
	return command{name: "hooks", settings: true, client: true, summary: "list or show trackers' webhooks, replace a secret, or register one now: hooks list | show | rotate | register TENANT/NAME", setup: func(inv *invocation) func(context.Context, []string) error {
		tenant := inv.flags.String("tenant", "", "with list: only this `TENANT`")
		return func(ctx context.Context, args []string) error {
			do, err := inv.hooks(*tenant, args)
			if err != nil {
				return err
			}
			cfg, err := inv.loadEither(config.EncryptionKeys, config.PublicURL)
			if err != nil {
				return err
			}
			if cfg.Server != "" {
				client, err := inv.client(cfg)
				if err != nil {
					return err
				}
				defer client.Close()
				return plainly(do(ctx, serverScopes{client}))
			}
			return app.WithApp(ctx, cfg, inv.logger(cfg), version, func(ctx context.Context, a *app.App) error {
				return plainly(do(ctx, localScopes{a}))
			})
		}
	}}
}

// hooks makes what the arguments ask for.
func (inv *invocation) hooks(tenant string, args []string) (func(context.Context, hookScopes) error, error) {
	p := hookPrinter{inv.stdout}
	if len(args) == 1 && args[0] == "list" {
		return func(ctx context.Context, from hookScopes) error { return listHooks(ctx, from, tenant, p) }, nil
	}
	verbs := map[string]struct {
		do    func(hookScope, context.Context, string) (admin.NamedHook, error)
		print func(tenant string, hook admin.NamedHook) error
	}{
		"show":     {hookScope.Show, p.shown},
		"rotate":   {hookScope.Rotate, p.rotated},
		"register": {hookScope.Register, p.registered},
	}
	if len(args) == 2 && verbs[args[0]].do != nil {
		verb := verbs[args[0]]
		of, name, ok := strings.Cut(args[1], "/")
		if ok && of != "" && name != "" && tenant == "" {
			return func(ctx context.Context, from hookScopes) error {
				hook, err := verb.do(from.HooksOf(of), ctx, name)
				if err != nil {
					return err
				}
				return verb.print(of, hook)
			}, nil
		}
	}
	return nil, &usageError{errors.New("say " + hookVerbs)}
}

// listHooks lists the webhooks of a tenant, or of all. What stood before an error is
// printed as well.
func listHooks(ctx context.Context, from hookScopes, tenant string, p hookPrinter) error {
	ids := from.TenantIDs(ctx)
	if tenant != "" {
		ids = func(yield func(string, error) bool) { yield(tenant, nil) }
	}
	table := p.table()
	var failed error
	for id, err := range ids {
		if err != nil {
			failed = err
			break
		}
		for hook, err := range from.HooksOf(id).List(ctx) {
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s: %w", id, plainly(err)))
				break
			}
			table.row(id, hook)
		}
	}
	return errors.Join(table.end(), failed)
}
