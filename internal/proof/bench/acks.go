package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"time"
)

// entrant is a contestant with what came of its rounds.
type entrant struct {
	*contestant
	name string
	// open reports whether it takes part in the open loop too.
	open bool

	rates []float64 // of the closed loop, a second
	acks  int
	// queued is how many tasks Asynq has of them: what a click's answer did not
	// wait for and has no room, the rescuer queues later.
	queued int64
	cpu    processor
}

// enter starts every contestant; ours is the first and nothing the last. One
// that cannot run is left out, with words.
func enter(ctx context.Context, server *redisServer, log *slog.Logger, out io.Writer) (field []*entrant, err error) {
	add := func(name string, open bool, c *contestant, err error) error {
		if err == nil {
			field = append(field, &entrant{contestant: c, name: name, open: open})
		}
		return err
	}
	ours, err := newOurs(ctx, server, log)
	if err := add("ours", true, ours, err); err != nil {
		return field, err
	}
	bare, err := newBare(server)
	if err := add("(a) bare Echo + Enqueue", true, bare, err); err != nil {
		return field, err
	}
	script, err := newScript(server)
	if err := add("(b) bare net/http + EVALSHA", false, script, err); err != nil {
		return field, err
	}
	node, why := newNode(ctx)
	if why != nil {
		fmt.Fprintf(out, "NOT MEASURED: the reference in Node: %s\n\n", why)
	} else if err := add("(c) Node + Express, nothing kept", true, node, nil); err != nil {
		return field, err
	}
	nothing, err := newNothing()
	return field, add("generator and net/http alone", false, nothing, err)
}

// acknowledgements lets ours and the references take turns.
func acknowledgements(ctx context.Context, o options, server *redisServer, log *slog.Logger, out io.Writer) error {
	field, err := enter(ctx, server, log, out)
	defer func() {
		for _, e := range field {
			e.close()
		}
	}()
	if err != nil {
		return err
	}
	if err := closedRounds(ctx, o, server, field); err != nil {
		return err
	}
	printClosed(o, field, out)
	if o.closedOnly {
		return nil
	}
	return openRounds(ctx, o, server, field, out)
}

func closedRounds(ctx context.Context, o options, server *redisServer, field []*entrant) error {
	for range o.rounds {
		for _, e := range field {
			runtime.GC() // nobody pays for what the one before left
			before, err := server.processor(ctx, e.other)
			if err != nil {
				return err
			}
			r := closedLoop(ctx, e.contestant, o.duration)
			queued, err := server.queued(ctx) // what is still to be queued belongs to the answers
			if err != nil {
				return err
			}
			after, err := server.processor(ctx, e.other)
			if err != nil {
				return err
			}
			if r.failed > 0 {
				return fmt.Errorf("%s: %d requests were not answered with 200", e.name, r.failed)
			}
			e.queued += queued
			e.rates, e.acks, e.cpu = append(e.rates, r.perSecond()), e.acks+len(r.latencies), e.cpu.plus(after.minus(before))
			if err := server.flushQueue(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *entrant) perAck() (own, redis float64) {
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(max(e.acks, 1)) }
	return each(e.cpu.ours + e.cpu.other), each(e.cpu.redis)
}

func printClosed(o options, field []*entrant, out io.Writer) {
	ours := field[0]
	fmt.Fprintf(out, "acknowledgements, closed loop, %d connections, %d rounds taking turns; processor time in microseconds for each\n", parallel, o.rounds)
	fmt.Fprintf(out, "  %-34s %-26s %-24s %s\n", "", "actions/s", "ours / this one", "processor: generator and handler + Redis")
	for _, e := range field {
		var ratio []float64
		for i := range e.rates {
			ratio = append(ratio, ours.rates[i]/e.rates[i])
		}
		own, redis := e.perAck()
		fmt.Fprintf(out, "  %-34s %-26s %-24s %.0f + %.0f = %.0f\n", e.name, spread(e.rates, "%.0f"), spread(ratio, "%.2f"), own, redis, own+redis)
	}
	fmt.Fprintf(out, "  (goal: ours at least 0.9 of (a), ahead of (c); of ours %.1f %% were in Asynq's queue at the end of their round)\n\n", 100*float64(ours.queued)/float64(max(ours.acks, 1)))
}

// openRounds sends at fixed rates. A 99.9th percentile needs more requests
// than a round has, so it is that of all rounds together.
func openRounds(ctx context.Context, o options, server *redisServer, field []*entrant, out io.Writer) error {
	fmt.Fprintf(out, "acknowledgements, open loop: latency counted from when the request was due (ms)\n  %-8s %-34s %-26s %s\n", "rate/s", "", "p50 / p99 / p99.9", "p99: ours / this one (goal: at most 1.3 of (a), less than 1 of (c))")
	for _, rate := range o.rates {
		all := make([]outcome, len(field))
		p99, ratio := make([][]float64, len(field)), make([][]float64, len(field))
		for range o.rounds {
			for i, e := range field {
				if !e.open {
					continue
				}
				r := openLoop(ctx, e.contestant, rate, o.duration)
				all[i].latencies, all[i].failed = append(all[i].latencies, r.latencies...), all[i].failed+r.failed
				p99[i] = append(p99[i], r.quantile(.99))
				ratio[i] = append(ratio[i], p99[0][len(p99[0])-1]/r.quantile(.99))
				if err := server.flushQueue(ctx); err != nil {
					return err
				}
			}
		}
		for i, e := range field {
			if !e.open {
				continue
			}
			failed := ""
			if all[i].failed > 0 {
				failed = fmt.Sprintf("  (%d were not answered)", all[i].failed)
			}
			fmt.Fprintf(out, "  %-8d %-34s %-26s %s%s\n", rate, e.name, fmt.Sprintf("%.2f / %.2f / %.2f", all[i].quantile(.5), median(p99[i]), all[i].quantile(.999)), spread(ratio[i], "%.2f"), failed)
		}
	}
	fmt.Fprintln(out)
	return nil
}
