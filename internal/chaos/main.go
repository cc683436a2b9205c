// Command chaos is the machine that proves the guarantees of
// docs/guarantees.md: it runs the plugin as separate processes against the
// simulators of Productboard and of a tracker, clicks as a seed says, lets
// both sides go wrong, kills, freezes and stops processes meanwhile, waits
// for quiet, and then checks from outside, by the simulators' own books, that
// every promise was kept. It prints one JSON report and exits with 1 if one
// was not.
//
// What must not live here: starting processes (internal/e2e/stage), knowledge
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
	"strings"
	"syscall"
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are the flags.
type options struct {
	size
	Plugin string
	Seed   uint64
	Seeds  int
	Short  bool
	Fsync  string
	Quiet  time.Duration
	Expect string
	Keep   bool
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var actions int
	fs := flag.NewFlagSet("chaos", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.Plugin, "plugin", "bin/plugin", "the program under test")
	fs.Uint64Var(&o.Seed, "seed", 1, "the seed; the same seed clicks and fails the same")
	fs.IntVar(&o.Seeds, "seeds", 1, "how many seeds to run, beginning with -seed")
	fs.IntVar(&actions, "actions", 0, "how many clicks (5000; 600 with -short)")
	fs.BoolVar(&o.Short, "short", false, "the short form, in less than four minutes")
	fs.StringVar(&o.Fsync, "fsync", "everysec", "appendfsync of Redis: everysec or always")
	fs.DurationVar(&o.Quiet, "quiet", 8*time.Minute, "how long to wait for quiet at most")
	fs.StringVar(&o.Expect, "expect", "", "kinds of violation, separated by commas: succeed only if one of them is found")
	fs.BoolVar(&o.Keep, "keep", false, "keep the folder with the logs")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	o.size = fullSize()
	if o.Short {
		o.size = shortSize()
	}
	if actions > 0 {
		o.Over = o.Over * time.Duration(actions) / time.Duration(o.Actions)
		o.Actions = actions
	}
	if fs.NArg() > 0 || o.Seeds < 1 || (o.Fsync != "everysec" && o.Fsync != "always") {
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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code := 0
	first := o.Seed
	for i := range o.Seeds {
		o.Seed = first + uint64(i) //nolint:gosec // a small count
		if err := once(ctx, o, stdout, stderr); err != nil {
			_, _ = fmt.Fprintf(stderr, "chaos: seed %d: %v\n", o.Seed, err)
			code = 1
		}
		if ctx.Err() != nil {
			return 1
		}
	}
	return code
}

func once(ctx context.Context, o options, stdout, stderr io.Writer) error {
	say := func(format string, args ...any) {
		_, _ = fmt.Fprintf(stderr, "chaos: seed %d: "+format+"\n", append([]any{o.Seed}, args...)...)
	}
	w, err := newWorld(ctx, o)
	if err != nil {
		return err
	}
	r, err := w.run(ctx, say)
	if err != nil {
		w.stage.WriteTails(stderr, 5)
	}
	if cerr := w.stage.Close(o.Keep); cerr != nil {
		say("%v", cerr)
	}
	if err != nil {
		return err
	}
	out := json.NewEncoder(stdout)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	if err := out.Encode(r); err != nil {
		return err
	}
	return r.verdict(o.Expect)
}

// verdict is an error unless the report is as it should be.
func (r report) verdict(expect string) error {
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
