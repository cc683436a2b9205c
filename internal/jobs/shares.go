package jobs

import (
	"errors"
	"sync"
)

// errShare hands a task back to the queue for a second.
var errShare = errors.New("the tenant has its share of this worker's slots")

// shares counts what each tenant has of a worker's slots. By its credits alone
// a tenant with a limit of its own could fill a small worker.
type shares struct {
	most int

	mu  sync.Mutex
	has map[string]int
}

// enter takes one for a tenant; false if it has its share.
func (s *shares) enter(tenant string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.has[tenant] >= s.most {
		return false
	}
	if s.has == nil {
		s.has = map[string]int{}
	}
	s.has[tenant]++
	return true
}

func (s *shares) leave(tenant string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.has[tenant]--; s.has[tenant] == 0 {
		delete(s.has, tenant)
	}
}
