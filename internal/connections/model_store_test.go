package connections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/targets"
)

// Time in the model goes in ticks. The limits stand to each other as the real
// ones do, only shorter; one tick is one millisecond of the script's.
const (
	tick = time.Millisecond

	leaseTicks  = 3 // Timing.Lease; renewed each tick by a worker that is not frozen
	rescueTicks = 2 // Timing.RescueAfter
	settleTicks = 1 // Timing.Settle
	answerTicks = 2 // Timing.Answer: longer than an answer to a click takes
	landTicks   = 1 // how long Productboard may process an answer
	callTicks   = 4 // outbound.DefaultTimeout: how long a PUT may take
	createTicks = 3 // actions.CreateTimeout
	lagTicks    = 1 // targets.Traits.Consistency
	lookUpTicks = createTicks + lagTicks + 1
	// sendWindowTicks is Timing.SendWindow: a worker that was fenced off may send
	// until its lease ends by its own clock.
	sendWindowTicks = leaseTicks + callTicks + 1
	// stallTicks is how long a worker may be frozen between its last look at
	// the fence and its write, see rules.window: long enough for another to
	// have sent a second create. lookAgainTicks is actions.lookAgain.
	stallTicks     = lookUpTicks + 2
	lookAgainTicks = stallTicks + lagTicks + 1
)

// rules are what a model's world is made of.
type rules struct {
	script string
	// window lets a worker be frozen between its last look at the fence and
	// its write of a create: there, and only there, a second issue may arise.
	window bool
	// What mutants do otherwise: a create's deadline begins after its intent,
	// a look-up that finds nothing is believed at once, no second issue is
	// looked for, what a lease lets send late is not waited for.
	lateDeadline, noLookUp, noDeduplication, shortSendWindow bool
}

func (r rules) timing() Timing {
	sendWindow := sendWindowTicks * tick
	if r.shortSendWindow {
		sendWindow -= leaseTicks * tick
	}
	return Timing{ConfirmDeleted: tick, Lease: leaseTicks * tick, RescueAfter: rescueTicks * tick, MaxRescueAfter: 2 * rescueTicks * tick,
		Settle: settleTicks * tick, Answer: answerTicks * tick, SendWindow: sendWindow}
}

// lookUp is after how many ticks an issue that cannot be found is given up.
func (r rules) lookUp() int {
	if r.noLookUp {
		return 0
	}
	return lookUpTicks
}

// lookAgain is the same where nobody waits for it, and for second issues.
// Without the window no create is as late as that.
func (r rules) lookAgain() int {
	if r.window {
		return lookAgainTicks
	}
	return r.lookUp()
}

// The model's present: each state is kept as if it were now, with all its
// times moved along. So states that differ by their date alone are one.
const (
	present = 1_000_000_000
	someAge = present / 2 // numbers beyond are times
	someRun = 1000        // the current run of each state, likewise
)

// modelStore is the real Store, on a Redis whose state is a value.
type modelStore struct {
	rules
	t        testing.TB
	past     float64 // nothing asks what was longer ago
	real     *Store
	redis    *plainRedis
	known    interned
	memory   map[call]reply
	tomorrow map[int32]int32 // records one tick later
	parsed   []Record        // of each known text
}

// kept is what Redis keeps of the record. record is a JSON text, interned; 0
// is none.
type kept struct {
	record int32
	due    int8 // when it is due for the rescuer, from now; never: it is not
	owner  int8 // the slot of the worker that has it; nobody: it is free, or its worker is dead
	where
}

// where is where else Redis has the record.
type where struct {
	listed  int8 // in which lists by state it is, a bit for each of listedStates
	out     bool // it is in flight and holds a slot
	backlog int8 // when its turn in the backlog comes, from now; never: it is not there
}

var listedStates = [...]State{Initial, Progress, Connected, Failed}

const (
	never  = int8(-128)
	nobody = int8(-1)

	holder  = "the holder" // the owner's name in each record
	another = "another"
)

// interned numbers texts.
type interned struct {
	texts []string
	index map[string]int32
}

func newInterned() interned { return interned{texts: []string{""}, index: map[string]int32{"": 0}} }

