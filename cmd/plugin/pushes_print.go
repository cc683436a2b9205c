package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/pushes"
)

// pushPrinter prints pushes for people.
type pushPrinter struct {
	out, errs io.Writer
	table     *tabwriter.Writer
	rows      int
}

// begin begins a table of pushes, page adds to it, end prints it.
func (p *pushPrinter) begin() { p.table = tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0) }

func (p *pushPrinter) page(found []pushes.Push) {
	for _, one := range found {
		if p.rows++; p.rows == 1 {
			_, _ = fmt.Fprintln(p.table, "PUSH\tINTEGRATION\tSTATE\tCLICKED\tISSUE\tKIND\tMESSAGE")
		}
		issue, failure := "-", connections.Failure{Kind: "-"}
		if one.Issue != nil {
			issue = one.Issue.Key
		}
		for _, f := range []*connections.Failure{one.LastFailure, one.Failure} {
			if f != nil {
				failure = *f
			}
		}
		_, _ = fmt.Fprintf(p.table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", one.Key, one.Integration, one.State, stamp(one.Clicked), issue, failure.Kind, failure.Message)
	}
}

func (p *pushPrinter) end() error {
	if p.rows == 0 {
		_, err := fmt.Fprintln(p.out, "no such pushes")
		return err
	}
	return p.table.Flush()
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

// detail prints one connection with its timeline.
func (p *pushPrinter) detail(d pushes.Detail) error {
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		if strings.TrimSpace(value) != "" {
			_, _ = fmt.Fprintf(w, "%s:\t%s\n", name, value)
		}
	}
	line("push", d.Key.String())
	line("integration", d.Key.Tenant+"/"+d.Integration)
	line("state", string(d.State))
	line("to do", string(d.Step))
	clicked := stamp(d.Clicked)
	if d.By != (connections.Person{}) {
		clicked += " by " + strings.TrimSpace(d.By.Name+" <"+d.By.Email+">")
	}
	line("clicked", clicked)
	if d.Issue != nil {
		line("issue", d.Issue.Key+" "+d.Issue.URL)
	}
	line("failed", reason(d.Failure))
	line("waits because", reason(d.LastFailure))
	line("marker", string(d.Marker))
	if err := w.Flush(); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(w, "\nTIME\tGENERATION\tRUN\tSTATE\tWHAT\tSTEP\tTOOK\tOUTCOME\tREFERENCE\tNOTE")
	for _, e := range d.Timeline {
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", connections.Millis(e.At).Format("2006-01-02T15:04:05.000Z"),
			e.Generation, e.Run, e.State, e.What, e.Step, e.Took, e.Outcome, strings.TrimSpace(string(e.Side)+" "+e.Ref), e.Note)
	}
	return w.Flush()
}

func reason(f *connections.Failure) string {
	if f == nil {
		return ""
	}
	s := f.Kind + ": " + f.Message
	if f.Ref != "" {
		s += " (reference " + f.Ref + ")"
	}
	return s
}

// changed prints what was done about one push.
func (p *pushPrinter) changed(done string, to pushes.Push) {
	text := done + " " + to.Key.String()
	if done == "linked" && to.Issue != nil {
		text += " to " + to.Issue.Key
	}
	_, _ = fmt.Fprintln(p.out, text)
}

// refreshed prints what a reading of one button's issue found.
func (p *pushPrinter) refreshed(key connections.Key, r pushes.RefreshResult) {
	_, _ = fmt.Fprintf(p.out, "%s: %s (%s)\n", key, r.Message, r.Verdict)
}

func (p *pushPrinter) refreshing(tenant, integration string) {
	_, _ = fmt.Fprintf(p.out, "refreshing %s/%s: workers read its issues soon\n", tenant, integration)
}

// skipped prints an integration whose pushes were not retried.
func (p *pushPrinter) skipped(tenant string, s pushes.Skipped) {
	_, _ = fmt.Fprintf(p.errs, "not retried: %s/%s: %s\n", tenant, s.Name, fault.From(s.Err).Public)
}

func (p *pushPrinter) soFar(n int) { _, _ = fmt.Fprintf(p.out, "%d so far\n", n) }
func (p *pushPrinter) total(n int) { _, _ = fmt.Fprintf(p.out, "retried %d\n", n) }
