package connections

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// lookBatch bounds how many records one look treats.
const lookBatch = 200

// Found is a record that the look-out found not moving.
type Found struct {
	Work
	// TakenOver: its worker fell silent; the run is a new one and only has to
	// be queued. Otherwise it waits in the queue, or should: the caller has
	// to make sure that it does, and Requeue if it cannot.
	TakenOver bool
}

// Look finds records that should have moved on by now. Any number of
// processes may look: each record is found by one of them. more tells that
// there may be others at once.
func (s *Store) Look(ctx context.Context) (found []Found, more bool, err error) {
	now, err := s.rdb.Time(ctx).Result()
	if err != nil {
		return nil, false, redisFault("look", err)
	}
	members, err := s.rdb.ZRangeByScore(ctx, lookoutKey, &redis.ZRangeBy{
		Min: "-inf", Max: strconv.FormatInt(now.UnixMilli(), 10), Count: lookBatch,
	}).Result()
	if err != nil {
		return nil, false, redisFault("look", err)
	}
	for _, member := range members {
		key, err := ParseKey(member)
		if err != nil {
			s.rdb.ZRem(ctx, lookoutKey, member)
			continue
		}
		out, err := s.do(ctx, "look", key, arguments{})
		if err != nil {
			return found, false, err
		}
		switch out.verdict {
		case vQueued:
			found = append(found, Found{Work: *out.work(key), TakenOver: true})
		case vWaiting:
			found = append(found, Found{Work: Work{Key: key, Run: out.record.Run}})
		default: // it moved on, or another process found it
		}
	}
	return found, len(members) == lookBatch, nil
}

// Requeue gives work that has vanished from the queue a new run; nil where it
// has moved on meanwhile.
func (s *Store) Requeue(ctx context.Context, w Work) (*Work, error) {
	out, err := s.do(ctx, "requeue", w.Key, arguments{Run: w.Run})
	return out.work(w.Key), err
}

// Unfinished counts the records that somebody still has to work on.
func (s *Store) Unfinished(ctx context.Context) (int64, error) {
	n, err := s.rdb.ZCard(ctx, lookoutKey).Result()
	if err != nil {
		return 0, redisFault("count", err)
	}
	return n, nil
}

// FailedKeys lists connections whose push ended in error, the oldest first,
// from an offset.
func (s *Store) FailedKeys(ctx context.Context, offset, limit int64) ([]Key, error) {
	members, err := s.rdb.ZRange(ctx, failedKey, offset, offset+limit-1).Result()
	if err != nil {
		return nil, redisFault("list failed", err)
	}
	keys := make([]Key, 0, len(members))
	for _, m := range members {
		k, err := ParseKey(m)
		if err != nil {
			return nil, fmt.Errorf("list failed: %w", err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// stuckAfter is how far behind its look a record counts as stuck.
const stuckAfter = 30 * time.Second

// Stuck counts the records that nobody has looked at although it was time:
// no process is looking out, or Redis does not let it.
func (s *Store) Stuck(ctx context.Context) (int64, error) {
	now, err := s.rdb.Time(ctx).Result()
	if err != nil {
		return 0, redisFault("count", err)
	}
	n, err := s.rdb.ZCount(ctx, lookoutKey, "-inf", strconv.FormatInt(now.Add(-stuckAfter).UnixMilli(), 10)).Result()
	if err != nil {
		return 0, redisFault("count", err)
	}
	return n, nil
}
