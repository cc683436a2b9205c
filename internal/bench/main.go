// Command bench measures, side by side in one run: how fast clicks are
// acknowledged, against a bare Echo handler that only does one
// asynq.Client.Enqueue; what a worker costs at rest and how soon it picks a
// click up; and how long a click takes to become connected beyond the
// tracker's and Productboard's own time.
//
// With -fairness it measures instead what a tenant feels of a neighbour with a
// long line and a bad tracker, and with -tenants what ten thousand tenants'
// records cost; these two end with 1 where a goal is missed.
//
// Figures on a shared machine drift, so the contestants take turns and what
// counts is the ratio. Nothing here fails on a time by itself.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"time"
)

type options struct {
	rounds   int
	duration time.Duration
	rates    []int
	clicks   int
	rest     time.Duration
	pickUps  int
}

func main() {
	short := flag.Bool("short", false, "fewer and shorter rounds")
	only := flag.Bool("idle", false, "only what a worker costs at rest, and how soon it picks a click up")
	fair := flag.Bool("fairness", false, "only what a neighbour's noise does to other tenants")
	many := flag.Bool("tenants", false, "only what many tenants with many connections cost")
	waiting := flag.Int("waiting", 0, "with -fairness: how many pushes the neighbour has waiting (0: 100000, or 5000 with -short)")
	number := flag.Int("number", 0, "with -tenants: how many tenants (0: 10000, or 200 with -short)")
	limit := flag.Duration("limit", 13*time.Minute, "with -fairness or -tenants: when to give up")
	asJSON := flag.String("json", "", "with -fairness or -tenants: a file for the results")
	pushes := flag.Int("soak", 0, "only so many pushes, and where the memory of Redis went")
	flag.Parse()
	o := options{rounds: 5, duration: 4 * time.Second, rates: []int{200, 500, 2000}, clicks: 200, rest: 10 * time.Second, pickUps: 400}
	if *short {
		o = options{rounds: 3, duration: time.Second, rates: []int{200, 500}, clicks: 40, rest: 4 * time.Second, pickUps: 200}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	goals := goalsOptions{short: *short, waiting: *waiting, number: *number, limit: *limit, json: *asJSON}
	switch {
	case *fair:
		err = runFairness(ctx, goals)
	case *many:
		err = runTenants(ctx, goals)
	default:
		err = run(ctx, o, *only, *pushes, os.Stdout)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, only bool, pushes int, out io.Writer) error {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	server, err := startRedis(ctx, true)
	if err != nil {
		return err
	}
	defer server.stop()
	fmt.Fprintf(out, "machine: %d cores, %s; Redis: %s; generator in the same process\n\n", runtime.NumCPU(), runtime.Version(), server.describe)
	if pushes > 0 {
		return soak(ctx, pushes, server, log, out)
	}
	if only {
		return idle(ctx, o, server, log, out)
	}
	if err := acknowledgements(ctx, o, server, log, out); err != nil {
		return err
	}
	if err := idle(ctx, o, server, log, out); err != nil {
		return err
	}
	return clickToConnected(ctx, o, server, log, out)
}

// acknowledgements lets ours and the bare handler take turns.
func acknowledgements(ctx context.Context, o options, server *redisServer, log *slog.Logger, out io.Writer) error {
	ours, err := newOurs(ctx, server, log)
	if err != nil {
		return err
	}
	defer ours.close()
	bare, err := newBare(server)
	if err != nil {
		return err
	}
	defer bare.close()
	var oursRate, bareRate, ratio []float64
	for range o.rounds {
		a := closedLoop(ctx, ours, o.duration)
		b := closedLoop(ctx, bare, o.duration)
		if a.failed+b.failed > 0 {
			return fmt.Errorf("%d and %d requests were not answered with 200", a.failed, b.failed)
		}
		oursRate, bareRate, ratio = append(oursRate, a.perSecond()), append(bareRate, b.perSecond()), append(ratio, a.perSecond()/b.perSecond())
		if err := server.flushQueue(ctx); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "acknowledgements, closed loop, %d connections, %d rounds taking turns\n", parallel, o.rounds)
	fmt.Fprintf(out, "  %-34s %s\n  %-34s %s\n  %-34s %s (goal: at least 0.9)\n\n", "ours, actions/s", spread(oursRate, "%.0f"), "bare Echo + Enqueue, requests/s", spread(bareRate, "%.0f"), "ratio", spread(ratio, "%.2f"))
	fmt.Fprintf(out, "acknowledgements, open loop: latency counted from when the request was due (ms)\n  %-8s %-24s %-24s %s\n", "rate/s", "ours p50 / p99", "bare p50 / p99", "ratio of p99 (goal: at most 1.3)")
	for _, rate := range o.rates {
		var a50, a99, b50, b99, r []float64
		for range o.rounds {
			a := openLoop(ctx, ours, rate, o.duration)
			b := openLoop(ctx, bare, rate, o.duration)
			a50, a99 = append(a50, a.quantile(.5)), append(a99, a.quantile(.99))
			b50, b99 = append(b50, b.quantile(.5)), append(b99, b.quantile(.99))
			r = append(r, a.quantile(.99)/b.quantile(.99))
			if err := server.flushQueue(ctx); err != nil {
				return err
			}
		}
		fmt.Fprintf(out, "  %-8d %-24s %-24s %s\n", rate, fmt.Sprintf("%.2f / %.2f", median(a50), median(a99)), fmt.Sprintf("%.2f / %.2f", median(b50), median(b99)), spread(r, "%.2f"))
	}
	fmt.Fprintln(out)
	return nil
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}

// spread is the median with the least and the most.
func spread(v []float64, format string) string {
	return fmt.Sprintf(strings.ReplaceAll("F (F to F)", "F", format), median(v), slices.Min(v), slices.Max(v))
}
