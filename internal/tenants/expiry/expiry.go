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

// Watcher asks and warns.
type Watcher struct {
	// Integrations lists every integration of every tenant.
	Integrations func(ctx context.Context) iter.Seq2[tenants.Integration, error]
	// Sides are those of an integration that can be asked.
	Sides func(in tenants.Integration) []fault.Side
	// Ask returns when a side's credential ends; zero: it has no end.
	Ask func(ctx context.Context, in tenants.Integration, side fault.Side) (time.Time, error)
	// Claim takes the day's question about an integration; false: it was asked
	// within a day.
	Claim func(ctx context.Context, in tenants.Integration) bool
	Dates Dates
	// Note words the warning about a side; empty: there is none.
	Note func(in tenants.Integration, side fault.Side, now time.Time) string
	Log  *slog.Logger
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Pass asks about every integration whose day is over, MaxAsked at most. What
// fails is logged and asked again the next day: 14 days have room for it.
func (w *Watcher) Pass(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, PassLimit)
	defer cancel()
	asked := 0
	for in, err := range w.Integrations(ctx) {
		if ctx.Err() != nil || asked == MaxAsked {
			return
		}
		if err != nil {
			w.Log.WarnContext(ctx, "watch the ends of credentials", telemetry.KeyTenant, in.Tenant, telemetry.KeyError, err)
			continue
		}
		sides := w.Sides(in)
		if len(sides) == 0 || !in.Deleting.IsZero() || !w.Claim(ctx, in) {
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
	at, err := w.Ask(ctx, *in, side)
	if err == nil {
		if _, err = w.Dates.SetExpiry(ctx, *in, side, at); fault.KindOf(err) == fault.NotFound {
			return // deleted meanwhile
		}
		in.SetExpiry(side, at)
	}
	if err != nil {
		w.Log.InfoContext(ctx, "the end of a credential cannot be told", telemetry.KeyTenant, in.Tenant, telemetry.KeyIntegration, in.ID, telemetry.KeySide, string(side), telemetry.KeyError, err)
	}
	now := time.Now
	if w.Now != nil {
		now = w.Now
	}
	if note := w.Note(*in, side, now()); note != "" { // also of what was known before
		w.Log.WarnContext(ctx, "credential expires", telemetry.KeyTenant, in.Tenant, telemetry.KeyIntegration, in.ID, telemetry.KeyName, in.Name, telemetry.KeySide, string(side),
			telemetry.KeyExpires, in.Expires[side].At, telemetry.KeyNote, note)
	}
}
