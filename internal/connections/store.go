package connections

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
)

//go:embed transitions.lua
var transitionsLua string

// Timing of the state machine. The zero value of each field means its
// default.
type Timing struct {
	// Lease is how long a worker may be silent before another takes over;
	// default 10 s. It is renewed every third of it.
	Lease time.Duration
	// Look is how long queued work may wait before the look-out asks whether
	// it still is in the queue; default 8 s, doubled at each look up to
	// MaxLook (default 5 min).
	Look, MaxLook time.Duration
	// Deadline is when an unfinished push becomes an error; default 10 min.
	Deadline time.Duration
	// Settle is the least pause between telling Productboard and reading
	// back; default 1 s.
	Settle time.Duration
	// Answer is how long after a click Productboard may write its answer, or
	// that there was none; default 10 s: its own limit for the call is 5 s.
	Answer time.Duration
	// InFlight is how long what a worker sent to Productboard may still be
	// carried out after the worker was fenced off; default Lease + 22 s: it may
	// send until its lease ends by its own clock, and a call ends after 20 s.
	InFlight time.Duration
	// Keep is how long a connection's history is kept after its last entry;
	// default 7 days.
	Keep time.Duration
}

const (
	// historyLength bounds a connection's history in entries.
	historyLength = 60
	// maxLeft bounds how many issues of unlinked pushes of one button wait to
	// be treated; the oldest are left as they are beyond it.
	maxLeft = 20
	// maxNote bounds a remark in it, in characters.
	maxNote = 160
)

func (t Timing) withDefaults() Timing {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&t.Lease, 10*time.Second)
	set(&t.Look, 8*time.Second)
	set(&t.MaxLook, 5*time.Minute)
	set(&t.Deadline, 10*time.Minute)
	set(&t.Settle, time.Second)
	set(&t.Answer, 10*time.Second)
	set(&t.InFlight, t.Lease+22*time.Second)
	set(&t.Keep, 7*24*time.Hour)
	return t
}

// tag keeps all keys of the machine on one node of a Redis Cluster: a
// transition touches the record, the look-out and the history at once.
const tag = "pb:{push}:"

const (
	lookoutKey = tag + "lookout"
	failedKey  = tag + "failed"
	bellKey    = tag + "bell"
)

func recordKey(k Key) string  { return tag + "c:" + k.String() }
func historyKey(k Key) string { return tag + "h:" + k.String() }

// ErrLost is returned when a worker's change came too late: the work has
// changed hands, or a click has made it pointless.
var ErrLost = errors.New("the push is no longer this worker's")

// Store keeps the records in Redis.
type Store struct {
	rdb    redis.UniversalClient
	script *redis.Script
	timing Timing
}

// NewStore makes a Store; zero fields of timing mean their defaults.
func NewStore(rdb redis.UniversalClient, timing Timing) *Store {
	return &Store{rdb: rdb, script: redis.NewScript(transitionsLua), timing: timing.withDefaults()}
}

// Timing tells the timing in force.
func (s *Store) Timing() Timing { return s.timing }

// verdict is what a transition decided.
type verdict string

const (
	vOK      verdict = "ok"
	vQueued  verdict = "queued"
	vSame    verdict = "same"
	vStale   verdict = "stale"
	vBusy    verdict = "busy"
	vLeft    verdict = "left"
	vWaiting verdict = "waiting"
	vMoved   verdict = "moved"
	vNone    verdict = "none"
)

type outcome struct {
	verdict verdict
	record  Record
	now     int64
	delay   time.Duration
}

// arguments of a transition; which ones count is said in transitions.lua.
type arguments struct {
	Run      int64    `json:"run,omitempty"`
	Owner    string   `json:"owner,omitempty"`
	Name     string   `json:"name,omitempty"`
	Email    string   `json:"email,omitempty"`
	Epoch    int      `json:"epoch,omitempty"`
	Issue    any      `json:"issue,omitempty"`
	Failure  *Failure `json:"failure,omitempty"`
	Counted  bool     `json:"counted,omitempty"`
	Delay    int64    `json:"delay"`
	Note     string   `json:"note,omitempty"`
	Lease    int64    `json:"lease"`
	Look     int64    `json:"look"`
	MaxLook  int64    `json:"maxlook"`
	Deadline int64    `json:"deadline"`
	Settle   int64    `json:"settle"`
	Answer   int64    `json:"answer"`
	InFlight int64    `json:"inflight"`
	Unfenced bool     `json:"unfenced,omitempty"`
	Left     int      `json:"left"`
	Keep     int      `json:"keep"`
	KeepFor  int64    `json:"keepfor"`
	Bell     int      `json:"bell"`
}

