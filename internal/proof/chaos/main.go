// Command chaos is the machine that proves the guarantees of
// docs/design/guarantees.md: it runs the plugin as separate processes against the
// simulators of Productboard and of a tracker, clicks as a seed says, lets
// both sides go wrong, kills, freezes and stops processes meanwhile, waits
// for quiet, and then checks from outside, by the simulators' own books, that
// every promise was kept. It prints one JSON report and exits with 1 if one
// was not.
//
// What must not live here: starting processes (internal/proof/e2e/fixture), knowledge
// of how the plugin keeps its promises.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9/logging"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are the flags.
type options struct {
	size
	Plugin string
	Seed   uint64
	Seeds  int
	// Parallel is how many seeds are run side by side, each with processes and
	// a folder of its own.
	Parallel int
	Short    bool
	Fsync    string
	Quiet    time.Duration
	Expect   string
	Keep     bool
	// Outage, Rolling and Refresh are the other things the machine can prove.
	Outage, Rolling, Refresh bool
	// Hooks is whether the tracker sends webhooks in a run with Refresh.
	Hooks bool
	// LogLevel is that of the plugin's processes.
	LogLevel string
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var actions int
	fs := flag.NewFlagSet("chaos", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.Plugin, "plugin", "bin/plugin", "the program under test")
	fs.Uint64Var(&o.Seed, "seed", 1, "the seed; the same seed clicks and fails the same")
	fs.IntVar(&o.Seeds, "seeds", 1, "how many seeds to run, beginning with -seed")
	fs.IntVar(&o.Parallel, "parallel", max(1, runtime.NumCPU()/2), "how many seeds to run side by side")
	fs.IntVar(&actions, "actions", 0, "how many clicks (5000; 600 with -short)")
	fs.BoolVar(&o.Short, "short", false, "the short form, in less than four minutes")
	fs.StringVar(&o.Fsync, "fsync", "always", "appendfsync of Redis: everysec or always")
	fs.DurationVar(&o.Quiet, "quiet", 8*time.Minute, "how long to wait for quiet at most")
	fs.StringVar(&o.Expect, "expect", "", "kinds of violation, separated by commas: succeed only if one of them is found")
	fs.BoolVar(&o.Outage, "outage", false, "instead: Redis freezes and dies under a steady load of clicks")
	fs.BoolVar(&o.Rolling, "rolling", false, "instead: every process is restarted in turn under a steady load of clicks")
	fs.BoolVar(&o.Refresh, "refresh", false, "instead: issues change after the push, and their buttons must follow")
	fs.BoolVar(&o.Hooks, "hooks", true, "with -refresh: the tracker sends webhooks, which are lost, doubled, late, reordered, replayed and forged")
	fs.BoolVar(&o.Keep, "keep", false, "keep the folder with the logs")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	o.LogLevel = "debug" // tells when a run was begun
	switch {
	case o.Outage && !o.Rolling:
		o.size, o.LogLevel = outageSize(o.Short), "info"
	case o.Rolling:
		o.size = rollingSize()
	case o.Refresh:
		o.size = refreshSize(o.Short)
	case o.Short:
		o.size = shortSize()
	default:
		o.size = fullSize()
	}
	if actions > 0 {
		o.Over = o.Over * time.Duration(actions) / time.Duration(o.Actions)
		o.Actions = actions
	}
	if fs.NArg() > 0 || o.Seeds < 1 || o.Parallel < 1 || (o.Fsync != "everysec" && o.Fsync != "always") || o.Outage && o.Rolling || o.Refresh && (o.Outage || o.Rolling) {
		return o, errors.New("see -help")
	}
	return o, nil
}

func run(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "chaos:", err)
		return 2
	}
	logging.Disable() // the Redis client's own lines: it is we who take Redis away
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch {
	case o.Outage:
		return o.prove(ctx, stdout, stderr, (*world).outage)
	case o.Rolling:
		return o.prove(ctx, stdout, stderr, (*world).rolling)
	}
	s := o.runSeeds(ctx, stderr, once)
	var printed any = s
	if o.Seeds == 1 && len(s.reports) == 1 {
		printed = s.reports[0]
	}
	if err := printJSON(stdout, printed); err != nil {
		_, _ = fmt.Fprintln(stderr, "chaos:", err)
		return 1
	}
	if s.Failed > 0 {
		return 1
	}
	return 0
}

func printJSON(w io.Writer, v any) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(v)
}

// proof runs in a world of its own; it returns what is to be printed, and what
// was not as promised.
type proof func(w *world, ctx context.Context, say func(string, ...any)) (any, []violation, error)

func (o options) prove(ctx context.Context, stdout, stderr io.Writer, f proof) int {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(stderr, "chaos: "+format+"\n", args...) }
	w, err := newWorld(ctx, o)
	if err != nil {
		say("%v", err)
		return 1
	}
	figures, violations, err := f(w, ctx, say)
	if err != nil {
		w.fixture.WriteTails(stderr, 5)
	}
	if cerr := w.fixture.Close(o.Keep); cerr != nil {
		say("%v", cerr)
	}
	if err == nil {
		err = printJSON(stdout, figures)
	}
	if err != nil {
		say("%v", err)
		return 1
	}
	say("%d violations", len(violations))
	tell(stderr, violations)
	if len(violations) > 0 {
		return 1
	}
	return 0
}

// once runs one seed. There is a report unless the run itself failed.
func once(ctx context.Context, o options, stderr io.Writer) (*report, error) {
	say := func(format string, args ...any) {
		_, _ = fmt.Fprintf(stderr, "chaos: seed %d: "+format+"\n", append([]any{o.Seed}, args...)...)
	}
	w, err := newWorld(ctx, o)
	if err != nil {
		return nil, err
	}
	play := w.run
	if o.Refresh {
		play = w.refresh
	}
	r, err := play(ctx, say)
	if err != nil {
		w.fixture.WriteTails(stderr, 5)
	}
	if cerr := w.fixture.Close(o.Keep); cerr != nil {
		say("%v", cerr)
	}
	if err != nil {
		return nil, err
	}
	return &r, r.verdict(o.Expect)
}

// verdict is an error unless the report is as it should be.
func (r report) verdict(expect string) error {
	if r.RedisLost > 0 {
		return fmt.Errorf("no verdict: Redis, killed, forgot %.3f s of what it had acknowledged (appendfsync %s, and a disk that is busy)", r.RedisLost, r.AppendFsync)
	}
	if expect == "" {
		if n := len(r.Violations); n > 0 {
			return fmt.Errorf("%d violations", n)
		}
		return nil
	}
	for kind := range strings.SplitSeq(expect, ",") {
		if r.Counts[kind] > 0 {
			return nil
		}
	}
	return fmt.Errorf("no violation of the kind %s was found", expect)
}
