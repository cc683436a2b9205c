package connections

import (
	"cmp"
	"slices"
	"strings"
)

// world is one state of everything that takes part. It is a value, and its own
// key.
type world struct {
	kept    kept
	workers [2]worker
	flying  [maxFlying]message
	issues  [maxIssues]trackerIssue
	task    int8 // when the queue hands out the current run, from now; never: it has none
	twice   bool // it may be delivered once more: by the wake-up list, or by Asynq
	shown   int8 // what Productboard shows, an interned face
	left    budget
	wanted  wish
	// read is the record as it was when the sweep asked the tracker; 0: it has
	// not. clicked is set if a click has changed the record since.
	read    int32
	clicked bool
}

const (
	maxIssues = 3
	maxFlying = 7
)

// budget counts the events that may still happen. It bounds the model.
type budget struct {
	// Push, Unlink, Dismiss are clicks.
	Push, Unlink, Dismiss int8
	// Refresh is a reading by the sweep.
	Refresh int8
	// Kill ends a worker at any place, or whoever was about to queue a run.
	Kill int8
	// Freeze stops one, for as long as it likes.
	Freeze int8
	// Fault loses a request, a reply, or a task.
	Fault int8
	// Delay has a tick pass although somebody could go on. Without it time
	// passes only while everybody waits: for a reply, for the end of a lease,
	// for a date. So what happens in one instant happens in every order, and
	// slowness is counted.
	Delay int8
}

// wish is the outcome that the latest click asks for.
type wish int8

const (
	nothing wish = iota
	aPush
	anUnlink
)

// trackerIssue is an issue in the tracker, the older first.
type trackerIssue struct {
	epoch  int8 // of its marker; 0: there is no issue
	closed bool // as a second one, or by the unlink policy
	fresh  int8 // for how long a look-up may still miss it
}

// message is something under way that may be carried out until its time ends.
type message struct {
	kind  messageKind
	value int8 // a face for Productboard, or the epoch of a create
	ttl   int8
	from  int8 // the worker that waits for the reply; nobody: the reply matters no more
}

type messageKind int8

const (
	noMessage messageKind = iota
	anAnswer              // to a click
	aPut
	aCreate
)

// face is what a button shows, as far as the model tells buttons apart.
func face(r *Record) string {
	b := Button(*r)
	text := strings.TrimSpace(string(b.State) + " " + b.HoverLabel)
	if r.Deleted() {
		text += " deleted"
	}
	return text
}

// send adds a message.
func (w *world) send(m message) {
	for i := range w.flying {
		if w.flying[i].kind == noMessage {
			w.flying[i] = m
			return
		}
	}
	panic("model: too many messages under way")
}

// create adds an issue and returns its number.
func (w *world) create(epoch int8) int8 {
	for i := range w.issues {
		if w.issues[i].epoch == 0 {
			w.issues[i] = trackerIssue{epoch: epoch, fresh: lagTicks}
			return int8(i + 1)
		}
	}
	panic("model: too many issues")
}

// find looks an epoch's oldest issue up; sure is false where the look-up may
// also miss it. 0: there is none.
func (w *world) find(epoch int8) (number int8, sure bool) {
	for i, is := range w.issues {
		if is.epoch == epoch {
			return int8(i + 1), is.fresh == 0
		}
	}
	return 0, true
}

// keepOne closes all issues of an epoch but the oldest, which it returns. What
// a look-up may miss it misses.
func (w *world) keepOne(epoch, known int8) int8 {
	keep := int8(0)
	for i := range w.issues {
		switch is := &w.issues[i]; {
		case is.epoch != epoch || is.fresh > 0:
		case keep == 0:
			keep = int8(i + 1)
		default:
			is.closed = true
		}
	}
	return cmp.Or(keep, known)
}

// end is the end of a worker's run, whatever the reason: what comes next in
// its slot is another one.
func (w *world) end(slot int8) {
	w.workers[slot] = worker{}
	if w.kept.owner == slot {
		w.kept.owner = nobody
	}
	for i := range w.flying {
		if w.flying[i].from == slot {
			w.flying[i].from = nobody
		}
	}
}

// order makes messages comparable; none is the least.
func (m message) order() int {
	return int(m.kind)<<24 | int(m.value)<<16 | int(m.ttl)<<8 | int(m.from+1)
}

// normal makes one of states that differ only in names and in what nobody
// reads any more. swapped reports whether the two workers changed places.
func (w world) normal() (n world, swapped bool) {
	for slot := range w.workers {
		w.workers[slot].forget()
	}
	if w.workers[1].order() < w.workers[0].order() {
		swapped = true
		w.workers[0], w.workers[1] = w.workers[1], w.workers[0]
		if w.kept.owner != nobody {
			w.kept.owner = 1 - w.kept.owner
		}
		for i := range w.flying {
			if f := &w.flying[i]; f.kind != noMessage && f.from != nobody {
				f.from = 1 - f.from
			}
		}
	}
	for i := range w.flying {
		if w.flying[i].kind == noMessage {
			w.flying[i] = message{from: nobody}
		}
	}
	slices.SortFunc(w.flying[:], func(a, b message) int { return b.order() - a.order() })
	return w, swapped
}

// quiet reports whether nothing is left to do and nothing under way.
func (m *model) quiet(w *world) bool {
	return w.flying[0].kind == noMessage && w.workers == [2]worker{} &&
		(w.kept.record == 0 || m.record(w.kept.record).Step == Idle)
}

// pass lets a tick pass, unless something has to happen before. busy says
// that somebody could go on at once.
func (m *model) pass(w world, busy bool) {
	what := "a tick"
	if busy {
		if w.left.Delay == 0 {
			return
		}
		w.left.Delay--
		what = "a tick, although somebody could go on"
	}
	for i := range w.flying {
		if f := &w.flying[i]; f.kind != noMessage {
			if f.ttl == 0 {
				return
			}
			f.ttl--
		}
	}
	w.kept = m.later(w.kept)
	if w.task > 0 {
		w.task--
	}
	for i := range w.issues {
		w.issues[i].fresh = max(w.issues[i].fresh-1, 0)
	}
	for slot := range int8(len(w.workers)) {
		wk := &w.workers[slot]
		if wk.at == atRest {
			continue
		}
		if wk.at == toWrite && wk.frozen {
			if wk.stall == stallTicks {
				return
			}
			wk.stall++
		}
		if wk.at.creates() {
			wk.clock = min(wk.clock+1, createTicks+1)
		}
		if wk.frozen {
			wk.sure = max(wk.sure-1, 0)
		} else {
			m.renew(&w, slot)
		}
	}
	m.emit(what, nobody, !busy, w)
}

// renew is a turn of Lease.Keep.
func (m *model) renew(w *world, slot int8) {
	if r := m.change(w, slot, "renew", 0, 0); r.lost {
		w.end(slot)
	} else {
		w.workers[slot].sure = leaseTicks
	}
}
