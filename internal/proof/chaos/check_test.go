package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/proof/e2e/fixture"
	"pushbutton/internal/targets/memtarget"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// rig is the books of one button, which the cases spoil.
type rig struct{ books }

// at makes a click that is answered after 10 ms.
func (r *rig) click(second float64, t pbfake.Trigger, failure string) {
	start := noon.Add(time.Duration(second * float64(time.Second)))
	a := fixture.Answer{Status: 200}
	if failure != "" {
		a = fixture.Answer{Failure: failure}
	}
	r.Clicks = append(r.Clicks, clicked{click: click{Trigger: t}, Start: start, End: start.Add(10 * time.Millisecond), Answer: a})
}

func (r *rig) issue(id string, epoch int, status string, comments ...string) {
	marker := string(connections.MarkerFor(connections.Key{Integration: "own", Entity: "entity"}, epoch))
	r.Issues = append(r.Issues, memtarget.Record{ID: id, Key: "K-" + id, Project: project(2), Marker: marker, Status: status, Comments: comments})
	r.Creates = append(r.Creates, memtarget.Entry{IssueID: id, Marker: marker})
}

func (r *rig) show(state pbfake.State) {
	r.Shown = []pbfake.Connection{{IntegrationID: "pb", EntityID: "entity", State: state}}
}

func connectedTo(id string) pbfake.State {
	return pbfake.State{Name: pbfake.StateConnected, TargetURL: "http://tracker.example/issues/" + id}
}

