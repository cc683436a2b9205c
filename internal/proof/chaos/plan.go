package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/tenants"
)

// size is how large a run is.
type size struct {
	Actions, Entities, Integrations, Tenants int
	// APIs and Workers are how many processes of each role there are.
	APIs, Workers int
	// Over is how long the clicks take; quiet comes after.
	Over time.Duration
	// Events counts what happens to the processes meanwhile.
	Events map[kind]int
	// Freeze is for how long a process is frozen; freezeFor if zero.
	Freeze time.Duration
	// These are of a run with -refresh: how many of the buttons nobody changes, how
	// often something befalls a whole project, and the plugin's PLUGIN_REFRESH and
	// PLUGIN_CONFIRM_DELETED.
	Quiet, Windows  int
	Period, Confirm time.Duration
}

func (s size) freeze() time.Duration { return cmp.Or(s.Freeze, freezeFor) }

func fullSize() size {
	return size{Actions: 5000, Entities: 1000, Integrations: 20, Tenants: 5, APIs: 2, Workers: 3, Over: 200 * time.Second, Events: map[kind]int{
		killWorker: 10, freezeWorker: 3, termWorker: 3, killAPI: 3, freezeAPI: 1, termAPI: 3, killRedis: 2, termRedis: 1,
	}}
}

func shortSize() size {
	return size{Actions: 600, Entities: 150, Integrations: 6, Tenants: 2, APIs: 2, Workers: 3, Over: 70 * time.Second, Events: map[kind]int{
		killWorker: 4, freezeWorker: 1, termWorker: 1, killAPI: 1, termAPI: 1, killRedis: 1, termRedis: 1,
	}}
}

// kind names an event in the life of a process.
type kind string

const (
	killWorker   kind = "kill worker"
	freezeWorker kind = "freeze worker"
	termWorker   kind = "term worker"
	killAPI      kind = "kill api"
	freezeAPI    kind = "freeze api"
	termAPI      kind = "term api"
	killRedis    kind = "kill redis"
	termRedis    kind = "term redis"
	freezeRedis  kind = "freeze redis" // only in an outage
)

func kinds() []kind {
	return []kind{killWorker, freezeWorker, termWorker, killAPI, freezeAPI, termAPI, killRedis, termRedis}
}

// freezeFor is longer than our lease, and than Asynq's.
const freezeFor = 40 * time.Second

// plan is everything that a seed decides.
type plan struct {
	Buttons []button
	Clicks  []click
	Events  []event
}

// button is one entity's button in one integration.
type button struct{ Integration, Entity int }

// click is one click on a button.
type click struct {
	At      time.Duration
	Button  int
	Trigger pbfake.Trigger
}

// event is one thing that happens to a process.
type event struct {
	At     time.Duration
	Kind   kind
	Victim int
	// Down is how long the process is away before it is started again.
	Down time.Duration
}

// makePlan makes the plan of a seed: the same seed, the same plan.
func makePlan(seed uint64, s size) plan {
	r := rand.New(rand.NewPCG(seed, 0xc4a05)) //nolint:gosec // repeatable on purpose
	p := plan{}
	for e := range s.Entities {
		p.Buttons = append(p.Buttons, button{e % s.Integrations, e})
		if e%20 == 0 { // some entities have two buttons
			p.Buttons = append(p.Buttons, button{(e + 1) % s.Integrations, e})
		}
	}
	for len(p.Clicks) < s.Actions {
		p.Clicks = append(p.Clicks, sequence(r, len(p.Buttons), s.Over)...)
	}
	p.Clicks = p.Clicks[:s.Actions]
	slices.SortStableFunc(p.Clicks, func(a, b click) int { return cmp.Compare(a.At, b.At) })
	p.Events = events(r, s)
	return p
}

// sequence returns the clicks of one person on one button, beginning at any time.
func sequence(r *rand.Rand, buttons int, over time.Duration) []click {
	at := time.Duration(r.Int64N(int64(over)))
	b := r.IntN(buttons)
	if r.IntN(10) < 3 {
		b = r.IntN(max(buttons/10, 1)) // some buttons are popular
	}
	within := func(from, to time.Duration) time.Duration { return from + time.Duration(r.Int64N(int64(to-from))) }
	var out []click
	add := func(after time.Duration, t pbfake.Trigger) {
		at += after
		out = append(out, click{at, b, t})
	}
	switch n := r.IntN(100); {
	case n < 38:
		add(0, pbfake.Push)
	case n < 52: // a double click
		add(0, pbfake.Push)
		add(within(0, 5*time.Millisecond), pbfake.Push)
	case n < 66: // unlinked in flight
		add(0, pbfake.Push)
		add(within(time.Millisecond, 1500*time.Millisecond), pbfake.Unlink)
	case n < 80: // and pushed again
		add(0, pbfake.Push)
		add(within(time.Millisecond, 800*time.Millisecond), pbfake.Unlink)
		add(within(time.Millisecond, 800*time.Millisecond), pbfake.Push)
	case n < 90:
		add(0, pbfake.Unlink)
	case n < 97:
		add(0, pbfake.Dismiss)
	default: // everything at once
		add(0, pbfake.Push)
		add(within(0, 3*time.Millisecond), pbfake.Unlink)
		add(within(0, 3*time.Millisecond), pbfake.Dismiss)
		add(within(0, 3*time.Millisecond), pbfake.Push)
	}
	return out
}

// events spreads what happens to the processes over the run. What takes long
// begins early enough to end with the clicks.
func events(r *rand.Rand, s size) []event {
	var all []kind
	for _, k := range kinds() {
		for range s.Events[k] {
			all = append(all, k)
		}
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var out []event
	for i, k := range all {
		slot := (s.Over - 10*time.Second) / time.Duration(len(all))
		at := 5*time.Second + slot*time.Duration(i) + time.Duration(r.Int64N(int64(slot)))
		if k == freezeWorker || k == freezeAPI {
			at = min(at, max(s.Over-s.freeze(), 5*time.Second))
		}
		down := time.Second + time.Duration(r.Int64N(int64(4*time.Second)))
		if k == killRedis || k == termRedis {
			down = 300*time.Millisecond + time.Duration(r.Int64N(int64(1700*time.Millisecond)))
		}
		out = append(out, event{at, k, r.IntN(60), down})
	}
	slices.SortStableFunc(out, func(a, b event) int { return cmp.Compare(a.At, b.At) })
	return out
}

// integrationName and project name what belongs to an integration.
func integrationName(i int) string { return fmt.Sprintf("Chaos %02d", i) }
func project(i int) string         { return fmt.Sprintf("chaos%02d", i) }

// policy is an integration's onUnlink: all of them come up.
func policy(i int) tenants.OnUnlink {
	return []tenants.OnUnlink{tenants.UnlinkLeave, tenants.UnlinkComment, tenants.UnlinkClose}[i%3]
}
