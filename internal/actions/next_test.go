package actions

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/limits/ratelimit"
	"pushbutton/internal/outbound"
)

var update = flag.Bool("update", false, "rewrite the tables in docs/design/outcomes.md")

const outcomesDoc = "../../docs/design/outcomes.md"

// present is when the steps of the table end, in ms.
const present = int64(1_700_000_000_000)

// ending is one row: an error that a step ends with, and what the record is like.
type ending struct {
	name   string
	err    error
	change func(*connections.Record)
	// steps are those that can end so; nil: all.
	steps []connections.Step
}

func allSteps() []connections.Step {
	return []connections.Step{connections.Open, connections.Cleanup, connections.Settle, connections.Verify}
}

func endings() []ending {
	const hour = int64(time.Hour / time.Millisecond)
	open := []connections.Step{connections.Open}
	tracker := []connections.Step{connections.Open, connections.Cleanup, connections.Verify}
	unauthorized := func(side fault.Side) error { return &fault.Error{Kind: fault.Unauthorized, Side: side} }
	failing := func() error {
		return &hold{reason: trackerFailing, wait: time.Minute, err: &fault.Error{Kind: fault.Unavailable, Side: fault.SideTracker}}
	}
	old := func(r *connections.Record) { r.Click.At, r.LastClick = present-25*hour, present-25*hour }
	rows := []ending{
		{name: "no error", err: nil},
		{name: "the lease is lost", err: connections.ErrLost},
		{name: "an error that nobody classified", err: errors.New("x")},
	}
	for _, kind := range fault.Kinds() {
		rows = append(rows, ending{name: "`" + kind.String() + "`", err: &fault.Error{Kind: kind}})
	}
	return append(rows,
		ending{name: "`unavailable`, retry after 20 s", err: &fault.Error{Kind: fault.Unavailable, RetryAfter: 20 * time.Second}},
		ending{name: "`unavailable`, retry after an hour", err: &fault.Error{Kind: fault.Unavailable, RetryAfter: time.Hour}},
		ending{name: "`unavailable`, and the wait would pass the push's deadline", err: &fault.Error{Kind: fault.Unavailable},
			change: func(r *connections.Record) { r.Deadline = present + 500 }, steps: open},
		ending{name: "`unavailable`, a day after the latest click", err: &fault.Error{Kind: fault.Unavailable}, change: old},
		ending{name: "a tracker's 500 that the text's characters may have caused", err: &fault.Error{Kind: fault.Unavailable, Side: fault.SideTracker, Unsure: true,
			Err: outbound.StatusError(http.StatusInternalServerError)}, steps: open},
		ending{name: "`rate_limited` by the tracker, for 60 s", err: &fault.Error{Kind: fault.RateLimited, Side: fault.SideTracker, RetryAfter: time.Minute}, steps: tracker},
		ending{name: "`rate_limited` by the tracker, for an hour", err: &fault.Error{Kind: fault.RateLimited, Side: fault.SideTracker, RetryAfter: time.Hour}, steps: tracker},
		ending{name: "`rate_limited` by the plugin's own limiter, for 30 min", err: &fault.Error{Kind: fault.RateLimited, RetryAfter: 30 * time.Minute, Err: ratelimit.ErrReservation}},
		ending{name: "the tenant is suspended", err: &hold{reason: tenantSuspended, err: &fault.Error{Kind: fault.Unavailable}}},
		ending{name: "the tracker's breaker is open for a minute, and no issue can exist", err: failing(), steps: open},
		ending{name: "the tracker's breaker is open for a minute, and an issue may exist", err: failing(),
			change: func(r *connections.Record) { r.Intent = &connections.Intent{Sent: 1} }, steps: open},
		ending{name: "an issue may still appear", err: &hold{reason: issueMayAppear, wait: lookUpEvery, err: &fault.Error{Kind: fault.Unavailable}},
			steps: []connections.Step{connections.Open, connections.Cleanup}},
		ending{name: "the tracker's credential is refused", err: &hold{reason: credentialRefused, err: unauthorized(fault.SideTracker)}, steps: tracker},
		ending{name: "the tracker's credential is refused, a day after the click", err: &hold{reason: credentialRefused, err: unauthorized(fault.SideTracker)}, change: old, steps: tracker},
		ending{name: "Productboard's credential is refused", err: &hold{reason: credentialRefused, err: unauthorized(fault.SideProductboard)},
			steps: []connections.Step{connections.Open, connections.Settle, connections.Verify}},
		ending{name: "the credential was replaced while the run used the former one", err: &hold{reason: credentialReplaced, err: unauthorized(fault.SideTracker)}, steps: tracker})
}

