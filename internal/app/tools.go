package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"pushbutton/config"
	"pushbutton/internal/register"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

// WithApp runs a tool against the same Redis as the running plugin: the
// configured one, or the one that `plugin serve` has started in the data
// folder.
func WithApp(ctx context.Context, cfg config.Config, log *slog.Logger, version string, do func(ctx context.Context, a *App) error) error {
	if cfg.RedisURL.Empty() {
		url, err := runningChild(cfg.DataDir)
		if err != nil {
			return err
		}
		cfg.RedisURL = secret.New(url)
	}
	logRedis(log)
	rdb, err := OpenRedis(cfg)
	if err != nil {
		return err
	}
	defer func() { _ = rdb.Close() }()
	a, err := New(cfg, rdb, log, version)
	if err != nil {
		return err
	}
	defer a.Close()
	return do(ctx, a)
}

func runningChild(dir string) (string, error) {
	socket, err := filepath.Abs(filepath.Join(dir, "redis.sock"))
	if err != nil {
		return "", fmt.Errorf("data folder: %w", err)
	}
	if _, err := os.Stat(socket); err != nil {
		return "", errors.New("no Redis: PLUGIN_REDIS_URL is empty, and no `plugin serve` runs with a Redis of its own in PLUGIN_DATA_DIR (" + dir + ")")
	}
	return "unix://" + socket, nil
}

// Registrar applies declarations with this App's stores and peers.
func (a *App) Registrar() *register.Registrar {
	return &register.Registrar{
		Store:        a.tenants,
		Buttons:      a.records,
		Productboard: func(in tenants.Integration) register.Session { return a.peers.session(in) },
		CheckTarget:  a.peers.checkTarget,
		PublicURL:    a.cfg.PublicURL,
	}
}

// ValidTarget says what is wrong with a target's settings, without reaching
// out.
func (a *App) ValidTarget(t tenants.TargetConfig) error {
	_, err := a.peers.openTarget("", "", t)
	return err
}
