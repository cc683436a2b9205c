package connections

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/targets"
)

var update = flag.Bool("update", false, "rewrite the table in docs/design/states.md")

const (
	statesDoc   = "../../docs/design/states.md"
	tableBegins = "<!-- table: made by internal/connections/states_test.go -->\n"
	tableEnds   = "<!-- end of table -->\n"
)

// situation is one row: how a record gets there.
type situation struct {
	name string
	make func(t *testing.T, s *Store) *Lease
}

func situations() []situation {
	ctx := context.Background()
	running := func(t *testing.T, s *Store) *Lease { return begin(t, s, push(t, s)) }
	sent := func(t *testing.T, s *Store) *Lease {
		l := running(t, s)
		require.NoError(t, l.Intend(ctx))
		return l
	}
	opened := func(t *testing.T, s *Store) *Lease {
		l := sent(t, s)
		_, err := l.Opened(ctx, someIssue)
		require.NoError(t, err)
		return l
	}
	failed := func(t *testing.T, s *Store) *Lease {
		l := running(t, s)
		require.NoError(t, l.Failed(ctx, Failure{Message: "no", Kind: "invalid"}))
		return l
	}
	verified := func(t *testing.T, s *Store, w *Task) *Lease {
		l := begin(t, s, w)
		_, err := l.Verified(ctx)
		require.NoError(t, err)
		return l
	}
	settled := func(t *testing.T, l *Lease) *Task {
		w, err := l.Settled(ctx)
		require.NoError(t, err)
		return w
	}
	return []situation{
		{"no record", func(*testing.T, *Store) *Lease { return nil }},
		{"progress, waiting for a worker", func(t *testing.T, s *Store) *Lease { push(t, s); return nil }},
		{"progress, a worker opens", running},
		{"progress, waits for a credential", func(t *testing.T, s *Store) *Lease {
			_, err := running(t, s).Park(ctx, time.Minute, Failure{Kind: "unauthorized"})
			require.NoError(t, err)
			return nil
		}},
		{"progress, create sent", sent},
		{"progress, issue open, Productboard not told", opened},
		{"progress, failed, Productboard not told", failed},
		{"connected, to be read back", func(t *testing.T, s *Store) *Lease { return begin(t, s, settled(t, opened(t, s))) }},
		{"connected", func(t *testing.T, s *Store) *Lease { return verified(t, s, settled(t, opened(t, s))) }},
		{"connected, not found once", func(t *testing.T, s *Store) *Lease {
			l := verified(t, s, settled(t, opened(t, s)))
			observe(t, s, reading(t, s, targets.VerdictGone, nil), false)
			return l
		}},
		{"error", func(t *testing.T, s *Store) *Lease { return verified(t, s, settled(t, failed(t, s))) }},
		{"initial after an unlink, to be read back", func(t *testing.T, s *Store) *Lease {
			settled(t, opened(t, s))
			_, w, err := s.Unlink(ctx, someKey)
			require.NoError(t, err)
			return begin(t, s, w)
		}},
		{"initial, with an orphan", func(t *testing.T, s *Store) *Lease {
			settled(t, opened(t, s))
			_, w, err := s.Unlink(ctx, someKey)
			require.NoError(t, err)
			l := begin(t, s, w)
			w, err = l.Verified(ctx)
			require.NoError(t, err)
			return begin(t, s, w)
		}},
	}
}

// events are the columns: what can happen to a record.
type event struct {
	name string
	do   func(s *Store, l *Lease) error
}

