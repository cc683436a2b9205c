package connections

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/redisdb"
)

// lookBatch bounds how many records of a shard one look treats.
const lookBatch = 200

// Found is a record that the look-out found not moving.
type Found struct {
	Work
	// TakenOver: its worker fell silent; Overdue: it waited in line for longer
	// than a push may take. Either way the run is a new one and only has to be
	// queued. Otherwise it waits in the queue, or should: the caller has to
	// make sure that it does, and Requeue if it cannot.
	TakenOver, Overdue bool
	// Aside: it cannot be decoded, and was set aside: nothing has to be done.
	Aside bool
}

// Look finds records that should have moved on by now. Any number of
// processes may look: each record is found by one of them. more tells that
// there may be others at once. One that cannot be treated stops no other: if it
// cannot be decoded it is set aside, else it is looked at again later and is in
// the error, beside what was found.
func (s *Store) Look(ctx context.Context) (found []Found, more bool, err error) {
	now, err := s.rdb.Time(ctx).Result()
	if err != nil {
		return nil, false, redisdb.Fault("look", err)
	}
	due := &redis.ZRangeBy{Min: "-inf", Max: strconv.FormatInt(now.UnixMilli(), 10), Count: lookBatch}
	replies, err := eachShard(ctx, s.rdb, func(p redis.Pipeliner, shard int) *redis.StringSliceCmd {
		return p.ZRangeByScore(ctx, lookoutKey(shard), due)
	})
	if err != nil {
		return nil, false, redisdb.Fault("look", err)
	}
	var errs []error
	for shard, reply := range replies {
		members := reply.Val()
		more = more || len(members) == lookBatch
		some, err := s.lookAt(ctx, shard, members)
		found = append(found, some...)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return found, false, redisdb.Fault("look", err)
	}
	return found, more, nil
}

func (s *Store) lookAt(ctx context.Context, shard int, members []string) (found []Found, err error) {
	keys := make([]Key, 0, len(members))
	for _, member := range members {
		key, err := ParseKey(member)
		if err != nil {
			s.rdb.ZRem(ctx, lookoutKey(shard), member)
			continue
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, nil
	}
	outs, failed, err := s.batch(ctx, "look", keys, func(int) arguments { return arguments{} })
	if err != nil {
		return nil, err
	}
	var errs []error
	for i, out := range outs {
		if failed[i] != nil {
			aside, err := s.lookFailed(ctx, keys[i], failed[i])
			errs = append(errs, err)
			if aside {
				found = append(found, Found{Work: Work{Key: keys[i]}, Aside: true})
			}
			continue
		}
		switch out.verdict {
		case vQueued, vOverdue:
			found = append(found, Found{Work: *out.work(keys[i]), TakenOver: out.verdict == vQueued, Overdue: out.verdict == vOverdue})
		case vWaiting:
			found = append(found, Found{Work: Work{Key: keys[i], Run: out.record.Run}})
		default: // it moved on, waits in line, or another process found it
			if out.record.whole() {
				continue
			}
			// Or it is gone, or something else stands in its place.
			aside, err := s.setAside(ctx, keys[i])
			errs = append(errs, err)
			if aside {
				found = append(found, Found{Work: Work{Key: keys[i]}, Aside: true})
			}
		}
	}
	return found, errors.Join(errs...)
}

// lookFailed treats a record that could not be looked at: it is set aside, or
// looked at again when others had their turn.
func (s *Store) lookFailed(ctx context.Context, key Key, why error) (aside bool, err error) {
	if aside, err = s.setAside(ctx, key); aside || err != nil {
		return aside, err
	}
	now, err := s.rdb.Time(ctx).Result()
	if err == nil {
		later := redis.Z{Score: float64(now.Add(s.timing.MaxLook).UnixMilli()), Member: key.String()}
		err = s.rdb.ZAddXX(ctx, lookoutKey(shardOf(key.Tenant)), later).Err()
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

// Requeue gives work that has vanished from the queue a new run; nil where it
// has moved on meanwhile.
func (s *Store) Requeue(ctx context.Context, w Work) (*Work, error) {
	out, err := s.do(ctx, "requeue", w.Key, arguments{Run: w.Run})
	return out.work(w.Key), err
}

// Unfinished counts the records that somebody still has to work on.
func (s *Store) Unfinished(ctx context.Context) (int64, error) {
	return s.count(ctx, func(p redis.Pipeliner, shard int) *redis.IntCmd { return p.ZCard(ctx, lookoutKey(shard)) })
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

// stuckAfter is how far behind its look a record counts as stuck.
const stuckAfter = 30 * time.Second

// Stuck counts the records that nobody has looked at although it was time:
// no process is looking out, or Redis does not let it.
func (s *Store) Stuck(ctx context.Context) (int64, error) {
	now, err := s.rdb.Time(ctx).Result()
	if err != nil {
		return 0, redisdb.Fault("count", err)
	}
	limit := strconv.FormatInt(now.Add(-stuckAfter).UnixMilli(), 10)
	return s.count(ctx, func(p redis.Pipeliner, shard int) *redis.IntCmd {
		return p.ZCount(ctx, lookoutKey(shard), "-inf", limit)
	})
}
