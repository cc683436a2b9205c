package connections

// place is where a worker stands: what it does next. A step of a worker
// touches one thing that others touch as well; what it decides by itself in
// between is part of the step before.
type place int8

const (
	atRest         place = iota
	toReread             // actions.run.reread
	toFind               // actions.run.lookUp
	toIntend             // actions.run.open, from here
	toCreate             //
	toWrite              // the fence was asked, the create is not written yet
	creating             //
	toNotCreated         //
	toOpened             // actions.run.opened
	toTreatLate          //
	failedToOpen         // actions.run.steps, after a failed open
	toPut                // actions.run.settle
	putting              //
	toFailTelling        //
	toSettle             //
	toGet                // actions.run.verify
	toDeduplicate        //
	toDeduplicated       //
	toAssert             //
	asserting            //
	toVerified           //
	toFindOrphan         // actions.run.cleanUp
	toTreatOrphan        //
	toCleanedUp          //
	toRetry              // actions.run.end: handed back
	toWait               // the same, for something that time alone brings
)

// worker is one run of actions.Performer.Perform, in one of two processes.
type worker struct {
	view   int32 // its lease.Record
	at     place
	sure   int8 // for how long its lease surely is its own, by its own clock
	got    int8 // what it read from Productboard
	issue  int8 // the issue it has in hand
	clock  int8 // since it recorded its intent
	stall  int8 // frozen toWrite
	frozen bool
	stale  bool // its run is not the current one
}

// order makes workers comparable; at rest is the least.
func (k worker) order() uint64 {
	o := uint64(k.at)
	for _, part := range [...]int8{k.sure, k.got, k.issue, k.clock, k.stall} {
		o = o<<4 | uint64(part)
	}
	o = o<<32 | uint64(k.view)<<2
	return o | bit(k.frozen)<<1 | bit(k.stale)
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// forget drops what is not read from here on.
func (k *worker) forget() {
	if !k.at.creates() {
		k.clock, k.stall = 0, 0
	}
	switch k.at {
	case toOpened, toTreatLate, toDeduplicated, toTreatOrphan:
	default:
		k.issue = 0
	}
	switch k.at {
	case toDeduplicate, toDeduplicated:
	default:
		k.got = 0
	}
}

// creates reports whether a worker that stands here counts a create's deadline.
func (p place) creates() bool { return p == toCreate || p == toWrite || p == creating }

// calls reports whether a worker that stands here is about to call out.
func (p place) calls() bool {
	switch p {
	case toReread, toFind, toCreate, toTreatLate, toPut, toGet, toDeduplicate, toAssert, toFindOrphan, toTreatOrphan:
		return true
	default:
		return false
	}
}

// waits reports whether a worker that stands here waits for a reply, see land.
func (p place) waits() bool { return p == creating || p == putting || p == asserting }

// enter decides what the record asks for: actions.run.step, and the first
// choices of each step.
func (m *model) enter(w *world, slot int8) {
	wk := &w.workers[slot]
	rec := m.record(wk.view)
	switch rec.Step {
	case Open:
		switch i := rec.Intent; {
		case rec.Issue != nil:
			wk.at = toReread
		case i != nil && (!i.Resolved || i.Sent > 1):
			wk.at = toFind
		default:
			wk.at = toIntend
		}
	case Settle:
		wk.at = toPut
	case Verify:
		wk.at = toGet
	case Cleanup:
		switch orphans := rec.Orphans; {
		case len(orphans) == 0:
			wk.at = toVerified
		case orphans[0].Issue != nil:
			wk.at, wk.issue = toTreatOrphan, issueNumber(orphans[0].Issue)
		default:
			wk.at = toFindOrphan
		}
	case Idle:
		w.end(slot)
	}
}

// change carries out a transition of a worker's lease.
func (m *model) change(w *world, slot int8, op string, arg, ticks int8) reply {
	wk := &w.workers[slot]
	c := call{op: op, stale: wk.stale, arg: arg, ticks: ticks}
	if op == "opened" {
		c.epoch = int8(m.record(wk.view).Epoch)
	}
	r := m.ask(w, c, slot)
	if !r.lost && op != "renew" {
		wk.view = r.view
	}
	return r
}

// ask carries out a call of the store, and what follows from it for everybody.
func (m *model) ask(w *world, c call, slot int8) reply {
	c.record, c.due, c.where = w.kept.record, w.kept.due, w.kept.where
	c.mine = slot != nobody && w.kept.owner == slot
	r := m.do(c)
	w.kept.record, w.kept.due, w.kept.where = r.record, r.due, r.where
	switch r.owned {
	case 1:
		w.kept.owner = slot
	case nobody:
		w.kept.owner = nobody
	}
	w.clicked = w.clicked || w.read != 0 && r.clicked
	if r.newRun {
		for i := range w.workers {
			w.workers[i].stale = w.workers[i].at != atRest
		}
	}
	if r.newRun || m.record(w.kept.record).Step == Idle {
		w.task, w.twice = never, false // a task of a run that is over does nothing
	}
	if r.queued {
		w.task = r.delay
	}
	w.twice = w.twice || r.announced
	return r
}

// transit is a step that is a transition. On ErrLost the worker ends, after a
// hand-over as well.
func (m *model) transit(w world, slot int8, op string, arg, ticks int8, then func(w *world, wk *worker)) {
	opening := m.record(w.workers[slot].view).Step == Open
	before := w.workers[slot]
	r := m.change(&w, slot, op, arg, ticks)
	done := w
	if r.lost || r.queued || then == nil {
		done.end(slot)
	} else {
		then(&done, &done.workers[slot])
	}
	m.emit(op, slot, true, done)
	if w.left.Fault > 0 && !r.lost {
		w.left.Fault--
		if r.queued {
			w.task = never // nobody queues it
		}
		before.stale = w.workers[slot].stale
		before.at = toRetry
		if opening {
			before.at = failedToOpen
		}
		w.workers[slot] = before
		m.emit(op+", its reply is lost", slot, false, w)
	}
}
