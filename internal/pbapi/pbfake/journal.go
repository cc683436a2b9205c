package pbfake

import (
	"sync"
	"time"
)

// EventKind says what an Event is about.
type EventKind string

// The kinds of events.
const (
	// EventClick: a button was clicked; the notification is being sent.
	EventClick EventKind = "click"
	// EventAnswer: the plugin's answer to a click arrived, or failed to.
	EventAnswer EventKind = "answer"
	// EventWrite: the state of a connection was written.
	EventWrite EventKind = "write"
	// EventProbe: an action URL was probed.
	EventProbe EventKind = "probe"
	// EventFault: a fault was applied to a request or a callback.
	EventFault EventKind = "fault"
	// EventRequestRefused: a request of the API was refused.
	EventRequestRefused EventKind = "refused"
	// EventIntegration: an integration was created, updated or deleted.
	EventIntegration EventKind = "integration"
	// EventSettings: faults or entities changed.
	EventSettings EventKind = "settings"
)

// Who wrote a state.
const (
	SourcePut        = "put"
	SourceDelete     = "delete"
	SourceAnswer     = "answer"
	SourceLateAnswer = "late answer"
)

// Event is one thing that happened. Only the fields that make sense for its
// kind are set.
type Event struct {
	// Seq counts the events from 1.
	Seq           uint64        `json:"seq"`
	Time          time.Time     `json:"time"`
	Kind          EventKind     `json:"kind"`
	IntegrationID string        `json:"integrationId,omitempty"`
	EntityID      string        `json:"entityId,omitempty"`
	Op            string        `json:"op,omitempty"`
	Trigger       Trigger       `json:"trigger,omitempty"`
	Status        int           `json:"status,omitempty"`
	Took          time.Duration `json:"-"` // in the control API: tookMs
	// State is what was written; Source says by whom; Before names the state
	// that it replaced.
	State  *State `json:"state,omitempty"`
	Source string `json:"source,omitempty"`
	Before string `json:"before,omitempty"`
	// Waiting is the number of clicks on this button that are not answered
	// yet.
	Waiting int `json:"waiting,omitempty"`
	// Detail is a remark for people.
	Detail string `json:"detail,omitempty"`
}

// subscriberBuffer is how many events a subscriber may lag behind.
const subscriberBuffer = 512

// journal keeps the last events and hands new ones to subscribers.
type journal struct {
	mu     sync.Mutex
	ring   []Event
	seq    uint64
	subs   map[chan Event]struct{}
	closed bool
}

func newJournal(size int) *journal {
	return &journal{ring: make([]Event, size), subs: map[chan Event]struct{}{}}
}

func (j *journal) add(e Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seq++
	e.Seq = j.seq
	j.ring[(j.seq-1)%uint64(len(j.ring))] = e
	for ch := range j.subs {
		select {
		case ch <- e:
		default:
			// It lags too far behind: it must start over from the journal.
			delete(j.subs, ch)
			close(ch)
		}
	}
}

// since returns at most limit events after seq, oldest first, and the number of
// the last event that there is.
func (j *journal) since(seq uint64, limit int) ([]Event, uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	first := uint64(1)
	if size := uint64(len(j.ring)); j.seq > size {
		first = j.seq - size + 1
	}
	first = max(first, seq+1)
	var out []Event
	for s := first; s <= j.seq && len(out) < limit; s++ {
		out = append(out, j.ring[(s-1)%uint64(len(j.ring))])
	}
	return out, j.seq
}

func (j *journal) subscribe() (<-chan Event, func()) {
	ch := make(chan Event, subscriberBuffer)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		close(ch)
		return ch, func() {}
	}
	j.subs[ch] = struct{}{}
	return ch, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		if _, there := j.subs[ch]; there {
			delete(j.subs, ch)
			close(ch)
		}
	}
}

func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	for ch := range j.subs {
		delete(j.subs, ch)
		close(ch)
	}
}

// Journal returns the events after the one numbered since, oldest first, at
// most limit of them, and the number of the last event that there is. Old
// events are forgotten (Options.JournalSize): a first event that is not
// since+1 means that some are missing.
func (f *Fake) Journal(since uint64, limit int) ([]Event, uint64) {
	return f.journal.since(since, limit)
}

// Subscribe returns the events from now on. The channel is closed when the
// subscriber lags more than 512 events behind, when cancel is called, and by
// Close.
func (f *Fake) Subscribe() (events <-chan Event, cancel func()) { return f.journal.subscribe() }

func (f *Fake) record(e Event) {
	e.Time = f.clock.Now().UTC()
	f.journal.add(e)
}
