package main

import (
	"context"
	"errors"

	"pushbutton/config"
	"pushbutton/internal/app"
)

func keysCommand() command {
	return command{name: "keys", settings: true, summary: "keys rotate: seal every stored credential with the first of PLUGIN_ENCRYPTION_KEYS, while everything runs", setup: func(inv *invocation) func(context.Context, []string) error {
		return func(ctx context.Context, args []string) error {
			if len(args) != 1 || args[0] != "rotate" {
				return &usageError{errors.New("say rotate (flags go first)")}
			}
			cfg, err := inv.load(nil, config.EncryptionKeys)
			if err != nil {
				return err
			}
			return app.WithApp(ctx, cfg, inv.logger(cfg), version, func(ctx context.Context, a *app.App) error {
				return a.RotateKeys(ctx, inv.stdout)
			})
		}
	}}
}
