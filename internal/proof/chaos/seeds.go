package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// summary is the printed result of a run of several seeds.
type summary struct {
	Seeds  []seedLine `json:"seeds"`
	Passed int        `json:"passed"`
	Failed int        `json:"failed"`
	Clicks int        `json:"clicks"`
	// Violations and Takeover are over all seeds.
	Violations int       `json:"violations"`
	Takeover   quantiles `json:"takeoverSeconds"`
	Seconds    float64   `json:"seconds"`
	// Reports are those of the seeds that failed.
	Reports []*report `json:"reports,omitempty"`

	reports []*report
}

// seedLine is one seed of a summary.
type seedLine struct {
	Seed        uint64         `json:"seed"`
	Error       string         `json:"error,omitempty"`
	AppendFsync string         `json:"appendfsync"`
	Clicks      int            `json:"clicks"`
	Issues      int            `json:"issues"`
	Violations  int            `json:"violations"`
	Counts      map[string]int `json:"counts,omitempty"`
	Duplicates  int            `json:"duplicates"`
	Repaired    int            `json:"repaired"`
	Takeover    quantiles      `json:"takeoverSeconds"`
	Seconds     float64        `json:"seconds"`
	// Changes and Calls are of a run with -refresh.
	Changes int     `json:"changes,omitempty"`
	Calls   float64 `json:"callsPerUnchangedIssueAndSweep,omitempty"`
}

// seedRun runs one seed; the error says why it does not count as passed.
type seedRun func(ctx context.Context, o options, stderr io.Writer) (*report, error)

// runSeeds runs the seeds, some side by side, and sums them up in their order.
func (o options) runSeeds(ctx context.Context, stderr io.Writer, each seedRun) summary {
	start := time.Now()
	var s summary
	var mu sync.Mutex
	var took []time.Duration
	stderr = &lockedWriter{w: stderr}
	var group errgroup.Group
	group.SetLimit(o.Parallel)
	for i := range o.Seeds {
		group.Go(func() error {
			if ctx.Err() != nil {
				return nil // not begun, and not in the summary
			}
			of := o
			of.Seed += uint64(i) //nolint:gosec // a small count
			began := time.Now()
			r, err := each(ctx, of, stderr)
			mu.Lock()
			defer mu.Unlock()
			if r != nil {
				took = append(took, r.takeovers...)
			}
			s.add(of, r, err, time.Since(began))
			_, _ = fmt.Fprintf(stderr, "chaos: %s (%d of %d)\n", s.Seeds[len(s.Seeds)-1], len(s.Seeds), o.Seeds)
			if r != nil && err != nil {
				tell(stderr, r.Violations)
			}
			return nil
		})
	}
	_ = group.Wait() // no error: they are in the summary
	slices.SortFunc(s.Seeds, func(a, b seedLine) int { return cmp.Compare(a.Seed, b.Seed) })
	slices.SortFunc(s.Reports, func(a, b *report) int { return cmp.Compare(a.Seed, b.Seed) })
	s.Failed += o.Seeds - len(s.Seeds) // those that were not begun
	s.Takeover, s.Seconds = quantilesOf(took), time.Since(start).Round(time.Second).Seconds()
	return s
}

// maxTold bounds the violations that are told to people; all are in the report.
const maxTold = 5

func tell(w io.Writer, violations []violation) {
	for _, v := range violations[:min(len(violations), maxTold)] {
		_, _ = fmt.Fprintf(w, "chaos:   %s: %s\n", v.Kind, v.Detail)
	}
}

func (s *summary) add(o options, r *report, err error, took time.Duration) {
	l := seedLine{Seed: o.Seed, AppendFsync: o.Fsync, Seconds: took.Round(time.Second).Seconds()}
	if r != nil {
		l.Clicks, l.Issues, l.Violations, l.Counts = r.Actions, r.Issues, len(r.Violations), r.Counts
		l.Duplicates, l.Repaired, l.Takeover = r.Counts[duplicates], r.Repaired, r.Takeover
		if r.Refresh != nil {
			l.Changes, l.Calls = r.Refresh.Total, r.Refresh.Calls.Each
		}
		s.reports = append(s.reports, r)
	}
	if err == nil {
		s.Passed++
	} else {
		l.Error = err.Error()
		s.Failed++
		if r != nil {
			s.Reports = append(s.Reports, r)
		}
	}
	s.Clicks += l.Clicks
	s.Violations += l.Violations
	s.Seeds = append(s.Seeds, l)
}

// String is the line for people.
func (l seedLine) String() string {
	verdict := "passed"
	if l.Error != "" {
		verdict = "FAILED: " + l.Error
	}
	if l.Changes > 0 {
		return fmt.Sprintf("seed %d: %s; %d changes, %d clicks, %d issues, %d violations %v, %.4f calls per unchanged issue and sweep, %.0fs",
			l.Seed, verdict, l.Changes, l.Clicks, l.Issues, l.Violations, l.Counts, l.Calls, l.Seconds)
	}
	return fmt.Sprintf("seed %d: %s; %d clicks, %d issues, %d violations %v, %d duplicates, takeover p50 %.1fs p99 %.1fs max %.1fs of %d, %.0fs",
		l.Seed, verdict, l.Clicks, l.Issues, l.Violations, l.Counts, l.Duplicates, l.Takeover.P50, l.Takeover.P99, l.Takeover.Max, l.Takeover.N, l.Seconds)
}

// lockedWriter keeps lines of seeds that run side by side whole.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}
