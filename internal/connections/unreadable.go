package connections

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
)

// A record that cannot be decoded (a fault of Redis' memory or disk, a hand
// that wrote to it) stops nobody else. It is taken out of the rescuer's set, the
// backlog and the lists, and is on a list of its own until it is reset, removed or
// mended.

// ErrUnreadable is the error for a record that cannot be decoded.
var ErrUnreadable = errors.New("the record cannot be decoded")

func unreadableFault(op string, err error) error {
	return &fault.Error{Op: op, Kind: fault.Internal, Side: fault.SidePlugin, Err: errors.Join(ErrUnreadable, err),
		Public: "The record of this button cannot be read. Reset the button: it forgets its issue, which stays in the tracker."}
}

// maxUnreadable bounds how many of a shard UnreadableRecords returns.
const maxUnreadable = 1000

// Unreadable is a record that cannot be decoded, with when that was noticed.
type Unreadable struct {
	Key   Key
	Since time.Time
}

// markUnreadable takes a record that cannot be decoded out of the rescuer's set and
// the backlog, and frees its slot. It returns false and does nothing for one that
// can be decoded or is not there.
func (s *Store) markUnreadable(ctx context.Context, key Key) (bool, error) {
	const op = "mark record unreadable"
	unreadable, err := s.isUnreadable(ctx, key)
	if err != nil || !unreadable {
		return false, err
	}
	now, err := s.rdb.Time(ctx).Result()
	if err != nil {
		return false, redisdb.Fault(op, err)
	}
	member, shard := key.String(), shardOf(key.Tenant)
	_, err = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.ZAddNX(ctx, unreadableKey(shard), redis.Z{Score: float64(now.UnixMilli()), Member: member})
		p.ZRem(ctx, rescueKey(shard), member)
		p.ZRem(ctx, backlogKey(key.Tenant), key.inTenant())
		p.SRem(ctx, slotsKey(key.Tenant), key.inTenant())
		p.ZRem(ctx, indexKey(key.Tenant, key.Integration, parked), key.Entity)
		return nil
	})
	if err != nil {
		return false, redisdb.Fault(op, err)
	}
	return true, nil
}

// inTenant is the key's name within its tenant.
func (k Key) inTenant() string { return k.Integration + ":" + k.Entity }

// isUnreadable reports whether what is stored is no record.
func (s *Store) isUnreadable(ctx context.Context, key Key) (bool, error) {
	doc, err := s.rdb.HGet(ctx, recordsKey(key.Tenant, key.Integration), key.Entity).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return false, nil
	case redis.HasErrorPrefix(err, "WRONGTYPE"):
		return true, nil
	case err != nil:
		return false, redisdb.Fault("read record", err)
	}
	return !wellFormed(doc), nil
}

func wellFormed(doc string) bool {
	r, err := decode("read record", doc)
	return err == nil && r.whole()
}

// whole reports whether a record has what every record has that was ever written.
func (r Record) whole() bool { return r.State.known() && r.Epoch > 0 && r.Run > 0 }

func (s State) known() bool {
	switch s {
	case Initial, Progress, Connected, Failed:
		return true
	default:
		return false
	}
}

