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
	"pushbutton/internal/register"
	"pushbutton/internal/register/applyfile"
)

func applyCommand() command {
	return command{name: "apply", settings: true, summary: "declare tenants and integrations from a file; running it again changes nothing", setup: func(inv *invocation) func(context.Context, []string) error {
		file := inv.flags.String("f", "", "the `FILE` to apply (YAML; - for standard input)")
		recreate := inv.flags.Bool("recreate", false, "register integrations anew that were deleted at Productboard")
		return func(ctx context.Context, args []string) error {
			if err := noArgs(args); err != nil {
				return err
			}
			if *file == "" {
				return &usageError{errors.New("-f FILE is required")}
			}
			cfg, err := inv.load(nil, config.EncryptionKeys, config.PublicURL)
			if err != nil {
				return err
			}
			return app.WithApp(ctx, cfg, inv.logger(cfg), version, func(ctx context.Context, a *app.App) error {
				return inv.apply(ctx, a, *file, *recreate)
			})
		}
	}}
}

// apply carries out a file and prints what became of it.
func (inv *invocation) apply(ctx context.Context, a *app.App, file string, recreate bool) error {
	plan, err := inv.plan(a, file)
	if err != nil {
		return inv.fail(err)
	}
	registrar := a.Registrar()
	registrar.Recreate = recreate
	report, err := registrar.Apply(ctx, plan)
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

func (inv *invocation) plan(a *app.App, file string) (register.Plan, error) {
	data, err := readApplyFile(file)
	if err != nil {
		return register.Plan{}, err
	}
	dir := filepath.Dir(file)
	return applyfile.Parse(data, applyfile.Options{
		Name:   file,
		Lookup: inv.env.lookup,
		ReadFile: func(path string, limit int64) ([]byte, error) {
			if !filepath.IsAbs(path) {
				path = filepath.Join(dir, path)
			}
			return readAtMost(path, limit)
		},
		CheckTarget: a.ValidTarget,
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