// cell is what follows an ending in a step, try after try, with no spread.
func (e ending) cell(step connections.Step) string {
	if e.steps != nil && !slices.Contains(e.steps, step) {
		return "-"
	}
	s := situation{Record: connections.Record{Step: step, Click: connections.Click{At: present}}, now: present, live: true}
	if e.change != nil {
		e.change(&s.Record)
	}
	o := next(e.err, s)
	text := o.verb.String()
	switch o.verb {
	case retry:
		return text + " after " + e.waits(s) + remarks(o)
	case later, park:
		return text + ", " + short(o.delay) + remarks(o)
	case done, fail, superseded:
		return text + remarks(o)
	}
	return text
}

// waits lists the delays of counted tries.
func (e ending) waits(s situation) string {
	var waits []string
	for {
		o := next(e.err, s)
		if o.verb != retry {
			return strings.Join(waits, ", ") + ", then " + o.verb.String()
		}
		this := short(o.delay)
		if s.Attempts >= maxAttempts && this == waits[len(waits)-1] {
			for len(waits) > 1 && waits[len(waits)-2] == this {
				waits = waits[:len(waits)-1]
			}
			return strings.Join(waits, ", ") + ", and so on"
		}
		waits = append(waits, this)
		s.Attempts++
	}
}

func remarks(o outcome) string {
	text := ""
	if o.closed > 0 {
		text += "; the backlog waits " + short(o.closed)
	}
	if o.bmpOnly {
		text += "; the next create has no characters above U+FFFF"
	}
	if strings.HasPrefix(o.failure.Message, lastTried) {
		text += "; says that time ran out"
	}
	return text
}

func short(d time.Duration) string {
	switch {
	case d > 0 && d%time.Minute == 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	default:
		return fmt.Sprintf("%d s", d/time.Second)
	}
}

// TestOutcomesDocument asks next about every ending in every step, and holds
// docs/design/outcomes.md to its answers.
func TestOutcomesDocument(t *testing.T) {
	var b strings.Builder
	b.WriteString("| a step ends with |")
	for _, step := range allSteps() {
		b.WriteString(" `" + string(step) + "` |")
	}
	b.WriteString("\n|" + strings.Repeat(" --- |", len(allSteps())+1) + "\n")
	for _, e := range endings() {
		b.WriteString("| " + e.name + " |")
		for _, step := range allSteps() {
			b.WriteString(" " + e.cell(step) + " |")
		}
		b.WriteString("\n")
	}
	const begins, ends = "<!-- table: made by internal/actions/next_test.go -->\n", "<!-- end of table -->\n"
	doc, err := os.ReadFile(outcomesDoc)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(doc), begins)
	require.True(t, ok)
	table, tail, ok := strings.Cut(rest, ends)
	require.True(t, ok)
	if *update {
		require.NoError(t, os.WriteFile(outcomesDoc, []byte(head+begins+b.String()+ends+tail), 0o600))
		return
	}
	require.Equal(t, b.String(), table, "run: go test ./internal/actions -run TestOutcomesDocument -update")
}

// Delays are spread upwards only, by a quarter at most, and the same run always
// gets the same one.
func TestDelaysAreSpreadUpwards(t *testing.T) {
	err := &fault.Error{Kind: fault.RateLimited, RetryAfter: 39 * time.Second}
	for _, roll := range []float64{0, 0.5, 0.999999} {
		s := situation{Record: connections.Record{Step: connections.Open}, roll: roll}
		o := next(err, s)
		require.GreaterOrEqual(t, o.delay, 40*time.Second)
		require.LessOrEqual(t, o.delay, 50*time.Second)
		require.Equal(t, o, next(err, s))
	}
}

// A run whose context has ended does not end the push: it hands its record back.
func TestOnlyALiveRunEndsAPushAtItsDeadline(t *testing.T) {
	s := situation{Record: connections.Record{Step: connections.Open, Deadline: 500}, live: true}
	err := &fault.Error{Kind: fault.Timeout, Public: "Slow."}
	require.Equal(t, fail, next(err, s).verb)
	require.Equal(t, lastTried+"Slow.", next(err, s).failure.Message)
	s.live = false
	require.Equal(t, retry, next(err, s).verb)
	require.Equal(t, "Slow.", next(err, s).failure.Message)
}
