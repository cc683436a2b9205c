// Package app is the composition root: it opens the rooms, connects them, and runs
// them as a program. The commands of cmd/plugin use it, and so do the tests that
// need a whole plugin.
//
// What must not live here: anything that decides about a push.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/config"
	"pushbutton/internal/actions"
	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/hooks/keeper"
	"pushbutton/internal/jobs"
	"pushbutton/internal/limits/breaker"
	"pushbutton/internal/limits/memory"
	"pushbutton/internal/limits/ratelimit"
	"pushbutton/internal/outbound"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/probe"
	"pushbutton/internal/redisdb"
	"pushbutton/internal/refresh"
	"pushbutton/internal/secret"
	"pushbutton/internal/server"
	"pushbutton/internal/telemetry"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/pbauth"
)

// Productboard's published limit is 50 requests a second and access token. We stay
// below it, since others may use the token as well, and since calls that we spread
// can arrive in a bunch.
const (
	productboardRate  = 45
	productboardBurst = 5
)

// App is one process' rooms, connected.
type App struct {
	cfg     config.Config
	log     *slog.Logger
	metrics *telemetry.Metrics

	rdb     redis.UniversalClient
	keys    *secret.Keyring
	tenants *tenants.Store
	cache   *tenants.Cache
	records *connections.Store
	queue   *jobs.Queue
	// sweeps is when each integration's issues are read back.
	sweeps *refresh.Schedule
	// hints are the issues that webhooks name.
	hints   *refresh.Hints
	keeper  *keeper.Keeper
	async   *jobs.AsyncQueue // nil until Front
	peers   *peers
	mapper  actions.Mapper // of previews
	auth    *pbauth.Auth
	breaker *breaker.Breaker
	memory  *memory.Budget
	pbHTTP  *outbound.Client
	trHTTP  *outbound.Client
}

// New connects the rooms over an open Redis, which the caller closes.
func New(cfg config.Config, rdb redis.UniversalClient, log *slog.Logger, version string) (*App, error) {
	a := &App{cfg: cfg, log: log, metrics: telemetry.NewMetrics(), rdb: rdb, memory: newBudget(cfg)}
	keys, err := cfg.Keyring()
	if err != nil {
		return nil, fmt.Errorf("encryption keys: %w", err)
	}
	a.keys = keys
	agent := "pushbutton/" + version
	var proxy *outbound.Proxy
	if !cfg.OutboundProxy.Empty() {
		if proxy, err = outbound.ParseProxy(cfg.OutboundProxy); err != nil {
			return nil, fmt.Errorf("PLUGIN_OUTBOUND_PROXY: %w", err)
		}
	}
	a.pbHTTP = outbound.New(&outbound.Options{Unguarded: true, Allow: cfg.OutboundAllow, Proxy: proxy, UserAgent: agent, Observe: func(o outbound.Observation) {
		a.metrics.Call(o.Op, result(o.Err), o.Duration)
	}})
	a.trHTTP = outbound.New(&outbound.Options{Allow: cfg.OutboundAllow, Proxy: proxy, UserAgent: agent})
	pb, err := pbapi.New(cfg.ProductboardAPIURL, a.pbHTTP, newSharedLimit(rdb))
	if err != nil {
		return nil, fmt.Errorf("productboard's API address: %w", err)
	}
	a.tenants = tenants.NewStore(rdb, keys)
	a.tenants.OnBroken(func(ctx context.Context, b tenants.Broken) {
		log.ErrorContext(ctx, "what is stored of a tenant or an integration cannot be read and is left out; plugin doctor says what to do", telemetry.KeyTenant, b.Tenant, telemetry.KeyIntegration, b.Integration)
	})
	a.auth = pbauth.New(rdb, keys, a.tenants, a.pbHTTP, pbauth.Addresses{App: cfg.ProductboardAppURL, Public: cfg.PublicURL}, &pbauth.Options{
		Log: log, Observe: func(grant string, err error) { a.metrics.Token(grant, result(err)) },
	})
	a.cache = tenants.NewCache(a.tenants, nil)
	a.peers = newPeers(pb, a.auth, a.trHTTP, a.cache, a.metrics, ratelimit.NewBackoff(rdb, "target"), a.memory.Total())
	a.keeper = a.newKeeper()
	a.records = connections.NewStore(redisdb.Scripts(rdb, cfg.RedisWaitReplicas), connections.Timing{Deadline: cfg.PushDeadline, ConfirmDeleted: cfg.ConfirmDeleted})
	a.queue = jobs.NewQueue(redisdb.Scripts(rdb, 0))
	a.sweeps = refresh.NewSchedule(rdb)
	a.hints = refresh.NewHints(rdb)
	a.breaker = breaker.New(rdb, nil)
	a.gauges()
	return a, nil
}

// flushLimit bounds how long Close waits until recorded clicks are queued as well.
const flushLimit = 2 * time.Second

// Close closes what New and Front opened. Call it once nobody uses the App.
func (a *App) Close() {
	if a.async != nil {
		ctx, cancel := context.WithTimeout(context.Background(), flushLimit)
		defer cancel()
		a.async.Close(ctx)
	}
	a.pbHTTP.Close()
	a.trHTTP.Close()
}

func result(err error) string {
	if err == nil {
		return "ok"
	}
	return fault.KindOf(err).String()
}

