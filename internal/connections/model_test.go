package connections

import (
	"fmt"
	"slices"
	"strings"
)

// The model is an explicit-state check of everything that decides about one
// button: the record, leases, two workers, the queue, the rescuer, Productboard
// and the tracker. From the start on every state that can be reached is visited,
// in every order in which clicks, workers, messages and mishaps may follow each
// other, as far as a scenario's budget lets them.
//
// The transitions are the real ones: transitions.lua, called through the Store.
// The worker is a copy of what internal/actions does between two transitions
// (model_worker_test.go names the functions), and the rest is written here.
//
// What keeps it small, and what that costs:
//
//   - What nobody reads decides nothing and is dropped: the history, who
//     clicked, why a push waits (modelStore.intern), a worker's leavings
//     (worker.forget), the names of the two workers (world.normal).
//   - All times are relative to now, and one that is over for everybody who
//     asks is as good as any other that is.
//   - Deadline and attempts are choices: where a failed open may be the last
//     one, both ways are gone. A button that others overwrite again and again
//     (actions.maxAsserts) is not modelled.
//   - Time goes in ticks and passes only while everybody waits; how often it
//     may pass although somebody could go on is part of the budget (Delay), as
//     are kills, freezes and faults. What needs more of them is not seen.
//   - A reading, and closing several issues, is one step.
//   - No worker is frozen between its last look at the fence and the write of a
//     PUT: nothing could be done about that one. For creates see rules.window.
//   - 'recheck' and 'forget' are not called.

// scenario bounds one exploration.
type scenario struct {
	name  string
	store *modelStore
	may   budget
	deep  bool // too many states for every day
}

// maxStates is how many states a scenario may have.
const maxStates = 3_000_000

// model explores every state that a scenario can reach, breadth first.
type model struct {
	*modelStore
	scenario

	seen  map[world]int32
	queue []world
	steps []stepTaken // how each state was first reached
	from  int32
	edges [][2]int32 // between states, without what only happens by bad luck
	all   int        // transitions
	ends  int        // states in which nothing is left to do
	wrong string     // what is wrong, with the way there
	shows interned
	faces map[int32]int8
}

// stepTaken is the way to a state.
type stepTaken struct {
	from    int32
	what    string
	slot    int8
	swapped bool
}

func explore(sc scenario) *model {
	m := &model{modelStore: sc.store, scenario: sc, seen: map[world]int32{}, shows: newInterned(), faces: map[int32]int8{}}
	m.from = -1
	m.emit("start", nobody, false, world{kept: kept{due: never, owner: nobody, where: where{backlog: never}}, task: never, shown: int8(m.shows.of("initial")), left: sc.may})
	for i := 0; i < len(m.queue) && m.wrong == ""; i++ {
		m.from = int32(i)
		m.next(m.queue[i])
		if len(m.queue) > maxStates {
			m.wrong = fmt.Sprintf("the exploration is not bounded: %d states\n%s", len(m.queue), m.trace(int32(len(m.queue)-1)))
		}
	}
	if m.wrong == "" {
		m.checkEnds()
	}
	return m
}

// emit adds a state. goesOn says that the step needs no bad luck and no
// click: from every state such steps must lead to an end.
func (m *model) emit(what string, slot int8, goesOn bool, w world) {
	if m.wrong != "" {
		return
	}
	w, swapped := w.normal()
	i, ok := m.seen[w]
	if !ok {
		i = int32(len(m.queue))
		m.seen[w] = i
		m.queue = append(m.queue, w)
		m.steps = append(m.steps, stepTaken{from: m.from, what: what, slot: slot, swapped: swapped})
		if bad := m.check(&w); bad != "" {
			m.wrong = bad + "\n" + m.trace(i)
		}
	}
	m.all++
	if goesOn && i != m.from {
		m.edges = append(m.edges, [2]int32{m.from, i})
	}
}

// next emits every state that can follow.
func (m *model) next(w world) {
	m.clicks(w)
	busy := w.kept.due == 0 || w.task == 0 && w.workers[0].at == atRest // the one at rest is the first
	for slot := range int8(len(w.workers)) {
		if wk := w.workers[slot]; wk.at != atRest {
			m.mishaps(w, slot)
			if !wk.frozen {
				busy = busy || !wk.at.waits()
				m.step(w, slot)
			}
		}
	}
	for i := range w.flying {
		if w.flying[i].kind != noMessage {
			m.land(w, i)
		}
	}
	m.rescue(w)
	m.refresh(w)
	m.begin(w)
	m.pass(w, busy)
}

