package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"

	"pushbutton/config"
	"pushbutton/internal/app"
	"pushbutton/internal/telemetry"
)

// load reads the configuration of a command.
func (inv *invocation) load(defaults map[string]string, required ...string) (config.Config, error) {
	cfg, err := config.Load(config.Sources{Lookup: inv.env.lookup, Flags: inv.flagValues, Defaults: defaults, Required: required})
	if err != nil {
		return cfg, &usageError{err}
	}
	return cfg, nil
}

// logger writes to stderr: text on a terminal, JSON elsewhere.
func (inv *invocation) logger(cfg config.Config) *slog.Logger {
	text := cfg.LogFormat == config.LogText || cfg.LogFormat == config.LogAuto && terminal(inv.stderr)
	log := telemetry.NewLogger(inv.stderr, cfg.LogLevel, text)
	for _, name := range config.Misnamed(inv.env.all()) {
		log.Warn("there is no such setting; is it misspelt?", telemetry.KeyVariable, name)
	}
	return log
}

func terminal(w io.Writer) bool {
	f, ok := bare(w).(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func serveCommand(name string) command {
	roles := map[string]app.Roles{"serve": {API: true, Worker: true}, "api": {API: true}, "worker": {Worker: true}}[name]
	summary := map[string]string{
		"serve":  "answer clicks and push them to trackers, in one process",
		"api":    "answer clicks only; run workers beside it",
		"worker": "push clicks to trackers only",
	}[name]
	required := []string{config.EncryptionKeys}
	if name != "serve" {
		// Halves meet in a Redis that neither of them owns.
		required = append(required, config.RedisURL)
	}
	return command{name: name, summary: summary, settings: true, setup: func(inv *invocation) func(context.Context, []string) error {
		return func(ctx context.Context, args []string) error {
			if err := noArgs(args); err != nil {
				return err
			}
			cfg, err := inv.load(nil, required...)
			if err != nil {
				return err
			}
			return app.Program{Config: cfg, Roles: roles, Log: inv.logger(cfg), Version: version, Quarantine: inv.quarantine}.Run(ctx)
		}
	}}
}

// quarantine returns the command of a process in quarantine, with the settings of
// this one and those in env.
func (inv *invocation) quarantine(ctx context.Context, env ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	cmd := exec.CommandContext(ctx, self, quarantineName) //nolint:gosec // this very program
	cmd.Env = inv.env.all()
	for _, s := range config.Settings() {
		if value, ok := inv.flagValues[s.Flag()]; ok {
			cmd.Env = append(cmd.Env, s.Env+"="+value)
		}
	}
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr = inv.stderr
	return cmd
}

const quarantineName = "quarantine"

// quarantineCommand is not for people: a worker starts it.
func quarantineCommand() command {
	return command{name: quarantineName, settings: true, hidden: true, setup: func(inv *invocation) func(context.Context, []string) error {
		return func(ctx context.Context, args []string) error {
			if err := noArgs(args); err != nil {
				return err
			}
			cfg, err := inv.load(nil, config.EncryptionKeys, config.RedisURL)
			if err != nil {
				return err
			}
			return app.ServeQuarantine(ctx, cfg, inv.logger(cfg), version, inv.env.stdin, inv.stdout)
		}
	}}
}

func versionCommand() command {
	return command{name: "version", summary: "print version, commit and Go version", setup: func(inv *invocation) func(context.Context, []string) error {
		return func(_ context.Context, args []string) error {
			if err := noArgs(args); err != nil {
				return err
			}
			_, err := fmt.Fprintf(inv.stdout, "plugin %s (commit %s, %s)\n", version, commit, runtime.Version())
			return err
		}
	}}
}
