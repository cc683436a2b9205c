package pbfake

import (
	"slices"
	"sync"
	"time"
)

// Clock is the time that the simulator lives by: the rate limit's window,
// delays, the limit of callbacks, and late answers.
type Clock interface {
	Now() time.Time
	// AfterFunc calls f after d, in a goroutine of its own or in the one that
	// moves the time. stop prevents the call, and reports whether it did.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) AfterFunc(d time.Duration, f func()) func() bool {
	return time.AfterFunc(d, f).Stop
}

// ManualClock stands still until it is told to move, so that a test decides
// when a window ends, a callback times out or a late answer is written.
type ManualClock struct {
	mu     sync.Mutex
	moved  *sync.Cond
	now    time.Time
	timers []*manualTimer
}

type manualTimer struct {
	at time.Time
	f  func()
}

// NewManualClock makes a clock that stands at a moment.
func NewManualClock(start time.Time) *ManualClock {
	c := &ManualClock{now: start}
	c.moved = sync.NewCond(&c.mu)
	return c
}

// Now returns the moment at which the clock stands.
func (c *ManualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc calls f when the clock has been moved by d; at once if d is not
// positive.
func (c *ManualClock) AfterFunc(d time.Duration, f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d <= 0 {
		go f()
		return func() bool { return false }
	}
	t := &manualTimer{c.now.Add(d), f}
	c.timers = append(c.timers, t)
	c.moved.Broadcast()
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		i := slices.Index(c.timers, t)
		if i < 0 {
			return false
		}
		c.timers = slices.Delete(c.timers, i, i+1)
		return true
	}
}

// Advance moves the clock. What falls due is called in order, before Advance
// returns.
func (c *ManualClock) Advance(d time.Duration) {
	c.mu.Lock()
	until := c.now.Add(d)
	for {
		next := -1
		for i, t := range c.timers {
			if !t.at.After(until) && (next < 0 || t.at.Before(c.timers[next].at)) {
				next = i
			}
		}
		if next < 0 {
			break
		}
		t := c.timers[next]
		c.timers = slices.Delete(c.timers, next, next+1)
		c.now = t.at
		c.mu.Unlock()
		t.f()
		c.mu.Lock()
	}
	c.now = until
	c.mu.Unlock()
}

// AwaitTimers blocks until at least n timers wait for the clock to move.
func (c *ManualClock) AwaitTimers(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.timers) < n {
		c.moved.Wait()
	}
}