func (n *interned) of(text string) int32 {
	if i, ok := n.index[text]; ok {
		return i
	}
	i := int32(len(n.texts))
	n.index[text] = i
	n.texts = append(n.texts, text)
	return i
}

// withoutIndex is a script that keeps no index of issues: no transition reads it.
func withoutIndex(script string) string {
	return strings.Replace(script, "-- include issueindex.lua\n", "local function index_add(issue, who) end\nlocal function index_remove(issue, who) end\n", 1)
}

func newModelStore(tb testing.TB, r rules) *modelStore {
	tb.Helper()
	r.script = withoutIndex(r.script)
	past := present - float64(max(r.lookUp(), r.lookAgain()))
	real := NewStore(nil, r.timing())
	real.scripts = scripts(r.script, real.constants())
	redis := newPlainRedis(tb, link(r.script, real.constants()))
	redis.now, real.rdb = present, redis
	return &modelStore{rules: r, t: tb, past: past, real: real, redis: redis, known: newInterned(),
		memory: map[call]reply{}, tomorrow: map[int32]int32{}, parsed: []Record{{}}}
}

// call is one use of the store by a click, a worker or the rescuer.
type call struct {
	op     string
	record int32
	due    int8
	where
	mine  bool // the caller owns the record
	stale bool // the caller's run is not the current one
	epoch int8 // of the caller's own copy of the record
	arg   int8
	ticks int8
	// snapshot is the record that a reading was of.
	snapshot int32
}

// reply is what became of it.
type reply struct {
	record int32
	due    int8
	where
	owned     int8  // 1: the caller owns the record now; 0: its owner stays; nobody
	clicked   bool  // it was a click that changed something
	newRun    bool  // whoever worked on it is fenced off
	view      int32 // what the caller's copy of the record is now
	queued    bool
	delay     int8 // of what is to be queued
	announced bool // it is on the wake-up list
	lost      bool // the worker has lost the record
	kept      bool // but the record will see to its issue
	idle      bool // there is nothing to begin
	found     bool // by the rescuer, pending
}

// do has the real store carry out a call. The same call in the same state has
// one outcome, which is remembered.
func (s *modelStore) do(c call) reply {
	r, ok := s.memory[c]
	if !ok {
		s.put(c)
		r = s.run(c)
		s.memory[c] = r
	}
	return r
}

func (s *modelStore) run(c call) (r reply) {
	ctx := context.Background()
	l := &Lease{store: s.real, key: someKey, run: someRun, owner: another, Now: present, Record: Record{Epoch: int(c.epoch)}}
	if c.stale {
		l.run--
	}
	if c.mine {
		l.owner = holder
	}
	var task *Task
	var err error
	switch c.op {
	case "push":
		_, task, err = s.real.Push(ctx, someKey, Person{})
	case "unlink":
		_, task, err = s.real.Unlink(ctx, someKey)
	case "dismiss":
		_, task, err = s.real.Dismiss(ctx, someKey)
	case "begin":
		var begun *Lease
		begun, err = s.real.Begin(ctx, someKey, l.run)
		if r.idle = begun == nil; !r.idle {
			s.redis.hset(recordsKey(someKey.Tenant, someKey.Integration), someKey.Entity, strings.ReplaceAll(s.text(), begun.owner, another))
			l.Record = begun.Record
		}
	case "renew": // Lease.Keep
		_, err = l.change(ctx, "renew", arguments{})
	case "intend":
		err = l.Intend(ctx)
	case "not_created":
		err = l.NotCreated(ctx)
	case "opened":
		r.kept, err = l.Opened(ctx, issue(c.arg))
	case "gone":
		err = l.Gone(ctx)
	case "failed":
		err = l.Failed(ctx, Failure{Message: "no"})
	case "settled":
		task, err = l.Settled(ctx)
	case "verified":
		task, err = l.Verified(ctx)
	case "deduplicated":
		task, err = l.Deduplicated(ctx, issue(c.arg), time.Duration(c.ticks)*tick)
	case "cleaned_up":
		err = l.CleanedUp(ctx, int(c.arg))
	case "hand_back":
		task, err = l.Requeue(ctx, time.Duration(c.ticks)*tick, true, Failure{})
	case "rescue": // Store.Rescue
		var out outcome
		out, err = s.real.do(ctx, "rescue", someKey, arguments{})
		task, r.found = out.task(someKey), out.verdict == vPending
	case "observed":
		task, err = s.observe(ctx, c)
	case "requeue":
		task, err = s.real.Requeue(ctx, Task{Key: someKey, Run: l.run})
	default:
		panic("model: unknown call " + c.op)
	}
	if r.lost = errors.Is(err, ErrLost); !r.lost {
		require.NoError(s.t, err, "%+v", c)
		r.view = s.viewOf(l.Record)
	}
	if task != nil {
		r.queued, r.delay = true, int8(task.Delay/tick)
	}
	s.keep(c, &r)
	return r
}

