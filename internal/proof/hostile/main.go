// Command hostile is the machine that proves the bounds of docs/security.md: one
// tenant with an admin, a viewer, a tracker and items sends whatever a seed makes
// up, and another one clicks ten times a second. The plugin runs as separate
// processes at the shipped memory limit. It prints one JSON report and exits with
// 1 if the innocent tenant noticed, a process died, or something of the hostile
// one exceeded its bounds.
//
// What must not live here: starting processes (internal/proof/e2e/fixture), knowledge
// of how the plugin keeps its bounds.
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
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

type options struct {
	Plugin string
	Seed   uint64
	Seeds  int
	Short  bool
	// Kinds are the kinds of input; all if empty.
	Kinds  []string
	Expect []string
	Keep   bool
}

// phase is how long inputs of one kind are sent.
func (o options) phase() time.Duration {
	if o.Short {
		return 6 * time.Second
	}
	return 20 * time.Second
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var kinds, expect string
	fs := flag.NewFlagSet("hostile", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.Plugin, "plugin", "bin/plugin", "the program under test")
	fs.Uint64Var(&o.Seed, "seed", 1, "the seed; the same seed makes the same inputs")
	fs.IntVar(&o.Seeds, "seeds", 1, "how many seeds to run, beginning with -seed")
	fs.BoolVar(&o.Short, "short", false, "the short form, in less than two minutes")
	fs.StringVar(&kinds, "kinds", "", "kinds of input, separated by commas; all if empty")
	fs.StringVar(&expect, "expect", "", "kinds of violation, separated by commas: succeed only if one of them is found")
	fs.BoolVar(&o.Keep, "keep", false, "keep the folder with the logs")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	o.Kinds, o.Expect = list(kinds), list(expect)
	if fs.NArg() > 0 || o.Seeds < 1 {
		return o, errors.New("see -help")
	}
	for _, k := range o.Kinds {
		if !slices.Contains(kindNames(), k) {
			return o, fmt.Errorf("there is no kind %q; there are %s", k, strings.Join(kindNames(), ", "))
		}
	}
	return o, nil
}

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "hostile:", err)
		return 2
	}
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(stderr, "hostile: "+format+"\n", args...) }
	failed := 0
	for i := range o.Seeds {
		one := o
		one.Seed += uint64(i)
		r, err := play(ctx, one, say, stderr)
		if err != nil {
			_, _ = fmt.Fprintln(stderr, "hostile:", err)
			return 1
		}
		raw, err := json.Marshal(r)
		if err != nil {
			_, _ = fmt.Fprintln(stderr, "hostile:", err)
			return 1
		}
		_, _ = fmt.Fprintf(stdout, "%s\n", raw)
		for _, v := range r.Violations {
			say("seed %d: %s: %s", one.Seed, v.Kind, v.Detail)
		}
		if len(r.Violations) > 0 != (len(o.Expect) > 0) || len(o.Expect) > 0 && !r.found(o.Expect) {
			failed++
		}
	}
	say("%d of %d seeds failed", failed, o.Seeds)
	if failed > 0 {
		return 1
	}
	return 0
}

// report is the result of one seed.
type report struct {
	Seed uint64 `json:"seed"`
	// QuietP99 and P99 are the innocent tenant's answers to clicks, in ms: before,
	// and while inputs were sent.
	QuietP99 float64      `json:"quietP99Ms"`
	P99      float64      `json:"p99Ms"`
	Clicks   int          `json:"clicks"`
	Kinds    []kindReport `json:"kinds"`
	// RecordBytes and RestBytes are what the hostile tenant has in Redis: its
	// connections with their histories, and everything else.
	RecordBytes int64       `json:"hostileConnectionBytes"`
	RestBytes   int64       `json:"hostileOtherBytes"`
	Violations  []violation `json:"violations"`
}

// kindReport is the result of the inputs of one kind.
type kindReport struct {
	Kind   string `json:"kind"`
	Inputs int64  `json:"inputs"`
	// Answers are how many had which status: an input that is refused for its form
	// proves nothing. Clicks have none.
	Answers map[int]int64 `json:"answers"`
	// WorstMs is the longest that one took, PeakMB the most memory that a process
	// had meanwhile, P99 the innocent tenant's clicks.
	WorstMs float64            `json:"worstMs"`
	PeakMB  map[string]float64 `json:"peakMB"`
	P99     float64            `json:"innocentP99Ms"`
}

// violation is a bound that did not hold.
type violation struct {
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
}

// The kinds of violation.
const (
	died    = "died"    // a process ended
	grown   = "grown"   // more memory than the shipped limit
	slow    = "slow"    // the innocent tenant's clicks
	starved = "starved" // the innocent tenant's pushes
	quota   = "quota"   // what the hostile tenant leaves in Redis
	stuck   = "stuck"   // a push that is open long after its deadline
	broken  = "broken"  // an answer that is no answer: 500, or none at all
)

func (r *report) add(kind, format string, args ...any) {
	r.Violations = append(r.Violations, violation{kind, fmt.Sprintf(format, args...)})
}

func (r *report) found(kinds []string) bool {
	return slices.ContainsFunc(r.Violations, func(v violation) bool { return slices.Contains(kinds, v.Kind) })
}
