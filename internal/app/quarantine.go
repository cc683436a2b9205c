package app

import (
	"context"
	"io"
	"log/slog"
	"os/exec"

	"pushbutton/config"
	"pushbutton/internal/actions"
	"pushbutton/internal/actions/quarantine"
	"pushbutton/internal/connections"
	"pushbutton/internal/redisdb"
)

// quarantine is where the worker has runs done that ended other workers. It is nil
// if the program cannot start processes like itself.
func (p Program) quarantine(a *App) actions.Quarantine {
	if p.Quarantine == nil || p.Embedded {
		return nil
	}
	command := func(ctx context.Context) *exec.Cmd {
		// It uses the same Redis as the worker, even if that is a child of ours.
		return p.Quarantine(ctx, "PLUGIN_REDIS_URL="+a.cfg.RedisURL.Reveal())
	}
	return quarantine.New(a.rdb, command, quarantine.Memory)
}

// ServeQuarantine is the process in quarantine. It does the one run that in names,
// and returns when that is over.
func ServeQuarantine(ctx context.Context, cfg config.Config, log *slog.Logger, version string, in io.Reader, out io.Writer) error {
	return quarantine.Serve(ctx, in, out, func(context.Context) (quarantine.Perform, error) {
		redisdb.LogClient(log)
		rdb, err := OpenRedis(cfg)
		if err != nil {
			return nil, err
		}
		a, err := New(cfg, rdb, log, version)
		if err != nil {
			return nil, err
		}
		// Nothing is closed: the process ends with the run.
		return func(ctx context.Context, key connections.Key, run int64, owner string) error {
			return a.performer(leaseResumer{a.records, owner}, nil).Perform(ctx, key, run)
		}, nil
	})
}

// leaseResumer resumes the leases of an owner.
type leaseResumer struct {
	store *connections.Store
	owner string
}

// Begin implements actions.Leases.
func (r leaseResumer) Begin(ctx context.Context, key connections.Key, run int64) (*connections.Lease, error) {
	return r.store.Resume(ctx, key, run, r.owner)
}