// UnreadableRecords returns the unreadable records, at most 1,000 of each shard. One
// that was mended or removed meanwhile leaves the list and is due for the rescuer.
func (s *Store) UnreadableRecords(ctx context.Context) ([]Unreadable, error) {
	const op = "list unreadable records"
	replies, err := eachShard(ctx, s.rdb, func(p redis.Pipeliner, shard int) *redis.ZSliceCmd {
		return p.ZRangeWithScores(ctx, unreadableKey(shard), 0, maxUnreadable-1)
	})
	if err != nil {
		return nil, redisdb.Fault(op, err)
	}
	var out []Unreadable
	for shard, reply := range replies {
		for _, z := range reply.Val() {
			member, _ := z.Member.(string)
			key, err := ParseKey(member)
			if err != nil {
				continue
			}
			unreadable, err := s.isUnreadable(ctx, key)
			if err != nil {
				return out, err
			}
			if unreadable {
				out = append(out, Unreadable{Key: key, Since: Millis(int64(z.Score))})
				continue
			}
			if err := s.unmarkUnreadable(ctx, shard, member); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// unmarkUnreadable makes a record due for the rescuer again. The rescuer drops it if
// nothing is left to do.
func (s *Store) unmarkUnreadable(ctx context.Context, shard int, member string) error {
	now, err := s.rdb.Time(ctx).Result()
	if err != nil {
		return redisdb.Fault("take record back", err)
	}
	_, err = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.ZAddNX(ctx, rescueKey(shard), redis.Z{Score: float64(now.UnixMilli()), Member: member})
		p.ZRem(ctx, unreadableKey(shard), member)
		return nil
	})
	if err != nil {
		return redisdb.Fault("take record back", err)
	}
	return nil
}

// scrapLua removes a record that cannot be read, with all that is kept of it.
// KEYS: records, history, rescue, unreadable, backlog, slots, the tenant's counters,
// then the lists of the integration; ARGV: entity, name in the tenant, name.
const scrapLua = `
local gone = redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[3])
redis.call('ZREM', KEYS[4], ARGV[3])
redis.call('ZREM', KEYS[5], ARGV[2])
redis.call('SREM', KEYS[6], ARGV[2])
if gone == 1 then redis.call('HINCRBY', KEYS[7], 'n', -1) end
for i = 8, #KEYS do redis.call('ZREM', KEYS[i], ARGV[1]) end
return gone`

// scrap removes an unreadable record.
func (s *Store) scrap(ctx context.Context, key Key) error {
	shard := shardOf(key.Tenant)
	keys := []string{recordsKey(key.Tenant, key.Integration), historyKey(key), rescueKey(shard), unreadableKey(shard), backlogKey(key.Tenant), slotsKey(key.Tenant), accountKey(key.Tenant)}
	for _, state := range []State{Initial, Progress, Connected, Failed, parked} {
		keys = append(keys, indexKey(key.Tenant, key.Integration, state))
	}
	if err := s.scrapping.Run(ctx, s.rdb, keys, key.Entity, key.inTenant(), key.String()).Err(); err != nil {
		return redisdb.Fault("remove record", err)
	}
	return nil
}

const unindexLua = `local tag, tenant, integration = string.match(KEYS[1], '^[^}]*}:'), ARGV[1], ARGV[2]
-- include issueindex.lua
index_drop(ARGV[3], ARGV[4])
return 1`

// unindex removes a connection from the index of issues. Its record does not tell
// which issue that was, so the whole index is read. A bucket that is split
// meanwhile moves entries to a later one, which is read too.
func (s *Store) unindex(ctx context.Context, key Key) error {
	const op = "remove from index of issues"
	for bucket, n := 0, 1; bucket < n; bucket++ {
		known, err := s.rdb.HGet(ctx, accountKey(key.Tenant), bucketsField(key.Integration)).Int()
		if err != nil && !isNil(err) {
			return redisdb.Fault(op, err)
		}
		n = max(known, 1)
		entries, err := s.rdb.HGetAll(ctx, issuesKey(key.Tenant, key.Integration, bucket)).Result()
		if err != nil {
			return redisdb.Fault(op, err)
		}
		for field, value := range entries {
			if value != packed(key.Entity) || len(field) < indexDigits {
				continue
			}
			args := []any{key.Tenant, key.Integration, field[:indexDigits], key.Entity}
			if err := s.unindexed.Run(ctx, s.rdb, []string{recordsKey(key.Tenant, key.Integration)}, args...).Err(); err != nil {
				return redisdb.Fault(op, err)
			}
		}
	}
	return nil
}

// indexDigits is how many digits of an issue's digest an entry begins with.
const indexDigits = 8

// packed is an entity as the index has it: see index_pack in issueindex.lua.
func packed(entity string) string {
	raw, err := hex.DecodeString(strings.ReplaceAll(entity, "-", ""))
	if err != nil || len(raw) != 16 {
		return "s" + entity
	}
	canonical := fmt.Sprintf("%x-%x-%x-%x-%x", raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:])
	if canonical != entity {
		return "s" + entity
	}
	return "u" + string(raw)
}
