package memtarget

import (
	"errors"
	"fmt"
	"time"
)

// reorderFor is how long a reordered delivery waits for later ones to overtake it.
const reorderFor = 500 * time.Millisecond

// HookFaults is everything that is to go wrong with webhooks. Each share, 0 to 1, is
// of the deliveries. Whether one is hit depends on Seed, the issue (its project
// and first title) and the count of its changes alone.
type HookFaults struct {
	Seed uint64 `json:"seed"`
	// Lost are never sent.
	Lost float64 `json:"lost,omitempty"`
	// Doubled are sent twice, byte for byte.
	Doubled float64 `json:"doubled,omitempty"`
	// Late wait for DelayMS, in milliseconds, at most 5 minutes.
	Late    float64 `json:"late,omitempty"`
	DelayMS int     `json:"delayMs,omitempty"`
	// Reordered wait for half a second, so that later ones overtake them.
	Reordered float64 `json:"reordered,omitempty"`
	// Replayed have an earlier delivery sent once more after them, byte for byte.
	Replayed float64 `json:"replayed,omitempty"`
	// Forged have a lie beside them, signed with a wrong secret: that the issue was
	// deleted.
	Forged float64 `json:"forged,omitempty"`
}

// Validate reports what cannot be carried out.
func (f HookFaults) Validate() error {
	var errs []error
	for _, s := range []struct {
		name string
		p    float64
	}{{"lost", f.Lost}, {"doubled", f.Doubled}, {"late", f.Late}, {"reordered", f.Reordered}, {"replayed", f.Replayed}, {"forged", f.Forged}} {
		if !(s.p >= 0 && s.p <= 1) {
			errs = append(errs, fmt.Errorf("%s must be 0 to 1", s.name))
		}
	}
	if f.DelayMS < 0 || time.Duration(f.DelayMS)*time.Millisecond > maxDelay {
		errs = append(errs, fmt.Errorf("delayMs must be 0 to %d", maxDelay.Milliseconds()))
	}
	return errors.Join(errs...)
}

// plan is what one delivery meets.
type plan struct {
	lost, doubled, replayed, forged bool
	kind                            string
	wait                            time.Duration
}

// plan decides about the delivery of an issue's nth change.
func (f HookFaults) plan(subject string, n int) plan {
	hit := func(what string, p float64) bool { return p > 0 && dice(f.Seed, "hook "+what+" "+subject, n) < p }
	p := plan{lost: hit(KindLost, f.Lost), doubled: hit(KindDoubled, f.Doubled), replayed: hit(KindReplayed, f.Replayed), forged: hit(KindForged, f.Forged)}
	switch {
	case hit(KindLate, f.Late):
		p.kind, p.wait = KindLate, time.Duration(f.DelayMS)*time.Millisecond
	case hit(KindReordered, f.Reordered):
		p.kind, p.wait = KindReordered, reorderFor
	}
	return p
}

// SetHookFaults replaces what is to go wrong with webhooks; the zero value ends it.
func (t *Tracker) SetHookFaults(f HookFaults) error {
	if err := f.Validate(); err != nil {
		return err
	}
	t.sender.mu.Lock()
	defer t.sender.mu.Unlock()
	t.sender.faults = f
	return nil
}

// HookFaults returns what is in force.
func (t *Tracker) HookFaults() HookFaults {
	t.sender.mu.Lock()
	defer t.sender.mu.Unlock()
	return t.sender.faults
}
