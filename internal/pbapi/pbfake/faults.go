package pbfake

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Class is the group of operations that a fault concerns.
type Class string

// The classes. A request of the API belongs to one of the first four and to
// ClassAPI.
const (
	ClassEntityRead    Class = "entity.read"
	ClassConnectionPut Class = "connection.put" // PUT and DELETE of a connection
	ClassConnectionGet Class = "connection.get" // get, list and search
	ClassIntegration   Class = "integration"
	ClassAPI           Class = "api"
	// ClassCallback is a click's notification on its way to the plugin.
	ClassCallback Class = "callback"
	// ClassOAuth is a request of the token or the revoke endpoint.
	ClassOAuth Class = "oauth"
	// ClassProbe is a probe on its way to the plugin.
	ClassProbe Class = "probe"
)

// FaultKind says what goes wrong.
type FaultKind string

// The kinds of faults.
const (
	// FaultDelay holds a request back for Fault.Delay before it is looked at;
	// a callback, before it is sent.
	FaultDelay FaultKind = "delay"
	// FaultStatus answers with Fault.Status in place of doing anything (429
	// with Retry-After); for a callback, a proxy answers in the plugin's
	// place.
	FaultStatus FaultKind = "status"
	// FaultDropBefore breaks the connection before anything is done.
	FaultDropBefore FaultKind = "drop-before"
	// FaultDropAfter does everything and breaks the connection in place of
	// the reply: whoever called cannot know.
	FaultDropAfter FaultKind = "drop-after"
	// FaultLost answers a PUT or DELETE of a connection as if it had been
	// done.
	FaultLost FaultKind = "lost"
	// FaultLateAnswer writes the answer to a click only after Fault.Delay,
	// over whatever was written meanwhile.
	FaultLateAnswer FaultKind = "late-answer"
)

// maxDelay bounds Fault.Delay and Fault.RetryAfter.
const maxDelay = 10 * time.Minute

// maxFaults bounds how many faults can be set at a time.
const maxFaults = 100

// Fault is something that goes wrong now and then until it is cleared.
type Fault struct {
	// ID names the fault; SetFault replaces one of the same id, and makes an
	// id where there is none.
	ID    string
	Class Class
	Kind  FaultKind
	// Status is for FaultStatus: 400 to 599.
	Status int
	// RetryAfter goes with status 429, in whole seconds, rounded up; 1 s if
	// zero. With 503 it is sent if it is not zero.
	RetryAfter time.Duration
	// Delay is for FaultDelay and FaultLateAnswer.
	Delay time.Duration
	// Probability is how often it happens, 0 < p <= 1; zero means always.
	Probability float64
	// Count is how many times it happens before it clears itself; zero means
	// until it is cleared.
	Count int
	// IntegrationID and EntityID, if set, narrow it down.
	IntegrationID string
	EntityID      string
}

func (f Fault) validate() error {
	classes := []Class{ClassEntityRead, ClassConnectionPut, ClassConnectionGet, ClassIntegration, ClassAPI, ClassOAuth, ClassCallback, ClassProbe}
	switch {
	case !slices.Contains(classes, f.Class):
		return fmt.Errorf("class: must be one of %v", classes)
	case f.Probability < 0 || f.Probability > 1:
		return errors.New("probability: must be between 0 and 1")
	case f.Count < 0:
		return errors.New("count: must not be negative")
	case f.Delay < 0 || f.Delay > maxDelay || f.RetryAfter < 0 || f.RetryAfter > maxDelay:
		return fmt.Errorf("delay, retryAfter: must be between 0 and %s", maxDelay)
	}
	switch f.Kind {
	case FaultDropBefore, FaultDropAfter:
	case FaultDelay:
		if f.Delay == 0 {
			return errors.New("delay: is missing")
		}
	case FaultStatus:
		if f.Status < 400 || f.Status > 599 {
			return errors.New("status: must be between 400 and 599")
		}
	case FaultLost:
		if f.Class != ClassConnectionPut {
			return errors.New("kind: lost goes with the class connection.put only")
		}
	case FaultLateAnswer:
		if f.Class != ClassCallback || f.Delay == 0 {
			return errors.New("kind: late-answer goes with the class callback only, and needs a delay")
		}
	default:
		return errors.New("kind: must be delay, status, drop-before, drop-after, lost or late-answer")
	}
	return nil
}

// effects holds the effects of the faults on one request.
type effects struct {
	delay, late           time.Duration
	status                int
	retryAfter            time.Duration
	dropBefore, dropAfter bool
	lost                  bool
	applied               []string
}

// faultSet holds the faults that are set.
type faultSet struct {
	mu     sync.Mutex
	faults []Fault
	next   int
	seed   uint64
	dice   map[string]*rand.Rand
}

func newFaultSet(seed uint64) *faultSet {
	return &faultSet{seed: seed, dice: map[string]*rand.Rand{}}
}

// maxDice bounds how many streams of chance are kept.
const maxDice = 200_000

