// Package ratelimit keeps all processes together below a peer's rate limit,
// with one key per credential in Redis. The limit is known beforehand, or
// learnt from a 429.
//
// What must not live here: what is limited, or how a peer tells its limits.
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
	// patience is how long a caller is kept; a longer wait is a rate limit,
	// which frees the caller's slot meanwhile.
	patience time.Duration
	// spacing is the time between two of those who are sent away.
	spacing time.Duration
}

// New makes a Limiter that lets through at most limit calls per key in any one
// second, of which burst may come at once. burst must be smaller: a second
// that begins with a burst has the steady flow as well, so that this is the
// rest. Prefix sets its keys apart from those of other limiters.
func New(rdb redis.UniversalClient, prefix string, limit, burst int) *Limiter {
	steady := time.Second / time.Duration(limit-burst)
	return &Limiter{rdb: rdb, script: redis.NewScript(gcraLua), prefix: "pb:ratelimit:" + prefix + ":", interval: steady, burst: burst, patience: maxWait, spacing: steady}
}

// memorySpacing lets ten a second of those who waited for a block come back:
// about as many pushes as Productboard's own limit allows to a token.
const memorySpacing = 100 * time.Millisecond

// MaxTurn bounds for how long a caller is sent away.
const MaxTurn = time.Hour

// ErrTurn is in the chain of a refusal by Wait: its RetryAfter is a time of the
// caller's own, and coming back earlier only costs another question.
var ErrTurn = errors.New("others come first")

// NewMemory makes a Limiter for peers whose limits are not known beforehand: it
// lets everything through but what Limited forbids, and keeps nobody waiting.
func NewMemory(rdb redis.UniversalClient, prefix string) *Limiter {
	return &Limiter{rdb: rdb, script: redis.NewScript(gcraLua), prefix: "pb:ratelimit:" + prefix + ":", burst: 1, spacing: memorySpacing}
}

// NewGate makes a Limiter that keeps nobody waiting: it lets through at most
// limit calls per key in any one second, of which burst may come at once, and
// refuses the others with the time after which one is let through again. A
// rejected call books nothing, so that whoever goes on asking is not kept out
// for longer.
func NewGate(rdb redis.UniversalClient, prefix string, limit, burst int) *Limiter {
	p := New(rdb, prefix, limit, burst)
	p.patience, p.spacing = 0, 0
	return p
}

// maxWait is a Limiter's patience where its limit is known.
const maxWait = 2 * time.Second

// Wait returns when the key's next call may be sent. If that is more than two
// seconds away, or if a memory or gate would have to wait at all, it returns
// fault.RateLimited with the time instead. While Redis cannot be asked it lets
// calls through: the peer itself still rejects what is too much.
func (p *Limiter) Wait(ctx context.Context, key string) error {
	us, err := p.run(ctx, key)
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
	if wait > p.patience {
		return &fault.Error{Op: "rate limit", Kind: fault.RateLimited, RetryAfter: wait, Err: ErrTurn}
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

func (p *Limiter) run(ctx context.Context, key string, block ...any) (int64, error) {
	args := []any{p.interval.Microseconds(), p.burst, p.patience.Microseconds(), p.spacing.Microseconds(), MaxTurn.Microseconds()}
	return p.script.Run(ctx, p.rdb, []string{p.prefix + key}, append(args, block...)...).Int64()
}

// maxBlock bounds how long one refusal stops a credential.
const maxBlock = 5 * time.Minute

// Limited keeps everybody from calling with the key for d.
func (p *Limiter) Limited(ctx context.Context, key string, d time.Duration) error {
	d = min(d, maxBlock)
	if d <= 0 {
		return nil
	}
	_, err := p.run(ctx, key, d.Microseconds())
	if err != nil {
		return fault.Wrap(fault.Unavailable, "rate limit", err)
	}
	return nil
}
