package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/config"
	"pushbutton/internal/redisdb/redisurl"
	"pushbutton/internal/telemetry"
)

// Time-outs of every Redis command. Productboard waits 5 s for an answer to a
// click; the defaults of the client would spend 10 s on a Redis that hangs.
const (
	redisTimeout     = 500 * time.Millisecond
	redisPoolTimeout = 700 * time.Millisecond
	// minRedis is the oldest version that is accepted.
	minRedisMajor, minRedisMinor = 6, 2
)

// OpenRedis makes the client as every process of the plugin uses it; it does
// not connect yet. It reads RedisURL and what belongs to it.
func OpenRedis(cfg config.Config) (redis.UniversalClient, error) {
	address, err := redisurl.Parse(cfg.RedisURL.Reveal())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", config.RedisURL, err)
	}
	trust, err := redisTLS(address, cfg.RedisCAFile)
	if err != nil {
		return nil, err
	}
	if cfg.RedisWaitReplicas > 0 && address.Kind == redisurl.Cluster {
		return nil, errors.New("PLUGIN_REDIS_WAIT_REPLICAS: not with a Cluster: set min-replicas-to-write on its nodes")
	}
	opts := &redis.UniversalOptions{
		Addrs: address.Hosts, MasterName: address.Master, DB: address.DB, IsClusterMode: address.Kind == redisurl.Cluster,
		Username: address.Username, Password: address.Password,
		SentinelUsername: address.SentinelUsername, SentinelPassword: address.SentinelPassword, TLSConfig: trust,
		DialTimeout: redisTimeout, ReadTimeout: redisTimeout, WriteTimeout: redisTimeout,
		PoolTimeout: redisPoolTimeout, MaxRetries: 1, ContextTimeoutEnabled: true,
		PoolSize: max(32, cfg.Concurrency+16),
		// Of what RESP3 can do more nothing is used, and with it the client looks
		// for push messages before each reply.
		Protocol: 2,
	}
	if address.Socket != "" {
		simple := opts.Simple()
		simple.Network, simple.Addr = "unix", address.Socket
		return redis.NewClient(simple), nil
	}
	return redis.NewUniversalClient(opts), nil
}

// maxCA bounds a file of certificate authorities, in bytes.
const maxCA = 1 << 20

// redisTLS is nil for an address without TLS. The name in a certificate is
// checked against the host that is dialled: with Sentinels or a Cluster that
// is what they tell of their servers.
func redisTLS(address redisurl.Address, caFile string) (*tls.Config, error) {
	if !address.TLS {
		if caFile != "" {
			return nil, errors.New("PLUGIN_REDIS_CA_FILE: is of no use without TLS: PLUGIN_REDIS_URL must start with rediss")
		}
		return nil, nil
	}
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile == "" {
		return trust, nil
	}
	f, err := os.Open(caFile) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("PLUGIN_REDIS_CA_FILE: %w", err)
	}
	defer func() { _ = f.Close() }()
	pem, err := io.ReadAll(io.LimitReader(f, maxCA))
	if err != nil {
		return nil, fmt.Errorf("PLUGIN_REDIS_CA_FILE: %w", err)
	}
	trust.RootCAs = x509.NewCertPool()
	if !trust.RootCAs.AppendCertsFromPEM(pem) {
		return nil, errors.New("PLUGIN_REDIS_CA_FILE: holds no certificate in PEM form")
	}
	return trust, nil
}

// redisLog passes what the Redis client says of itself on, folded, as detail:
// it tells of every failed dial, and whoever asked Redis tells as well.
type redisLog struct{ fold *telemetry.Fold }

func (l redisLog) Printf(ctx context.Context, format string, args ...any) {
	l.fold.Say(ctx, slog.LevelDebug, fmt.Sprintf(format, args...))
}

// logRedis takes the client's own lines into our log. The library knows one
// logger for the whole process.
func logRedis(log *slog.Logger) { redis.SetLogger(redisLog{telemetry.NewFold(log, "redis client")}) }

// Durability is what a Redis' settings mean for what it is told.
type Durability struct {
	Version string
	// Settings as CONFIG GET tells them; empty where a managed Redis forbids
	// the question.
	AppendOnly  string
	AppendFsync string
	Eviction    string
	// Replicas is how many follow it.
	Replicas int
	// Skew is how far Redis' clock is from ours.
	Skew time.Duration
	// Problems would lose clicks; Warnings are worth knowing. Each says what
	// to do.
	Problems []string
	Warnings []string
}

