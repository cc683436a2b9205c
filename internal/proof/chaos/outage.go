package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"pushbutton/internal/proof/e2e/fixture"
)

// Limits of an outage of Redis, as docs/design/guarantees.md has them.
const (
	// maxRejection limits how long 99 of 100 rejections may take.
	maxRejection = 2 * time.Second
	// maxRecovery is when every click is taken again, and work is picked up.
	maxRecovery = 2 * time.Second
	// maxGrowthMB is what a process' memory may grow by under requests that
	// wait; when they are over it must not have grown from one outage to the
	// next.
	maxGrowthMB = 48
	// maxOtherLines is what a process may write a second beside one line for
	// each click and for each run that Redis recorded.
	maxOtherLines = 10
	// maxCores is what a process may spend on a Redis that is not there.
	maxCores = 0.5
)

const (
	outageWarm   = 3 * time.Second
	outageBreak  = 5 * time.Second
	badAnswer    = "bad answer"  // not the one that is promised
	slowAnswer   = "slow answer" // later than promised
	slowRecovery = "slow recovery"
	grown        = "grown"   // memory
	flooded      = "flooded" // log
	busy         = "busy"    // processor time for nothing
)

func outageLasts(short bool) time.Duration {
	if short {
		return 5 * time.Second
	}
	return 15 * time.Second
}

func outageKinds() []kind { return []kind{freezeRedis, killRedis} }

// outageSize is a steady load on one process of each role: a balancer that
// asks two would hide how long one takes.
func outageSize(short bool) size {
	return steadySize(outageWarm+time.Duration(len(outageKinds()))*(outageLasts(short)+outageBreak), 1, 1)
}

// outageReport is the printed result of a run with -outage.
type outageReport struct {
	Seed    uint64          `json:"seed"`
	Rate    int             `json:"clicksPerSecond"`
	Clicks  int             `json:"clicks"`
	Outages []outageFigures `json:"outages"`
	Issues  int             `json:"issues"`
	Counts  map[string]int  `json:"counts"`
	// Violations are of the outages, and of every other promise.
	Violations []violation `json:"violations"`
}

// outageFigures are those of one outage.
type outageFigures struct {
	Kind    kind    `json:"kind"`
	Seconds float64 `json:"seconds"`
	// Rejected counts the clicks that were answered 503; Took is how long that took.
	Rejected int       `json:"rejected"`
	Took     quantiles `json:"rejectedAfterSeconds"`
	// Answered is how long after Redis' return the last click began that was
	// not taken; PickedUp when a worker finished its first run.
	Answered  float64          `json:"recoveredAfterSeconds"`
	PickedUp  float64          `json:"firstRunAfterSeconds"`
	Processes []processFigures `json:"processes"`
}

type processFigures struct {
	Name string `json:"name"`
	// MB resident at most: in the last seconds before, during the outage, and
	// in the last seconds before the next one.
	Before        float64 `json:"mbBefore"`
	During        float64 `json:"mbDuring"`
	After         float64 `json:"mbAfter"`
	Cores         float64 `json:"coresDuring"`
	LinesPerClick float64 `json:"linesPerClick"`
	OtherLines    float64 `json:"otherLinesPerSecond"`
	Foreign       int     `json:"linesNotOfItsLogger"`
}

// outage freezes and kills Redis under a steady load.
func (w *world) outage(ctx context.Context, say func(string, ...any)) (any, []violation, error) {
	p := steadyPlan(w.opts.Seed, w.opts.size)
	at := outageWarm
	for _, k := range outageKinds() {
		p.Events = append(p.Events, event{At: at, Kind: k, Down: outageLasts(w.opts.Short)})
		at += outageLasts(w.opts.Short) + outageBreak
	}
	say("%d clicks a second on %d buttons over %s; logs in %s", loadRate, len(p.Buttons), w.opts.Over, w.fixture.Dir())
	stopWatch := w.watch(ctx)
	processes := slices.Concat(w.apis.plugins(), w.workers.plugins())
	stopSamples := sampled(ctx, processes)
	start := time.Now()
	clicks, err := w.play(ctx, p, w.strikeAll(p))
	if err != nil {
		return nil, nil, err
	}
	end := time.Now()
	samples, err := stopSamples()
	if err != nil {
		return nil, nil, err
	}
	say("played; waiting for quiet")
	judged, err := w.end(ctx, p, clicks, stopWatch, say)
	if err != nil {
		return nil, nil, err
	}
	r := outageReport{Seed: w.opts.Seed, Rate: loadRate, Clicks: len(clicks), Issues: judged.Issues, Violations: judged.Violations}
	r.Violations = append(r.Violations, strayAnswers(clicks, w.happened)...)
	lines, err := w.logs()
	if err != nil {
		return nil, nil, err
	}
	for i, h := range w.happened {
		last, next := start, end
		if i > 0 {
			last = w.happened[i-1].Back
		}
		if i+1 < len(w.happened) {
			next = w.happened[i+1].At
		}
		f := figuresOf(h, clicks, lines, next)
		for _, p := range processes {
			of, err := w.processFigures(p, h, samples[p.Name], clicks, last, next)
			if err != nil {
				return nil, nil, err
			}
			f.Processes = append(f.Processes, of)
		}
		r.Outages = append(r.Outages, f)
		r.Violations = append(r.Violations, f.violations()...)
		say("%s for %.0fs: %d rejected, p50 %.2fs p99 %.2fs max %.2fs; taken again after %.2fs, first run after %.2fs", f.Kind, f.Seconds, f.Rejected, f.Took.P50, f.Took.P99, f.Took.Max, f.Answered, f.PickedUp)
		for _, p := range f.Processes {
			say("  %s: %.0f / %.0f / %.0f MB before, during, after; %.2f cores; %.1f lines a click, %.1f others a second, %d foreign", p.Name, p.Before, p.During, p.After, p.Cores, p.LinesPerClick, p.OtherLines, p.Foreign)
		}
	}
	r.Counts = byKind(r.Violations, func(v violation) string { return v.Kind })
	return r, r.Violations, nil
}

