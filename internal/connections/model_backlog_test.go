package connections

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A second model, of what the first one has not: several buttons of a tenant
// that share its slots. Again every state that can be reached is visited,
// and the transitions are the real script. A worker is simpler here: it opens
// (and fails, or hands back for a while), tells Productboard, or reads back,
// each in one step. Two issues, late writes and the like are the first model's.

// Limits of the second model, in ticks where they are times.
const (
	backlogButtons        = 3
	backlogSlots          = 1
	backlogDeadline       = 20
	backlogMaxRescueAfter = 40
	// backlogSoon is when at the latest a rescuer comes to what could go on; once
	// more than Timing.RescueAfter, since a rescuer may die.
	backlogSoon = 4 * rescueTicks
)

// backlogBudget counts the events that may still happen.
type backlogBudget struct {
	Push, Unlink int8
	Kill         int8 // a worker, or what was about to queue
	Requeue      int8 // a push is tried again later
	Delay        int8 // a tick passes although somebody could go on
}

// backlogButton is a record with what there is of it outside Redis.
type backlogButton struct {
	record  int32 // interned, its times moved to the present
	due     int8  // when it is due for the rescuer; never: it is not
	backlog int8  // when its turn comes; never: it is not in the backlog
	out     bool
	task    int8 // when the queue hands out its run; never: it has none
	alive   bool // its lease is held by a worker that lives
}

type backlogWorld struct {
	buttons [backlogButtons]backlogButton
	left    backlogBudget
}

type backlogModel struct {
	t     testing.TB
	real  *Store
	redis *plainRedis
	known interned
	seen  map[backlogWorld]int32
	queue []backlogWorld
	came  []struct {
		from int32
		what string
	}
	from  int32
	edges [][2]int32
	wrong string
	ends  int
}

func backlogKeyOf(i int) Key { return Key{"t", "i", string(rune('a' + i))} }

func exploreBacklog(tb testing.TB, script string, may backlogBudget) *backlogModel {
	tb.Helper()
	script = withoutIndex(script)
	s := NewStoreWith(nil, Timing{Lease: leaseTicks * tick, RescueAfter: rescueTicks * tick, MaxRescueAfter: backlogMaxRescueAfter * tick, Deadline: backlogDeadline * tick,
		Settle: settleTicks * tick, Answer: settleTicks * tick, SendWindow: settleTicks * tick}, TenantLimits{MaxInFlight: backlogSlots, PushesPerSecond: 1_000_000})
	s.scripts = scripts(script, s.constants())
	m := &backlogModel{t: tb, real: s, redis: newPlainRedis(tb, link(script, s.constants())), known: newInterned(), seen: map[backlogWorld]int32{}, from: -1}
	s.rdb, m.redis.now = m.redis, present
	start := backlogWorld{left: may}
	for i := range start.buttons {
		start.buttons[i] = backlogButton{due: never, backlog: never, task: never}
	}
	m.emit("start", false, start)
	for i := 0; i < len(m.queue) && m.wrong == ""; i++ {
		m.from = int32(i)
		m.next(m.queue[i])
		require.Less(tb, len(m.queue), maxStates)
	}
	if m.wrong == "" {
		m.checkEnds()
	}
	return m
}

func (m *backlogModel) emit(what string, goesOn bool, w backlogWorld) {
	if m.wrong != "" {
		return
	}
	i, ok := m.seen[w]
	if !ok {
		i = int32(len(m.queue))
		m.seen[w] = i
		m.queue = append(m.queue, w)
		m.came = append(m.came, struct {
			from int32
			what string
		}{m.from, what})
		if bad := m.check(&w); bad != "" {
			m.wrong = bad + "\n" + m.trace(i)
		}
	}
	if goesOn && i != m.from {
		m.edges = append(m.edges, [2]int32{m.from, i})
	}
}

func (m *backlogModel) record(b backlogButton) (r Record) {
	if b.record != 0 {
		require.NoError(m.t, json.Unmarshal([]byte(m.known.texts[b.record]), &r))
	}
	return r
}

// do has the real script carry out a transition in a world and takes out what
// it left. What is to be queued is queued, unless dies.
func (m *backlogModel) do(w *backlogWorld, op string, i int, args arguments, dies bool) verdict {
	m.put(w)
	out, err := m.real.do(context.Background(), op, backlogKeyOf(i), args)
	require.NoError(m.t, err)
	m.take(w)
	for task := out.task(backlogKeyOf(i)); task != nil; task = task.Next {
		n := int(task.Key.Entity[0] - 'a')
		w.buttons[n].task = int8(task.Delay / tick)
		if dies {
			w.buttons[n].task = never
		}
	}
	return out.verdict
}

