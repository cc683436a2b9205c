package connections

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
)

const (
	// maxWakeList bounds a shard's wake-up list. Where no worker listens, the
	// queue alone brings the runs.
	maxWakeList = 128
	// wakeMargin is how long Redis may take to reply, beyond the wait itself.
	wakeMargin = time.Second
)

// Listeners returns how many callers of AwaitTask hear of every run together:
// one, or one for each shard where a command may not name keys of several.
func (s *Store) Listeners() int {
	if _, ok := s.rdb.(*redis.ClusterClient); ok {
		return Shards
	}
	return 1
}

// wakeLists returns the keys that one listener waits for.
func (s *Store) wakeLists(listener int) []string {
	var keys []string
	for shard := listener; shard < Shards; shard += s.Listeners() {
		keys = append(keys, wakeKey(shard))
	}
	return keys
}

// AwaitTask waits for a run that may begin at once, for wait (whole seconds) at
// most. It returns nil if there was none. listener is which of the Listeners
// the caller is, and one of them gets each run. The run is a hint: it may be
// over, or another worker may have it, and Begin finds out. A lost hint costs
// nothing but time, since the queue holds the run as well. The end of the
// context alone does not interrupt the wait.
func (s *Store) AwaitTask(ctx context.Context, listener int, wait time.Duration) (*Task, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+wakeMargin)
	defer cancel()
	reply, err := s.rdb.BLPop(ctx, wait, s.wakeLists(listener)...).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, redisdb.Fault("wait for a task", err)
	}
	if len(reply) != 2 {
		return nil, fault.Wrap(fault.Internal, "wait for a task", errors.New("the reply is not a key and a value"))
	}
	return parseWake(reply[1])
}

func parseWake(text string) (*Task, error) {
	member, number, _ := strings.Cut(text, "#")
	key, err := ParseKey(member)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "wait for a task", err)
	}
	run, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "wait for a task", err)
	}
	return &Task{Key: key, Run: run}, nil
}