// observe is Store.Observe for one reading: the issue has another key, or is gone,
// or is as it was.
func (s *modelStore) observe(ctx context.Context, c call) (*Task, error) {
	rec := *s.record(c.snapshot)
	r := Reading{Entry: Entry{Key: someKey, Record: rec}, Issue: *rec.Issue}
	switch c.arg {
	case 0:
		r.Verdict, r.Issue.Key = targets.VerdictMoved, "moved"
	case 1:
		r.Verdict = targets.VerdictGone
	default:
		r.Verdict = targets.VerdictPresent
	}
	args, news := r.arguments(false)
	if !news {
		return nil, nil
	}
	if c.stale {
		args.Generation = -1
	}
	out, err := s.real.do(ctx, "observed", someKey, args)
	return out.task(someKey), err
}

// someName is the record's name within its tenant.
var someName = someKey.Integration + ":" + someKey.Entity

func (s *modelStore) rescueKey() string { return tagOf(someKey.Tenant) + "rescue" }

// text is the record that Redis has.
func (s *modelStore) text() string {
	return s.redis.hashes[recordsKey(someKey.Tenant, someKey.Integration)][someKey.Entity]
}

// put puts the state that a call finds into Redis.
func (s *modelStore) put(c call) {
	s.redis.empty()
	if text := s.known.texts[c.record]; text != "" {
		s.redis.hset(recordsKey(someKey.Tenant, someKey.Integration), someKey.Entity, text)
	}
	if c.due != never {
		s.redis.add(s.rescueKey(), someKey.String(), float64(present+int64(c.due)))
	}
	if c.backlog != never {
		s.redis.add(backlogKey(someKey.Tenant), someName, float64(present+int64(c.backlog)))
	}
	if c.out {
		s.redis.add(slotsKey(someKey.Tenant), someName, 0)
	}
	for i, state := range listedStates {
		if c.listed&(1<<i) != 0 {
			s.redis.add(indexKey(someKey.Tenant, someKey.Integration, state), someKey.Entity, present)
		}
	}
}

// keep takes out of Redis what the script left there.
func (s *modelStore) keep(c call, r *reply) {
	r.announced, r.due, r.backlog, r.owned = len(s.redis.announced) > 0, never, never, nobody
	from := func(set, member string, to *int8) bool {
		score, ok := s.redis.sets[set][member]
		if ok {
			*to = int8(max(int64(score)-present, 0))
		}
		return ok
	}
	from(s.rescueKey(), someKey.String(), &r.due)
	from(backlogKey(someKey.Tenant), someName, &r.backlog)
	var any int8
	r.out = from(slotsKey(someKey.Tenant), someName, &any)
	for i, state := range listedStates {
		if from(indexKey(someKey.Tenant, someKey.Integration, state), someKey.Entity, &any) {
			r.listed |= 1 << i
		}
	}
	if s.text() == "" {
		return
	}
	doc := s.document(s.text())
	r.clicked = c.record != 0 && doc["g"].(float64) != 0
	r.newRun = c.record != 0 && doc["r"].(float64) != someRun
	doc["r"] = someRun
	switch doc["o"] {
	case holder:
		r.owned = 0
	case another:
		doc["o"], r.owned = holder, 1
	}
	r.record = s.intern(doc)
}

// issue is the tracker's issue of a number; its number is its age as well.
func issue(n int8) targets.Issue {
	id := fmt.Sprint(n)
	return targets.Issue{ID: id, Key: id}
}

