package redisdb

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// The oldest version that is accepted.
const minRedisMajor, minRedisMinor = 6, 2

// Durability describes how the settings of a Redis protect the data in it.
type Durability struct {
	Version string
	// Settings as CONFIG GET returns them. A managed Redis may forbid the
	// question; they are empty then.
	AppendOnly  string
	AppendFsync string
	Eviction    string
	// Replicas is how many follow it.
	Replicas int
	// Skew is how far Redis' clock is from ours.
	Skew time.Duration
	// Problems would lose clicks. Warnings are worth knowing. Each says what
	// to do.
	Problems []string
	Warnings []string
}

// Inspect asks a Redis, or every master of a Cluster, for the settings that
// decide whether it keeps its data.
func Inspect(ctx context.Context, rdb redis.UniversalClient) (Durability, error) {
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
	d.persistence(ctx, rdb)
	d.replication(ctx, rdb)
	return d, nil
}

// persistence looks at what a restart, or a full memory, would lose.
func (d *Durability) persistence(ctx context.Context, rdb redis.UniversalClient) {
	d.AppendOnly, d.AppendFsync, d.Eviction = ask(ctx, rdb, "appendonly"), ask(ctx, rdb, "appendfsync"), ask(ctx, rdb, "maxmemory-policy")
	switch d.AppendOnly {
	case "yes":
		if d.AppendFsync != "always" {
			d.Warnings = append(d.Warnings, "appendfsync is "+d.AppendFsync+": a power failure can lose about the last second of clicks. `CONFIG SET appendfsync always` loses none.")
		}
	case "":
		d.Warnings = append(d.Warnings, "Redis does not say whether it has an append-only file. Make sure that it has one: without it a restart loses clicks.")
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

// ask returns a setting of the server, or "" where it does not say.
func ask(ctx context.Context, rdb redis.UniversalClient, name string) string {
	values, err := rdb.ConfigGet(ctx, name).Result()
	if err != nil {
		return ""
	}
	return values[name]
}

// field returns a value of an INFO reply.
func field(info, name string) string {
	for line := range strings.Lines(info) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return v
		}
	}
	return ""
}

// old reports whether a version is older than the oldest that is accepted.
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

// RequireDurable refuses a Redis that can lose data, unless the operator allows
// a volatile one.
func RequireDurable(ctx context.Context, rdb redis.UniversalClient, allowVolatile bool) (Durability, error) {
	d, err := Inspect(ctx, rdb)
	if err != nil {
		return d, err
	}
	if len(d.Problems) > 0 && !allowVolatile {
		return d, errors.New(strings.Join(d.Problems, " ") + " To run with it all the same, set PLUGIN_ALLOW_VOLATILE_REDIS=true.")
	}
	return d, nil
}
