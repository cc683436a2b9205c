// Package memory admits work by how much memory it will take: for answers and
// bodies that are decoded, and for long texts that are rendered. A Budget
// belongs to a process, and a Hold to one run or request. Work that does not fit
// waits a little and is then refused.
//
// Small amounts are free, so that ordinary work never waits. One tenant gets at
// most half of a budget.
//
// What must not live here: how much memory things take. The caller says that.
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
	// Free is how many bytes of each Hold are not counted: the small answers of an
	// ordinary run.
	Free = 1 << 20
	// maxWait is how long a Hold waits for memory. retryAfter is the RetryAfter of
	// one that waited in vain.
	maxWait    = 5 * time.Second
	retryAfter = 5 * time.Second
)

// Budget bounds the memory that all Holds of a process have at once. It is safe
// for concurrent use.
type Budget struct {
	total int64
	whole *semaphore.Weighted

	mu      sync.Mutex
	tenants map[string]*share
}

// share is the part that one tenant may have. It is dropped when nobody holds any of it.
type share struct {
	part  *semaphore.Weighted
	users int
}

// NewBudget returns a Budget of so many bytes.
func NewBudget(total int64) *Budget {
	return &Budget{total: total, whole: semaphore.NewWeighted(total), tenants: map[string]*share{}}
}

// Total is the budget in bytes.
func (b *Budget) Total() int64 { return b.total }

// most is the most that one tenant may have.
func (b *Budget) most() int64 { return max(b.total/2, 1) }

// Begin begins a Hold for a run or request of a tenant. Take finds it in the
// context. end releases everything, and must be called once.
func (b *Budget) Begin(ctx context.Context, tenant string) (held context.Context, end func()) {
	h := &Hold{budget: b, tenant: tenant, free: Free}
	return context.WithValue(ctx, holdKey{}, h), h.end
}

type holdKey struct{}

// Hold is the memory of one run or request. It is safe for concurrent use.
type Hold struct {
	budget *Budget
	tenant string

	mu    sync.Mutex
	free  int64
	taken int64 // beyond free, as asked for
	share *share
	ended bool
	after []func(taken int64)
}

// AtEnd has f called when the context's Hold ends, with how many bytes it held
// then beyond what is free. Without a Hold f is never called.
func AtEnd(ctx context.Context, f func(taken int64)) {
	h, ok := ctx.Value(holdKey{}).(*Hold)
	if !ok {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.after = append(h.after, f)
}

// Take takes n bytes for the rest of the context's Hold, or until Give. A Hold
// that needs more than is free for the first time waits. One that has some
// already is refused at once if there is no more, so that no two wait for each
// other. The error is fault.Unavailable with a time to wait. Without a Hold
// nothing is counted.
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

// Give returns bytes that were taken and are not needed.
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
	// A Hold that is larger than the tenant's half by itself must run all the same,
	// alone if necessary.
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
		return errors.New(context.Cause(ctx).Error()) // as text: whatever ended it, the failure is about memory
	}
	h.taken = after
	return nil
}

// resize releases what is held beyond after.
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
