// Package breaker remembers which integrations' trackers fail steadily, so that
// pushes to them are not tried one after the other in vain. All processes share
// what it knows: one key per integration in Redis, and none while the tracker
// works.
//
// What must not live here: which failures are a tracker's own, what happens to
// a push meanwhile, and what a person reads (actions).
package breaker

import (
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	mathrand "math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
)

//go:embed breaker.lua
var breakerLua string

// Options set up a Breaker. The zero value of each field means its default, and so
// does a nil *Options.
type Options struct {
	// Failures in a row open it, if they are of two items at least and the first
	// was Over ago; default 10 over 20 s. A single item that a tracker stumbles
	// over does not open it, nor does a restart.
	Failures int
	Over     time.Duration
	// CoolDown is how long nobody tries after it opened. It doubles with each
	// failed trial, up to MaxCoolDown; default 30 s up to 5 min. Each is stretched
	// by up to a quarter, so that trackers that failed together are not tried
	// together.
	CoolDown, MaxCoolDown time.Duration
	// Trial is how long a trial that never reports keeps the others out; default
	// 1 min, which is longer than a run may take in a tracker.
	Trial time.Duration
	// Keep is how long failures are remembered without a further one; default
	// 1 h.
	Keep time.Duration
	// Believe is how long a process uses an answer about an integration without
	// asking again; default 1 s.
	Believe time.Duration
	// Now is the clock for Believe; default time.Now.
	Now func() time.Time
	// Random returns numbers in [0, 1); default is the system's.
	Random func() float64
}

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	if o.Failures <= 0 {
		o.Failures = 10
	}
	set(&o.Over, 20*time.Second)
	set(&o.CoolDown, 30*time.Second)
	set(&o.MaxCoolDown, 5*time.Minute)
	set(&o.Trial, time.Minute)
	set(&o.Keep, time.Hour)
	set(&o.Believe, time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = mathrand.Float64
	}
	return o
}

const (
	// maxMemos bounds the integrations that a process remembers.
	maxMemos = 10_000
	// waitTrial is the pause before the next question while a trial is under way.
	waitTrial = 5 * time.Second
	// indexKey lists the open ones with the time at which each is forgotten. Only
	// CountOpen reads it.
	indexKey = "pb:breakers"
)

// Breaker keeps the breakers of all integrations. It is safe for concurrent
// use.
type Breaker struct {
	rdb    redis.UniversalClient
	script *redis.Script
	opts   Options

	mu    sync.Mutex
	memos map[string]memo
}

// memo is the latest answer about an integration, and until when a process uses
// it.
type memo struct {
	pass  Pass
	clean bool // there is nothing to clear
	until time.Time
}

// New returns a Breaker on a Redis client, which the caller closes.
func New(rdb redis.UniversalClient, o *Options) *Breaker {
	if o == nil {
		o = &Options{}
	}
	return &Breaker{rdb: rdb, script: redis.NewScript(breakerLua), opts: o.withDefaults(), memos: map[string]memo{}}
}

// Pass says whether an integration's tracker may be called. A caller that may
// reports afterwards how it went: Worked, Failed or Undecided.
type Pass struct {
	Integration string
	// Open is set where it may not be called.
	Open bool
	// Trial is set for the one caller that tries whether the tracker works again.
	Trial string
	// Since is the time of the first failure, and Kind the kind of the latest.
	// Both are set where the breaker is open, and for a trial.
	Since time.Time
	Kind  string
	// Wait is how long to wait before asking again, and Next the time of the next
	// trial. Both are set where the breaker is open.
	Wait time.Duration
	Next time.Time
}

// Change says whether a breaker opened or closed.
type Change uint8

// The changes.
const (
	None Change = iota
	Opened
	Closed
)

func key(integration string) string { return "pb:breaker:{" + integration + "}" }

type reply struct {
	what, kind       string
	since, till, now int64
}

func (b *Breaker) run(ctx context.Context, op, integration, trial string, args ...any) (reply, error) {
	out, err := b.script.Run(ctx, b.rdb, []string{key(integration)}, append([]any{op, trial}, args...)...).Slice()
	if err != nil {
		return reply{}, fault.Wrap(fault.Unavailable, "ask breaker", err)
	}
	if len(out) == 5 {
		what, ok1 := out[0].(string)
		since, ok2 := out[1].(int64)
		till, ok3 := out[2].(int64)
		kind, ok4 := out[3].(string)
		now, ok5 := out[4].(int64)
		if ok1 && ok2 && ok3 && ok4 && ok5 {
			return reply{what: what, since: since, till: till, kind: kind, now: now}, nil
		}
	}
	return reply{}, fault.Wrap(fault.Internal, "ask breaker", fmt.Errorf("unexpected reply of %d parts", len(out)))
}

