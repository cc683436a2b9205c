// Command e2e drives the whole plugin from the outside: real processes, a
// real redis-server, a real Redmine, and Productboard's simulator. It clicks,
// waits for quiet, and then compares what the two sides' own books say with
// what was clicked. It prints its figures and exits with 1 on any violation.
//
// It has six parts: "load" (many pushes), "described" (some more through a
// described target), "formats" (some more into a Redmine that formats either
// Markdown), "refresh" (issues are changed and deleted in Redmine after the
// push), "faults" (each side goes wrong in every way that docs/errors.md lists;
// the run fails if that page says something else than was seen), and "admin"
// (plugin apply and plugin doctor when something is wrong).
//
// What must not live here: how processes are started (fixture), and anything
// that looks into the plugin other than its commands, metrics and Redis.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "e2e: %v\n", err)
		os.Exit(1)
	}
}

// The parts of a run.
const (
	partLoad      = "load"
	partDescribed = "described"
	partFormats   = "formats"
	partRefresh   = "refresh"
	partFaults    = "faults"
	partAdmin     = "admin"
)

func parts() []string {
	return []string{partLoad, partDescribed, partFormats, partRefresh, partFaults, partAdmin}
}

type options struct {
	plugin     string
	redmine    string
	redmineDir string
	docs       string
	update     bool
	keep       bool
	parts      []string
	limit      time.Duration
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var wanted string
	f := flag.NewFlagSet("e2e", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.plugin, "plugin", "bin/plugin", "the `PROGRAM` under test")
	f.StringVar(&o.redmine, "redmine", "deploy/redmine/up.sh", "the `SCRIPT` that brings up Redmine")
	f.StringVar(&o.redmineDir, "redmine-dir", filepath.Join(os.TempDir(), fmt.Sprintf("pushbutton-redmine-%d", os.Getuid())),
		"`FOLDER` of that Redmine; it stays, so that the next run starts quickly")
	f.StringVar(&o.docs, "docs", "docs/errors.md", "the `PAGE` that must say what was seen")
	f.BoolVar(&o.update, "update", false, "write that page")
	f.BoolVar(&o.keep, "keep", false, "keep the folder with the logs")
	f.StringVar(&wanted, "parts", strings.Join(parts(), ","), "what to run")
	f.DurationVar(&o.limit, "limit", 8*time.Minute, "how long all of it may take")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	for p := range strings.SplitSeq(wanted, ",") {
		if !slices.Contains(parts(), p) {
			return o, fmt.Errorf("-parts: there is no part %q", p)
		}
		o.parts = append(o.parts, p)
	}
	if o.update && (!o.runs(partFaults) || !o.runs(partAdmin)) {
		return o, errors.New("-update needs the parts faults and admin: the page has both")
	}
	return o, nil
}

func (o options) runs(part string) bool { return slices.Contains(o.parts, part) }

// tailLines is how much of each process' log a failed run shows.
const tailLines = 25

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.limit, fmt.Errorf("not done within %s", o.limit))
	defer cancel()
	h, err := newHouse(o, stdout)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			h.fixture.WriteTails(stderr, tailLines)
		}
		if o.keep {
			_, _ = fmt.Fprintf(stderr, "e2e: the logs are in %s\n", h.fixture.Dir())
		}
		err = errors.Join(err, h.fixture.Close(o.keep))
	}()
	if err := h.play(ctx); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return errors.Join(cause, err)
		}
		return err
	}
	return nil
}

func (h *house) play(ctx context.Context) error {
	if err := h.open(ctx); err != nil {
		return err
	}
	if h.opts.runs(partLoad) {
		if err := h.load(ctx, h.mainLoad()); err != nil {
			return err
		}
		if err := h.doctorPasses(ctx); err != nil {
			return err
		}
	}
	if h.opts.runs(partDescribed) {
		l, err := h.describedLoad(ctx)
		if err != nil {
			return err
		}
		if err := h.load(ctx, l); err != nil {
			return err
		}
		if err := h.doctorPasses(ctx); err != nil {
			return err
		}
	}
	if h.opts.runs(partFormats) {
		if err := h.formats(ctx); err != nil {
			return err
		}
	}
	if h.opts.runs(partRefresh) {
		if err := h.follow(ctx); err != nil {
			return err
		}
	}
	var page errorsPage
	if h.opts.runs(partAdmin) {
		rows, err := h.adminFaults(ctx)
		if err != nil {
			return err
		}
		page.admin = rows
	}
	if h.opts.runs(partFaults) {
		rows, err := h.faults(ctx)
		if err != nil {
			return err
		}
		page.pushes = rows
	}
	return h.errorsPage(page)
}