func (m *model) clicks(w world) {
	click := func(op string, left func(*budget) *int8, then wish) {
		after := w
		if n := left(&after.left); *n == 0 || (w.kept.record == 0 && op != "push") {
			return
		} else {
			*n--
		}
		m.ask(&after, call{op: op}, nobody)
		rec := m.record(after.kept.record)
		switch {
		case op != "dismiss":
			after.wanted = then
		case rec.State == Initial:
			after.wanted = anUnlink
		}
		after.send(message{kind: anAnswer, value: m.face(after.kept.record), ttl: landTicks, from: nobody})
		m.emit(op, nobody, false, after)
	}
	click("push", func(b *budget) *int8 { return &b.Push }, aPush)
	click("unlink", func(b *budget) *int8 { return &b.Unlink }, anUnlink)
	click("dismiss", func(b *budget) *int8 { return &b.Dismiss }, nothing)
}

// mishaps kills, freezes and thaws a worker.
func (m *model) mishaps(w world, slot int8) {
	wk := &w.workers[slot]
	switch {
	case wk.frozen:
		thawed := w
		thawed.workers[slot].frozen, thawed.workers[slot].stall = false, 0
		m.emit("thaws", slot, true, thawed)
	case w.left.Freeze > 0:
		frozen := w
		frozen.left.Freeze--
		frozen.workers[slot].frozen = true
		m.emit("freezes", slot, false, frozen)
	}
	if !wk.frozen && wk.sure < leaseTicks {
		renewed := w
		m.renew(&renewed, slot)
		m.emit("renews its lease", slot, true, renewed)
	}
	if w.left.Kill > 0 {
		w.left.Kill--
		w.end(slot)
		m.emit("is killed", slot, false, w)
	}
}

// land carries out what is under way, or loses it.
func (m *model) land(w world, i int) {
	f := w.flying[i]
	w.flying[i] = message{from: nobody}
	waits := f.from != nobody
	done, good, bad := w, atRest, atRest
	if waits {
		good, bad = w.workers[f.from].at.replied()
	}
	what := [...]string{anAnswer: "the answer to a click", aPut: "a PUT", aCreate: "a create"}[f.kind]
	if f.kind == aCreate {
		created := done.create(f.value)
		if waits {
			done.workers[f.from].issue = created
		}
	} else {
		done.shown = f.value
	}
	reply := func(w world, what string, goesOn bool, p place) {
		if waits {
			w.workers[f.from].at = p
		}
		m.emit(what, f.from, goesOn, w)
	}
	reply(done, what+" is carried out", true, good)
	if !waits && f.kind != anAnswer {
		m.emit(what+" is never carried out", nobody, false, w)
		return
	}
	if w.left.Fault == 0 {
		return
	}
	w.left.Fault--
	done.left.Fault--
	if !waits {
		w.shown = int8(m.shows.of("error"))
		m.emit(what+" is lost", nobody, false, w)
		return
	}
	reply(done, what+" is carried out, its reply is lost", false, bad)
	late := w
	late.send(message{kind: f.kind, value: f.value, ttl: f.ttl, from: nobody})
	reply(late, what+" times out", false, bad)
	if f.kind == aCreate {
		reply(w, what+" is refused", false, toNotCreated)
		return
	}
	reply(w, what+" is accepted and lost", false, good)
	if w.workers[f.from].at == putting && strings.HasPrefix(m.shows.texts[f.value], string(Connected)) {
		reply(w, what+" is refused", false, toFailTelling)
	}
}

// replied is where a worker goes with a reply, and without one.
func (p place) replied() (good, bad place) {
	switch p {
	case creating:
		return toOpened, failedToOpen
	case putting:
		return toSettle, toRetry
	default:
		return toRetry, toRetry // actions.run.verify: set again, to be read back
	}
}

