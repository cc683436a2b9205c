package connections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
	"pushbutton/internal/targets"
)

// Timing of the state machine. The zero value of each field means its
// default.
type Timing struct {
	// Lease is how long a worker may be silent before another takes over;
	// default 10 s. It is renewed every third of it.
	Lease time.Duration
	// RescueAfter is how long a queued run may wait before the rescuer checks
	// whether its task still is in the queue; default 8 s. It doubles at each
	// check, up to MaxRescueAfter (default 5 min).
	RescueAfter, MaxRescueAfter time.Duration
	// Deadline is when an unfinished push becomes an error; default 10 min.
	Deadline time.Duration
	// Settle is the least pause between telling Productboard and reading
	// back; default 1 s.
	Settle time.Duration
	// Answer is how long after a click Productboard may write its answer, or
	// that there was none; default 10 s: its own limit for the call is 5 s.
	Answer time.Duration
	// SendWindow is how long Productboard may still carry out what a worker sent,
	// after that worker was fenced off. Default Lease + 22 s: a worker may send
	// until its lease ends by its own clock, and a call ends after 20 s.
	SendWindow time.Duration
	// ConfirmDeleted is how long after a reading that did not find an issue
	// another one has to agree before the button says so; default 10 min.
	ConfirmDeleted time.Duration
	// Keep is how long a connection's history is kept after its last entry;
	// default 7 days.
	Keep time.Duration
}

const (
	// historyLength bounds a connection's history in entries.
	historyLength = 60
	// maxOrphans bounds how many issues of unlinked pushes of one button wait to
	// be treated. Beyond it the oldest stay as they are.
	maxOrphans = 20
	// maxItemTitle bounds the title of an item that a record keeps, in characters.
	maxItemTitle = 100
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
	set(&t.RescueAfter, 8*time.Second)
	set(&t.MaxRescueAfter, 5*time.Minute)
	set(&t.Deadline, 10*time.Minute)
	set(&t.Settle, time.Second)
	set(&t.Answer, 10*time.Second)
	set(&t.SendWindow, t.Lease+22*time.Second)
	set(&t.ConfirmDeleted, 10*time.Minute)
	set(&t.Keep, 7*24*time.Hour)
	return t
}

// ErrLost is returned when a worker's change came too late: another worker has
// the run, or a click has made it pointless.
var ErrLost = errors.New("the push is no longer this worker's")

// ErrOverdue is why a lease is not renewed any more although it is still the
// worker's: the push was to be over some time ago.
var ErrOverdue = errors.New("the push is past its deadline")

// Store keeps the records in Redis. It is safe for concurrent use.
type Store struct {
	rdb redis.UniversalClient
	// scripts by transition.
	scripts map[string]*redis.Script
	// importing is apart from the transitions: it treats many records at once.
	importing *redis.Script
	byIssue   *redis.Script
	unindexed *redis.Script
	ties      *redis.Script
	scrapping *redis.Script
	timing    Timing
	limits    TenantLimits
}

// NewStore makes a Store with the deployment's default limits; zero fields of
// timing mean their defaults.
func NewStore(rdb redis.UniversalClient, timing Timing) *Store {
	return NewStoreWith(rdb, timing, TenantLimits{})
}

// NewStoreWith is NewStore with limits for tenants that have none of their
// own; zero fields mean the defaults.
func NewStoreWith(rdb redis.UniversalClient, timing Timing, limits TenantLimits) *Store {
	s := &Store{rdb: rdb, timing: timing.withDefaults(), limits: limits.withDefaults(), importing: redis.NewScript(including(importLua)), byIssue: redis.NewScript(including(byIssueLua)), unindexed: redis.NewScript(including(unindexLua)), ties: redis.NewScript(tiesLua), scrapping: redis.NewScript(scrapLua)}
	s.scripts = scripts(including(transitionsLua), s.constants())
	return s
}

// Timing returns the timing in force.
func (s *Store) Timing() Timing { return s.timing }

// Texts of pushes that were never begun, or not again, in time.
const (
	lateText = "Not begun within the time a push may take: too many pushes were waiting before it, or the tracker takes no calls for now. Push again later."
	lastText = "Not done within the time a push may take. Last tried: "
)

// verdict is the decision of a transition.
type verdict string

const (
	vOK      verdict = "ok"
	vQueued  verdict = "queued"
	vBacklog verdict = "backlog" // it waits in its tenant's backlog
	vSame    verdict = "same"
	vStale   verdict = "stale"
	vBusy    verdict = "busy"
	vKept    verdict = "kept"    // late, but the issue will be seen to
	vPending verdict = "pending" // its task should be in the queue
	vMoved   verdict = "moved"
	vOverdue verdict = "overdue" // queued, to tell that it was never begun in time
	vFull    verdict = "full"    // rejected: TenantLimits.MaxQueued
	vMany    verdict = "many"    // rejected: TenantLimits.MaxConnections
)

