package connections

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// check returns what is wrong with a state; empty: nothing.
func (m *model) check(w *world) string {
	if !m.window {
		var count [maxIssues + 2]int8
		for _, is := range w.issues {
			if count[is.epoch]++; is.epoch != 0 && count[is.epoch] > 1 {
				return fmt.Sprintf("two issues with the marker of epoch %d", is.epoch)
			}
		}
	}
	if w.kept.record == 0 {
		return ""
	}
	rec := m.record(w.kept.record)
	switch k := w.kept; {
	case k.listed != 1<<slices.Index(listedStates[:], rec.State):
		return "the record is listed wrongly"
	case k.out && k.backlog != never, (k.out || k.backlog != never) != (rec.Step != Idle):
		return "the record is not in one place"
	}
	if n := issueNumber(rec.Issue); n != 0 && !m.window && w.issues[n-1].closed {
		return "the issue that the record wants was closed"
	}
	if !m.quiet(w) {
		return ""
	}
	return m.checkRest(w, rec)
}

// checkRest is what must hold when nothing is left to do.
func (m *model) checkRest(w *world, rec *Record) string {
	switch {
	case w.shown != m.face(w.kept.record):
		return fmt.Sprintf("at rest the button shows %q instead of %q", m.shows.texts[w.shown], face(rec))
	case w.kept.due != never:
		return "at rest the record still is due for the rescuer"
	case w.wanted == anUnlink && rec.State != Initial, w.wanted == aPush && rec.State != Connected && rec.State != Failed:
		return "at rest the button does not follow the latest click"
	}
	for i, is := range w.issues {
		switch {
		case is.epoch == 0:
		case int(issueNumber(rec.Issue)) == i+1:
			if is.closed {
				return "at rest the issue that is connected is closed"
			}
		case rec.Intent != nil && rec.Epoch == int(is.epoch): // the next push finds it
		case !is.closed:
			return fmt.Sprintf("at rest issue %d is forgotten", i+1)
		}
	}
	return ""
}

// checkEnds finds a state from which no end can be reached without a click or
// luck.
func (m *model) checkEnds() {
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
		if !ends[i] {
			m.wrong = "stuck: from here nothing leads to an end\n" + m.trace(int32(i))
			return
		}
	}
}

var deep = flag.Bool("deep", false, "explore the model's largest scenarios too")

// TestModel explores each scenario and finds nothing wrong in any state.
func TestModel(t *testing.T) {
	if underRace {
		t.Skip("one goroutine: the run without the race detector covers it")
	}
	plain := newModelStore(t, rules{script: transitionsLua})
	window := newModelStore(t, rules{script: transitionsLua, window: true})
	for _, sc := range []scenario{
		{"push, push; two readings", plain, budget{Push: 2, Refresh: 2}, false},
		{"push, unlink; two readings, a fault", plain, budget{Push: 1, Unlink: 1, Refresh: 2, Fault: 1}, false},
		{"push, unlink; two readings, a kill", plain, budget{Push: 1, Unlink: 1, Refresh: 2, Kill: 1}, false},
		{"push, unlink; a reading, a freeze", plain, budget{Push: 1, Unlink: 1, Refresh: 1, Freeze: 1}, false},
		{"push, unlink; a kill", plain, budget{Push: 1, Unlink: 1, Kill: 1, Delay: 2}, false},
		{"push, unlink; a freeze", plain, budget{Push: 1, Unlink: 1, Freeze: 1, Delay: 1}, false},
		{"push, unlink; a kill, a freeze", plain, budget{Push: 1, Unlink: 1, Kill: 1, Freeze: 1}, false},
		{"push, unlink; a kill, a fault", plain, budget{Push: 1, Unlink: 1, Kill: 1, Fault: 1}, false},
		{"push, unlink; two faults", plain, budget{Push: 1, Unlink: 1, Fault: 2}, false},
		{"push, unlink; a kill, a freeze, a fault", plain, budget{Push: 1, Unlink: 1, Kill: 1, Freeze: 1, Fault: 1}, true},
		{"push, push, unlink", plain, budget{Push: 2, Unlink: 1, Delay: 1}, false},
		{"push, push, unlink; a kill", plain, budget{Push: 2, Unlink: 1, Kill: 1}, true},
		{"push, push, unlink; a fault", plain, budget{Push: 2, Unlink: 1, Fault: 1}, true},
		{"push, push, dismiss; a fault", plain, budget{Push: 2, Dismiss: 1, Fault: 1}, false},
		{"push, push, dismiss; a freeze", plain, budget{Push: 2, Dismiss: 1, Freeze: 1}, true},
		{"window: push, unlink; a freeze", window, budget{Push: 1, Unlink: 1, Freeze: 1}, false},
		{"window: push; a freeze, a kill", window, budget{Push: 1, Freeze: 1, Kill: 1, Delay: 1}, false},
		{"window: push, unlink; a freeze, a kill", window, budget{Push: 1, Unlink: 1, Freeze: 1, Kill: 1}, true},
		{"window: push, unlink; a freeze, a fault", window, budget{Push: 1, Unlink: 1, Freeze: 1, Fault: 1}, true},
		{"window: push, push; a freeze", window, budget{Push: 2, Freeze: 1}, true},
	} {
		t.Run(sc.name, func(t *testing.T) {
			if sc.deep && !*deep {
				t.Skip("-deep explores it")
			}
			start := time.Now()
			m := explore(sc)
			t.Logf("%d states, %d transitions, %d ends, %d calls of the script so far, %v",
				len(m.queue), m.all, m.ends, len(m.memory), time.Since(start).Round(time.Millisecond))
			if m.wrong != "" {
				t.Fatal(m.wrong)
			}
			require.NotZero(t, m.ends)
		})
	}
}
