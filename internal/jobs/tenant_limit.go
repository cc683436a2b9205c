package jobs

import (
	"errors"
	"sync"
)

// errTenantLimit hands a task back to the queue for a second.
var errTenantLimit = errors.New("the tenant has its share of this worker's places")

// tenantLimit bounds how many of a worker's places one tenant has. The tenant's
// slots alone do not: with a high limit a tenant could fill a small worker.
type tenantLimit struct {
	most int

	mu      sync.Mutex
	running map[string]int
}

// acquire takes a place for a tenant. It returns false if the tenant has its share.
func (l *tenantLimit) acquire(tenant string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running[tenant] >= l.most {
		return false
	}
	if l.running == nil {
		l.running = map[string]int{}
	}
	l.running[tenant]++
	return true
}

// release gives a place back.
func (l *tenantLimit) release(tenant string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running[tenant]--; l.running[tenant] == 0 {
		delete(l.running, tenant)
	}
}