type outcome struct {
	verdict verdict
	record  Record
	now     int64
	delay   time.Duration
	granted *Task // runs of other records that got a slot
}

// arguments of a transition. transitions.lua says which ones count.
type arguments struct {
	Run     int64    `json:"run,omitempty"`
	Owner   string   `json:"owner,omitempty"`
	Name    string   `json:"name,omitempty"`
	Email   string   `json:"email,omitempty"`
	Epoch   int      `json:"epoch,omitempty"`
	Issue   any      `json:"issue,omitempty"`
	Failure *Failure `json:"failure,omitempty"`
	Counted bool     `json:"counted,omitempty"`
	Delay   int64    `json:"delay,omitempty"`
	Closed  int64    `json:"closed,omitempty"`
	BMPOnly bool     `json:"bmp,omitempty"`
	Keep    bool     `json:"keep,omitempty"`
	Note    string   `json:"note,omitempty"`
	Title   string   `json:"title,omitempty"`

	Generation int64  `json:"generation,omitempty"`
	Known      string `json:"known,omitempty"`
	Seen       string `json:"seen,omitempty"`
	Reset      bool   `json:"reset,omitempty"`
	Unsure     bool   `json:"unsure,omitempty"`

	MaxInFlight     int `json:"maxinflight,omitempty"`
	MaxQueued       int `json:"maxqueued,omitempty"`
	MaxConnections  int `json:"maxconnections,omitempty"`
	PushesPerSecond int `json:"pushespersecond,omitempty"`
}

// do runs one transition: one round trip.
func (s *Store) do(ctx context.Context, op string, key Key, args arguments) (outcome, error) {
	if !key.Valid() {
		return outcome{}, fault.New(fault.Invalid, "record "+op, "There can be no connection of this name.")
	}
	keys, argv, err := request(op, key, args)
	if err != nil {
		return outcome{}, err
	}
	reply, err := s.scripts[op].Run(ctx, s.rdb, keys, argv...).Slice()
	if err != nil {
		var answered redis.Error
		if errors.As(err, &answered) && key.Entity != "" {
			if unreadable, berr := s.isUnreadable(ctx, key); berr == nil && unreadable {
				return outcome{}, unreadableFault("record "+op, err)
			}
		}
		return outcome{}, redisdb.Fault("record "+op, err)
	}
	return parse(op, key.Tenant, reply)
}

func request(op string, key Key, args arguments) (keys []string, argv []any, err error) {
	doc := []byte(nil)
	if args != (arguments{}) {
		if doc, err = json.Marshal(args); err != nil {
			return nil, nil, fault.Wrap(fault.Internal, "encode "+op, err)
		}
	}
	return []string{recordsKey(key.Tenant, key.Integration)}, []any{op, key.Tenant, key.Integration, key.Entity, doc}, nil
}

