package actions

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/limits/ratelimit"
)

// verb is what happens after a step failed.
type verb uint8

const (
	// stop: nobody can mend it by waiting; tell the person.
	stop verb = iota
	// retry: try again, and count it.
	retry
	// later: try again, not counted; only the deadline ends it.
	later
)

// decision is a verb and, unless it is stop, how long to wait.
type decision struct {
	verb  verb
	delay time.Duration
}

// Waits between counted tries. A person is watching a spinner: after the last
// of them, about two minutes in all, a sentence serves better.
func backoff(attempt int) time.Duration {
	waits := [...]time.Duration{time.Second, 3 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute}
	return waits[min(attempt, len(waits)-1)]
}

const (
	maxAttempts = 5
	// limitWait is for a rate limit that names no time.
	limitWait = 30 * time.Second
	// maxLimitWait bounds what a rate limit may ask for in one go, so that a
	// repaired limit is noticed.
	maxLimitWait = 5 * time.Minute
)

// waitError is not a failure: the step has to wait for something that time
// alone brings.
type waitError struct {
	delay time.Duration
	why   error
}

func (e *waitError) Error() string { return "wait: " + e.why.Error() }
func (e *waitError) Unwrap() error { return e.why }

// decide maps a failure to what happens next. It is the only place that does;
// attempts is how many counted tries went before this one.
func decide(err error, attempts int) decision {
	var wait *waitError
	if errors.As(err, &wait) {
		return decision{later, wait.delay}
	}
	var broken *brokenError
	if errors.As(err, &broken) {
		return decision{verb: stop}
	}
	e := fault.From(err)
	switch e.Kind {
	case fault.Canceled:
		return decision{later, 0}
	case fault.RateLimited:
		most := maxLimitWait
		if errors.Is(err, ratelimit.ErrReservation) {
			most = ratelimit.MaxReservation
		}
		return decision{later, jitter(limitOf(err, most))}
	case fault.Unavailable, fault.Timeout, fault.Conflict, fault.Internal, fault.Intermediary:
		if attempts+1 >= maxAttempts {
			return decision{verb: stop}
		}
		return decision{retry, jitter(max(backoff(attempts), min(e.RetryAfter, maxLimitWait)))}
	case fault.Invalid, fault.Unauthorized, fault.Forbidden, fault.NotFound, fault.Blocked, fault.Gone:
		return decision{verb: stop}
	default:
		return decision{verb: stop}
	}
}

// limitOf is how long a rate limit lasts, most at most, and a second: schedulers
// round down.
func limitOf(err error, most time.Duration) time.Duration {
	d := fault.From(err).RetryAfter
	if d <= 0 {
		d = limitWait
	}
	return min(d, most) + time.Second
}

// Telling Productboard is worth more patience than opening: without it the
// button spins for ever. It is tried until tellFor after the latest click.
const tellFor = 24 * time.Hour

// decideTelling is decide for the steps that only talk to Productboard. stop
// means that Productboard will never take it: the connection or the
// integration is gone there, or the state itself is refused.
func decideTelling(err error, attempts int) decision {
	switch e := fault.From(err); e.Kind {
	case fault.NotFound, fault.Gone, fault.Invalid, fault.Blocked:
		return decision{verb: stop}
	case fault.Unauthorized, fault.Forbidden:
		// Somebody has to renew the token; then the button shall move by itself.
		return decision{retry, jitter(backoff(max(attempts, 3)))}
	case fault.Canceled, fault.RateLimited:
		return decide(err, 0)
	case fault.Internal, fault.Conflict, fault.Unavailable, fault.Timeout, fault.Intermediary:
		return decision{retry, jitter(max(backoff(attempts), min(e.RetryAfter, maxLimitWait)))}
	default:
		return decision{verb: stop}
	}
}

// jitter spreads retries by up to a quarter, never below what was asked for.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration(rand.Int64N(int64(d)/4+1)) //nolint:gosec // nothing to guess
}

// failure is what is kept of an error; without a sentence for people it gets
// a general one.
func failure(err error) connections.Failure {
	f := connections.FailureOf(err)
	if f.Message == "" {
		party := cmp.Or(fault.From(err).Party(), fault.SidePlugin.Name())
		f.Message = "Something went wrong at " + party + ". Try again; if it fails again, ask your admin."
	}
	return f
}
