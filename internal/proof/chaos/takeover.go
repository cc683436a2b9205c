package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/pbapi/pbfake"
)

// maxTakeover is the promised limit.
const maxTakeover = 15 * time.Second

// line holds the parts of a line of the plugin's log that the machine reads.
type line struct {
	Time        time.Time `json:"time"`
	Msg         string    `json:"msg"`
	Tenant      string    `json:"tenant"`
	Integration string    `json:"integration"`
	Entity      string    `json:"entity"`
	Outcome     string    `json:"outcome"`
	Trigger     string    `json:"trigger"`
	Run         int64     `json:"run"`
	Reason      string    `json:"reason"`
	process     string
}

func (l line) key() connections.Key {
	return connections.Key{Tenant: l.Tenant, Integration: l.Integration, Entity: l.Entity}
}

// Texts of the log that the machine depends on.
const (
	msgBegin   = "begin"   // a worker has begun a run
	msgAttempt = "attempt" // and this is how it ended
	msgAction  = "action"  // a click was answered
	msgAgain   = "run queued again"

	reasonTaken = "taken over" // of msgAgain: from a worker whose lease had ended
)

// readLog takes the lines of a process' log that matter here.
func readLog(process string, raw []byte) []line {
	var out []line
	for text := range bytes.Lines(raw) {
		l := line{process: process}
		if json.Unmarshal(text, &l) != nil {
			continue // the last words of a process that was killed
		}
		if slices.Contains([]string{msgBegin, msgAttempt, msgAction, msgAgain}, l.Msg) {
			out = append(out, l)
		}
	}
	return out
}

// takeover is a run that was under way when its worker was killed, and that
// another one began again.
type takeover struct {
	Key  connections.Key
	From happening
	// After is how long that took, without the time for which Redis was away.
	After time.Duration
}

// takeovers finds what was under way at each kill -9 of a worker, and when it
// was begun again. lines must be in the order of time. What nobody began
// again is not here: it had ended in the record before the log could say so,
// a click had made it pointless, or it remains undone.
func takeovers(lines []line, happened []happening) []takeover {
	var out []takeover
	for _, h := range happened {
		if h.Kind != killWorker {
			continue
		}
		for key, runs := range running(lines, h.Name, bornAt(h, happened), h.At) {
			if again := begunAgain(lines, key, runs, h.At); again > 0 {
				out = append(out, takeover{Key: key, From: h, After: again - redisAway(h.At, h.At.Add(again), happened)})
			}
		}
	}
	return out
}

// redisAway is for how long of a time Redis was away.
func redisAway(from, to time.Time, happened []happening) time.Duration {
	var away time.Duration
	for _, h := range happened {
		if !slices.Contains([]kind{killRedis, termRedis, freezeRedis}, h.Kind) {
			continue
		}
		begin, end := h.At, h.Back
		if begin.Before(from) {
			begin = from
		}
		if end.After(to) {
			end = to
		}
		away += max(0, end.Sub(begin))
	}
	return away
}

// bornAt is when the life of a process began that h ended.
func bornAt(h happening, happened []happening) time.Time {
	var born time.Time
	for _, e := range happened {
		if e.Name == h.Name && e.Kind != freezeWorker && e.At.Before(h.At) && e.At.After(born) {
			born = e.At
		}
	}
	return born
}

// running lists the runs that a process had begun and not ended.
func running(lines []line, process string, from, to time.Time) map[connections.Key][]int64 {
	out := map[connections.Key][]int64{}
	for _, l := range lines {
		if l.process != process || l.Time.Before(from) || l.Time.After(to) {
			continue
		}
		switch key := l.key(); l.Msg {
		case msgBegin:
			out[key] = append(out[key], l.Run)
		case msgAttempt: // tells the run that follows
			if len(out[key]) > 0 {
				out[key] = out[key][1:]
			}
		}
	}
	return out
}

// lease is how long a worker may be silent (connections.Timing).
const lease = 10 * time.Second

// begunAgain returns after how long a worker began one of the runs once more,
// or the one that the rescuer made of it; zero if none did. That worker may
// have been killed or frozen before its log could say so: then the run is
// taken over a second time, for which a lease on it must have ended. It was
// begun no later than a lease before.
func begunAgain(lines []line, key connections.Key, runs []int64, after time.Time) time.Duration {
	takenOver := false
	for _, l := range lines {
		if l.Time.Before(after) || len(runs) == 0 || l.key() != key {
			continue
		}
		switch l.Msg {
		case msgAgain:
			if takenOver && l.Reason == reasonTaken {
				return max(l.Time.Add(-lease).Sub(after), time.Millisecond)
			}
			takenOver = true
		case msgBegin:
			if takenOver || slices.Contains(runs, l.Run) {
				return l.Time.Sub(after)
			}
			return 0
		}
	}
	return 0
}

// quantiles of durations, in seconds.
type quantiles struct {
	N   int     `json:"n"`
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func quantilesOf(d []time.Duration) quantiles {
	if len(d) == 0 {
		return quantiles{}
	}
	d = slices.Sorted(slices.Values(d))
	at := func(p float64) float64 {
		return d[min(int(p*float64(len(d))), len(d)-1)].Round(time.Millisecond).Seconds()
	}
	return quantiles{len(d), at(0.5), at(0.99), d[len(d)-1].Round(time.Millisecond).Seconds()}
}

// slow are the takeovers that break the promise.
func slow(all []takeover) []violation {
	var out []violation
	for _, t := range all {
		if t.After > maxTakeover {
			out = append(out, violation{Kind: late, Integration: t.Key.Integration, Entity: t.Key.Entity,
				Detail: fmt.Sprintf("%s was killed at %s and its run begun again after %s", t.From.Name, stamp(t.From.At), t.After.Round(time.Millisecond))})
		}
	}
	return out
}

// logs reads the logs of the plugin's processes, in the order of time.
func (w *world) logs() ([]line, error) {
	var all []line
	for _, s := range slices.Concat(w.apis.slots, w.workers.slots) {
		raw, err := w.logOf(s.name)
		if err != nil {
			return nil, err
		}
		all = append(all, readLog(s.name, raw)...)
	}
	slices.SortStableFunc(all, func(a, b line) int { return a.Time.Compare(b.Time) })
	return all, nil
}

// taking is a click that the plugin recorded, by what its log says.
type taking struct {
	At      time.Time
	Trigger pbfake.Trigger
}

func takings(lines []line) map[connections.Key][]taking {
	out := map[connections.Key][]taking{}
	for _, l := range lines {
		if l.Msg == msgAction && slices.Contains([]string{"progress", "initial", "connected", "error"}, l.Outcome) {
			out[l.key()] = append(out[l.key()], taking{l.Time, pbfake.Trigger(l.Trigger)})
		}
	}
	return out
}

// byKind counts.
func byKind[T any, K cmp.Ordered](all []T, kind func(T) K) map[K]int {
	out := map[K]int{}
	for _, v := range all {
		out[kind(v)]++
	}
	return out
}
