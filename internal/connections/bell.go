package connections

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
)

const (
	// maxBell bounds how many runs the bell of a shard holds: where no worker waits, the
	// queue alone brings them.
	maxBell = 128
	// bellMargin is what a reply of Redis may take beyond the wait itself.
	bellMargin = time.Second
)

// Bells tells how many callers have to wait at Ring to hear of every run: one,
// or one for each shard where a command may not name keys of several.
func (s *Store) Bells() int {
	if _, ok := s.rdb.(*redis.ClusterClient); ok {
		return Shards
	}
	return 1
}

// bells are the keys that one caller waits for.
func (s *Store) bells(caller int) []string {
	var keys []string
	for shard := caller; shard < Shards; shard += s.Bells() {
		keys = append(keys, bellKey(shard))
	}
	return keys
}

// Ring waits until some run may begin at once, for wait at most (whole
// seconds), and tells one caller of it; nil if there was none. caller is which
// of the Bells it is. It is a hint:
// the run may be over, or another worker at it, and Begin finds out; and one
// that is lost is no loss, since the work is in the queue. The end of the
// context alone does not interrupt the wait.
func (s *Store) Ring(ctx context.Context, caller int, wait time.Duration) (*Work, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+bellMargin)
	defer cancel()
	reply, err := s.rdb.BLPop(ctx, wait, s.bells(caller)...).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, redisFault("wait for work", err)
	}
	if len(reply) != 2 {
		return nil, fault.Wrap(fault.Internal, "wait for work", errors.New("the reply is not a key and a value"))
	}
	return parseRing(reply[1])
}

func parseRing(text string) (*Work, error) {
	member, number, _ := strings.Cut(text, "#")
	key, err := ParseKey(member)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "wait for work", err)
	}
	run, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "wait for work", err)
	}
	return &Work{Key: key, Run: run}, nil
}