func (m *backlogModel) put(w *backlogWorld) {
	m.redis.empty()
	for i, b := range w.buttons {
		key := backlogKeyOf(i)
		if b.record != 0 {
			m.redis.hset(recordsKey(key.Tenant, key.Integration), key.Entity, m.known.texts[b.record])
		}
		if b.due != never {
			m.redis.add(tagOf(key.Tenant)+"rescue", key.String(), float64(present+int64(b.due)))
		}
		if b.backlog != never {
			m.redis.add(backlogKey(key.Tenant), "i:"+key.Entity, float64(present+int64(b.backlog)))
		}
		if b.out {
			m.redis.add(slotsKey(key.Tenant), "i:"+key.Entity, 0)
		}
	}
}

func (m *backlogModel) take(w *backlogWorld) {
	for i := range w.buttons {
		b, key := &w.buttons[i], backlogKeyOf(i)
		score := func(set, member string) int8 {
			if at, ok := m.redis.sets[set][member]; ok {
				return int8(int64(at) - present)
			}
			return never
		}
		b.due = score(tagOf(key.Tenant)+"rescue", key.String())
		b.backlog = score(backlogKey(key.Tenant), "i:"+key.Entity)
		_, b.out = m.redis.sets[slotsKey(key.Tenant)]["i:"+key.Entity]
		run := m.record(*b).Run
		b.record = m.intern(m.redis.hashes[recordsKey(key.Tenant, key.Integration)][key.Entity], 0)
		r := m.record(*b)
		b.alive = b.alive && r.Owner == holder
		if r.Run != run || r.Step == Idle {
			b.task = never
		}
		b.record = m.settle(b.record)
	}
}

// settle gives each record the same run, once what follows from its rise is done.
func (m *backlogModel) settle(i int32) int32 {
	if i == 0 {
		return 0
	}
	doc := map[string]any{}
	require.NoError(m.t, json.Unmarshal([]byte(m.known.texts[i]), &doc))
	doc["r"] = someRun
	text, err := json.Marshal(doc)
	require.NoError(m.t, err)
	return m.known.of(string(text))
}

// intern moves a record's times and drops what decides nothing here.
func (m *backlogModel) intern(text string, by float64) int32 {
	if text == "" {
		return 0
	}
	doc := map[string]any{}
	require.NoError(m.t, json.Unmarshal([]byte(text), &doc))
	for _, name := range []string{"w", "a", "b", "x", "k", "i", "q"} {
		delete(doc, name)
	}
	if doc["p"] == nil {
		delete(doc, "c")
	}
	doc["g"], doc["e"] = 0.0, 1.0
	for _, at := range []string{"u", "v", "d"} { // once over, always over
		if v, ok := doc[at].(float64); ok {
			doc[at] = max(v+by, present-1)
		}
	}
	if v, ok := doc["lc"].(float64); ok {
		doc["lc"] = max(v+by, present-backlogDeadline)
	}
	if c, ok := doc["c"].(map[string]any); ok {
		c["at"] = max(c["at"].(float64)+by, present-backlogDeadline)
	}
	raw, err := json.Marshal(doc)
	require.NoError(m.t, err)
	return m.known.of(string(raw))
}

func (m *backlogModel) next(w backlogWorld) {
	busy := false
	for i := range w.buttons {
		busy = m.clicks(w, i) || busy
		busy = m.works(w, i) || busy
	}
	if !busy || w.left.Delay > 0 {
		m.pass(w, busy)
	}
}

func (m *backlogModel) clicks(w backlogWorld, i int) (busy bool) {
	if w.left.Push > 0 && (i == 0 || w.buttons[i-1].record != 0) { // buttons are alike
		after := w
		after.left.Push--
		m.do(&after, "push", i, arguments{}, false)
		m.emit(fmt.Sprintf("push %c", 'a'+i), false, after)
		m.dying(w, i, "push", arguments{}, func(b *backlogBudget) { b.Push-- })
	}
	if w.left.Unlink > 0 && w.buttons[i].record != 0 {
		after := w
		after.left.Unlink--
		m.do(&after, "unlink", i, arguments{}, false)
		m.emit(fmt.Sprintf("unlink %c", 'a'+i), false, after)
	}
	return false
}