// do runs one transition: one round trip.
func (s *Store) do(ctx context.Context, op string, key Key, args arguments) (outcome, error) {
	if !key.Valid() {
		return outcome{}, fault.New(fault.Invalid, "record "+op, "There can be no connection of this name.")
	}
	t := s.timing
	args.Lease, args.Look, args.MaxLook = t.Lease.Milliseconds(), t.Look.Milliseconds(), t.MaxLook.Milliseconds()
	args.Deadline, args.Settle, args.Answer = t.Deadline.Milliseconds(), t.Settle.Milliseconds(), t.Answer.Milliseconds()
	args.Unfenced = !fencing
	args.InFlight = t.InFlight.Milliseconds()
	args.Left, args.Keep, args.KeepFor = maxLeft, historyLength, t.Keep.Milliseconds()
	args.Bell = maxBell
	raw, err := json.Marshal(args)
	if err != nil {
		return outcome{}, fault.Wrap(fault.Internal, "encode "+op, err)
	}
	keys := []string{recordKey(key), lookoutKey, historyKey(key), failedKey, bellKey}
	reply, err := s.script.Run(ctx, s.rdb, keys, op, raw, key.String()).Slice()
	if err != nil {
		return outcome{}, redisFault("record "+op, err)
	}
	return parse(op, reply)
}

func parse(op string, reply []any) (outcome, error) {
	bad := func() (outcome, error) {
		return outcome{}, &fault.Error{Op: "record " + op, Kind: fault.Internal, Err: fmt.Errorf("unexpected reply of %d parts", len(reply))}
	}
	if len(reply) != 4 {
		return bad()
	}
	v, ok1 := reply[0].(string)
	doc, ok2 := reply[1].(string)
	now, ok3 := reply[2].(int64)
	delay, ok4 := reply[3].(int64)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return bad()
	}
	out := outcome{verdict: verdict(v), now: now, delay: time.Duration(delay) * time.Millisecond}
	if doc != "" {
		if err := json.Unmarshal([]byte(doc), &out.record); err != nil {
			return outcome{}, fault.Wrap(fault.Internal, "record "+op, err)
		}
	}
	return out, nil
}

// redisFault says that Redis, not the caller, is to blame.
func redisFault(op string, err error) error {
	e := fault.Wrap(fault.Unavailable, op, err)
	e.Side = "Redis"
	return e
}

// Work is work that has to be queued: what, which run of it, and how long it
// has to wait.
type Work struct {
	Key   Key
	Run   int64
	Delay time.Duration
}

func (o outcome) work(key Key) *Work {
	if o.verdict != vQueued {
		return nil
	}
	return &Work{Key: key, Run: o.record.Run, Delay: o.delay}
}

// Person is who clicked; both fields may be empty.
type Person struct {
	Name  string
	Email string
}

// Longest texts of a click that are kept, in characters.
const maxPersonText = 120

// Push records a push. The work to queue is nil where the same push is under
// way already.
func (s *Store) Push(ctx context.Context, key Key, by Person) (Record, *Work, error) {
	out, err := s.do(ctx, "push", key, arguments{Name: cut(by.Name, maxPersonText), Email: cut(by.Email, maxPersonText)})
	return out.record, out.work(key), err
}

// Unlink resets the button for good: whoever still works for the old push can
// no longer change it, and the next push gets an issue of its own.
func (s *Store) Unlink(ctx context.Context, key Key) (Record, *Work, error) {
	out, err := s.do(ctx, "unlink", key, arguments{})
	return out.record, out.work(key), err
}

// Dismiss resets a button that shows an error; it changes nothing else.
func (s *Store) Dismiss(ctx context.Context, key Key) (Record, *Work, error) {
	out, err := s.do(ctx, "dismiss", key, arguments{})
	return out.record, out.work(key), err
}

// Recheck has an idle button read back, since Productboard was seen to show
// something else. The work to queue is nil where somebody is at it already.
func (s *Store) Recheck(ctx context.Context, key Key) (*Work, error) {
	out, err := s.do(ctx, "recheck", key, arguments{})
	return out.work(key), err
}

// Get reads a record; fault.NotFound where there is none.
func (s *Store) Get(ctx context.Context, key Key) (Record, error) {
	out, err := s.do(ctx, "read", key, arguments{})
	if err == nil && out.verdict == vNone {
		return Record{}, fault.New(fault.NotFound, "read record", "There is no such connection.")
	}
	return out.record, err
}

// Event is one line of a connection's history.
type Event struct {
	At         int64  `json:"at"`
	What       string `json:"op"`
	Generation int64  `json:"g"`
	Run        int64  `json:"r"`
	State      State  `json:"s"`
	Note       string `json:"n,omitempty"`
}

// History tells what happened to a connection, oldest first.
func (s *Store) History(ctx context.Context, key Key) ([]Event, error) {
	lines, err := s.rdb.LRange(ctx, historyKey(key), 0, -1).Result()
	if err != nil {
		return nil, redisFault("read history", err)
	}
	events := make([]Event, 0, len(lines))
	for _, line := range lines {
		var e Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			return nil, fault.Wrap(fault.Internal, "read history", err)
		}
		events = append(events, e)
	}
	return events, nil
}
