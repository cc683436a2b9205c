package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/tenants"
)

// PushFilter narrows a list of failed pushes; empty fields do not narrow.
type PushFilter struct {
	Tenant      string
	Integration string
	// Kind is the kind of failure ("unauthorized", "unavailable", ...).
	Kind string
	// Limit bounds the list; 0 means no bound.
	Limit int
}

// push is a failed push with what names it.
type push struct {
	key    connections.Key
	in     tenants.Integration
	record connections.Record
}

var errEnough = errors.New("the filter's limit is reached")

// failed calls do for every failed push that the filter lets through, the
// newest of each integration first.
func (a *App) failed(ctx context.Context, f PushFilter, do func(push) error) error {
	left := f.Limit
	limited := func(p push) error {
		if err := do(p); err != nil {
			return err
		}
		if left--; left == 0 {
			return errEnough
		}
		return nil
	}
	for in, err := range a.integrations(ctx) {
		if err != nil {
			return err
		}
		if f.Tenant != "" && f.Tenant != in.Tenant {
			continue
		}
		if err := a.failedOf(ctx, in, f, limited); errors.Is(err, errEnough) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (a *App) failedOf(ctx context.Context, in tenants.Integration, f PushFilter, do func(push) error) error {
	q := connections.Query{Integration: in.ID, State: connections.Failed, Limit: connections.MaxPage}
	for {
		page, err := a.records.List(ctx, in.Tenant, q)
		if err != nil {
			return err
		}
		for _, e := range page.Entries {
			p := push{key: e.Key, in: in, record: e.Record}
			if !f.lets(p) {
				continue
			}
			if err := do(p); err != nil {
				return err
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return nil
		}
	}
}

func (f PushFilter) lets(p push) bool {
	return (f.Tenant == "" || f.Tenant == p.in.Tenant) && (f.Integration == "" || f.Integration == p.in.ID || f.Integration == p.in.Name) &&
		(f.Kind == "" || p.record.Failure != nil && f.Kind == p.record.Failure.Kind)
}

// push reads one push. One whose integration is gone still has a record.
func (a *App) push(ctx context.Context, key connections.Key) (push, error) {
	record, err := a.records.Get(ctx, key)
	if err != nil {
		return push{}, err
	}
	in, err := a.cache.ByID(ctx, key.Integration)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return push{}, err
	}
	return push{key: key, in: in, record: record}, nil
}

// ListPushes writes the failed pushes.
func (a *App) ListPushes(ctx context.Context, out io.Writer, f PushFilter) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "PUSH\tTENANT\tINTEGRATION\tCLICKED\tKIND\tMESSAGE")
	n := 0
	err := a.failed(ctx, f, func(p push) error {
		n++
		failure := connections.Failure{}
		if p.record.Failure != nil {
			failure = *p.record.Failure
		}
		_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", p.key, p.in.Tenant, p.in.Name, stamp(p.record.Click.At), failure.Kind, failure.Message)
		return err
	})
	if err != nil {
		return err
	}
	if n == 0 {
		_, _ = fmt.Fprintln(out, "no failed pushes")
		return nil
	}
	return w.Flush()
}

func stamp(ms int64) string {
	if ms == 0 {
		return "-"
	}
	return connections.Millis(ms).Format(time.RFC3339)
}

// ShowPush writes one connection with its history.
func (a *App) ShowPush(ctx context.Context, out io.Writer, key connections.Key) error {
	p, err := a.push(ctx, key)
	if err != nil {
		return err
	}
	r := p.record
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name string, value any) { _, _ = fmt.Fprintf(w, "%s:\t%v\n", name, value) }
	line("push", p.key)
	line("integration", p.in.Tenant+"/"+p.in.Name)
	line("state", r.State)
	if r.Step != connections.Idle {
		line("to do", r.Step)
	}
	line("clicked", stamp(r.Click.At)+" by "+r.Click.Name+" <"+r.Click.Email+">")
	if r.Issue != nil {
		line("issue", r.Issue.Key+" "+r.Issue.URL)
	}
	for name, f := range map[string]*connections.Failure{"failed": r.Failure, "waits because": r.Waiting} {
		if f != nil {
			line(name, f.Kind+": "+f.Message+reference(f.Ref))
		}
	}
	line("marker", r.Marker(key))
	_ = w.Flush()
	events, err := a.records.History(ctx, key)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(w, "\nTIME\tGENERATION\tRUN\tSTATE\tWHAT\tTOOK\tOUTCOME\tREFERENCE\tNOTE")
	for _, e := range events {
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\n", connections.Millis(e.At).Format("2006-01-02T15:04:05.000Z"),
			e.Generation, e.Run, e.State, e.What, e.Took, e.Outcome, strings.TrimSpace(e.Side+" "+e.Ref), e.Note)
	}
	return w.Flush()
}

func reference(ref string) string {
	if ref == "" {
		return ""
	}
	return " (reference " + ref + ")"
}

// retriedBy is who a retried push was clicked by.
const retriedBy = "plugin pushes retry"

// RetryPush pushes again, which is as safe as a click: an issue that exists
// already is found, not created again.
func (a *App) RetryPush(ctx context.Context, key connections.Key) error {
	p, err := a.push(ctx, key)
	if err != nil {
		return err
	}
	who := connections.Person{Name: p.record.Click.Name, Email: p.record.Click.Email}
	if who == (connections.Person{}) {
		who.Name = retriedBy
	}
	_, work, err := a.records.Push(ctx, key, who)
	if err != nil || work == nil {
		return err
	}
	return a.queue.Enqueue(ctx, *work)
}

// RetryPushes retries every failed push that the filter lets through and
// tells how many.
func (a *App) RetryPushes(ctx context.Context, f PushFilter) (int, error) {
	n := 0
	err := a.failed(ctx, f, func(p push) error {
		if err := a.RetryPush(ctx, p.key); err != nil {
			return err
		}
		n++
		return nil
	})
	return n, err
}