// dying is a transition after which the caller dies.
func (m *backlogModel) dying(w backlogWorld, i int, op string, args arguments, pay func(*backlogBudget)) {
	if w.left.Kill == 0 {
		return
	}
	w.left.Kill--
	pay(&w.left)
	w.buttons[i].alive = false
	m.do(&w, op, i, args, true)
	m.emit(fmt.Sprintf("%s %c, and dies", op, 'a'+i), false, w)
}

func (m *backlogModel) works(w backlogWorld, i int) (busy bool) {
	b := w.buttons[i]
	name := string(rune('a' + i))
	if b.alive {
		m.worker(w, i, name)
		return true
	}
	if b.task == 0 {
		busy = true
		after := w
		after.buttons[i].task = never
		if m.do(&after, "begin", i, arguments{Run: someRun, Owner: holder}, false) == vOK {
			after.buttons[i].alive = true
		}
		m.emit("begin "+name, true, after)
	}
	if b.due != never && b.due <= 0 {
		busy = true
		after := w
		if v := m.do(&after, "rescue", i, arguments{}, false); v == vPending && after.buttons[i].task == never {
			after.buttons[i].task = 0
		}
		m.emit("rescue "+name, true, after)
		m.dying(w, i, "rescue", arguments{}, func(*backlogBudget) {})
	}
	return busy
}

func (m *backlogModel) worker(w backlogWorld, i int, name string) {
	mine := arguments{Run: someRun, Owner: holder}
	end := map[Step]string{Open: "settled", Settle: "settled", Verify: "verified", Cleanup: "verified"}[m.record(w.buttons[i]).Step]
	if end == "" {
		m.wrong = "a worker has nothing to do"
		return
	}
	if m.record(w.buttons[i]).Step == Open {
		back := mine
		back.Delay = settleTicks
		if w.left.Requeue > 0 {
			after := w
			after.left.Requeue--
			m.do(&after, "hand_back", i, back, false)
			m.emit("hand back "+name, false, after)
		}
		failed := mine
		failed.Failure = &Failure{Kind: "invalid"}
		m.do(&w, "failed", i, failed, false)
	}
	m.dying(w, i, end, mine, func(*backlogBudget) {})
	if w.left.Kill > 0 {
		killed := w
		killed.left.Kill--
		killed.buttons[i].alive = false
		killed.buttons[i].record = m.known.of(strings.ReplaceAll(m.known.texts[killed.buttons[i].record], holder, another))
		m.emit("the worker of "+name+" is killed", false, killed)
	}
	m.do(&w, end, i, mine, false)
	m.emit(end+" "+name, true, w)
}

func (m *backlogModel) pass(w backlogWorld, busy bool) {
	if busy {
		w.left.Delay--
	}
	for i := range w.buttons {
		b := &w.buttons[i]
		b.record = m.intern(m.known.texts[b.record], -1)
		for _, at := range []*int8{&b.due, &b.task} {
			if *at != never {
				*at = max(*at-1, 0)
			}
		}
		if b.backlog != never {
			b.backlog = max(b.backlog-1, -backlogDeadline)
		}
	}
	for i := range w.buttons {
		if w.buttons[i].alive {
			m.do(&w, "renew", i, arguments{Run: someRun, Owner: holder}, false)
		}
	}
	m.emit("a tick", !busy, w)
}

// check returns what is wrong with a state; empty: nothing.
func (m *backlogModel) check(w *backlogWorld) string {
	out, telling := 0, 0
	for _, b := range w.buttons {
		r := m.record(b)
		switch {
		case b.out && b.backlog != never, (b.out || b.backlog != never) != (r.Step != Idle):
			return "a record is not in one place"
		case r.Owner != "" && !b.out:
			return "a lease without a slot"
		case (b.due != never) != (r.Step != Idle):
			return "no rescuer will come"
		case b.out && r.Owner == "" && b.task == never && b.due > backlogSoon:
			return "a run in flight is lost for long"
		}
		if b.out {
			out++
			telling += int(bit(r.Step == Settle))
		}
	}
	if out > backlogSlots+min(telling, 1) {
		return "more is in flight than there are slots"
	}
	for _, b := range w.buttons {
		if b.backlog != never && b.backlog <= 0 && out < backlogSlots && b.task == never && b.due > backlogSoon {
			return "a push waits while a slot is free"
		}
	}
	return ""
}

func (m *backlogModel) quiet(w *backlogWorld) bool {
	for _, b := range w.buttons {
		if b.record != 0 && m.record(b).Step != Idle {
			return false
		}
	}
	return true
}