// inspectRedis asks a Redis, every master of a Cluster, for what decides
// whether it keeps its word.
func inspectRedis(ctx context.Context, rdb redis.UniversalClient) (Durability, error) {
	cluster, ok := rdb.(*redis.ClusterClient)
	if !ok {
		return inspectServer(ctx, rdb, false)
	}
	var mu sync.Mutex
	var all Durability
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		d, err := inspectServer(ctx, node, true)
		mu.Lock()
		defer mu.Unlock()
		for _, p := range d.Problems {
			all.Problems = append(all.Problems, node.Options().Addr+": "+p)
		}
		for _, w := range d.Warnings {
			all.Warnings = append(all.Warnings, node.Options().Addr+": "+w)
		}
		d.Problems, d.Warnings = all.Problems, all.Warnings
		all = d
		return err
	})
	if err != nil {
		return all, fmt.Errorf("redis cannot be reached: %w", err)
	}
	return all, nil
}

// inspectServer asks one server; node says whether it was reached as one of a
// Cluster.
func inspectServer(ctx context.Context, rdb redis.UniversalClient, node bool) (Durability, error) {
	var d Durability
	before := time.Now()
	now, err := rdb.Time(ctx).Result()
	if err != nil {
		return d, fmt.Errorf("redis cannot be reached: %w", err)
	}
	d.Skew = now.Sub(before.Add(time.Since(before) / 2)).Round(time.Millisecond)
	if d.Skew.Abs() > 5*time.Second {
		d.Warnings = append(d.Warnings, fmt.Sprintf("Redis' clock differs from this machine's by %s. Nothing here depends on it, but Asynq's schedule does: set both by NTP.", d.Skew))
	}
	info, err := rdb.Info(ctx, "server").Result()
	if err == nil {
		d.Version = field(info, "redis_version")
		if old(d.Version) {
			d.Problems = append(d.Problems, fmt.Sprintf("Redis %s is too old. Use %d.%d or newer.", d.Version, minRedisMajor, minRedisMinor))
		}
		if !node && field(info, "redis_mode") == "cluster" {
			return d, errors.New("this Redis is a node of a Cluster: PLUGIN_REDIS_URL must start with redis+cluster://")
		}
	}
	d.keeping(ctx, rdb)
	d.replication(ctx, rdb)
	return d, nil
}

// keeping looks at what a restart, or a full memory, would lose.
func (d *Durability) keeping(ctx context.Context, rdb redis.UniversalClient) {
	d.AppendOnly, d.AppendFsync, d.Eviction = ask(ctx, rdb, "appendonly"), ask(ctx, rdb, "appendfsync"), ask(ctx, rdb, "maxmemory-policy")
	switch d.AppendOnly {
	case "yes":
		if d.AppendFsync != "always" {
			d.Warnings = append(d.Warnings, "appendfsync is "+d.AppendFsync+": a power failure can lose about the last second of clicks. `CONFIG SET appendfsync always` loses none.")
		}
	case "":
		d.Warnings = append(d.Warnings, "Redis does not tell whether it has an append-only file. Make sure that it has: without one a restart loses clicks.")
	default:
		d.Problems = append(d.Problems, "appendonly is "+d.AppendOnly+": a restart of Redis loses every click since its last snapshot. Start it with `--appendonly yes`.")
	}
	if d.Eviction != "" && d.Eviction != "noeviction" {
		d.Problems = append(d.Problems, "maxmemory-policy is "+d.Eviction+": a full Redis drops records without a word. Set it to noeviction.")
	}
}

// replication looks at what a fail-over would lose.
func (d *Durability) replication(ctx context.Context, rdb redis.UniversalClient) {
	info, err := rdb.Info(ctx, "replication").Result()
	if err != nil {
		return
	}
	d.Replicas, _ = strconv.Atoi(field(info, "connected_slaves"))
	if d.Replicas > 0 && ask(ctx, rdb, "min-replicas-to-write") == "0" {
		d.Warnings = append(d.Warnings, "Redis has replicas and min-replicas-to-write is 0: a fail-over can lose every click since a replica was cut off. `CONFIG SET min-replicas-to-write 1` and `CONFIG SET min-replicas-max-lag 2` bound it, PLUGIN_REDIS_WAIT_REPLICAS=1 loses none.")
	}
}

func ask(ctx context.Context, rdb redis.UniversalClient, name string) string {
	values, err := rdb.ConfigGet(ctx, name).Result()
	if err != nil {
		return ""
	}
	return values[name]
}

func field(info, name string) string {
	for line := range strings.Lines(info) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return v
		}
	}
	return ""
}

func old(version string) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	if err1 != nil || err2 != nil {
		return false
	}
	return major < minRedisMajor || major == minRedisMajor && minor < minRedisMinor
}

// requireDurable refuses a Redis that loses what it was told, unless the
// operator accepts it.
func requireDurable(ctx context.Context, rdb redis.UniversalClient, cfg config.Config) (Durability, error) {
	d, err := inspectRedis(ctx, rdb)
	if err != nil {
		return d, err
	}
	if len(d.Problems) > 0 && !cfg.AllowVolatileRedis {
		return d, errors.New(strings.Join(d.Problems, " ") + " To run with it all the same, set PLUGIN_ALLOW_VOLATILE_REDIS=true.")
	}
	return d, nil
}
