package connections

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/redisdb"
)

// rescueBatch bounds how many records of a shard one pass treats.
const rescueBatch = 200

// Stalled is a record that should have moved on and did not.
type Stalled struct {
	Task
	// TakenOver reports that its worker fell silent, and Overdue that it waited
	// in the backlog for longer than a push may take. Either way the run is a new one
	// and only has to be queued. Otherwise it should be pending in the queue:
	// the caller makes sure that it is, and calls Requeue if it cannot.
	TakenOver, Overdue bool
	// Unreadable reports that it cannot be decoded. It was put on a list of its
	// own, and nothing has to be done.
	Unreadable bool
}

// Rescue finds records that should have moved on by now. Any number of
// processes may call it: each record is found by one of them. more reports
// whether there may be others at once. A record that cannot be treated stops no
// other: if it is unreadable it goes on a list of its own. Otherwise it is due again
// later, and the error names it, beside what was found.
func (s *Store) Rescue(ctx context.Context) (found []Stalled, more bool, err error) {
	now, err := s.rdb.Time(ctx).Result()
	if err != nil {
		return nil, false, redisdb.Fault("rescue", err)
	}
	due := &redis.ZRangeBy{Min: "-inf", Max: strconv.FormatInt(now.UnixMilli(), 10), Count: rescueBatch}
	replies, err := eachShard(ctx, s.rdb, func(p redis.Pipeliner, shard int) *redis.StringSliceCmd {
		return p.ZRangeByScore(ctx, rescueKey(shard), due)
	})
	if err != nil {
		return nil, false, redisdb.Fault("rescue", err)
	}
	var errs []error
	for shard, reply := range replies {
		members := reply.Val()
		more = more || len(members) == rescueBatch
		some, err := s.rescueShard(ctx, shard, members)
		found = append(found, some...)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return found, false, redisdb.Fault("rescue", err)
	}
	return found, more, nil
}

func (s *Store) rescueShard(ctx context.Context, shard int, members []string) (found []Stalled, err error) {
	keys := make([]Key, 0, len(members))
	for _, member := range members {
		key, err := ParseKey(member)
		if err != nil {
			s.rdb.ZRem(ctx, rescueKey(shard), member)
			continue
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, nil
	}
	outs, failed, err := s.batch(ctx, "rescue", keys, func(int) arguments { return arguments{} })
	if err != nil {
		return nil, err
	}
	var errs []error
	for i, out := range outs {
		if failed[i] != nil {
			unreadable, err := s.rescueFailed(ctx, keys[i], failed[i])
			errs = append(errs, err)
			if unreadable {
				found = append(found, Stalled{Task: Task{Key: keys[i]}, Unreadable: true})
			}
			continue
		}
		switch out.verdict {
		case vQueued, vOverdue:
			found = append(found, Stalled{Task: *out.task(keys[i]), TakenOver: out.verdict == vQueued, Overdue: out.verdict == vOverdue})
		case vPending:
			found = append(found, Stalled{Task: Task{Key: keys[i], Run: out.record.Run}})
		default: // it moved on, waits in the backlog, or another process found it
			if out.record.whole() {
				continue
			}
			// Or it is gone, or something else stands in its place.
			unreadable, err := s.markUnreadable(ctx, keys[i])
			errs = append(errs, err)
			if unreadable {
				found = append(found, Stalled{Task: Task{Key: keys[i]}, Unreadable: true})
			}
		}
	}
	return found, errors.Join(errs...)
}

// rescueFailed treats a record whose rescue failed: it is marked unreadable, or due
// again when others had their turn.
func (s *Store) rescueFailed(ctx context.Context, key Key, why error) (unreadable bool, err error) {
	if unreadable, err = s.markUnreadable(ctx, key); unreadable || err != nil {
		return unreadable, err
	}
	now, err := s.rdb.Time(ctx).Result()
	if err == nil {
		later := redis.Z{Score: float64(now.Add(s.timing.MaxRescueAfter).UnixMilli()), Member: key.String()}
		err = s.rdb.ZAddXX(ctx, rescueKey(shardOf(key.Tenant)), later).Err()
	}
	return false, errors.Join(why, err)
}

// eachShard asks something of every shard at once.
func eachShard[C redis.Cmder](ctx context.Context, rdb redis.UniversalClient, ask func(p redis.Pipeliner, shard int) C) ([]C, error) {
	replies := make([]C, Shards)
	_, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for shard := range replies {
			replies[shard] = ask(p, shard)
		}
		return nil
	})
	return replies, err
}

// Requeue gives a record whose task has vanished from the queue a new run. It
// returns nil where the record has moved on meanwhile.
func (s *Store) Requeue(ctx context.Context, w Task) (*Task, error) {
	out, err := s.do(ctx, "requeue", w.Key, arguments{Run: w.Run})
	return out.task(w.Key), err
}

// Unfinished counts the records that somebody still has to work on.
func (s *Store) Unfinished(ctx context.Context) (int64, error) {
	return s.count(ctx, func(p redis.Pipeliner, shard int) *redis.IntCmd { return p.ZCard(ctx, rescueKey(shard)) })
}

func (s *Store) count(ctx context.Context, ask func(p redis.Pipeliner, shard int) *redis.IntCmd) (n int64, err error) {
	replies, err := eachShard(ctx, s.rdb, ask)
	if err != nil {
		return 0, redisdb.Fault("count", err)
	}
	for _, r := range replies {
		n += r.Val()
	}
	return n, nil
}

// stuckAfter is how long after it was due a record counts as stuck.
const stuckAfter = 30 * time.Second

// Stuck counts the records that are due and that no rescuer has treated: none
// runs, or Redis does not let it.
func (s *Store) Stuck(ctx context.Context) (int64, error) {
	now, err := s.rdb.Time(ctx).Result()
	if err != nil {
		return 0, redisdb.Fault("count", err)
	}
	limit := strconv.FormatInt(now.Add(-stuckAfter).UnixMilli(), 10)
	return s.count(ctx, func(p redis.Pipeliner, shard int) *redis.IntCmd {
		return p.ZCount(ctx, rescueKey(shard), "-inf", limit)
	})
}
