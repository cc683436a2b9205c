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

// WithApp runs a tool against the same Redis as the running plugin: the
// configured one, or the one that `plugin serve` has started in the data
// folder.
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

// Registrar applies declarations with this App's stores and peers.
func (a *App) Registrar() *register.Registrar {
	productboard := func(in tenants.Integration) register.Session { return a.peers.session(in) }
	return register.New(a.tenants, a.cfg.PublicURL, productboard, a.peers.checkTarget, &register.Options{
		Recipients: a.peers.recipients, Preview: a.preview, Link: a.link, Buttons: a.records, Revoke: a.auth.Revoke,
	})
}

// preview renders the issue that a push of an entity would create.
func (a *App) preview(ctx context.Context, in tenants.Integration, entity string) (targets.Preview, error) {
	target, err := a.peers.Target(ctx, in)
	if err != nil {
		return targets.Preview{}, err
	}
	draft, err := a.mapper.Draft(ctx, a.peers.Productboard(in), in, target, entity, previewMarker, targets.Person{})
	if err != nil {
		return targets.Preview{}, err
	}
	return target.Preview(ctx, draft)
}

// Pushes looks after the buttons of every tenant.
func (a *App) Pushes() *pushes.Service {
	return &pushes.Service{Records: a.records, Tenants: a.tenants, Queue: a.queue, Log: a.log,
		Tracker: func(ctx context.Context, in tenants.Integration) (pushes.Tracker, error) {
			return a.peers.Target(ctx, in)
		}}
}

// link connects a button that another program has connected to its issue here
// too, if its link leads to one that the tracker shows.
func (a *App) link(ctx context.Context, in tenants.Integration, c pbapi.Connection) error {
	return a.Pushes().LinkNew(ctx, in, c.EntityID, c.State.TargetURL)
}

// previewMarker stands where a push would have its own.
const previewMarker = targets.Marker("pb-preview")

// ValidTarget says what is wrong with a target's settings, without reaching
// out.
func (a *App) ValidTarget(t tenants.TargetConfig) error {
	_, err := a.peers.openTarget("", "", t)
	return err
}