func TestCheck(t *testing.T) {
	ownError := pbfake.State{Name: pbfake.StateError, Message: "Something went wrong. Please try again later."}
	for name, c := range map[string]struct {
		arrange func(r *rig)
		want    []string
	}{
		"one push, one issue": {func(r *rig) {
			r.click(0, pbfake.Push, "")
			r.issue("1", 1, "Open")
			r.show(connectedTo("1"))
		}, nil},
		"two creates for one marker": {func(r *rig) {
			r.click(0, pbfake.Push, "")
			r.issue("1", 1, "Open")
			r.issue("2", 1, "Done")
			r.show(connectedTo("1"))
		}, []string{duplicates}},
		"a second issue without an unlink": {func(r *rig) {
			r.click(0, pbfake.Push, "")
			r.issue("1", 1, "Open")
			r.issue("2", 2, "Open")
			r.show(connectedTo("1"))
		}, []string{stranger}},
		"in progress": {func(r *rig) {
			r.click(0, pbfake.Push, "")
			r.show(pbfake.State{Name: pbfake.StateProgress})
		}, []string{stuck}},
		"connected to an issue of another button": {func(r *rig) {
			r.click(0, pbfake.Push, "")
			r.show(connectedTo("99"))
		}, []string{wrong}},
		"connected to a closed duplicate": {func(r *rig) {
			r.click(0, pbfake.Push, "")
			r.issue("1", 1, "Done")
			r.show(connectedTo("1"))
		}, []string{wrong}},
		"connected to the issue before the unlink": {func(r *rig) {
			r.click(0, pbfake.Push, "")
			r.click(1, pbfake.Unlink, "")
			r.click(2, pbfake.Push, "")
			r.issue("1", 1, "Done", "unlinked")
			r.issue("2", 2, "Open")
			r.show(connectedTo("1"))
		}, []string{wrong}},
		"an error without a sentence": {func(r *rig) {
			r.click(0, pbfake.Push, "")
			r.show(pbfake.State{Name: pbfake.StateError})
		}, []string{wrong}},
		"a push that nothing came of": {func(r *rig) { r.click(0, pbfake.Push, "") }, []string{lost}},
		"connected after an unlink": {func(r *rig) {
			r.click(0, pbfake.Push, "")
			r.click(1, pbfake.Unlink, "")
			r.issue("1", 1, "Open")
			r.show(connectedTo("1"))
		}, []string{wrong}},
		"a click that overlaps may be first or last": {func(r *rig) {
			r.click(0, pbfake.Push, "")
			r.click(0.005, pbfake.Unlink, "")
			r.issue("1", 1, "Open")
			r.show(connectedTo("1"))
		}, nil},
		"a click without an answer may be taken or not": {func(r *rig) {
			r.click(0, pbfake.Push, "")
			r.click(5, pbfake.Unlink, "no answer")
			r.issue("1", 1, "Open")
			r.show(connectedTo("1"))
		}, nil},
		"a click in a frozen process may be taken later": {func(r *rig) {
			r.click(0, pbfake.Push, "no answer")
			r.click(20, pbfake.Unlink, "")
			r.Happened = []happening{{Kind: freezeAPI, At: noon.Add(-time.Second), Back: noon.Add(39 * time.Second)}}
			r.issue("1", 1, "Open")
			r.show(connectedTo("1"))
		}, nil},
		"Productboard's own error, which the plugin cannot know of": {func(r *rig) {
			r.click(0, pbfake.Push, "no answer")
			r.show(ownError)
		}, nil},
		"Productboard's own error, although the push was taken": {func(r *rig) {
			r.click(0, pbfake.Push, "no answer")
			r.Taken = map[connections.Key][]taking{{Tenant: "t", Integration: "own", Entity: "entity"}: {{noon.Add(time.Millisecond), pbfake.Push}}}
			r.show(ownError)
		}, []string{wrong}},
		"an unlinked issue that was not closed": {func(r *rig) {
			r.click(0, pbfake.Push, "")
			r.click(1, pbfake.Unlink, "")
			r.issue("1", 1, "Open")
		}, []string{untreated}},
		"an unlinked issue that was closed": {func(r *rig) {
			r.click(0, pbfake.Push, "")
			r.click(1, pbfake.Unlink, "")
			r.issue("1", 1, "Done", "It was unlinked.")
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := &rig{books{Plan: plan{Buttons: []button{{2, 0}}}, Integrations: []string{"x", "x", "pb"}, Own: []string{"x", "x", "own"}, Tenants: []string{"t", "t", "t"}, Entities: []string{"entity"}}}
			c.arrange(r)
			var got []string
			for _, v := range r.check() {
				got = append(got, v.Kind)
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestTakeovers(t *testing.T) {
	at := func(s float64) time.Time { return noon.Add(time.Duration(s * float64(time.Second))) }
	entry := func(s float64, process, msg, entity string, run int64) line {
		return line{Time: at(s), Msg: msg, Tenant: "t", Integration: "i", Entity: entity, Run: run, process: process}
	}
	again := func(s float64, entity string) line {
		return line{Time: at(s), Msg: msgAgain, Tenant: "t", Integration: "i", Entity: entity, process: "api-1"}
	}
	lines := []line{
		entry(0, "worker-1", msgBegin, "before", 1), // cut off by the first kill
		entry(1.5, "worker-2", msgBegin, "before", 1),
		entry(2, "worker-1", msgBegin, "ended", 1),
		entry(3, "worker-1", msgAttempt, "ended", 2),
		entry(4, "worker-1", msgBegin, "a", 1),
		entry(4, "worker-2", msgBegin, "of another", 1),
		entry(5, "worker-1", msgBegin, "ended, not logged", 1),
		entry(5, "worker-1", msgBegin, "b", 1),
		entry(5, "worker-1", msgBegin, "c", 1),
		again(14, "a"),
		entry(15, "worker-3", msgBegin, "a", 2),
		entry(20, "worker-1", msgBegin, "ended", 2),
		entry(20, "worker-1", msgBegin, "ended, not logged", 2),
		again(17, "c"), // taken over by a worker that died before it could log,
		again(21, "b"),
		entry(22, "worker-3", msgBegin, "b", 2),
		{Time: at(28), Msg: msgAgain, Tenant: "t", Integration: "i", Entity: "c", Reason: reasonTaken}, // as this shows
		entry(29, "worker-3", msgBegin, "c", 3),
	}
	happened := []happening{{Kind: killWorker, Name: "worker-1", At: at(1)}, {Kind: killWorker, Name: "worker-1", At: at(6)}, {Kind: killAPI, Name: "api-1", At: at(6)}}
	got := map[string]time.Duration{}
	all := takeovers(lines, happened)
	for _, tk := range all {
		got[tk.Key.Entity] = tk.After
	}
	require.Equal(t, map[string]time.Duration{"before": 500 * time.Millisecond, "a": 9 * time.Second, "b": 16 * time.Second, "c": 12 * time.Second}, got)
	require.Len(t, slow(all), 1)

	all = takeovers(lines, append(happened, happening{Kind: killRedis, At: at(5), Back: at(8)}, happening{Kind: termRedis, At: at(13), Back: at(14)}))
	for _, tk := range all {
		got[tk.Key.Entity] = tk.After
	}
	require.Equal(t, map[string]time.Duration{"before": 500 * time.Millisecond, "a": 6 * time.Second, "b": 13 * time.Second, "c": 9 * time.Second}, got, "without the time for which Redis was away")
	require.Equal(t, quantiles{N: 3, P50: 2, P99: 3, Max: 3}, quantilesOf([]time.Duration{3 * time.Second, time.Second, 2 * time.Second}))
}

func TestLogLines(t *testing.T) {
	raw := `{"time":"2026-03-02T12:00:00Z","msg":"begin","tenant":"t","integration":"i","entity":"e"}
not json
{"time":"2026-03-02T12:00:01Z","msg":"ready"}
{"time":"2026-03-02T12:00:02Z","msg":"action","tenant":"t","integration":"i","entity":"e","trigger":"button.push","outcome":"progress"}
{"time":"2026-03-02T12:00:03Z","msg":"action","tenant":"t","integration":"i","entity":"e","trigger":"button.push","outcome":"unavailable"}
{"time":"2026-03-02T12:00:04Z","ms`
	lines := readLog("api-1", []byte(raw))
	require.Len(t, lines, 3)
	require.Equal(t, map[connections.Key][]taking{{Tenant: "t", Integration: "i", Entity: "e"}: {{noon.Add(2 * time.Second), pbfake.Push}}}, takings(lines))
}

func TestSameSeedSamePlan(t *testing.T) {
	for _, s := range []size{fullSize(), shortSize()} {
		p := makePlan(7, s)
		require.Equal(t, p, makePlan(7, s))
		require.NotEqual(t, p, makePlan(8, s))
		require.Len(t, p.Clicks, s.Actions)
		require.IsNonDecreasing(t, at(p.Clicks))
		counts := byKind(p.Events, func(e event) kind { return e.Kind })
		require.Equal(t, s.Events, counts)
		for _, e := range p.Events {
			require.Less(t, e.At, s.Over)
		}
	}
}

func at(clicks []click) []time.Duration {
	var out []time.Duration
	for _, c := range clicks {
		out = append(out, c.At)
	}
	return out
}

func TestVerdict(t *testing.T) {
	clean, dirty := report{}, report{Counts: map[string]int{stuck: 1}, Violations: []violation{{Kind: stuck}}}
	require.NoError(t, clean.verdict(""))
	require.Error(t, dirty.verdict(""))
	require.NoError(t, dirty.verdict("lost,stuck"))
	require.Error(t, dirty.verdict(duplicates))
	require.Error(t, clean.verdict(duplicates), "a mutant that is not found out")
}

func TestNothingMayRemain(t *testing.T) {
	require.Empty(t, atRest{Tasks: map[string]int64{"pending": 0}, Records: 9}.violations(nil))
	require.Len(t, atRest{Tasks: map[string]int64{"archived": 1}, Rescuer: 1, Leases: 1, Steps: 1, WakeList: 1}.violations(nil), 5)
	require.Len(t, atRest{Tasks: map[string]int64{"active": 1, "archived": 1}}.violations([]string{"active"}), 1)
}
