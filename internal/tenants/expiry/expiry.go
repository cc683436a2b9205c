// Package expiry watches the dates on which credentials end. Once a day it asks
// about each integration that has a side which can tell. It stores the answer,
// and a line in the log warns 14 days ahead.
//
// What must not live here: what a tracker says and how (targets), where a date
// is kept (tenants), the words of the warning (register).
package expiry

import (
	"context"
	"iter"
	"log/slog"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/telemetry"
	"pushbutton/internal/tenants"
)

const (
	// Every is how often a pass begins.
	Every = 10 * time.Minute
	// PassLimit is how long one may take.
	PassLimit = 9 * time.Minute
	// MaxAsked bounds the integrations asked about in one pass, one after the
	// other: 72,000 a day. The others' turn comes with the next passes, which
	// spreads them over the day.
	MaxAsked = 500
)

// Dates keeps when credentials end; *tenants.Store does.
type Dates interface {
	SetExpiry(ctx context.Context, used tenants.Integration, side fault.Side, at time.Time) (bool, error)
}

// Integrations are those whose credentials are watched.
type Integrations interface {
	// All lists every integration of every tenant.
	All(ctx context.Context) iter.Seq2[tenants.Integration, error]
	// Sides are those of an integration that can be asked.
	Sides(in tenants.Integration) []fault.Side
	// Ask returns when a side's credential ends; zero: it has no end.
	Ask(ctx context.Context, in tenants.Integration, side fault.Side) (time.Time, error)
	// Claim takes the day's question about an integration; false: it was asked
	// within a day.
	Claim(ctx context.Context, in tenants.Integration) bool
}

// Note words the warning about a side; empty: there is none.
type Note func(in tenants.Integration, side fault.Side, now time.Time) string

// Options are what a Watcher can do without.
type Options struct {
	// Log is where the warnings go; nil: nowhere.
	Log *slog.Logger
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Watcher asks and warns.
type Watcher struct {
	integrations Integrations
	dates        Dates
	note         Note
	log          *slog.Logger
	now          func() time.Time
}

// NewWatcher makes a Watcher. opts may be nil.
func NewWatcher(integrations Integrations, dates Dates, note Note, opts *Options) *Watcher {
	w := &Watcher{integrations: integrations, dates: dates, note: note, log: slog.New(slog.DiscardHandler), now: time.Now}
	if opts != nil && opts.Log != nil {
		w.log = opts.Log
	}
	if opts != nil && opts.Now != nil {
		w.now = opts.Now
	}
	return w
}

// Pass asks about every integration whose day is over, MaxAsked at most. What
// fails is logged and asked again the next day: 14 days have room for it.
func (w *Watcher) Pass(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, PassLimit)
	defer cancel()
	asked := 0
	for in, err := range w.integrations.All(ctx) {
		if ctx.Err() != nil || asked == MaxAsked {
			return
		}
		if err != nil {
			w.log.WarnContext(ctx, "watch the ends of credentials", telemetry.KeyTenant, in.Tenant, telemetry.KeyError, err)
			continue
		}
		sides := w.integrations.Sides(in)
		if len(sides) == 0 || !in.Deleting.IsZero() || !w.integrations.Claim(ctx, in) {
			continue
		}
		asked++
		for _, side := range sides {
			if in.Reconnect == nil || in.Reconnect.Side != side { // else it is known not to work
				w.look(ctx, &in, side)
			}
		}
	}
}

func (w *Watcher) look(ctx context.Context, in *tenants.Integration, side fault.Side) {
	at, err := w.integrations.Ask(ctx, *in, side)
	if err == nil {
		if _, err = w.dates.SetExpiry(ctx, *in, side, at); fault.KindOf(err) == fault.NotFound {
			return // deleted meanwhile
		}
		in.SetExpiry(side, at)
	}
	if err != nil {
		w.log.InfoContext(ctx, "the end of a credential cannot be told", telemetry.KeyTenant, in.Tenant, telemetry.KeyIntegration, in.ID, telemetry.KeySide, string(side), telemetry.KeyError, err)
	}
	if note := w.note(*in, side, w.now()); note != "" { // also of what was known before
		w.log.WarnContext(ctx, "credential expires", telemetry.KeyTenant, in.Tenant, telemetry.KeyIntegration, in.ID, telemetry.KeyName, in.Name, telemetry.KeySide, string(side),
			telemetry.KeyExpires, in.Expires[side].At, telemetry.KeyNote, note)
	}
}