func parse(op, tenant string, reply []any) (outcome, error) {
	bad := func() (outcome, error) {
		return outcome{}, &fault.Error{Op: "record " + op, Kind: fault.Internal, Err: fmt.Errorf("unexpected reply of %d parts", len(reply))}
	}
	if len(reply) < 4 || len(reply)%2 != 0 {
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
	for i := len(reply) - 2; i >= 4; i -= 2 {
		name, ok1 := reply[i].(string)
		run, ok2 := reply[i+1].(int64)
		key, err := ParseKey(tenant + "/" + name)
		if !ok1 || !ok2 || err != nil {
			return bad()
		}
		out.granted = &Task{Key: key, Run: run, Next: out.granted}
	}
	if doc != "" {
		if err := json.Unmarshal([]byte(doc), &out.record); err != nil {
			return outcome{}, fault.Wrap(fault.Internal, "record "+op, err)
		}
	}
	return out, nil
}

// Task is what has to be queued: the name of a record, a run of it, and how long
// that run has to wait.
type Task struct {
	Key   Key
	Run   int64
	Delay time.Duration
	// Next is the task of another run that the same transition brought: one of the tenant
	// that waited for the slot which it freed.
	Next *Task
}

func (o outcome) task(key Key) *Task {
	if o.verdict != vQueued && o.verdict != vOverdue {
		return o.granted
	}
	return &Task{Key: key, Run: o.record.Run, Delay: o.delay, Next: o.granted}
}

// Person is who clicked; both fields may be empty.
type Person struct {
	Name  string
	Email string
}

// Longest texts of a click that are kept, in characters.
const maxPersonText = 120

// Push records a push. The task to queue is nil where the same push is under
// way already, or waits in its tenant's backlog. Beyond the tenant's limits
// nothing is recorded and the error is fault.RateLimited, with a sentence for
// whoever clicked.
func (s *Store) Push(ctx context.Context, key Key, by Person) (Record, *Task, error) {
	return s.click(ctx, "push", key, arguments{Name: cut(by.Name, maxPersonText), Email: cut(by.Email, maxPersonText)})
}

// click runs a transition that the tenant's limits may reject.
func (s *Store) click(ctx context.Context, op string, key Key, args arguments) (Record, *Task, error) {
	out, err := s.limited(ctx, op, key, args)
	return out.record, out.task(key), err
}

// limited is do, with an error where a limit rejects the click.
func (s *Store) limited(ctx context.Context, op string, key Key, args arguments) (outcome, error) {
	out, err := s.do(ctx, op, key, args)
	switch out.verdict {
	case vFull:
		return outcome{record: out.record}, fault.New(fault.RateLimited, "push",
			"Too many pushes of this workspace are waiting, so this one was not taken. Push again later, or ask your admin.")
	case vMany:
		return outcome{}, fault.New(fault.RateLimited, "push",
			"This workspace has as many connections as its plan in the push plugin allows. Ask your admin to raise the limit or to remove an integration.")
	default:
		return out, err
	}
}

// Retry is Push for a button that shows an error. began is false, and nothing
// is changed, where it shows something else by now.
func (s *Store) Retry(ctx context.Context, key Key, by Person) (began bool, task *Task, err error) {
	out, err := s.limited(ctx, "retry", key, arguments{Name: cut(by.Name, maxPersonText), Email: cut(by.Email, maxPersonText)})
	return err == nil && out.verdict != vSame, out.task(key), err
}

// Unlink resets the button for good. A worker of the old push can no longer change
// it, and the next push gets an issue of its own.
func (s *Store) Unlink(ctx context.Context, key Key) (Record, *Task, error) {
	out, err := s.do(ctx, "unlink", key, arguments{})
	return out.record, out.task(key), err
}

// Dismiss resets a button that shows an error; it changes nothing else.
func (s *Store) Dismiss(ctx context.Context, key Key) (Record, *Task, error) {
	out, err := s.do(ctx, "dismiss", key, arguments{})
	return out.record, out.task(key), err
}

// Reset has the button show initial again, whatever it shows and whether there
// is a record or not. The issue is left alone, and the next push gets one of
// its own. Limits as in Push.
func (s *Store) Reset(ctx context.Context, key Key) (Record, *Task, error) {
	rec, task, err := s.click(ctx, "reset", key, arguments{})
	if err == nil || !key.Valid() {
		return rec, task, err
	}
	// What cannot be read is begun anew: nothing else can be done with it.
	if unreadable, serr := s.markUnreadable(ctx, key); !unreadable || serr != nil {
		return rec, task, err
	}
	if err := s.unindex(ctx, key); err != nil {
		return Record{}, nil, err
	}
	if err := s.scrap(ctx, key); err != nil {
		return Record{}, nil, err
	}
	return s.click(ctx, "reset", key, arguments{})
}

// Link connects the button to an issue that exists. One that it was connected
// to is left alone. Limits as in Push.
func (s *Store) Link(ctx context.Context, key Key, issue targets.Issue) (Record, *Task, error) {
	if issue.ID == "" {
		return Record{}, nil, fault.New(fault.Invalid, "link", "The issue has no id.")
	}
	return s.click(ctx, "link", key, arguments{Issue: keptIssue(issue), Note: issue.Key})
}

// Recheck has an idle button read back, since Productboard was seen to show
// something else. The task to queue is nil where a run is at it already.
func (s *Store) Recheck(ctx context.Context, key Key) (*Task, error) {
	out, err := s.do(ctx, "recheck", key, arguments{})
	return out.task(key), err
}

// Get reads a record; fault.NotFound where there is none.
func (s *Store) Get(ctx context.Context, key Key) (Record, error) {
	const op = "read record"
	if !key.Valid() {
		return Record{}, fault.New(fault.NotFound, op, "There is no such connection.")
	}
	doc, err := s.rdb.HGet(ctx, recordsKey(key.Tenant, key.Integration), key.Entity).Result()
	if errors.Is(err, redis.Nil) {
		return Record{}, fault.New(fault.NotFound, op, "There is no such connection.")
	}
	if err != nil {
		return Record{}, redisdb.Fault(op, err)
	}
	return decode(op, doc)
}

func decode(op, doc string) (r Record, err error) {
	if err := json.Unmarshal([]byte(doc), &r); err != nil {
		return Record{}, unreadableFault(op, err)
	}
	if !r.State.known() {
		return Record{}, unreadableFault(op, errors.New("it has no state"))
	}
	return r, nil
}
