package connections

// step does what a worker does next.
func (m *model) step(w world, slot int8) {
	wk := &w.workers[slot]
	rec := m.record(wk.view)
	enter := func(w *world, _ *worker) { m.enter(w, slot) }
	goTo := func(p place) func(*world, *worker) { return func(_ *world, wk *worker) { wk.at = p } }
	if wk.at.calls() && wk.sure == 0 { // outbound.WithFence
		if wk.at == toCreate {
			m.change(&w, slot, "not_created", 0, 0)
		}
		w.end(slot)
		m.emit("finds that it was frozen", slot, true, w)
		return
	}
	switch wk.at {
	case atRest, creating, putting, asserting:
	case toReread:
		if w.left.Fault > 0 && w.kept.owner == slot {
			deleted := w
			deleted.left.Fault--
			deleted.issues[issueNumber(rec.Issue)-1].closed = true
			m.transit(deleted, slot, "gone", 0, 0, enter)
		}
		wk.at, wk.issue = toOpened, issueNumber(rec.Issue)
		m.emit("reads the issue", slot, true, w)
	case toFind:
		m.find(w, slot)
	case toIntend:
		m.transit(w, slot, "intend", 0, 0, func(_ *world, wk *worker) { wk.at, wk.clock = toCreate, 0 })
		if w.left.Fault > 0 {
			w.left.Fault--
			wk.at = failedToOpen
			m.emit("cannot read the entity", slot, false, w)
		}
	case toCreate:
		m.create(w, slot)
	case toWrite:
		m.write(w, slot)
	case toNotCreated:
		m.transit(w, slot, "not_created", 0, 0, goTo(failedToOpen))
	case toOpened:
		m.opened(w, slot)
	case toTreatLate:
		w.issues[wk.issue-1].closed = true
		w.end(slot)
		m.emit("treats an issue that nobody waits for", slot, true, w)
	case failedToOpen:
		m.transit(w, slot, "hand_back", 0, 1, nil)
		m.transit(w, slot, "failed", 0, 0, enter)
	case toPut:
		m.put(w, slot, putting)
	case toFailTelling:
		m.transit(w, slot, "failed", 0, 0, enter)
	case toSettle:
		m.transit(w, slot, "settled", 0, 0, nil)
	case toGet:
		m.get(w, slot)
	case toDeduplicate:
		wk.issue = w.keepOne(int8(rec.Epoch), issueNumber(rec.Issue))
		wk.at = toDeduplicated
		m.emit("closes second issues", slot, true, w)
	case toDeduplicated:
		got := wk.got
		m.transit(w, slot, "deduplicated", wk.issue, int8(m.lookAgain()), func(_ *world, wk *worker) { wk.at = m.compare(wk, got) })
	case toAssert:
		m.put(w, slot, asserting)
	case toVerified:
		m.transit(w, slot, "verified", 0, 0, nil)
	case toFindOrphan:
		m.findOrphan(w, slot)
	case toTreatOrphan:
		m.treatOrphan(w, slot)
	case toCleanedUp:
		m.transit(w, slot, "cleaned_up", int8(rec.Orphans[0].Epoch), 0, enter)
	case toRetry:
		m.transit(w, slot, "hand_back", 0, 1, nil)
	case toWait:
		m.transit(w, slot, "hand_back", 0, 1, nil)
		if rec.Step == Open { // the push may be overdue
			m.transit(w, slot, "failed", 0, 0, enter)
		}
	}
}

// find looks up by the marker; an issue that was made this moment may be missed.
func (m *model) find(w world, slot int8) {
	rec := m.record(w.workers[slot].view)
	found, sure := w.find(int8(rec.Epoch))
	if found != 0 {
		seen := w
		seen.workers[slot].at, seen.workers[slot].issue = toOpened, found
		m.emit("finds the issue", slot, true, seen)
	}
	if found == 0 || !sure {
		wk := &w.workers[slot]
		wk.at = toWait
		if rec.Intent.Resolved || present-rec.Intent.At >= int64(m.lookUp()) {
			wk.at = toIntend
		}
		m.emit("finds no issue", slot, true, w)
	}
}