// Ask returns whether an integration's tracker may be called. After a cool-down
// one caller at a time may. While Redis cannot be asked everybody may: pushes
// have limits of their own.
func (b *Breaker) Ask(ctx context.Context, integration string) Pass {
	b.mu.Lock()
	kept, ok := b.memos[integration]
	b.mu.Unlock()
	if ok && b.opts.Now().Before(kept.until) {
		return kept.pass
	}
	trial := rand.Text()
	r, err := b.run(ctx, "ask", integration, trial, b.opts.Trial.Milliseconds())
	if err != nil {
		return Pass{Integration: integration}
	}
	return b.note(integration, trial, r)
}

// note turns a reply into a Pass and remembers it, unless it is a trial.
func (b *Breaker) note(integration, trial string, r reply) Pass {
	pass := Pass{Integration: integration}
	believe := b.opts.Believe
	switch r.what {
	case "trial":
		pass.Trial, pass.Since, pass.Kind = trial, time.UnixMilli(r.since), r.kind
		return pass
	case "open", "opened":
		pass.Open, pass.Since, pass.Kind, pass.Next = true, time.UnixMilli(r.since), r.kind, time.UnixMilli(r.till)
		pass.Wait = time.Duration(r.till-r.now) * time.Millisecond
		if pass.Wait <= 0 {
			pass.Wait = waitTrial
		}
		believe = min(believe, pass.Wait)
	}
	b.remember(integration, memo{pass: pass, clean: r.what == "clean" || r.what == "closed", until: b.opts.Now().Add(believe)})
	return pass
}

func (b *Breaker) remember(integration string, m memo) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.memos[integration]; !ok && len(b.memos) >= maxMemos {
		clear(b.memos) // it costs a question each
	}
	b.memos[integration] = m
}

// Failed reports that the tracker could not be reached, was not in time, or said
// that it does not work. item is the item pushed, and kind the failure's kind.
func (b *Breaker) Failed(ctx context.Context, pass Pass, item, kind string) Change {
	o := b.opts
	stretch := strconv.FormatFloat(1+o.Random()/4, 'f', 4, 64)
	r, err := b.run(ctx, "failed", pass.Integration, pass.Trial, item, kind, o.Failures, o.Over.Milliseconds(),
		o.CoolDown.Milliseconds(), o.MaxCoolDown.Milliseconds(), stretch, o.Keep.Milliseconds())
	if err != nil {
		return None
	}
	b.note(pass.Integration, "", r)
	if r.what == "opened" || pass.Trial != "" {
		// Only CountOpen depends on it.
		_ = b.rdb.ZAdd(ctx, indexKey, redis.Z{Score: float64(r.now + o.Keep.Milliseconds()), Member: pass.Integration}).Err()
	}
	if r.what == "opened" {
		return Opened
	}
	return None
}

// Worked reports that the tracker did what it was asked, or refused it as a
// working tracker does. While nothing has failed, it does not ask Redis.
func (b *Breaker) Worked(ctx context.Context, pass Pass) Change {
	b.mu.Lock()
	kept, ok := b.memos[pass.Integration]
	b.mu.Unlock()
	if ok && kept.clean && pass.Trial == "" {
		return None
	}
	r, err := b.run(ctx, "worked", pass.Integration, pass.Trial)
	if err != nil {
		return None
	}
	b.note(pass.Integration, "", r)
	if r.what != "closed" {
		return None
	}
	_ = b.rdb.ZRem(ctx, indexKey, pass.Integration).Err()
	return Closed
}

// Undecided reports that nothing was learnt, so that the next caller may try.
func (b *Breaker) Undecided(ctx context.Context, pass Pass) {
	if pass.Trial == "" {
		return
	}
	if r, err := b.run(ctx, "undecided", pass.Integration, pass.Trial); err == nil {
		b.note(pass.Integration, "", r)
	}
}

// CountOpen returns how many breakers are open.
func (b *Breaker) CountOpen(ctx context.Context) (int64, error) {
	now := strconv.FormatInt(b.opts.Now().UnixMilli(), 10)
	pipe := b.rdb.Pipeline()
	pipe.ZRemRangeByScore(ctx, indexKey, "-inf", "("+now)
	n := pipe.ZCard(ctx, indexKey)
	if _, err := pipe.Exec(ctx); err != nil {
		return 0, fault.Wrap(fault.Unavailable, "count breakers", err)
	}
	return n.Val(), nil
}
