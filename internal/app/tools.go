package app

import (
	"context"
	"log/slog"

	"pushbutton/config"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/pushes"
	"pushbutton/internal/redisdb"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

// WithApp runs a tool with the same Redis as the running plugin: the configured
// one, or the one that `plugin serve` has started in the data folder.
func WithApp(ctx context.Context, cfg config.Config, log *slog.Logger, version string, do func(ctx context.Context, a *App) error) error {
	if cfg.RedisURL.Empty() {
		url, err := redisdb.RunningChild(cfg.DataDir)
		if err != nil {
			return err
		}
		cfg.RedisURL = url
	}
	redisdb.LogClient(log)
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

// Registrar returns a Registrar with this App's stores and peers.
func (a *App) Registrar() *register.Registrar {
	productboard := func(in tenants.Integration) register.Session { return a.peers.session(in) }
	return register.New(a.tenants, a.cfg.PublicURL, productboard, a.peers.checkTarget, &register.Options{
		Recipients: a.peers.recipients, Preview: a.preview, Link: a.link, Buttons: a.records, Revoke: a.auth.Revoke,
		Hooks: a.seeToHook, RemoveHook: a.removeHook,
	})
}

// preview returns the issue that a push of an entity would create.
func (a *App) preview(ctx context.Context, in tenants.Integration, entity string) (targets.Preview, error) {
	target, err := a.peers.Target(ctx, in)
	if err != nil {
		return targets.Preview{}, err
	}
	item, err := a.mapper.Item(ctx, a.peers.Productboard(in), in, target, entity, targets.Person{})
	if err != nil {
		return targets.Preview{}, err
	}
	draft, err := target.DraftContext(ctx, previewMarker, item)
	if err != nil {
		return targets.Preview{}, err
	}
	return target.Preview(ctx, draft)
}

// Pushes returns the service for the buttons of every tenant.
func (a *App) Pushes() *pushes.Service {
	tracker := func(ctx context.Context, in tenants.Integration) (pushes.Tracker, error) {
		return a.peers.Target(ctx, in)
	}
	return pushes.New(a.records, a.tenants, a.queue, tracker, a.sweeps.Now, a.log)
}

// link connects a button here that another program has connected, if its link leads
// to an issue that the tracker shows.
func (a *App) link(ctx context.Context, in tenants.Integration, c pbapi.Connection) error {
	return a.Pushes().LinkNew(ctx, in, c.EntityID, c.State.TargetURL)
}

// previewMarker stands in the place of a push's own marker.
const previewMarker = targets.Marker("pb-preview")

// ValidTarget returns what is wrong with a target's settings. It sends nothing.
func (a *App) ValidTarget(t tenants.TargetConfig) error {
	_, err := a.peers.openTarget("", "", t)
	return err
}