// refresh is a reading of the sweep: the tracker is asked, and the record hears
// of it some time later.
func (m *model) refresh(w world) {
	rec := m.record(w.kept.record)
	rests := func() bool { return rec.State == Connected && rec.Step == Idle }
	if w.read == 0 {
		if w.left.Refresh > 0 && w.kept.record != 0 && rests() {
			w.left.Refresh--
			w.read = w.kept.record
			m.emit("the sweep asks the tracker", nobody, false, w)
		}
		return
	}
	for arg, what := range [...]string{"the sweep found it changed", "the sweep did not find it", "the sweep found it as it was"} {
		after := w
		after.read, after.clicked = 0, false
		m.ask(&after, call{op: "observed", snapshot: w.read, stale: w.clicked, arg: int8(arg)}, nobody)
		if (w.clicked || !rests()) && after.kept != w.kept {
			m.wrong = "a reading overwrote what is newer\n" + m.trace(m.from)
			return
		}
		m.emit(what, nobody, true, after)
	}
}

// rescue is jobs.Rescuer in any process.
func (m *model) rescue(w world) {
	if w.kept.due != 0 {
		return
	}
	r := m.ask(&w, call{op: "rescue"}, nobody)
	switch {
	case r.queued:
		m.emit("the rescuer takes it over", nobody, true, w)
	case r.found && w.task == never:
		again := w
		again.task = 0
		m.emit("the rescuer queues it", nobody, true, again)
		m.ask(&w, call{op: "requeue"}, nobody)
		m.emit("the rescuer queues it as a new run", nobody, true, w)
	default:
		m.emit("the rescuer leaves it", nobody, true, w)
	}
}

// begin delivers the task. The wake-up list may name it as well and be read
// at any time; and Asynq may deliver it once more.
func (m *model) begin(w world) {
	if w.task == 0 {
		lost := w
		lost.task = never
		if w.left.Fault > 0 {
			lost.left.Fault--
			m.emit("the task is lost", nobody, false, lost)
		} else if w.left.Kill > 0 {
			lost.left.Kill--
			m.emit("the task is lost with who was to queue it", nobody, false, lost)
		}
		w.task = never
		m.deliver(w, "begins", true)
		if w.left.Fault > 0 {
			w.left.Fault--
			w.twice = true
			m.deliver(w, "begins, the queue will deliver it once more", false)
		}
	}
	if w.twice {
		w.twice = false
		m.deliver(w, "gets the run once more", false)
	}
}

func (m *model) deliver(w world, what string, goesOn bool) {
	const slot = 0 // the one at rest, if there is one
	if w.workers[slot].at != atRest {
		return
	}
	if r := m.ask(&w, call{op: "begin"}, slot); !r.idle {
		w.workers[slot] = worker{at: toGet, view: r.view, sure: leaseTicks}
		m.enter(&w, slot)
	}
	m.emit(what, slot, goesOn, w)
}

// face is what a button shows for a record or a view.
func (m *model) face(record int32) int8 {
	i, ok := m.faces[record]
	if !ok {
		i = int8(m.shows.of(face(m.record(record))))
		m.faces[record] = i
	}
	return i
}

// trace is the shortest way to a state.
func (m *model) trace(i int32) string {
	var way []int32
	for ; i >= 0; i = m.steps[i].from {
		way = append(way, i)
	}
	var b strings.Builder
	var swapped int8
	for n, at := range slices.Backward(way) {
		s, w := m.steps[at], m.queue[at]
		who := ""
		if s.slot != nobody {
			who = "worker " + string("AB"[s.slot^swapped]) + " "
		}
		if s.swapped {
			swapped = 1 - swapped
		}
		fmt.Fprintf(&b, "%3d  %-48s shows %-11s %s\n", len(way)-n, who+s.what, m.shows.texts[w.shown], m.describe(&w))
	}
	return b.String()
}

// describe is a record in a few words, its times in ticks from now.
func (m *model) describe(w *world) string {
	if w.kept.record == 0 {
		return "no record"
	}
	r := m.record(w.kept.record)
	text := string(r.State)
	if r.Step != Idle {
		text += "/" + string(r.Step)
	}
	if r.Epoch > 1 {
		text += fmt.Sprintf(" epoch %d", r.Epoch)
	}
	if r.Owner != "" {
		text += fmt.Sprintf(" (lease %d)", r.LeaseEnd-present)
	}
	if r.Intent != nil {
		text += fmt.Sprintf(" create sent %d", r.Intent.At-present)
	}
	if r.Issue != nil {
		text += " issue " + r.Issue.ID
	}
	if r.ReadBack != 0 {
		text += fmt.Sprintf(" read back %d", r.ReadBack-present)
	}
	if len(r.Orphans) > 0 {
		text += fmt.Sprintf(" %d orphans", len(r.Orphans))
	}
	return text
}
