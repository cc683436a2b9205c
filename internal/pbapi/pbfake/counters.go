package pbfake

import (
	"maps"
	"sync"
)

// Names under which callbacks are counted; API calls are counted under the
// operation's id in Productboard's description ("getEntity", ...).
const (
	OpProbe = "probe"
	OpClick = "click"
)

// counters count calls by operation, and by connection and operation.
type counters struct {
	mu         sync.Mutex
	ops        map[string]int
	connection map[connectionKey]map[string]int
}

func newCounters() *counters {
	return &counters{ops: map[string]int{}, connection: map[connectionKey]map[string]int{}}
}

func (c *counters) count(op string, key connectionKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ops[op]++
	if key.entity == "" {
		return
	}
	m := c.connection[key]
	if m == nil {
		m = map[string]int{}
		c.connection[key] = m
	}
	m[op]++
}

func (c *counters) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.ops)
	clear(c.connection)
}

// Calls counts what reached the simulator, and what it sent, by operation.
// Refused calls and calls that a fault ended count as well.
func (f *Fake) Calls() map[string]int {
	f.counters.mu.Lock()
	defer f.counters.mu.Unlock()
	return maps.Clone(f.counters.ops)
}

// ConnectionCalls counts by operation for one connection. Reads of the entity
// are counted with an empty integrationID.
func (f *Fake) ConnectionCalls(integrationID, entityID string) map[string]int {
	f.counters.mu.Lock()
	defer f.counters.mu.Unlock()
	return maps.Clone(f.counters.connection[connectionKey{lower(integrationID), lower(entityID)}])
}

// ResetCalls sets all counters to zero.
func (f *Fake) ResetCalls() { f.counters.reset() }
