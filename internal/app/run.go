package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os/exec"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/config"
	"pushbutton/internal/hooks"
	"pushbutton/internal/redisdb"
	"pushbutton/internal/server"
	"pushbutton/internal/telemetry"
)

// Roles are the halves of the program that a process runs.
type Roles struct {
	API    bool
	Worker bool
}

// Program is the program of the commands serve, api and worker.
type Program struct {
	Config  config.Config
	Roles   Roles
	Log     *slog.Logger
	Version string
	// Listener, if set, is used instead of Config.Listen.
	Listener net.Listener
	// Embedded says that Redis is in this very process. It is known what that may
	// lose, so it is not inspected.
	Embedded bool
	// Extra, if set, serves the paths that the public handler does not (the sandbox
	// of `plugin dev`).
	Extra http.Handler
	// Quarantine, if set, returns the command of a process that calls
	// ServeQuarantine with the same settings, and with env in its environment
	// beside them.
	Quarantine func(ctx context.Context, env ...string) *exec.Cmd
	// Hosts, if set, are the host names that are served, beside those of this
	// machine and addresses.
	Hosts []string
	// Started, if set, is called with the public address once requests are served.
	// Its error ends the program.
	Started func(ctx context.Context, a *App, address string) error
}

var errShuttingDown = errors.New("shutting down")

// Run runs until the context ends, then shuts down in the order that loses
// nothing. First /readyz says no while clicks are still served. Then the listener
// and the background tasks stop. Then the worker finishes its runs or hands them
// back. Redis stops last.
func (p Program) Run(ctx context.Context) error {
	redisdb.LogClient(p.Log)
	cfg := p.Config
	var lost <-chan error
	if cfg.RedisURL.Empty() {
		child, err := redisdb.StartChild(ctx, cfg.DataDir, p.Log)
		if err != nil {
			return err
		}
		defer child.Stop()
		lost = child.Lost()
		cfg.RedisURL = child.URL()
		p.Log.InfoContext(ctx, "started a redis-server of our own", telemetry.KeyFolder, cfg.DataDir, telemetry.KeyAppendFsync, "always")
	}
	rdb, err := OpenRedis(cfg)
	if err != nil {
		return err
	}
	defer func() { _ = rdb.Close() }()
	if err := p.inspect(ctx, rdb, cfg); err != nil {
		return err
	}
	a, err := New(cfg, rdb, p.Log, p.Version)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := a.requireKeys(ctx); err != nil {
		return err
	}
	return p.serve(ctx, a, lost)
}

func (p Program) inspect(ctx context.Context, rdb redis.UniversalClient, cfg config.Config) error {
	if p.Embedded {
		return nil
	}
	durability, err := redisdb.RequireDurable(ctx, rdb, cfg.AllowVolatileRedis)
	if err != nil {
		return err
	}
	for _, w := range append(durability.Problems, durability.Warnings...) {
		p.Log.WarnContext(ctx, "redis: "+w)
	}
	return nil
}

// serve runs the halves over a composed App, until the context ends or lost reports
// that Redis is gone for good.
func (p Program) serve(ctx context.Context, a *App, lost <-chan error) error {
	var down atomic.Bool
	ready := func(ctx context.Context) error {
		if down.Load() {
			return errShuttingDown
		}
		return a.ready(ctx)
	}
	failed := make(chan error, 3)
	ops, err := p.listen(ctx, "PLUGIN_OPS_LISTEN", nil, p.Config.OpsListen, server.Ops(ready, a.metrics.Handler()), failed)
	if err != nil {
		return err
	}
	defer ops.stop(context.WithoutCancel(ctx))

	front := &listener{}
	if p.Roles.API {
		handler, err := p.public(a)
		if err != nil {
			return err
		}
		if front, err = p.listen(ctx, "PLUGIN_LISTEN", p.Listener, p.Config.Listen, handler, failed); err != nil {
			return err
		}
	}
	worker := a.worker(p.quarantine(a))
	if p.Roles.Worker {
		if err := worker.Start(); err != nil {
			return err
		}
	}
	bctx, stopBackground := context.WithCancel(ctx)
	background := a.background(bctx, p.Roles)

	p.Log.InfoContext(ctx, "ready", telemetry.KeyVersion, p.Version, telemetry.KeyAPI, p.Roles.API, telemetry.KeyWorker, p.Roles.Worker, telemetry.KeyListen, front.address(), telemetry.KeyOps, ops.address())
	if p.Started != nil {
		err = p.Started(ctx, a, front.address())
	}
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-failed:
		case err = <-lost:
		}
	}
	down.Store(true)
	p.Log.InfoContext(ctx, "shutting down")
	if p.Roles.API && err == nil {
		pause(p.Config.DrainDelay)
	}
	stopBackground()
	sctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.Config.ShutdownTimeout)
	defer cancel()
	front.stop(sctx)
	if p.Roles.Worker {
		worker.Shutdown()
	}
	background.Wait()
	p.Log.InfoContext(ctx, "stopped")
	return err
}

func (p Program) public(a *App) (http.Handler, error) {
	front, err := a.Front()
	if err != nil || p.Extra == nil {
		return front, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", p.Extra)
	mux.Handle("/actions/", front)
	mux.Handle(hooks.Path, front)
	mux.Handle(server.AdminPath+"/", front)
	if p.Hosts == nil {
		return mux, nil
	}
	return server.OnlyHosts(mux, p.Hosts...), nil
}

func pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}

// listener is one HTTP server on one address; the zero value is none.
type listener struct {
	srv *http.Server
	ln  net.Listener
}

// listen serves a handler on ln, or on a listener of its own if that is nil.
func (p Program) listen(ctx context.Context, setting string, ln net.Listener, address string, handler http.Handler, failed chan<- error) (*listener, error) {
	if ln == nil {
		var err error
		if ln, err = (&net.ListenConfig{}).Listen(ctx, "tcp", address); err != nil {
			return nil, fmt.Errorf("%s: %w", setting, err)
		}
	}
	l := &listener{srv: server.HTTP(handler, p.Log), ln: ln}
	go func() {
		if err := l.srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("%s: %w", setting, err)
		}
	}()
	return l, nil
}

func (l *listener) address() string {
	if l.ln == nil {
		return ""
	}
	return l.ln.Addr().String()
}

func (l *listener) stop(ctx context.Context) {
	if l.srv == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if l.srv.Shutdown(ctx) != nil {
		_ = l.srv.Close()
	}
}
