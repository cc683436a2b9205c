package stage

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis is a redis-server with an append-only file, on a socket.
type Redis struct {
	*Process
	stage  *Stage
	fsync  string
	socket string
}

// redisStart bounds its start; it reads its file first, on a machine that may
// be busy.
const redisStart = time.Minute

// Redis starts a redis-server; fsync is its appendfsync.
func (s *Stage) Redis(ctx context.Context, fsync string) (*Redis, error) {
	r := &Redis{stage: s, fsync: fsync, socket: filepath.Join(s.dir, "redis.sock")}
	return r, r.Start(ctx)
}

// Start starts it (again), with the files it had, and waits until it answers.
func (r *Redis) Start(ctx context.Context) error {
	p, err := r.stage.start("redis", nil, nil, "redis-server", "--port", "0", "--unixsocket", r.socket, "--dir", r.stage.dir,
		"--appendonly", "yes", "--appendfsync", r.fsync, "--save", "", "--maxmemory-policy", "noeviction", "--daemonize", "no")
	if err != nil {
		return err
	}
	r.Process = p
	c := r.Client(0)
	defer func() { _ = c.Close() }()
	ctx, cancel := context.WithTimeout(ctx, redisStart)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if err = c.Ping(ctx).Err(); err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("redis-server ended at once:\n%s", tail(p.log, 10))
		case <-ctx.Done():
			return fmt.Errorf("redis-server did not answer: %w\n%s", err, tail(p.log, 10))
		case <-tick.C:
		}
	}
}

// URL is the address of one of its databases, 0 to 15.
func (r *Redis) URL(db int) string { return "unix://" + r.socket + "?db=" + strconv.Itoa(db) }

// Client looks into one of its databases from the outside; close it.
func (r *Redis) Client(db int) *redis.Client {
	return redis.NewClient(&redis.Options{Network: "unix", Addr: r.socket, DB: db, ContextTimeoutEnabled: true, DialTimeout: time.Second})
}
