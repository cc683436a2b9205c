package main

import (
	"math/rand/v2"
	"time"

	"pushbutton/internal/pbapi/pbfake"
)

// loadRate is how many clicks a second a steady load has.
const loadRate = 200

// steadyPlan pushes at an even rate, each time another button picked by the
// seed.
func steadyPlan(seed uint64, s size) plan {
	r := rand.New(rand.NewPCG(seed, 0x10ad)) //nolint:gosec // repeatable on purpose
	p := plan{}
	for e := range s.Entities {
		p.Buttons = append(p.Buttons, button{e % s.Integrations, e})
	}
	for i := range s.Actions {
		p.Clicks = append(p.Clicks, click{At: time.Duration(i) * time.Second / loadRate, Button: r.IntN(len(p.Buttons)), Trigger: pbfake.Push})
	}
	return p
}

// steadySize is the size of a steady load. There are so many tenants that
// Productboard's limit per token does not slow the work down.
func steadySize(over time.Duration, apis, workers int) size {
	return size{Actions: int(over.Seconds() * loadRate), Entities: 1000, Integrations: 20, Tenants: 20, APIs: apis, Workers: workers, Over: over}
}

// acknowledged are the times that answers took, in the simulator's eyes.
func acknowledged(clicks []clicked) quantiles {
	var took []time.Duration
	for _, c := range clicks {
		took = append(took, c.took())
	}
	return quantilesOf(took)
}

// took is how long the plugin took to answer.
func (c clicked) took() time.Duration {
	return time.Duration(c.Answer.TookMS * float64(time.Millisecond))
}

// within reports whether a moment is in [from, to).
func within(t, from, to time.Time) bool { return !t.Before(from) && t.Before(to) }
