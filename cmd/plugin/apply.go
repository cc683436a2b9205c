package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"pushbutton/config"
	"pushbutton/internal/app"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
	"pushbutton/internal/tenants/register/applyfile"
)

// applier carries a declaration out: a Registrar on Redis, or a client of a
// running plugin.
type applier interface {
	Apply(ctx context.Context, declaration register.Declaration) (register.Report, error)
}

func applyCommand() command {
	return command{name: "apply", settings: true, client: true, summary: "declare tenants and integrations from a file; running it again changes nothing", setup: func(inv *invocation) func(context.Context, []string) error {
		file := inv.flags.String("f", "", "the `FILE` to apply (YAML; - for standard input)")
		recreate := inv.flags.Bool("recreate", false, "create integrations again that were deleted at Productboard")
		return func(ctx context.Context, args []string) error {
			if err := noArgs(args); err != nil {
				return err
			}
			if *file == "" {
				return &usageError{errors.New("-f FILE is required")}
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
				return inv.apply(ctx, client, nil, *file, *recreate) // what is wrong with a target's settings the server says
			}
			return app.WithApp(ctx, cfg, inv.logger(cfg), version, func(ctx context.Context, a *app.App) error {
				return inv.apply(ctx, a.Registrar(), a.ValidTarget, *file, *recreate)
			})
		}
	}}
}

// apply carries a file out and prints what became of it.
func (inv *invocation) apply(ctx context.Context, to applier, check func(tenants.TargetConfig) error, file string, recreate bool) error {
	declaration, err := inv.declaration(check, file)
	if err != nil {
		return inv.fail(err)
	}
	declaration.Recreate = recreate
	report, err := to.Apply(ctx, declaration)
	if werr := report.Write(inv.stdout); werr != nil {
		return werr
	}
	if err != nil {
		return inv.fail(err)
	}
	return nil
}

// fail prints errors that name their own place, without a prefix.
func (inv *invocation) fail(err error) error {
	_, _ = fmt.Fprintln(inv.stderr, err)
	return &silentError{code: exitFailure}
}

// declaration reads a file; check, if set, looks at its targets' settings.
func (inv *invocation) declaration(check func(tenants.TargetConfig) error, file string) (register.Declaration, error) {
	data, err := readApplyFile(file)
	if err != nil {
		return register.Declaration{}, err
	}
	dir := filepath.Dir(file)
	return applyfile.Parse(file, data, &applyfile.Options{
		Lookup: inv.env.lookup,
		ReadFile: func(path string, limit int64) ([]byte, error) {
			if !filepath.IsAbs(path) {
				path = filepath.Join(dir, path)
			}
			return readAtMost(path, limit)
		},
		CheckTarget: check,
	})
}

func readApplyFile(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(io.LimitReader(os.Stdin, applyfile.MaxSize+1))
	}
	return readAtMost(file, applyfile.MaxSize+1)
}

// readAtMost reads a file's first bytes; whoever asked checks whether that was
// all.
func readAtMost(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names it
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, limit))
}

func doctorCommand() command {
	return command{name: "doctor", settings: true, summary: "check Redis, keys, addresses, tokens and trackers, and say what to do", setup: func(inv *invocation) func(context.Context, []string) error {
		return func(ctx context.Context, args []string) error {
			if err := noArgs(args); err != nil {
				return err
			}
			cfg, err := inv.load(nil, config.EncryptionKeys)
			if err != nil {
				return err
			}
			return app.WithApp(ctx, cfg, inv.logger(cfg), version, func(ctx context.Context, a *app.App) error {
				return a.Doctor(ctx, inv.stdout)
			})
		}
	}}
}
