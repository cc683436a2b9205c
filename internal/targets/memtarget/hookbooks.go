package memtarget

import (
	"errors"
	"maps"
	"slices"
	"time"
)

// maxLogged bounds each log of the webhooks.
const maxLogged = 20_000

var errNoDelivery = errors.New("no such delivery, or it is too old")

// What is special about a delivery.
const (
	KindLost      = "lost"
	KindDoubled   = "doubled"
	KindLate      = "late"
	KindReordered = "reordered"
	KindReplayed  = "replayed"
	KindForged    = "forged"
	// KindAgain was asked for by a person.
	KindAgain = "again"
)

// The changes that webhooks tell.
const (
	ChangeStatus   = "status"
	ChangeTitle    = "title"
	ChangeMoved    = "moved"   // to the project that the issue leaves
	ChangeArrived  = "arrived" // to the one where it is now
	ChangeTrashed  = "trashed"
	ChangeRestored = "restored"
	ChangeHidden   = "hidden"
	ChangeShown    = "shown"
	ChangeDeleted  = "deleted"
)

// Change is a change of an issue, whether or not a webhook told of it.
type Change struct {
	Seq   int       `json:"seq"`
	Issue string    `json:"issue"`
	What  string    `json:"what"`
	At    time.Time `json:"at"`
}

// Delivery is one try to deliver a webhook, or a lost one.
type Delivery struct {
	Seq  int    `json:"seq"`
	Hook string `json:"hook"`
	URL  string `json:"url"`
	// ID is the same for each try, and for a copy of it.
	ID    string `json:"delivery"`
	Issue string `json:"issue"`
	What  string `json:"what"`
	// Kind is empty for a delivery to which nothing happened.
	Kind string `json:"kind,omitempty"`
	Try  int    `json:"try"`
	// ChangedAt is when the issue changed, and SentAt when this try began; it ended
	// TookMS milliseconds later.
	ChangedAt time.Time `json:"changedAt"`
	SentAt    time.Time `json:"sentAt"`
	TookMS    int64     `json:"tookMs"`
	// Status is the answer's; 0: there was none, and Error says why.
	Status int    `json:"status,omitempty"`
	Error  string `json:"error,omitempty"`

	signature string
	body      []byte
}

// HookStats counts what became of webhooks.
type HookStats struct {
	// Changes counts those of issues, with or without webhooks.
	Changes int `json:"changes"`
	// Sent counts requests, and Delivered those answered with 2xx; neither has forged ones.
	Sent      int `json:"sent"`
	Delivered int `json:"delivered"`
	Lost      int `json:"lost"`
	Doubled   int `json:"doubled"`
	Late      int `json:"late"`
	Reordered int `json:"reordered"`
	Replayed  int `json:"replayed"`
	Forged    int `json:"forged"`
	Retried   int `json:"retried"`
	// GivenUp counts deliveries whose last try failed, and Dropped those that found
	// the queue full.
	GivenUp int `json:"givenUp"`
	Dropped int `json:"dropped"`
	// Pending is how many are queued or under way.
	Pending int `json:"pending"`
	// Answers and ForgedAnswers count answers by status; "none" is no answer.
	Answers       map[string]int `json:"answers"`
	ForgedAnswers map[string]int `json:"forgedAnswers"`
}

func newHookStats() HookStats {
	return HookStats{Answers: map[string]int{}, ForgedAnswers: map[string]int{}}
}

// count counts a delivery of a kind.
func (s *HookStats) count(kind string) {
	switch kind {
	case KindLost:
		s.Lost++
	case KindDoubled:
		s.Doubled++
	case KindLate:
		s.Late++
	case KindReordered:
		s.Reordered++
	case KindReplayed:
		s.Replayed++
	case KindForged:
		s.Forged++
	}
}

// HookStats returns what became of webhooks so far.
func (t *Tracker) HookStats() HookStats {
	s := t.sender
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.stats
	out.Pending = s.queue.Len() + s.underWay
	out.Answers, out.ForgedAnswers = maps.Clone(out.Answers), maps.Clone(out.ForgedAnswers)
	return out
}

// Changes lists the changes after the one numbered after, at most limit (0: all that
// are kept).
func (t *Tracker) Changes(after, limit int) []Change {
	t.sender.mu.Lock()
	defer t.sender.mu.Unlock()
	return page(t.sender.changes, after, limit, func(c Change) int { return c.Seq })
}

// Deliveries lists the tries to deliver after the one numbered after, at most limit
// (0: all that are kept).
func (t *Tracker) Deliveries(after, limit int) []Delivery {
	t.sender.mu.Lock()
	defer t.sender.mu.Unlock()
	return page(t.sender.deliveries, after, limit, func(d Delivery) int { return d.Seq })
}

func page[T any](all []T, after, limit int, seq func(T) int) []T {
	at, _ := slices.BinarySearchFunc(all, after+1, func(have T, want int) int { return seq(have) - want })
	all = all[at:]
	if limit > 0 && limit < len(all) {
		all = all[:limit]
	}
	return append([]T{}, all...)
}

// keep adds to a log, and forgets a tenth of it when it is full.
func keep[T any](all []T, next T) []T {
	if len(all) >= maxLogged {
		all = append(make([]T, 0, maxLogged), all[maxLogged/10:]...)
	}
	return append(all, next)
}

// SendAgain sends a delivery of the log once more, byte for byte. A lost one is sent.
func (t *Tracker) SendAgain(seq int) error {
	s := t.sender
	s.mu.Lock()
	defer s.mu.Unlock()
	at, found := slices.BinarySearchFunc(s.deliveries, seq, func(have Delivery, want int) int { return have.Seq - want })
	if !found {
		return errNoDelivery
	}
	s.push(s.copyOf(s.deliveries[at], KindAgain))
	return nil
}
