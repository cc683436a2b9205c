package connections

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestModelMutants proves that the model can fail: each mechanism is switched
// off in turn, and what it prevents must be found.
func TestModelMutants(t *testing.T) {
	if underRace {
		t.Skip("one goroutine: the run without the race detector covers it")
	}
	const (
		twice     = "two issues with the marker"
		shows     = "at rest the button shows"
		forgotten = "is forgotten"
		stuck     = "stuck"
		newer     = "a reading overwrote"
	)
	kill, freeze := budget{Push: 1, Kill: 1}, budget{Push: 1, Unlink: 1, Freeze: 1}
	for _, c := range []struct {
		name     string
		old, new string // in the script
		rules    rules
		may      budget
		finds    string
	}{
		{"nobody is fenced off", "(K.unfenced or rec.r == a.run and rec.o == a.owner)", "true", rules{}, freeze, twice},
		{"a lease that is over is not taken over", "return queue(rec.p, 0, 'taken over')", "return answer('moved')", rules{}, kill, stuck},
		{"what waits is not rescued", "if due then redis.call('ZADD', rescue, due, member)", "if due then", rules{}, kill, stuck},
		{"no intent is recorded", "rec.i = { at = now, n = sent + 1, b = rec.i and rec.i.b }", "", rules{}, kill, twice},
		{"the intent keeps its first date", "rec.i = { at = now, n", "rec.i = { at = rec.i and rec.i.at or now, n", rules{}, budget{Push: 1, Fault: 2}, twice},
		{"a look-up is believed at once", "", "", rules{noLookUp: true}, budget{Push: 1, Fault: 1}, twice},
		{"a create's time begins after its intent", "", "", rules{lateDeadline: true}, budget{Push: 1, Kill: 1, Freeze: 1}, twice},
		{"second creates are not counted", "if sent > 0 then rec.q = 2 end", "", rules{window: true}, budget{Push: 1, Freeze: 1}, forgotten},
		{"second issues are not looked for", "", "", rules{window: true, noDeduplication: true}, budget{Push: 1, Freeze: 1}, forgotten},
		{"second issues are looked for once", "rec.q = rec.q - 1", "rec.q = 0", rules{window: true}, budget{Push: 1, Freeze: 1}, forgotten},
		{"an unlink stays in the epoch", "if rec.t or rec.i then rec.e = rec.e + 1 end", "", rules{}, budget{Push: 2, Unlink: 1}, twice},
		{"an unlink leaves no issue behind", "table.insert(rec.l, {", "table.insert({}, {", rules{}, budget{Push: 1, Unlink: 1}, forgotten},
		{"an unlinked push is not given the time for a second issue", "if rec.q and not intent then", "if false then", rules{window: true}, freeze, forgotten},
		{"the younger of two issues stays connected", "rec.t, rec.m = a.issue, nil\n    changed", "changed", rules{window: true}, budget{Push: 1, Freeze: 1}, forgotten},
		{"the last reading is forgotten", "if rec.v then return queue('verify', math.max(rec.v - now, 0), 'read back') end", "", rules{}, budget{Push: 1, Unlink: 1}, shows},
		{"any reading is the last", "rec.v and rec.v <= now then", "rec.v then", rules{}, budget{Push: 1, Unlink: 1}, shows},
		{"who is fenced off is not waited for", "if not answered then fence_off() end", "", rules{}, freeze, shows},
		{"who is fenced off is waited for as if it had no lease", "", "", rules{shortSendWindow: true}, freeze, shows},
		{"who lost the run to a second delivery is not waited for", "if rec.o ~= a.owner then fence_off() end", "", rules{}, budget{Push: 1, Unlink: 1, Kill: 1, Freeze: 1}, shows},
		{"a dismiss or an unlink is read back once", "read_back(now + K.answer)\nend\n\n-- forsake", "end\n\n-- forsake", rules{}, budget{Push: 1, Dismiss: 1, Fault: 2}, shows},
		{"a settled button is read back at once", "math.max(K.settle, (rec.lc or 0) + K.answer - now)", "0", rules{}, budget{Push: 1}, shows},
		{"a new state is not listed", "redis.call('ZADD', index(rec.s), changed or now, entity)", "", rules{}, budget{Push: 1}, "listed wrongly"},
		{"a former state stays listed", "if was and was ~= rec.s then redis.call('ZREM', index(was), entity) end", "", rules{}, budget{Push: 1}, "listed wrongly"},
		{"what is done keeps its slot", "release_slot()\n  return save('ok', nil, 'verified')", "return save('ok', nil, 'verified')", rules{}, budget{Push: 1}, "in one place"},
		{"what is done stays due for the rescuer", "else redis.call('ZREM', rescue, member) end", "end", rules{}, budget{Push: 1}, "rescuer"},
		{"a push during an unlink's verify is dropped", "if rec.s == 'progress' then\n    rec.lc", "if rec.p then\n    rec.lc", rules{}, budget{Push: 2, Unlink: 1}, "latest click"},
		{"a reading is newer than a click", "rec.g ~= (a.generation or 0) or ", "", rules{}, budget{Push: 2, Refresh: 1}, newer},
		{"a reading changes what is under way", "(not raw or rec.p or rec.s", "(not raw or rec.s", rules{}, budget{Push: 1, Dismiss: 1, Refresh: 1}, newer},
		{"a changed issue is not shown", "return queue('settle', 0, 'changed in the tracker')", "return reply('ok', write())", rules{}, budget{Push: 1, Refresh: 1}, shows},
		{"a deletion is not shown", "changed, rec.ob = now, now\n  return queue('settle', 0, 'deleted in the tracker')", "return reply('ok', write())", rules{}, budget{Push: 1, Refresh: 2}, shows},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := c.rules
			r.script = transitionsLua
			if c.old != "" {
				require.Equal(t, 1, strings.Count(transitionsLua, c.old), "the mutated text")
				r.script = strings.Replace(transitionsLua, c.old, c.new, 1)
			}
			start := time.Now()
			m := explore(scenario{name: c.name, store: newModelStore(t, r), may: c.may})
			t.Logf("found after %d states, %v:\n%s", len(m.queue), time.Since(start).Round(time.Millisecond), m.wrong)
			require.Contains(t, m.wrong, c.finds)
		})
	}
}