// hits rolls a fault's dice. Each fault has dice of its own for each entity,
// so that a seed repeats what befalls an entity however the requests for
// others come in between.
func (s *faultSet) hits(f *Fault, entity string) bool {
	key := f.ID + " " + entity
	r := s.dice[key]
	if r == nil {
		if len(s.dice) >= maxDice {
			clear(s.dice)
		}
		h := fnv.New64a()
		_, _ = h.Write([]byte(key))
		r = newRand(s.seed, h.Sum64())
		s.dice[key] = r
	}
	return r.Float64() < f.Probability
}

func (s *faultSet) set(f Fault) (string, error) {
	f.IntegrationID, f.EntityID = lower(f.IntegrationID), lower(f.EntityID)
	if err := f.validate(); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.ID == "" {
		s.next++
		f.ID = "fault-" + strconv.Itoa(s.next)
	}
	if i := slices.IndexFunc(s.faults, func(o Fault) bool { return o.ID == f.ID }); i >= 0 {
		s.faults[i] = f
		return f.ID, nil
	}
	if len(s.faults) == maxFaults {
		return "", fmt.Errorf("there are %d faults already", maxFaults)
	}
	s.faults = append(s.faults, f)
	return f.ID, nil
}

func (s *faultSet) clear(ids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = slices.DeleteFunc(s.faults, func(f Fault) bool { return len(ids) == 0 || slices.Contains(ids, f.ID) })
}

func (s *faultSet) list() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.faults)
}

// take returns what happens to one request of some classes, and uses up counts.
func (s *faultSet) take(key connectionKey, classes ...Class) effects {
	s.mu.Lock()
	defer s.mu.Unlock()
	var e effects
	for i := range s.faults {
		f := &s.faults[i]
		switch {
		case !slices.Contains(classes, f.Class),
			f.IntegrationID != "" && f.IntegrationID != key.integration,
			f.EntityID != "" && f.EntityID != key.entity,
			f.Probability > 0 && !s.hits(f, key.entity):
			continue
		}
		if f.Count > 0 {
			f.Count--
			if f.Count == 0 {
				f.Count = -1 // used up
			}
		}
		e.add(*f)
	}
	s.faults = slices.DeleteFunc(s.faults, func(f Fault) bool { return f.Count < 0 })
	return e
}

// strike returns what the faults do to one request, and writes it down.
func (f *Fake) strike(op string, key connectionKey, classes ...Class) effects {
	e := f.faults.take(key, classes...)
	if len(e.applied) > 0 {
		f.record(Event{Kind: EventFault, Op: op, IntegrationID: key.integration, EntityID: key.entity, Detail: strings.Join(e.applied, ", ")})
	}
	return e
}

// add lets delays add up; of several statuses the first counts.
func (e *effects) add(f Fault) {
	e.applied = append(e.applied, f.String())
	switch f.Kind {
	case FaultDelay:
		e.delay += f.Delay
	case FaultStatus:
		if e.status == 0 {
			e.status, e.retryAfter = f.Status, f.RetryAfter
		}
	case FaultDropBefore:
		e.dropBefore = true
	case FaultDropAfter:
		e.dropAfter = true
	case FaultLost:
		e.lost = true
	case FaultLateAnswer:
		e.late = max(e.late, f.Delay)
	}
}

// String describes the fault for people.
func (f Fault) String() string {
	s := string(f.Kind)
	switch f.Kind {
	case FaultDelay, FaultLateAnswer:
		s += " " + f.Delay.String()
	case FaultStatus:
		s = strconv.Itoa(f.Status)
	case FaultDropBefore, FaultDropAfter, FaultLost:
	}
	return s + " at " + string(f.Class)
}

// SetFault switches a fault on. It returns the fault's id, or an error that
// names the wrong field.
func (f *Fake) SetFault(fault Fault) (string, error) {
	id, err := f.faults.set(fault)
	if err == nil {
		f.record(Event{Kind: EventSettings, Detail: "fault set: " + fault.String()})
	}
	return id, err
}

// ClearFaults switches the named faults off; without names, all of them.
func (f *Fake) ClearFaults(ids ...string) {
	f.faults.clear(ids...)
	f.record(Event{Kind: EventSettings, Detail: "faults cleared"})
}

// Faults lists the faults that are set.
func (f *Fake) Faults() []Fault { return f.faults.list() }

// injected is the reply of FaultStatus. What comes from Productboard's
// service has its error shape, what comes from a gateway before it has not.
func (f *Fake) injected(w http.ResponseWriter, e effects) {
	if secs := int64((e.retryAfter + time.Second - 1) / time.Second); secs > 0 || e.status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", strconv.FormatInt(max(secs, 1), 10))
	}
	switch e.status {
	case http.StatusTooManyRequests:
		f.writeError(w, tooManyRequests())
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(e.status)
		_, _ = fmt.Fprintf(w, "<html><body><h1>%d %s</h1></body></html>", e.status, http.StatusText(e.status))
	default:
		f.writeError(w, fail(e.status, codeServer, "Internal server error", "An unexpected error occurred while processing your request."))
	}
}