func issueNumber(i *targets.Issue) int8 {
	var n int8
	if i != nil {
		_, _ = fmt.Sscan(i.ID, &n)
	}
	return n
}

// record reads an interned record or view.
func (s *modelStore) record(i int32) *Record { return &s.parsed[i] }

func (s *modelStore) document(text string) (doc map[string]any) {
	require.NoError(s.t, json.Unmarshal([]byte(text), &doc))
	return doc
}

// intern makes one of the records that make no difference: neither the script
// nor a worker could tell them apart by anything they do.
func (s *modelStore) intern(doc map[string]any) int32 {
	// Who clicked; why it waits; the deadline and the number of attempts are
	// choices in the model: a failure may always be the last one.
	for _, name := range []string{"c", "w", "d", "a", "b"} {
		delete(doc, name)
	}
	doc["g"] = 0.0
	for _, until := range []string{"u", "v"} { // once over, always over
		if at, ok := doc[until]; ok {
			doc[until] = max(at.(float64), present)
		}
	}
	if at, ok := doc["lc"]; ok {
		doc["lc"] = max(at.(float64), present-answerTicks)
	}
	if (doc["p"] == "verify" || doc["p"] == "cleanup") && doc["q"] == nil {
		delete(doc, "lc") // only 'settled' reads it, and a click comes first
	}
	if _, ok := doc["ob"]; ok {
		doc["ob"] = 1.0
	}
	if missing, ok := doc["m"].(map[string]any); ok {
		missing["at"] = max(missing["at"].(float64), present-1)
		if _, shown := missing["d"]; shown {
			missing["at"], missing["d"] = 1.0, 1.0
		}
	}
	if checks, ok := doc["k"]; ok { // from the first on each is as far off as MaxRescueAfter
		doc["k"] = min(checks.(float64), 1)
	}
	delete(doc, "f") // it decides where a run is done, not what becomes of it
	if intent, ok := doc["i"].(map[string]any); ok {
		s.clampIntent(intent)
	}
	text, err := json.Marshal(s.shift(doc, 0))
	require.NoError(s.t, err)
	i := s.known.of(string(text))
	if int(i) == len(s.parsed) {
		var r Record
		require.NoError(s.t, json.Unmarshal(text, &r))
		s.parsed = append(s.parsed, r)
	}
	return i
}

// clampIntent forgets how many creates were sent, beyond one; and when the
// only one was, if it is known not to have been carried out.
func (s *modelStore) clampIntent(intent map[string]any) {
	intent["n"] = min(intent["n"].(float64), 2)
	if intent["ok"] == true && intent["n"] == 1.0 {
		intent["at"] = s.past
	}
}

// shift moves all times in a document.
func (s *modelStore) shift(v any, by float64) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = s.shift(e, by)
		}
	case []any:
		for i, e := range v {
			v[i] = s.shift(e, by)
		}
	case float64:
		if v > someAge {
			return max(v+by, s.past)
		}
	}
	return v
}

// viewOf is a worker's copy of the record: what its step reads of it.
func (s *modelStore) viewOf(r Record) int32 {
	v := Record{State: r.State, Step: r.Step, Epoch: r.Epoch}
	switch r.Step {
	case Open:
		v.Issue, v.Intent = r.Issue, r.Intent
	case Settle:
		v.Issue, v.Failure, v.Missing = r.Issue, r.Failure, r.Missing
	case Verify:
		v.Issue, v.Failure, v.Recreated, v.Missing = r.Issue, r.Failure, r.Recreated, r.Missing
	case Cleanup:
		v.Orphans = r.Orphans
	case Idle:
	}
	text, err := json.Marshal(v)
	require.NoError(s.t, err)
	return s.intern(s.document(string(text)))
}

// later is the record one tick later.
func (s *modelStore) later(k kept) kept {
	if k.due > 0 {
		k.due--
	}
	if k.backlog > 0 {
		k.backlog--
	}
	if k.record == 0 {
		return k
	}
	next, ok := s.tomorrow[k.record]
	if !ok {
		next = s.intern(s.shift(s.document(s.known.texts[k.record]), -1).(map[string]any))
		s.tomorrow[k.record] = next
	}
	k.record = next
	return k
}
