package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"pushbutton/config"
	"pushbutton/internal/app"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

// devDefaults differ from a server's: only this machine may look, and nobody
// waits for a load balancer.
func devDefaults() map[string]string {
	return map[string]string{
		"PLUGIN_LISTEN": "127.0.0.1:8080", "PLUGIN_OPS_LISTEN": "127.0.0.1:0", config.DrainDelay: "0s", "PLUGIN_SHUTDOWN_TIMEOUT": "5s",
	}
}

// pairs collects repeated name=value flags.
type pairs map[string]string

func (p pairs) String() string { return "" }

func (p pairs) Set(v string) error {
	name, value, ok := strings.Cut(v, "=")
	if !ok || name == "" {
		return errors.New("want NAME=VALUE")
	}
	p[name] = value
	return nil
}

type devFlags struct {
	file        *string
	target      *string
	settings    pairs
	credentials pairs
}

func devCommand() command {
	return command{name: "dev", settings: true, summary: "try everything on this machine: plugin, simulator, board page, tracker", setup: func(inv *invocation) func(context.Context, []string) error {
		f := devFlags{settings: pairs{}, credentials: pairs{}}
		f.file = inv.flags.String("apply", "", "a `FILE` as of plugin apply, instead of the demo integration; its Productboard token is env:PB_TOKEN or "+app.SandboxToken)
		f.target = inv.flags.String("target", "", "push to a real tracker of this `TYPE` instead of the sandbox' own")
		inv.flags.Var(f.settings, "set", "a setting of --target, as `NAME=VALUE`; may be repeated")
		inv.flags.Var(f.credentials, "credential", "a credential of --target, as `NAME=env:VARIABLE` or NAME=file:PATH; may be repeated")
		return func(ctx context.Context, args []string) error { return inv.dev(ctx, f, args) }
	}}
}

func (inv *invocation) dev(ctx context.Context, f devFlags, args []string) error {
	if err := noArgs(args); err != nil {
		return err
	}
	if *f.file != "" && *f.target != "" {
		return &usageError{errors.New("--apply and --target exclude each other")}
	}
	cfg, err := inv.load(devDefaults())
	if err != nil {
		return err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("PLUGIN_LISTEN (--listen): %w", err)
	}
	declare, err := inv.devDeclaration(f)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(inv.stdout, "plugin dev: everything is in memory; nothing survives a restart")
	return app.Dev{Config: cfg, Listener: ln, Log: inv.logger(cfg), Version: version, Declare: declare, Ready: func(board string) {
		_, _ = fmt.Fprintln(inv.stdout, "ready "+board)
	}}.Run(ctx)
}

// devDeclaration makes the declaration of --apply or --target; nil without either.
func (inv *invocation) devDeclaration(f devFlags) (func(*app.App) (register.Declaration, error), error) {
	switch {
	case *f.file != "":
		lookup := inv.env.lookup
		inv.env.lookup = func(name string) (string, bool) {
			if v, ok := lookup(name); ok || name != "PB_TOKEN" {
				return v, ok
			}
			return app.SandboxToken, true
		}
		return func(a *app.App) (register.Declaration, error) { return inv.declaration(a.ValidTarget, *f.file) }, nil
	case *f.target != "":
		target := tenants.TargetConfig{Type: *f.target, Settings: map[string]any{}, Credentials: map[string]secret.String{}}
		for name, value := range f.settings {
			target.Settings[name] = value
		}
		for name, ref := range f.credentials {
			value, err := config.ResolveSecret(ref, inv.env.lookup, readAtMost)
			if err != nil {
				return nil, &usageError{fmt.Errorf("--credential %s: %w", name, err)}
			}
			target.Credentials[name] = value
		}
		return func(*app.App) (register.Declaration, error) {
			return register.Declaration{Tenants: []register.DesiredTenant{{ID: "demo", Integrations: []register.Desired{{Integration: tenants.Integration{
				Name: "Engineering", ButtonLabel: "Push", Productboard: tenants.APIToken(secret.New(app.SandboxToken)),
				Answer: tenants.AnswerV2, OnUnlink: tenants.UnlinkComment, Target: target,
			}}}}}}, nil
		}, nil
	default:
		return nil, nil
	}
}

// edges collects repeated --edge flags.
type edges map[string][]string

func (e edges) String() string { return "" }

func (e edges) Set(v string) error {
	origin, backends, ok := strings.Cut(v, "=")
	if u, err := url.Parse(origin); !ok || err != nil || u.Scheme != "https" {
		return errors.New("want https://PUBLIC=http://BACKEND[,http://BACKEND...]")
	}
	e[origin] = strings.Split(backends, ",")
	return nil
}

func sandboxCommand() command {
	return command{name: "sandbox", summary: "serve the Productboard simulator and the in-memory tracker alone", setup: func(inv *invocation) func(context.Context, []string) error {
		listen := inv.flags.String("listen", "127.0.0.1:8090", "`ADDRESS` to serve on; whoever reaches it may do everything")
		items := inv.flags.Int("items", 24, "`NUMBER` of demo items on the board, at most 100000")
		seed := inv.flags.Uint64("seed", 1, "`SEED` of ids, demo items and faults")
		to := edges{}
		inv.flags.Var(to, "edge", "map a public origin to plugins, as `https://PUBLIC=http://BACKEND[,...]`; may be repeated")
		return func(ctx context.Context, args []string) error {
			if err := noArgs(args); err != nil {
				return err
			}
			if *items < 0 || *items > 100_000 {
				return &usageError{errors.New("--items must be 0 to 100000")}
			}
			ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *listen)
			if err != nil {
				return fmt.Errorf("--listen: %w", err)
			}
			cfg := config.Config{LogFormat: config.LogAuto}
			return app.ServeSandbox(ctx, ln, *listen, *items, *seed, to, inv.logger(cfg), func(address string) {
				_, _ = fmt.Fprintf(inv.stdout, "ready %s/sandbox\n", address)
			})
		}
	}}
}
