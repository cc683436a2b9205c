// Package breaker remembers which integrations' trackers fail steadily, so
// that pushes to them are not tried one after the other in vain. What it knows
// is in Redis, one key per integration, for all processes; while a tracker
// works there is none.
//
// What must not live here: which failures are a tracker's own, what happens to
// a push meanwhile, and what a person is told (actions).
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

// Options sets a Breaker up. The zero value of each field means its default.
type Options struct {
	// Failures in a row, of two items at least, the first of them Over ago,
	// open it; default 10 over 20 s. A single item that a tracker stumbles
	// over does not, nor a restart.
	Failures int
	Over     time.Duration
	// CoolDown is how long nobody tries after it opened; it doubles with each
	// trial that fails up to MaxCoolDown; default 30 s up to 5 min. Each is
	// stretched by up to a quarter, so that trackers which fell together are
	// not tried together.
	CoolDown, MaxCoolDown time.Duration
	// Trial is for how long one trial keeps the others out, should it never
	// tell; default 1 min, which is longer than a run may take in a tracker.
	Trial time.Duration
	// Keep is how long failures are remembered without a further one; default
	// 1 h.
	Keep time.Duration
	// Believe is how long a process believes what it heard of an integration;
	// default 1 s.
	Believe time.Duration
	// Now is the clock of what a process believes; default time.Now.
	Now func() time.Time
	// Random gives numbers in [0, 1); default is the system's.
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
	// maxKnown bounds the integrations that a process remembers.
	maxKnown = 10_000
	// waitTrial is how long those who wait leave a trial that is under way.
	waitTrial = 5 * time.Second
	// indexKey lists the open ones with the time at which each is forgotten; it
	// serves the figure alone.
	indexKey = "pb:breakers"
)

// Breaker keeps the breakers of all integrations. It is safe for concurrent
// use.
type Breaker struct {
	rdb    redis.UniversalClient
	script *redis.Script
	opts   Options

	mu    sync.Mutex
	known map[string]known
}

// known is what a process heard of an integration, and until when it believes
// it.
type known struct {
	pass  Pass
	clean bool // there is nothing to clear
	until time.Time
}

// New makes a Breaker on a Redis client, which stays the caller's.
func New(rdb redis.UniversalClient, opts Options) *Breaker {
	return &Breaker{rdb: rdb, script: redis.NewScript(breakerLua), opts: opts.withDefaults(), known: map[string]known{}}
}

// Pass is an integration's answer to whether its tracker may be called. Whoever
// was let through tells afterwards how it went: Worked, Failed or Undecided.
type Pass struct {
	Integration string
	// Open is set where it may not be called.
	Open bool
	// Trial is set for the one caller that tries whether an open one works
	// again.
	Trial string
	// Since is when the first of the failures was, and Kind what the latest one
	// was; both are set where it is open or tried.
	Since time.Time
	Kind  string
	// Wait is when to ask again, Next when somebody is let through for a trial;
	// both are set where it is open.
	Wait time.Duration
	Next time.Time
}

// Change is that a breaker opened or closed.
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

// Ask tells whether an integration's tracker may be called. Of the callers
// that ask after a cool-down one is let through at a time. While Redis cannot
// be asked everybody is: the pushes have limits of their own.
func (b *Breaker) Ask(ctx context.Context, integration string) Pass {
	b.mu.Lock()
	heard, ok := b.known[integration]
	b.mu.Unlock()
	if ok && b.opts.Now().Before(heard.until) {
		return heard.pass
	}
	trial := rand.Text()
	r, err := b.run(ctx, "ask", integration, trial, b.opts.Trial.Milliseconds())
	if err != nil {
		return Pass{Integration: integration}
	}
	return b.heard(integration, trial, r)
}

// heard makes a Pass of an answer and remembers it, unless it is a trial.
func (b *Breaker) heard(integration, trial string, r reply) Pass {
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
	b.remember(integration, known{pass: pass, clean: r.what == "closed" || r.what == "shut", until: b.opts.Now().Add(believe)})
	return pass
}

func (b *Breaker) remember(integration string, k known) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.known[integration]; !ok && len(b.known) >= maxKnown {
		clear(b.known) // it costs a question each
	}
	b.known[integration] = k
}

// Failed tells that the tracker could not be reached, was not in time, or said
// that it does not work, with an item and the failure's kind.
func (b *Breaker) Failed(ctx context.Context, pass Pass, item, kind string) Change {
	o := b.opts
	stretch := strconv.FormatFloat(1+o.Random()/4, 'f', 4, 64)
	r, err := b.run(ctx, "failed", pass.Integration, pass.Trial, item, kind, o.Failures, o.Over.Milliseconds(),
		o.CoolDown.Milliseconds(), o.MaxCoolDown.Milliseconds(), stretch, o.Keep.Milliseconds())
	if err != nil {
		return None
	}
	b.heard(pass.Integration, "", r)
	if r.what == "opened" || pass.Trial != "" {
		// Only a figure depends on it.
		_ = b.rdb.ZAdd(ctx, indexKey, redis.Z{Score: float64(r.now + o.Keep.Milliseconds()), Member: pass.Integration}).Err()
	}
	if r.what == "opened" {
		return Opened
	}
	return None
}

// Worked tells that the tracker did what it was asked, or refused it like one
// that works. While nothing has failed this asks nothing of Redis.
func (b *Breaker) Worked(ctx context.Context, pass Pass) Change {
	b.mu.Lock()
	heard, ok := b.known[pass.Integration]
	b.mu.Unlock()
	if ok && heard.clean && pass.Trial == "" {
		return None
	}
	r, err := b.run(ctx, "worked", pass.Integration, pass.Trial)
	if err != nil {
		return None
	}
	b.heard(pass.Integration, "", r)
	if r.what != "shut" {
		return None
	}
	_ = b.rdb.ZRem(ctx, indexKey, pass.Integration).Err()
	return Closed
}

// Undecided tells that nothing was learnt, so that the next caller may try.
func (b *Breaker) Undecided(ctx context.Context, pass Pass) {
	if pass.Trial == "" {
		return
	}
	if r, err := b.run(ctx, "undecided", pass.Integration, pass.Trial); err == nil {
		b.heard(pass.Integration, "", r)
	}
}

// CountOpen tells how many breakers are open.
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
