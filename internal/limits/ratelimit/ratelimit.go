// Package ratelimit keeps all processes together below a peer's rate limit,
// with one key per credential in Redis. The limit is known beforehand, or
// learnt from a 429.
//
// What must not live here: whose calls are limited, or how a peer names its
// limits.
package ratelimit

import (
	"context"
	_ "embed"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
)

//go:embed gcra.lua
var gcraLua string

// Limiter spaces calls by the generic cell rate algorithm. It is safe for
// concurrent use.
type Limiter struct {
	rdb      redis.UniversalClient
	script   *redis.Script
	prefix   string
	interval time.Duration
	burst    int
	// patience is how long Wait keeps a caller. A longer wait is refused, which
	// frees the caller's slot meanwhile.
	patience time.Duration
	// spacing is the time between the reservations of two refused callers.
	spacing time.Duration
}

// New returns a Limiter that allows at most limit calls per key in any one
// second, of which burst may come at once. burst must be smaller than limit: a
// second that begins with a burst has the steady flow too, which is the rest.
// prefix keeps its keys apart from those of other limiters.
func New(rdb redis.UniversalClient, prefix string, limit, burst int) *Limiter {
	steady := time.Second / time.Duration(limit-burst)
	return &Limiter{rdb: rdb, script: redis.NewScript(gcraLua), prefix: "pb:ratelimit:" + prefix + ":", interval: steady, burst: burst, patience: maxWait, spacing: steady}
}

// backoffSpacing lets ten refused callers a second come back after a block:
// about as many pushes as Productboard's own limit allows a token.
const backoffSpacing = 100 * time.Millisecond

// MaxReservation bounds how far off the time of a refused caller is.
const MaxReservation = time.Hour

// ErrReservation is in the chain of a refusal by Wait. RetryAfter is then
// reserved for this caller; coming back earlier only costs another question.
var ErrReservation = errors.New("others come first")

// NewBackoff returns a Limiter for peers whose limits are not known beforehand.
// It allows everything that Limited does not forbid, and never waits.
func NewBackoff(rdb redis.UniversalClient, prefix string) *Limiter {
	return &Limiter{rdb: rdb, script: redis.NewScript(gcraLua), prefix: "pb:ratelimit:" + prefix + ":", burst: 1, spacing: backoffSpacing}
}

// NewGate returns a Limiter that never waits. It allows at most limit calls per
// key in any one second, of which burst may come at once. It refuses the others
// with the time after which a call is allowed again. A refused call reserves
// nothing, so that a caller who goes on asking is not kept out for longer.
func NewGate(rdb redis.UniversalClient, prefix string, limit, burst int) *Limiter {
	l := New(rdb, prefix, limit, burst)
	l.patience, l.spacing = 0, 0
	return l
}

// maxWait is the patience of a Limiter whose limit is known.
const maxWait = 2 * time.Second

// Wait returns when the key's next call may be sent. If that is more than two
// seconds away, or if a backoff or gate would have to wait at all, it returns
// fault.RateLimited with the time instead. While Redis cannot be asked it allows
// every call: the peer itself still refuses what is too much.
func (l *Limiter) Wait(ctx context.Context, key string) error {
	us, err := l.run(ctx, key)
	if err != nil {
		if ctx.Err() != nil {
			return fault.Wrap(fault.Canceled, "rate limit", context.Cause(ctx))
		}
		return nil
	}
	wait := time.Duration(us) * time.Microsecond
	if wait <= 0 {
		return nil
	}
	if wait > l.patience {
		return &fault.Error{Op: "rate limit", Kind: fault.RateLimited, RetryAfter: wait, Err: ErrReservation}
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fault.Wrap(fault.Canceled, "rate limit", context.Cause(ctx))
	}
}

func (l *Limiter) run(ctx context.Context, key string, block ...any) (int64, error) {
	args := []any{l.interval.Microseconds(), l.burst, l.patience.Microseconds(), l.spacing.Microseconds(), MaxReservation.Microseconds()}
	return l.script.Run(ctx, l.rdb, []string{l.prefix + key}, append(args, block...)...).Int64()
}

// maxBlock bounds how long one refusal stops a credential.
const maxBlock = 5 * time.Minute

// Limited forbids calls with the key for d.
func (l *Limiter) Limited(ctx context.Context, key string, d time.Duration) error {
	d = min(d, maxBlock)
	if d <= 0 {
		return nil
	}
	_, err := l.run(ctx, key, d.Microseconds())
	if err != nil {
		return fault.Wrap(fault.Unavailable, "rate limit", err)
	}
	return nil
}
