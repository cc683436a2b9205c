// Package memory admits work by what it will take of the process' memory:
// answers and bodies that are decoded, long texts that are rendered. A Budget
// belongs to a process, a Hold to one piece of work (a run, a request), and
// what does not fit waits a little and is then refused.
//
// What is small is free, so that ordinary work never waits for it. One tenant
// gets half of a budget at most.
//
// What must not live here: what things weigh. Whoever does the work says that.
package memory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"pushbutton/internal/fault"
)

const (
	// Free is how many bytes each Hold has that nobody counts: the small
	// answers of an ordinary run.
	Free = 1 << 20
	// maxWait is how long a piece of work waits for memory, and retryAfter what
	// is said to whoever waited in vain.
	maxWait    = 5 * time.Second
	retryAfter = 5 * time.Second
)

// Budget is how much memory all Holds of a process may have at once. It is safe
// for concurrent use.
type Budget struct {
	total int64
	whole *semaphore.Weighted

	mu      sync.Mutex
	tenants map[string]*share
}

// share is what one tenant may have; it goes when nobody holds it.
type share struct {
	part  *semaphore.Weighted
	users int
}

// NewBudget makes a Budget of so many bytes.
func NewBudget(total int64) *Budget {
	return &Budget{total: total, whole: semaphore.NewWeighted(total), tenants: map[string]*share{}}
}

// Total is the budget in bytes.
func (b *Budget) Total() int64 { return b.total }

// most is what a tenant may have.
func (b *Budget) most() int64 { return max(b.total/2, 1) }

// Begin makes a Hold for a piece of a tenant's work; Take finds it in the
// context. end gives everything back, and must be called once.
func (b *Budget) Begin(ctx context.Context, tenant string) (held context.Context, end func()) {
	h := &Hold{budget: b, tenant: tenant, free: Free}
	return context.WithValue(ctx, holdKey{}, h), h.end
}

type holdKey struct{}

// Hold is the memory of one piece of work. It is safe for concurrent use.
type Hold struct {
	budget *Budget
	tenant string

	mu    sync.Mutex
	free  int64
	taken int64 // beyond free, as it was asked for
	share *share
	ended bool
	after []func(taken int64)
}

// AtEnd has f told, when the context's piece of work ends, how many bytes it
// held then beyond what is free. Without a Hold f is never called.
func AtEnd(ctx context.Context, f func(taken int64)) {
	h, ok := ctx.Value(holdKey{}).(*Hold)
	if !ok {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.after = append(h.after, f)
}

// Take asks for n bytes for the rest of the context's piece of work, or until
// they are given back. The first time that a piece of work needs more than is
// free it waits; what has some already is refused at once if there is no more,
// so that no two wait for each other. The error is fault.Unavailable with a
// time to wait. Without a Hold nothing is counted.
func Take(ctx context.Context, n int64) error {
	h, ok := ctx.Value(holdKey{}).(*Hold)
	if !ok || n <= 0 || !bounded {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if own := min(n, h.free); own > 0 {
		h.free -= own
		n -= own
	}
	if n == 0 || h.ended {
		return nil
	}
	if err := h.take(ctx, n); err != nil {
		return &fault.Error{Op: "wait for memory", Kind: fault.Unavailable, Side: fault.SidePlugin, RetryAfter: retryAfter, Err: err,
			Public: "The plugin works on too many large texts and answers at the moment. Try again in a few seconds."}
	}
	return nil
}

// Give gives bytes back that were taken and are not needed.
func Give(ctx context.Context, n int64) {
	h, ok := ctx.Value(holdKey{}).(*Hold)
	if !ok || n <= 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	back := min(n, h.taken)
	h.free += n - back
	if h.ended {
		return
	}
	h.resize(h.taken - back)
}

// take grows the Hold.
func (h *Hold) take(ctx context.Context, n int64) error {
	b := h.budget
	before, after := h.taken, h.taken+n
	// What is larger than its half at once has to run, alone if it must.
	part, whole := min(after, b.most())-min(before, b.most()), min(after, b.total)-min(before, b.total)
	if before > 0 {
		if after > b.most() || !h.share.part.TryAcquire(part) {
			return errors.New("the tenant has its share")
		}
		if !b.whole.TryAcquire(whole) {
			h.share.part.Release(part)
			return errors.New("the budget is spent")
		}
		h.taken = after
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, maxWait, fmt.Errorf("no memory within %s", maxWait))
	defer cancel()
	h.share = b.enter(h.tenant)
	err := h.share.part.Acquire(ctx, part)
	if err == nil {
		if err = b.whole.Acquire(ctx, whole); err != nil {
			h.share.part.Release(part)
		}
	}
	if err != nil {
		b.leave(h.tenant, h.share)
		h.share = nil
		return errors.New(context.Cause(ctx).Error()) // as text: whoever ended it, it is about memory
	}
	h.taken = after
	return nil
}

// resize lowers what is held.
func (h *Hold) resize(after int64) {
	b, before := h.budget, h.taken
	if after == before {
		return
	}
	h.share.part.Release(min(before, b.most()) - min(after, b.most()))
	b.whole.Release(min(before, b.total) - min(after, b.total))
	if h.taken = after; after == 0 {
		b.leave(h.tenant, h.share)
		h.share = nil
	}
}

func (h *Hold) end() {
	h.mu.Lock()
	taken, after := h.taken, h.after
	h.resize(0)
	h.ended = true
	h.mu.Unlock()
	for _, f := range after {
		f(taken)
	}
}

func (b *Budget) enter(tenant string) *share {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.tenants[tenant]
	if s == nil {
		s = &share{part: semaphore.NewWeighted(b.most())}
		b.tenants[tenant] = s
	}
	s.users++
	return s
}

func (b *Budget) leave(tenant string, s *share) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(b.tenants, tenant)
	}
}
