package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/config"
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
// not connect yet. concurrency is how many runs the process works on at once.
func OpenRedis(url string, concurrency int) (*redis.Client, error) {
	opts, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("the Redis address cannot be read")
	}
	opts.DialTimeout, opts.ReadTimeout, opts.WriteTimeout = redisTimeout, redisTimeout, redisTimeout
	opts.PoolTimeout = redisPoolTimeout
	opts.MaxRetries = 1
	opts.ContextTimeoutEnabled = true
	opts.PoolSize = max(32, concurrency+16)
	return redis.NewClient(opts), nil
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
	// Skew is how far Redis' clock is from ours.
	Skew time.Duration
	// Problems would lose clicks; Warnings are worth knowing. Each says what
	// to do.
	Problems []string
	Warnings []string
}

// inspectRedis asks a Redis for what decides whether it keeps its word.
func inspectRedis(ctx context.Context, rdb *redis.Client) (Durability, error) {
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
	}
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
	return d, nil
}

func ask(ctx context.Context, rdb *redis.Client, name string) string {
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
func requireDurable(ctx context.Context, rdb *redis.Client, cfg config.Config) (Durability, error) {
	d, err := inspectRedis(ctx, rdb)
	if err != nil {
		return d, err
	}
	if len(d.Problems) > 0 && !cfg.AllowVolatileRedis {
		return d, errors.New(strings.Join(d.Problems, " ") + " To run with it all the same, set PLUGIN_ALLOW_VOLATILE_REDIS=true.")
	}
	return d, nil
}
