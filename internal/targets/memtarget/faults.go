package memtarget

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"time"
)

// Effect is the effect of a Fault on a request.
type Effect string

// The effects.
const (
	// EffectStatus answers with Fault.Status.
	EffectStatus Effect = "status"
	// EffectHold does not answer until the client has gone.
	EffectHold Effect = "hold"
	// EffectReset cuts the connection.
	EffectReset Effect = "reset"
	// EffectGarble answers 201 with a body that is no JSON.
	EffectGarble Effect = "garble"
	// EffectSlow waits for Fault.DelayMS, then goes on as if nothing were.
	EffectSlow Effect = "slow"
)

// Operation is a sort of request.
type Operation string

// The operations that faults tell apart; everything else is OpOther.
const (
	OpCreate Operation = "create"
	OpFind   Operation = "find"
	OpOther  Operation = "other"
)

// Limits of what may be ordered.
const (
	maxDelay  = 5 * time.Minute
	maxOrders = 1000
)

// Fault is one misbehaviour.
type Fault struct {
	Effect Effect `json:"effect"`
	// After applies to creates: the issue is made first, so that the client
	// cannot know.
	After bool `json:"after,omitempty"`
	// Status is that of EffectStatus; RetryAfter, in seconds, goes with it.
	Status     int `json:"status,omitempty"`
	RetryAfter int `json:"retryAfter,omitempty"`
	// DelayMS is that of EffectSlow, in milliseconds, at most 5 minutes.
	DelayMS int `json:"delayMs,omitempty"`
}

func (f Fault) String() string {
	s := string(f.Effect)
	if f.Effect == EffectStatus {
		s = fmt.Sprintf("status %d", f.Status)
	}
	if f.After {
		s += " after create"
	}
	return s
}

// Chance is a Fault that befalls a share of an operation's requests.
type Chance struct {
	On    Operation `json:"on"`
	P     float64   `json:"p"` // 0 to 1
	Fault Fault     `json:"fault"`
}

// Faults is everything that a Tracker is to do wrong.
type Faults struct {
	// LagMS is how long Find does not see a new issue, in milliseconds.
	LagMS int `json:"lagMs"`
	// Next befall the next creates, one each.
	Next []Fault `json:"next,omitempty"`
	// Random befall requests by chance. Whether one is hit depends on Seed,
	// the issue (its project and title) and the count of such requests for it
	// alone, so that the same seed gives the same faults however the requests
	// are interleaved, and whatever the markers are.
	Seed   uint64   `json:"seed"`
	Random []Chance `json:"random,omitempty"`
}

// Validate reports what cannot be carried out.
func (f Faults) Validate() error {
	var errs []error
	if len(f.Next) > maxOrders || len(f.Random) > maxOrders {
		errs = append(errs, fmt.Errorf("at most %d entries", maxOrders))
	}
	if f.LagMS < 0 || time.Duration(f.LagMS)*time.Millisecond > maxDelay {
		errs = append(errs, fmt.Errorf("lagMs must be 0 to %d", maxDelay.Milliseconds()))
	}
	for i, next := range f.Next {
		errs = append(errs, next.validate(fmt.Sprintf("next[%d]", i)))
	}
	for i, c := range f.Random {
		path := fmt.Sprintf("random[%d]", i)
		if c.On != OpCreate && c.On != OpFind && c.On != OpOther {
			errs = append(errs, fmt.Errorf("%s.on must be create, find or other", path))
		}
		if !(c.P >= 0 && c.P <= 1) {
			errs = append(errs, fmt.Errorf("%s.p must be 0 to 1", path))
		}
		errs = append(errs, c.Fault.validate(path+".fault"))
	}
	return errors.Join(errs...)
}

func (f Fault) validate(path string) error {
	switch f.Effect {
	case EffectStatus:
		if f.Status < 300 || f.Status > 599 || http.StatusText(f.Status) == "" {
			return fmt.Errorf("%s.status must be an HTTP status from 300 to 599", path)
		}
	case EffectSlow:
		if f.DelayMS < 1 || time.Duration(f.DelayMS)*time.Millisecond > maxDelay {
			return fmt.Errorf("%s.delayMs must be 1 to %d", path, maxDelay.Milliseconds())
		}
	case EffectHold, EffectReset, EffectGarble:
	default:
		return fmt.Errorf("%s.effect must be status, hold, reset, garble or slow", path)
	}
	return nil
}

// faults is the Faults in force and what was used of them.
type faults struct {
	Faults
	counts map[string]int
	// subjects are the issues that creates were about, by their markers.
	subjects map[string]string
}

// SetFaults replaces what the tracker is to do wrong; the zero value ends it.
func (t *Tracker) SetFaults(f Faults) error {
	if err := f.Validate(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = faults{Faults: f, counts: map[string]int{}, subjects: map[string]string{}}
	return nil
}

// Faults returns what is in force; Next is what is left of it.
func (t *Tracker) Faults() Faults {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.faults.Faults
}

// strikeCreate decides the fault of a create.
func (t *Tracker) strikeCreate(project string, in newIssue) *Fault {
	subject := project + " " + in.Title
	t.mu.Lock()
	if len(t.faults.Random) > 0 && len(t.faults.subjects) < t.maxIssues {
		t.faults.subjects[in.Marker] = subject
	}
	t.mu.Unlock()
	return t.strike(OpCreate, subject)
}

// subjectOf names the issue that a request with a marker or an id is about.
func (t *Tracker) subjectOf(marker, id string) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if r := t.byID(id); r != nil {
		return r.Project + " " + r.Title
	}
	if subject, ok := t.faults.subjects[marker]; ok {
		return subject
	}
	return marker + id
}

// strike decides the fault of one request, nil for none. subject is what the
// request is about.
func (t *Tracker) strike(op Operation, subject string) *Fault {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := &t.faults
	if op == OpCreate && len(f.Next) > 0 {
		next := f.Next[0]
		f.Next = f.Next[1:]
		return &next
	}
	if len(f.Random) == 0 {
		return nil
	}
	key := string(op) + " " + subject
	if len(f.counts) > t.maxIssues*2 {
		clear(f.counts) // asked for by strangers' ids; replay is lost, memory is not
	}
	f.counts[key]++
	at := dice(f.Seed, key, f.counts[key])
	for _, c := range f.Random {
		if c.On != op {
			continue
		}
		if at < c.P {
			hit := c.Fault
			return &hit
		}
		at -= c.P
	}
	return nil
}

// dice returns a number in [0, 1) that depends on its arguments alone.
func dice(seed uint64, key string, n int) float64 {
	h := fnv.New64a()
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], seed)
	binary.LittleEndian.PutUint64(b[8:], uint64(n)) //nolint:gosec // a count
	_, _ = h.Write(b[:])
	_, _ = h.Write([]byte(key))
	// FNV's high bits move little between close keys: mix (MurmurHash3's
	// finaliser).
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	x ^= x >> 33
	return float64(x>>11) / (1 << 53)
}
