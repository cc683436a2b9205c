package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// queueName is the queue that ours uses as well.
const queueName = "push"

// redisServer is a private Redis, with an append-only file (everysec) if it is
// durable.
type redisServer struct {
	client   *redis.Client
	url      string
	describe string
	stop     func()
}

// embedded reports that there is no redis-server.
func (s *redisServer) embedded() bool { return !strings.HasPrefix(s.url, "unix://") }

func startRedis(ctx context.Context, durable bool) (*redisServer, error) {
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		mini := miniredis.NewMiniRedis()
		if err := mini.Start(); err != nil {
			return nil, err
		}
		url := "redis://" + mini.Addr()
		client, err := connect(ctx, url)
		return &redisServer{client: client, url: url, describe: "embedded miniredis (no redis-server on the PATH): the figures say little", stop: mini.Close}, err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(dir, "redis.sock")
	appendonly, describe := "yes", "redis-server, AOF everysec, unix socket"
	if !durable {
		appendonly, describe = "no", "redis-server, nothing on disk, unix socket"
	}
	cmd := exec.Command(binary, "--port", "0", "--unixsocket", socket, "--dir", dir, "--appendonly", appendonly, "--appendfsync", "everysec", "--save", "", "--logfile", "redis.log") //nolint:gosec,noctx // ended by stop
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &redisServer{url: "unix://" + socket, describe: describe, stop: func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	}}
	s.client, err = connect(ctx, s.url)
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func connect(ctx context.Context, url string) (*redis.Client, error) {
	opts, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	opts.PoolSize, opts.ContextTimeoutEnabled = 80, true
	client := redis.NewClient(opts)
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for client.Ping(ctx).Err() != nil {
		select {
		case <-ctx.Done():
			return nil, errors.New("redis-server did not answer within 5s")
		case <-tick.C:
		}
	}
	return client, nil
}

// queued waits until the queue grows no more, and returns how long it is.
func (s *redisServer) queued(ctx context.Context) (int64, error) {
	last := int64(-1)
	for {
		n, err := s.client.LLen(ctx, "asynq:{"+queueName+"}:pending").Result()
		if err != nil {
			return 0, fmt.Errorf("length of the queue: %w", err)
		}
		if n == last {
			return n, nil
		}
		last = n
		if err := wait(ctx, 30*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

// flushQueue empties the queue and the records between rounds; tenants and
// their limits stay.
func (s *redisServer) flushQueue(ctx context.Context) error {
	for _, pattern := range []string{"asynq:{" + queueName + "}:*", "pb:{push-*"} {
		var keys []string
		it := s.client.Scan(ctx, 0, pattern, 5000).Iterator()
		for it.Next(ctx) {
			if strings.Contains(it.Val(), "}:t:") {
				continue // a tenant's limits
			}
			if keys = append(keys, it.Val()); len(keys) == 1000 {
				if err := s.client.Unlink(ctx, keys...).Err(); err != nil {
					return fmt.Errorf("clean up: %w", err)
				}
				keys = keys[:0]
			}
		}
		if err := it.Err(); err != nil {
			return fmt.Errorf("clean up: %w", err)
		}
		if len(keys) > 0 {
			if err := s.client.Unlink(ctx, keys...).Err(); err != nil {
				return fmt.Errorf("clean up: %w", err)
			}
		}
	}
	return nil
}
