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
	// maxBell bounds how many runs the bell holds: where no worker waits, the
	// queue alone brings them.
	maxBell = 128
	// bellMargin is what a reply of Redis may take beyond the wait itself.
	bellMargin = time.Second
)

// Ring waits until some run may begin at once, for wait at most (whole
// seconds), and tells one caller of it; nil if there was none. It is a hint:
// the run may be over, or another worker at it, and Begin finds out; and one
// that is lost is no loss, since the work is in the queue. The end of the
// context alone does not interrupt the wait.
func (s *Store) Ring(ctx context.Context, wait time.Duration) (*Work, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+bellMargin)
	defer cancel()
	reply, err := s.rdb.BLPop(ctx, wait, bellKey).Result()
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
