package targets

import (
	"context"
	"sync"
	"time"
)

// memoLife is how long a look-up is believed. An admin's change shows in the
// buttons that much later at most. A refused create ends it at once, where the
// driver calls Forget.
const memoLife = 10 * time.Minute

// Memo remembers one thing that was looked up in a tracker, for ten minutes.
// The zero value knows nothing yet. It is safe for concurrent use; two callers
// that miss it at the same time both look it up, which does no harm.
type Memo[T any] struct {
	mu    sync.Mutex
	known T
	until time.Time
}

// Get returns what is known, else what load finds. An error is not remembered.
func (m *Memo[T]) Get(ctx context.Context, load func(context.Context) (T, error)) (T, error) {
	m.mu.Lock()
	known, fresh := m.known, time.Now().Before(m.until)
	m.mu.Unlock()
	if fresh {
		return known, nil
	}
	return m.Renew(ctx, load)
}

// Renew looks it up whatever is known, for a caller that needs the look-up
// itself as a check. After an error what was known stays.
func (m *Memo[T]) Renew(ctx context.Context, load func(context.Context) (T, error)) (T, error) {
	made, err := load(ctx)
	if err != nil {
		var none T
		return none, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known, m.until = made, time.Now().Add(memoLife)
	return made, nil
}

// Last returns what was looked up last, however long ago; ok is false if
// nothing is known.
func (m *Memo[T]) Last() (known T, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.known, !m.until.IsZero()
}

// Forget drops what is known, so that the next Get looks it up.
func (m *Memo[T]) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	var none T
	m.known, m.until = none, time.Time{}
}

// Remembered is a Memo that knows its look-up: what the names in an
// integration's settings mean in the tracker.
type Remembered[T any] struct {
	memo Memo[T]
	load func(context.Context) (T, error)
}

// Remember returns a Remembered that knows nothing yet.
func Remember[T any](load func(context.Context) (T, error)) *Remembered[T] {
	return &Remembered[T]{load: load}
}

// Get returns what is known, else what the look-up finds.
func (r *Remembered[T]) Get(ctx context.Context) (T, error) { return r.memo.Get(ctx, r.load) }

// Renew looks it up whatever is known.
func (r *Remembered[T]) Renew(ctx context.Context) (T, error) { return r.memo.Renew(ctx, r.load) }

// Last returns what was looked up last, as Memo.Last does.
func (r *Remembered[T]) Last() (known T, ok bool) { return r.memo.Last() }

// Forget drops what is known, so that the next Get looks it up.
func (r *Remembered[T]) Forget() { r.memo.Forget() }
