package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report is the result of a run with goals: printed as Markdown, as
// docs/design/performance.md holds it, and written as JSON.
type report struct {
	Title   string    `json:"title"`
	Machine string    `json:"machine"`
	At      time.Time `json:"at"`
	Seconds float64   `json:"seconds"`
	Facts   []fact    `json:"facts,omitempty"`
	Base    string    `json:"base"`   // what a row's times are compared with
	Beside  string    `json:"beside"` // and under what they were taken
	Goal    float64   `json:"goal"`   // the most that a ratio of the p99 may be
	Rows    []row     `json:"rows"`
	Met     bool      `json:"met"`
}

// fact is one figure; a Goal of 0 is none, others are the most it may be.
type fact struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Goal  float64 `json:"goal,omitempty"`
}

func (f fact) met() bool { return f.Goal == 0 || f.Value <= f.Goal }

// row compares times in milliseconds: the medians of the rounds' figures, which
// one stall of the machine does not move.
type row struct {
	What     string    `json:"what"`
	BaseP50  float64   `json:"base_p50_ms"`
	BaseP99  float64   `json:"base_p99_ms"`
	P50      float64   `json:"p50_ms"`
	P99      float64   `json:"p99_ms"`
	Ratio    float64   `json:"ratio"`
	OfRounds []float64 `json:"ratios_of_rounds"`
	// Late counts clicks that were not connected in time, on either side.
	Late int64 `json:"late"`
	Met  bool  `json:"met"`
}

func newReport(title, base, beside string, goal float64, server *redisServer) *report {
	return &report{Title: title, At: time.Now().UTC(), Base: base, Beside: beside, Goal: goal, Met: true,
		Machine: machine(server) + "; everything else in one process"}
}

func machine(server *redisServer) string {
	return fmt.Sprintf("%d cores, %s; %s", runtime.NumCPU(), runtime.Version(), server.describe)
}

// compare adds a row; both sides have as many rounds.
func (r *report) compare(what string, base, beside []outcome, late int64) row {
	var a50, a99, b50, b99, ratios []float64
	for i := range base {
		a, b := base[i], beside[i]
		a50, a99 = append(a50, a.quantile(.5)), append(a99, a.quantile(.99))
		b50, b99 = append(b50, b.quantile(.5)), append(b99, b.quantile(.99))
		ratios = append(ratios, b.quantile(.99)/a.quantile(.99))
	}
	one := row{What: what, BaseP50: median(a50), BaseP99: median(a99), P50: median(b50), P99: median(b99), Ratio: median(b99) / median(a99), OfRounds: ratios, Late: late}
	one.Met = one.Ratio <= r.Goal && late == 0
	r.Rows, r.Met = append(r.Rows, one), r.Met && one.Met
	return one
}

func (r *report) fact(f fact) {
	r.Facts, r.Met = append(r.Facts, f), r.Met && f.met()
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "**missed**"
}

// print writes the report as Markdown.
func (r *report) print(out io.Writer) {
	fmt.Fprintf(out, "%s, %s, took %.0f s (%s)\n", r.Title, r.At.Format("2006-01-02 15:04 MST"), r.Seconds, r.Machine)
	if len(r.Facts) > 0 {
		fmt.Fprint(out, "\n| figure | value | goal |\n| --- | --- | --- |\n")
	}
	for _, f := range r.Facts {
		goal := "-"
		if f.Goal > 0 {
			goal = fmt.Sprintf("at most %s: %s", short(f.Goal), verdict(f.met()))
		}
		fmt.Fprintf(out, "| %s | %s | %s |\n", f.Name, strings.TrimSpace(short(f.Value)+" "+f.Unit), goal)
	}
	fmt.Fprintf(out, "\n| p50 / p99, ms | %s | %s | ratio of p99 (of rounds: median, least, most) | late | goal: at most %.1f |\n| --- | --- | --- | --- | --- | --- |\n", r.Base, r.Beside, r.Goal)
	for _, one := range r.Rows {
		fmt.Fprintf(out, "| %s | %.2f / %.2f | %.2f / %.2f | %.2f (%.2f, %.2f to %.2f) | %d | %s |\n", one.What, one.BaseP50, one.BaseP99, one.P50, one.P99,
			one.Ratio, median(one.OfRounds), slices.Min(one.OfRounds), slices.Max(one.OfRounds), one.Late, verdict(one.Met))
	}
}

// short prints a figure with three digits at least.
func short(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// write keeps the report as JSON; an empty path keeps none.
func (r *report) write(path string) error {
	if path == "" {
		return nil
	}
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o600)
}