func figuresOf(h happening, clicks []clicked, lines []line, next time.Time) outageFigures {
	f := outageFigures{Kind: h.Kind, Seconds: h.Back.Sub(h.At).Seconds(), PickedUp: next.Sub(h.Back).Seconds()}
	var took []time.Duration
	for _, c := range clicks {
		if c.Answer.Status == http.StatusServiceUnavailable && within(c.End, h.At, next) {
			took = append(took, c.took())
		}
		if !c.answered() && within(c.Start, h.Back, next) && c.End.Before(next) {
			f.Answered = max(f.Answered, c.Start.Sub(h.Back).Seconds())
		}
	}
	f.Rejected, f.Took = len(took), quantilesOf(took)
	for _, l := range lines {
		if l.Msg == msgAttempt && l.Outcome == "done" && within(l.Time, h.Back, next) {
			f.PickedUp = l.Time.Sub(h.Back).Seconds()
			break
		}
	}
	return f
}

func (w *world) processFigures(p *fixture.Plugin, h happening, samples []sample, clicks []clicked, last, next time.Time) (processFigures, error) {
	const settled = 2 * time.Second
	raw, err := w.logOf(p.Name)
	if err != nil {
		return processFigures{}, err
	}
	n := spokenIn(raw, h.At, h.Back)
	begun := 0
	for _, c := range clicks {
		if within(c.Start, h.At, h.Back) {
			begun++
		}
	}
	during := between(samples, h.At, h.Back)
	return processFigures{Name: p.Name,
		Before: mostMB(between(samples, maxTime(last, h.At.Add(-settled)), h.At)), During: mostMB(during),
		After: mostMB(between(samples, maxTime(h.Back, next.Add(-settled)), next)), Cores: cores(during),
		LinesPerClick: float64(n.Clicks) / float64(max(begun, 1)), OtherLines: float64(n.Others) / h.Back.Sub(h.At).Seconds(), Foreign: n.Foreign,
	}, nil
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (f outageFigures) violations() []violation {
	var out []violation
	add := func(bad bool, kind, format string, args ...any) {
		if bad {
			out = append(out, violation{Kind: kind, Detail: string(f.Kind) + ": " + fmt.Sprintf(format, args...)})
		}
	}
	add(f.Rejected == 0, badAnswer, "no click was rejected: it proves nothing")
	add(f.Took.P99 > maxRejection.Seconds(), slowAnswer, "p99 of the rejections is %.2fs", f.Took.P99)
	add(f.Answered > maxRecovery.Seconds(), slowRecovery, "a click was not taken %.2fs after Redis' return", f.Answered)
	add(f.PickedUp > maxRecovery.Seconds(), slowRecovery, "the first run ended %.2fs after Redis' return", f.PickedUp)
	for _, p := range f.Processes {
		add(p.During > p.Before+maxGrowthMB, grown, "%s grew from %.0f to %.0f MB", p.Name, p.Before, p.During)
		add(p.Cores > maxCores, busy, "%s kept %.2f processors busy", p.Name, p.Cores)
		add(p.LinesPerClick > 2, flooded, "%s wrote %.1f lines for each click", p.Name, p.LinesPerClick)
		add(p.OtherLines > maxOtherLines, flooded, "%s wrote %.1f other lines a second", p.Name, p.OtherLines)
		add(p.Foreign > 0, flooded, "%s wrote %d lines past its logger", p.Name, p.Foreign)
	}
	return out
}

// strayAnswers are the answers that an outage does not explain, and those in
// it that are no rejection.
func strayAnswers(clicks []clicked, outages []happening) []violation {
	var out []violation
	for _, c := range clicks {
		if c.answered() {
			continue
		}
		explained := slices.ContainsFunc(outages, func(h happening) bool { return within(c.End, h.At, h.Back.Add(maxRecovery+maxRejection)) })
		if !explained || c.Err != "" || c.Answer.Status != http.StatusServiceUnavailable {
			out = append(out, violation{Kind: badAnswer, Detail: fmt.Sprintf("at %s after %s: status %d %s %s", stamp(c.Start), c.took(), c.Answer.Status, c.Answer.Failure, c.Err)})
		}
	}
	return out
}
