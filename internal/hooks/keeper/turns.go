package keeper

import (
	mathrand "math/rand/v2"
	"slices"
	"sync"
)

// caller is an integration whose webhook is to be looked after. silent says that it
// is to be registered in any case.
type caller struct {
	tenant, integration string
	silent              bool
}

// turns hands integrations out, the tenants taking turns. It is safe for concurrent
// use.
type turns struct {
	mu sync.Mutex
	// waiting is by tenant, and order says whose turn is next.
	waiting map[string][]caller
	order   []string
	busy    map[string]int
}

func newTurns(found []caller) *turns {
	t := &turns{waiting: map[string][]caller{}, busy: map[string]int{}}
	for _, c := range found {
		if t.waiting[c.tenant] == nil {
			t.order = append(t.order, c.tenant)
		}
		t.waiting[c.tenant] = append(t.waiting[c.tenant], c)
	}
	// By chance, so that those who come too late now do not do so each time.
	mathrand.Shuffle(len(t.order), func(i, j int) { t.order[i], t.order[j] = t.order[j], t.order[i] }) //nolint:gosec // nothing to guess
	return t
}

// take returns the next one of a tenant that has a place. ok is false where none has:
// whoever holds the places goes on with what waits.
func (t *turns) take() (c caller, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.order, func(tenant string) bool { return t.busy[tenant] < perTenant })
	if i < 0 {
		return caller{}, false
	}
	tenant := t.order[i]
	t.order = slices.Delete(t.order, i, i+1)
	c, t.waiting[tenant] = t.waiting[tenant][0], t.waiting[tenant][1:]
	if len(t.waiting[tenant]) > 0 {
		t.order = append(t.order, tenant)
	}
	t.busy[tenant]++
	return c, true
}

// give gives a place back.
func (t *turns) give(c caller) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.busy[c.tenant]--
}