func events() []event {
	ctx := context.Background()
	click := func(f func(*Store) (Record, *Task, error)) func(*Store, *Lease) error {
		return func(s *Store, _ *Lease) error { _, _, err := f(s); return err }
	}
	worker := func(f func(*Lease) error) func(*Store, *Lease) error {
		return func(_ *Store, l *Lease) error {
			if l == nil {
				return ErrLost
			}
			return f(l)
		}
	}
	read := func(verdict targets.Verdict) func(*Store, *Lease) error {
		return func(s *Store, _ *Lease) error {
			rec, err := s.Get(ctx, someKey)
			if rec.Issue == nil {
				return nil // nothing to read; a missing record is one of the situations
			}
			if err != nil {
				return err
			}
			changed := *rec.Issue
			changed.Status = "Closed"
			_, err = s.Observe(ctx, []Reading{{Entry: Entry{Key: someKey, Record: rec}, Verdict: verdict, Issue: changed}}, false)
			return err
		}
	}
	return []event{
		{"push", click(func(s *Store) (Record, *Task, error) { return s.Push(ctx, someKey, somebody) })},
		{"unlink", click(func(s *Store) (Record, *Task, error) { return s.Unlink(ctx, someKey) })},
		{"rejected click", click(func(s *Store) (Record, *Task, error) {
			return s.RejectClick(ctx, someKey, somebody, Failure{Kind: "unauthorized"})
		})},
		{"dismiss", click(func(s *Store) (Record, *Task, error) { return s.Dismiss(ctx, someKey) })},
		{"create is about to be sent", worker(func(l *Lease) error { return l.Intend(ctx) })},
		{"issue opened", worker(func(l *Lease) error { _, err := l.Opened(ctx, someIssue); return err })},
		{"failed for good", worker(func(l *Lease) error { return l.Failed(ctx, Failure{Kind: "invalid"}) })},
		{"Productboard told", worker(func(l *Lease) error { _, err := l.Settled(ctx); return err })},
		{"read back and right", worker(func(l *Lease) error { _, err := l.Verified(ctx); return err })},
		{"handed back", worker(func(l *Lease) error { _, err := l.Requeue(ctx, 0, true, Failure{Kind: "timeout"}); return err })},
		{"parked", worker(func(l *Lease) error { _, err := l.Park(ctx, time.Minute, Failure{Kind: "unauthorized"}); return err })},
		{"read: changed in the tracker", read(targets.VerdictPresent)},
		{"read: deleted in the tracker", read(targets.VerdictGone)},
		{"credential repaired", func(s *Store, _ *Lease) error {
			_, _, err := s.Wake(ctx, someKey.Tenant, someKey.Integration, 10)
			return err
		}},
	}
}

func describe(r Record, existed bool) string {
	if !existed {
		return "no record"
	}
	text := string(r.State)
	switch {
	case r.Step != Idle:
		text += "/" + string(r.Step)
	}
	if r.Intent != nil {
		text += " (create sent)"
	}
	if r.Issue != nil {
		text += " (issue)"
	}
	switch {
	case r.Deleted():
		text += " (deleted)"
	case r.Missing != nil:
		text += " (not found)"
	}
	if r.Parked != 0 {
		text += " (parked)"
	}
	if len(r.Orphans) > 0 {
		text += fmt.Sprintf(" (%d orphan)", len(r.Orphans))
	}
	return text
}

// change says in a cell what an event does to a record.
func change(before, after Record, existed, exists bool, err error) string {
	if err != nil {
		return "lost"
	}
	if !exists {
		return "-"
	}
	var marks []string
	if after.Generation > before.Generation {
		marks = append(marks, "generation+1")
	}
	if after.Epoch > before.Epoch && existed {
		marks = append(marks, "epoch+1")
	}
	if after.Run > before.Run {
		marks = append(marks, "run+1")
	}
	if describe(before, existed) == describe(after, exists) && len(marks) == 0 {
		return "stays"
	}
	text := describe(after, exists)
	if len(marks) > 0 {
		text += "; " + strings.Join(marks, ", ")
	}
	return text
}

// TestStatesDocument plays every event in every situation on the store itself
// and holds docs/design/states.md to what it saw.
func TestStatesDocument(t *testing.T) {
	ctx := context.Background()
	var b strings.Builder
	b.WriteString("| situation |")
	for _, e := range events() {
		b.WriteString(" " + e.name + " |")
	}
	b.WriteString("\n|" + strings.Repeat(" --- |", len(events())+1) + "\n")
	for _, sit := range situations() {
		b.WriteString("| **" + sit.name + "**")
		for i, e := range events() {
			env := redistest.Mini(t)
			env.Advance(0)
			// Nothing lingers: one reading back is the last.
			s := NewStore(env.Client, Timing{Answer: time.Nanosecond, ConfirmDeleted: time.Nanosecond, SendWindow: time.Nanosecond})
			l := sit.make(t, s)
			before, berr := s.Get(ctx, someKey)
			if i == 0 && berr == nil {
				b.WriteString(": " + describe(before, true))
			}
			if i == 0 {
				b.WriteString(" |")
			}
			err := e.do(s, l)
			if err != nil {
				require.ErrorIs(t, err, ErrLost)
			}
			after, aerr := s.Get(ctx, someKey)
			b.WriteString(" " + change(before, after, berr == nil, aerr == nil, err) + " |")
		}
		b.WriteString("\n")
	}
	doc, err := os.ReadFile(statesDoc)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(doc), tableBegins)
	require.True(t, ok)
	table, tail, ok := strings.Cut(rest, tableEnds)
	require.True(t, ok)
	if *update {
		require.NoError(t, os.WriteFile(statesDoc, []byte(head+tableBegins+b.String()+tableEnds+tail), 0o600))
		return
	}
	require.Equal(t, b.String(), table, "run: go test ./internal/connections -run States -update")
}
