package refresh

import (
	"context"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/limits/breaker"
)

// Breaker knows which integrations' trackers fail steadily; breaker.Breaker is one.
type Breaker interface {
	Ask(ctx context.Context, integration string) breaker.Pass
	Failed(ctx context.Context, pass breaker.Pass, item, kind string) breaker.Change
	Undecided(ctx context.Context, pass breaker.Pass)
}

// breakerTimeout bounds what is told to the breaker, also when the reading's
// context has ended.
const breakerTimeout = time.Second

// ask asks the breaker before a batch is read.
func (r *reader) ask(ctx context.Context) (pass breaker.Pass, open bool) {
	if r.opts.Breaker == nil {
		return breaker.Pass{}, false
	}
	pass = r.opts.Breaker.Ask(ctx, r.in.ID)
	return pass, pass.Open
}

// tell ends the trial that a batch was, if it was one. A tracker that cannot be
// read fails still. One that can be read may refuse to make issues all the same,
// so only a push closes the breaker, and none is opened by readings: those that
// work would have to count too.
func (r *reader) tell(ctx context.Context, pass breaker.Pass, first connections.Entry, err error) {
	if r.opts.Breaker == nil || pass.Trial == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), breakerTimeout)
	defer cancel()
	if err == nil || !failing(err) {
		r.opts.Breaker.Undecided(ctx, pass)
		return
	}
	r.opts.Breaker.Failed(ctx, pass, first.Key.Entity, fault.KindOf(err).String())
}

// failing reports whether an error says that the tracker does not work. That the
// plugin had no memory or no time says nothing about the tracker.
func failing(err error) bool {
	if fault.From(err).Side == fault.SidePlugin {
		return false
	}
	switch fault.KindOf(err) {
	case fault.Unavailable, fault.Timeout, fault.Intermediary:
		return true
	case fault.Invalid, fault.Unauthorized, fault.Forbidden, fault.NotFound, fault.Gone, fault.Conflict, fault.RateLimited,
		fault.Internal, fault.Canceled, fault.Blocked:
		return false
	default:
		return false
	}
}