// Front returns the public handler: probe, clicks, and the admin API if a key for
// it is configured. Call it once.
func (a *App) Front() (http.Handler, error) {
	log := publicLog(a.log)
	api, err := a.adminAPI(log)
	if err != nil {
		return nil, fmt.Errorf("admin API: %w", err)
	}
	a.async = jobs.NewAsyncQueue(a.queue, a.log)
	receiver := actions.NewReceiver(a.cache, a.cache, a.records, a.async, log, &actions.ReceiverOptions{Observe: a.metrics.Action})
	told := a.hooks(a.log)
	routes := server.Routes{Probe: probe.Handler(a.cache), Action: receiver.Handler(), Hook: told.Handler(), SharedHook: told.Shared(), Admin: api}
	if api != nil {
		routes.Callback, routes.CallbackPath = pbauth.Callback(), pbauth.CallbackPath
	}
	return server.New(routes, a.log), nil
}

// performer returns the Performer of runs.
func (a *App) performer(leases actions.Leases, quarantine actions.Quarantine) *actions.Performer {
	return actions.NewPerformer(leases, a.cache, a.cache, a.peers, a.queue, a.log, &actions.PerformerOptions{Breaker: a.breaker, Reconnects: a.tenants,
		NeedsReconnect: a.needsReconnect, Observe: a.metrics.Attempt, Duplicate: a.metrics.Duplicate, Quarantine: quarantine})
}

// worker returns the worker's half. It is not started yet.
func (a *App) worker(quarantine actions.Quarantine) *jobs.Worker {
	return jobs.NewWorker(a.rdb, memoryPerformer{a.performer(a.records, quarantine), a.memory}, jobs.WorkerOptions{
		Concurrency: a.cfg.Concurrency, WakeList: a.records, Grace: a.cfg.ShutdownTimeout / 2, Log: a.log,
	})
}

// ready returns why this process should get no requests, or nil.
func (a *App) ready(ctx context.Context) error {
	if err := a.rdb.Ping(ctx).Err(); err != nil {
		return errors.New("redis cannot be reached")
	}
	// A full or read-only Redis answers all the same, and accepts no click. In a
	// Cluster each node that has records is tried.
	keys := []string{readyKey}
	if _, ok := a.rdb.(*redis.ClusterClient); ok {
		for shard := range connections.Shards {
			keys = append(keys, fmt.Sprintf("pb:{push-%d}:ready", shard))
		}
	}
	_, err := a.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, key := range keys {
			p.Set(ctx, key, "", readyFor)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("redis takes no writes: %w", err)
	}
	return nil
}

// readyKey is written to see that Redis accepts writes. It stays for readyFor.
const (
	readyKey = "pb:ready"
	readyFor = time.Minute
)

// gauges adds the metrics that are read from Redis when somebody asks for them.
func (a *App) gauges() {
	read := func(f func(ctx context.Context) (float64, error)) func() float64 {
		return func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), redisdb.Timeout)
			defer cancel()
			v, err := f(ctx)
			if err != nil {
				return -1
			}
			return v
		}
	}
	a.metrics.Gauge("plugin_queue_pending", "Runs that wait to be taken by a worker (-1: Redis cannot be asked).", read(func(context.Context) (float64, error) {
		pending, _, _, err := a.queue.Depth()
		return float64(pending), err
	}))
	a.metrics.Gauge("plugin_queue_age_seconds", "How long the oldest waiting run has waited (-1: Redis cannot be asked).", read(func(context.Context) (float64, error) {
		_, _, oldest, err := a.queue.Depth()
		return oldest.Seconds(), err
	}))
	a.metrics.Gauge("plugin_needs_reconnect", "Integrations with a credential that does not work, or was repaired seconds ago (-1: Redis cannot be asked).", read(func(ctx context.Context) (float64, error) {
		ids, err := a.tenants.Reconnecting(ctx)
		return float64(len(ids)), err
	}))
	a.metrics.Gauge("plugin_credentials_expiring", "Credentials in use that end within 14 days or have ended, where their end is known (-1: Redis cannot be asked).", read(func(ctx context.Context) (float64, error) {
		n, err := a.tenants.Expiring(ctx, time.Now().Add(tenants.ExpiryWarning))
		return float64(n), err
	}))
	a.metrics.Gauge("plugin_unfinished", "Buttons with work left to do (-1: Redis cannot be asked).", read(func(ctx context.Context) (float64, error) {
		n, err := a.records.Unfinished(ctx)
		return float64(n), err
	}))
	a.metrics.Gauge("plugin_broken", "Tenants, integrations and buttons whose stored document cannot be read, so that nothing is done for them (-1: Redis cannot be asked).", read(func(ctx context.Context) (float64, error) {
		broken, err := a.tenants.Broken(ctx)
		buttons, berr := a.records.UnreadableRecords(ctx)
		return float64(len(broken) + len(buttons)), errors.Join(err, berr)
	}))
	a.metrics.Gauge("plugin_breaker_open", "Integrations whose tracker fails steadily, so that pushes to it end at once (-1: Redis cannot be asked).", read(func(ctx context.Context) (float64, error) {
		n, err := a.breaker.CountOpen(ctx)
		return float64(n), err
	}))
	a.metrics.Gauge("plugin_refresh_behind", "Integrations whose issues should have been read back more than a PLUGIN_REFRESH ago, and no worker reads them (-1: Redis cannot be asked).", read(func(ctx context.Context) (float64, error) {
		n, err := a.sweeps.Behind(ctx, a.cfg.Refresh)
		return float64(n), err
	}))
	a.metrics.Gauge("plugin_hooks_silent", "Integrations whose webhook did not tell what the last 3 sweeps found, counted each minute (-1: Redis cannot be asked).", read(func(ctx context.Context) (float64, error) {
		n, err := a.hints.CountSilent(ctx)
		return float64(n), err
	}))
	a.metrics.Gauge("plugin_stuck", "Buttons whose work should have moved on 30 seconds ago and did not (-1: Redis cannot be asked).", read(func(ctx context.Context) (float64, error) {
		n, err := a.records.Stuck(ctx)
		return float64(n), err
	}))
}