func (m *backlogModel) checkEnds() {
	into := make([][]int32, len(m.queue))
	for _, e := range m.edges {
		into[e[1]] = append(into[e[1]], e[0])
	}
	ends := make([]bool, len(m.queue))
	var queue []int32
	for i := range m.queue {
		if m.quiet(&m.queue[i]) {
			m.ends++
			ends[i] = true
			queue = append(queue, int32(i))
			for _, b := range m.queue[i].buttons {
				if m.record(b).State == Progress {
					m.wrong = "a push is lost\n" + m.trace(int32(i))
				}
			}
		}
	}
	for len(queue) > 0 {
		for _, from := range into[queue[0]] {
			if !ends[from] {
				ends[from] = true
				queue = append(queue, from)
			}
		}
		queue = queue[1:]
	}
	for i := range ends {
		if !ends[i] && m.wrong == "" {
			m.wrong = "stuck: from here nothing leads to an end\n" + m.trace(int32(i))
		}
	}
}

func (m *backlogModel) trace(i int32) string {
	var lines []string
	for ; i >= 0; i = m.came[i].from {
		var b strings.Builder
		for _, k := range m.queue[i].buttons {
			r := m.record(k)
			fmt.Fprintf(&b, " | %s/%s out=%t backlog=%d due=%d task=%d alive=%t", r.State, r.Step, k.out, k.backlog, k.due, k.task, k.alive)
		}
		lines = append([]string{fmt.Sprintf("%-24s%s", m.came[i].what, b.String())}, lines...)
	}
	return strings.Join(lines, "\n")
}

func TestBacklogModel(t *testing.T) {
	if underRace {
		t.Skip("one goroutine: the run without the race detector covers it")
	}
	for name, may := range map[string]backlogBudget{
		"three pushes; a kill":           {Push: 3, Kill: 1},
		"three pushes, one tried again":  {Push: 3, Requeue: 1},
		"two pushes, an unlink; a kill":  {Push: 2, Unlink: 1, Kill: 1},
		"two pushes; two kills, a delay": {Push: 2, Kill: 2, Delay: 1},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			m := exploreBacklog(t, transitionsLua, may)
			t.Logf("%d states, %d ends, %v", len(m.queue), m.ends, time.Since(start).Round(time.Millisecond))
			if m.wrong != "" {
				t.Fatal(m.wrong)
			}
			require.NotZero(t, m.ends)
		})
	}
}

// TestBacklogModelMutants proves that the second model can fail.
func TestBacklogModelMutants(t *testing.T) {
	if underRace {
		t.Skip("one goroutine: the run without the race detector covers it")
	}
	for _, c := range []struct {
		name, old, new string
		may            backlogBudget
		finds          string
	}{
		{"a free slot is not passed on", "if redis.call('SREM', slots, id) == 1 then pass_slots(K.pass, K.rescueafter) end\nend\n\n-- since", "redis.call('SREM', slots, id)\nend\n\n-- since", backlogBudget{Push: 2}, "while a slot is free"},
		{"what waits for its time keeps its slot", "redis.call('ZADD', backlog, now + delay, id)\n    release_slot()", "redis.call('ZADD', backlog, now + delay, id)", backlogBudget{Push: 1}, "in one place"},
		{"a run begins without a slot", "    redis.call('SADD', slots, id)\n    redis.call('ZREM', backlog, id)\n  end\n  if rec.o ~= a.owner", "  end\n  if rec.o ~= a.owner", backlogBudget{Push: 1}, "without a slot"},
		{"nobody counts slots", "return n < most", "return true", backlogBudget{Push: 2}, "more is in flight"},
		{"what got a slot stays in the backlog", "    redis.call('ZREM', backlog, other)\n  end\nend", "  end\nend", backlogBudget{Push: 2}, "in one place"},
		{"no rescuer comes to what got a slot", "redis.call('ZADD', rescue, now + after, tenant .. '/' .. other)", "", backlogBudget{Push: 2, Kill: 1}, "lost for long"},
		{"the rescuer gives no slots", "if not may_begin(rec.p) then return save('moved', backlog_check()) end", "if true then return save('moved', backlog_check()) end", backlogBudget{Push: 1, Kill: 1}, "while a slot is free"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, 1, strings.Count(transitionsLua, c.old), "the mutated text")
			m := exploreBacklog(t, strings.Replace(transitionsLua, c.old, c.new, 1), c.may)
			t.Logf("found after %d states:\n%s", len(m.queue), m.wrong)
			require.Contains(t, m.wrong, c.finds)
		})
	}
}
