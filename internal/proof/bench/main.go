// Command bench measures, side by side in one run: how fast clicks are
// acknowledged, against bare handlers and against Express without a record;
// what a worker costs at rest and how soon it picks a click up; how many pushes
// processes of the program get done, how soon they are ready and what they
// hold; how long a click takes to become connected beyond the tracker's and
// Productboard's own time; the calls and round trips of a push; and Redis'
// memory.
//
// With -fairness it measures instead what a tenant feels of a neighbour with a
// long backlog and a bad tracker, with -tenants what ten thousand tenants' records
// cost, and with -refresh what buttons that follow their issues cost. These three
// end with 1 where a goal is missed.
//
// Figures on a shared machine drift, so the contestants take turns and what
// counts is the ratio. Nothing here fails on a time by itself.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
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
	// closedOnly leaves out everything but the closed loop.
	closedOnly bool
	// workerItems is how many items are pushed in each of 50 tenants for a
	// figure of the workers, workerRounds how often.
	workerItems, workerRounds int
	// stored is how many connections, queued how many pushes Redis' memory is
	// measured with.
	stored, queued int
}

func main() {
	short := flag.Bool("short", false, "fewer and shorter rounds")
	only := flag.Bool("idle", false, "only what a worker costs at rest, and how soon it picks a click up")
	acks := flag.Bool("acks", false, "only acknowledgements in the closed loop, with the processor time of each")
	profile := flag.String("cpuprofile", "", "write a profile of this process' processor time to this `FILE`")
	fair := flag.Bool("fairness", false, "only what a neighbour's noise does to other tenants")
	many := flag.Bool("tenants", false, "only what many tenants with many connections cost")
	follow := flag.Bool("refresh", false, "only what buttons that follow their issues cost")
	waiting := flag.Int("waiting", 0, "with -fairness: how many pushes the neighbour has waiting (0: 100000, or 5000 with -short)")
	number := flag.Int("number", 0, "with -tenants: how many tenants (0: 10000, or 200 with -short)")
	limit := flag.Duration("limit", 13*time.Minute, "with -fairness, -tenants or -refresh: when to give up")
	asJSON := flag.String("json", "", "with -fairness, -tenants or -refresh: a file for the results")
	pushes := flag.Int("soak", 0, "only so many pushes, and where the memory of Redis went")
	flag.Parse()
	o := options{rounds: 5, duration: 3 * time.Second, rates: []int{200, 500, 2000}, clicks: 200, rest: 10 * time.Second, pickUps: 400,
		workerItems: 12, workerRounds: 3, stored: 100_000, queued: 5000}
	if *short {
		o = options{rounds: 3, duration: time.Second, rates: []int{200, 500}, clicks: 40, rest: 4 * time.Second, pickUps: 200,
			workerItems: 6, workerRounds: 1, stored: 10_000, queued: 1000}
	}
	o.closedOnly = *acks
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	endProfile, err := startProfile(*profile)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	goals := goalsOptions{short: *short, waiting: *waiting, number: *number, limit: *limit, json: *asJSON}
	switch {
	case *fair:
		err = runFairness(ctx, goals)
	case *follow:
		err = runRefresh(ctx, goals)
	case *many:
		err = runTenants(ctx, goals)
	default:
		err = run(ctx, o, *only, *pushes, os.Stdout)
	}
	stop()
	endProfile()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// tableLimit bounds the run that prints the table.
const tableLimit = 15 * time.Minute

func run(ctx context.Context, o options, only bool, pushes int, out io.Writer) error {
	if pushes == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, tableLimit, fmt.Errorf("the table was not done within %s", tableLimit))
		defer cancel()
	}
	begun := time.Now()
	defer func() { fmt.Fprintf(out, "took %s\n", time.Since(begun).Round(time.Second)) }()
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
	if err := acknowledgements(ctx, o, server, log, out); err != nil || o.closedOnly {
		return err
	}
	if err := idle(ctx, o, server, log, out); err != nil {
		return err
	}
	if server.embedded() {
		fmt.Fprintln(out, "NOT MEASURED: workers, way to connected, round trips, memory: they need a redis-server")
		return nil
	}
	one, err := workers(ctx, o, server, log, out)
	if err != nil {
		return err
	}
	if err := clickToConnected(ctx, o, one/2, server, log, out); err != nil {
		return err
	}
	if err := roundTrips(ctx, o, server, log, out); err != nil {
		return err
	}
	return memory(ctx, o, server, log, out)
}

// startProfile profiles until what it returns is called; no file, no profile.
func startProfile(file string) (end func(), err error) {
	if file == "" {
		return func() {}, nil
	}
	f, err := os.Create(file) //nolint:gosec // whoever measures names it
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { pprof.StopCPUProfile(); _ = f.Close() }, nil
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}

// spread is the median with the least and the most.
func spread(v []float64, format string) string {
	return fmt.Sprintf(strings.ReplaceAll("F (F to F)", "F", format), median(v), slices.Min(v), slices.Max(v))
}