func (m *model) create(w world, slot int8) {
	wk := &w.workers[slot]
	switch {
	case wk.clock > createTicks && !m.lateDeadline: // the create's deadline, counted from before the intent
		wk.at = toNotCreated
		m.emit("has no time left to create", slot, true, w)
	case m.window:
		wk.at = toWrite
		m.emit("asks the fence", slot, true, w)
	default:
		m.write(w, slot)
	}
}

func (m *model) write(w world, slot int8) {
	wk := &w.workers[slot]
	ttl := max(createTicks-wk.clock, 0)
	if m.lateDeadline {
		ttl = createTicks
	}
	wk.at = creating
	w.send(message{kind: aCreate, value: int8(m.record(wk.view).Epoch), ttl: ttl, from: slot})
	m.emit("sends the create", slot, true, w)
}

func (m *model) opened(w world, slot int8) {
	wk := w.workers[slot]
	r := m.change(&w, slot, "opened", wk.issue, 0)
	done := w
	switch {
	case !r.lost:
		m.enter(&done, slot)
	case r.kept:
		done.end(slot)
	default:
		done.workers[slot].at = toTreatLate
	}
	m.emit("opened", slot, true, done)
	if w.left.Fault > 0 && !r.lost {
		w.left.Fault--
		lost := w
		wk.at = failedToOpen
		lost.workers[slot] = wk
		m.emit("opened, its reply is lost", slot, false, lost)
		m.openedAgain(w, slot)
	}
}

// openedAgain is a client that sends the command again, having lost the reply.
func (m *model) openedAgain(w world, slot int8) {
	r := m.change(&w, slot, "opened", w.workers[slot].issue, 0)
	switch {
	case !r.lost:
		m.enter(&w, slot)
	case r.kept:
		w.end(slot)
	default:
		w.workers[slot].at = toTreatLate
	}
	m.emit("opened, sent again by the client", slot, false, w)
}

func (m *model) put(w world, slot int8, then place) {
	wk := &w.workers[slot]
	wk.at = then
	w.send(message{kind: aPut, value: m.face(wk.view), ttl: callTicks, from: slot})
	m.emit("sends a PUT", slot, true, w)
}

func (m *model) get(w world, slot int8) {
	wk := &w.workers[slot]
	wk.got = w.shown
	rec := m.record(wk.view)
	wk.at = m.compare(wk, wk.got)
	if rec.Recreated > 0 && rec.Issue != nil && !m.noDeduplication {
		wk.at = toDeduplicate
	}
	m.emit("reads the button", slot, true, w)
}

// compare never gives up, as actions.maxAsserts does after so many others'
// writes as a scenario has not.
func (m *model) compare(wk *worker, got int8) place {
	if got == m.face(wk.view) {
		return toVerified
	}
	return toAssert
}

func (m *model) findOrphan(w world, slot int8) {
	orphan := m.record(w.workers[slot].view).Orphans[0]
	found, sure := w.find(int8(orphan.Epoch))
	if found != 0 {
		seen := w
		seen.workers[slot].at, seen.workers[slot].issue = toTreatOrphan, found
		m.emit("finds the orphan", slot, true, seen)
	}
	if found == 0 || !sure {
		wk := &w.workers[slot]
		wk.at = toCleanedUp
		if m.mayAppear(orphan) {
			wk.at = toWait
		}
		m.emit("finds no orphan", slot, true, w)
	}
}

// treatOrphan closes an issue: the unlink policy that shows most.
func (m *model) treatOrphan(w world, slot int8) {
	wk := &w.workers[slot]
	orphan := m.record(wk.view).Orphans[0]
	if orphan.Recreated > 0 && m.mayAppear(orphan) {
		wk.at = toWait
		m.emit("waits for a second issue", slot, true, w)
		return
	}
	if orphan.Recreated > 0 && !m.noDeduplication {
		wk.issue = w.keepOne(int8(orphan.Epoch), wk.issue)
	}
	w.issues[wk.issue-1].closed = true
	wk.at = toCleanedUp
	m.emit("treats the orphan", slot, true, w)
}

func (m *model) mayAppear(orphan Orphan) bool {
	return orphan.Intent != nil && present-orphan.Intent.At < int64(m.lookAgain())
}
