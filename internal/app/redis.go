package app

import (
	"github.com/redis/go-redis/v9"

	"pushbutton/config"
	"pushbutton/internal/redisdb"
)

// OpenRedis returns the client that every process of the plugin uses. It does
// not connect yet.
func OpenRedis(cfg config.Config) (redis.UniversalClient, error) {
	return redisdb.Open(cfg.RedisURL, &redisdb.Options{
		CAFile: cfg.RedisCAFile, WaitReplicas: cfg.RedisWaitReplicas, Concurrency: cfg.Concurrency,
	})
}
