package actions

import (
	"cmp"
	"errors"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/limits/ratelimit"
	"pushbutton/internal/targets"
)

// verb names what happens to a run when one of its steps has ended.
type verb uint8

const (
	// done: the step did what it had to do.
	done verb = iota
	// retry: the step is tried once more after a delay, and the try counts.
	retry
	// later: the step is tried once more after a delay. The try does not count, so
	// that only the push's deadline ends it.
	later
	// park: the run waits until a credential is repaired. The push's clock stands
	// still meanwhile.
	park
	// fail: waiting cannot help. A push that is being opened ends in an error, and
	// the other steps are given up.
	fail
	// superseded: another run has the record.
	superseded
)

// String is the verb as logs and metrics name it.
func (v verb) String() string {
	return [...]string{"done", "retry", "later", "parked", "given up", "superseded"}[v]
}

// outcome is how a run ends.
type outcome struct {
	verb verb
	// delay is the wait before the next try, for retry and later. A parked run is
	// looked at after it, at the latest.
	delay time.Duration
	// closed is how long the tracker takes no calls, if it limits their rate: the
	// integration's backlog stands still until then.
	closed time.Duration
	// bmpOnly is set if characters above U+FFFF may be the reason. The next create
	// is sent without them.
	bmpOnly bool
	// failure is what the person reads if the push fails, and why it waits if not.
	failure connections.Failure
}

// situation is where a run stands when one of its steps has ended.
type situation struct {
	connections.Record
	// now is Redis' time in milliseconds.
	now int64
	// live is set if the run can go on and tell the person itself. Only then does
	// the push's deadline end it: a run that has to stop hands its record back.
	live bool
	// roll is a random number in [0, 1), which spreads the delays. It stays the same
	// for the whole run, so that asking twice gives the same delay.
	roll float64
}

// hold is why a step was not done although no call of its own decides it. It says
// what is the case; next decides what follows.
type hold struct {
	reason reason
	// wait is how long the reason lasts, where that is known.
	wait time.Duration
	err  error
}

func (h *hold) Error() string { return h.reason.String() + ": " + h.err.Error() }
func (h *hold) Unwrap() error { return h.err }

// reason is the reason of a hold.
type reason uint8

const (
	// tenantSuspended: nothing is done for the tenant at the moment.
	tenantSuspended reason = iota
	// trackerFailing: the tracker's breaker is open.
	trackerFailing
	// issueMayAppear: an issue that may exist is not visible yet.
	issueMayAppear
	// credentialRefused: the integration needs a new credential.
	credentialRefused
	// credentialReplaced: the credential was replaced while the run used the former
	// one.
	credentialReplaced
)

func (r reason) String() string {
	return [...]string{"tenant suspended", "tracker failing", "issue may appear", "credential refused", "credential replaced"}[r]
}

const (
	// maxAttempts is how many counted tries a step has that calls the tracker.
	maxAttempts = 5
	// settleFor is how long after the latest click or reading Productboard is told. That is
	// worth more patience than opening: without it the button stays in progress.
	settleFor = 24 * time.Hour
	// slowAttempt is the first wait, as a number of tries, for a refused credential
	// of Productboard: somebody has to renew it, and then the button moves by itself.
	slowAttempt = 3
	// limitWait is for a rate limit that names no time.
	limitWait = 30 * time.Second
	// maxLimitWait bounds what a rate limit may ask for in one go, so that a repaired
	// limit is noticed.
	maxLimitWait = 5 * time.Minute
	// suspendedWait is how long a suspended tenant's run waits at a time: about how
	// late it goes on after the tenant is resumed.
	suspendedWait = 30 * time.Second
	// parkFor is how long a push waits for a credential before somebody checks
	// whether it still has to. The Resumer wakes it long before that.
	parkFor = 15 * time.Minute
	// parkBriefly is the same for a credential that was replaced meanwhile.
	parkBriefly = 5 * time.Second
	// parkMost is how long after its click an issue is still opened. After that the
	// person is told why not. If Productboard is the side that refuses, nobody can be
	// told before the credential is repaired.
	parkMost = 24 * time.Hour
)

// next decides how a run goes on after a step has ended with err. It is the only
// place that does, and the table in docs/design/outcomes.md is made from it.
func next(err error, s situation) outcome {
	switch {
	case err == nil:
		return outcome{verb: done}
	case connections.Lost(err):
		return outcome{verb: superseded}
	}
	o := outcome{failure: failureOf(err)}
	o.verb, o.delay = s.decide(err)
	if s.live && s.Step == connections.Open && (o.verb == retry || o.verb == later) && s.late(o.delay) {
		o.verb, o.delay = fail, 0
		o.failure.Message = lastTried + o.failure.Message
	}
	if e := fault.From(err); e.Side == fault.SideTracker {
		if o.verb == later && e.Kind == fault.RateLimited {
			o.closed = limitOf(err, maxLimitWait)
		}
		o.bmpOnly = o.verb == retry && targets.MayBeCharacters(err)
	}
	return o
}

func (s situation) decide(err error) (verb, time.Duration) {
	var h *hold
	held := errors.As(err, &h)
	switch {
	case held && (h.reason == credentialRefused || h.reason == credentialReplaced):
		return s.decidePark(h)
	case s.settling() && s.since(max(s.Click.At, s.LastClick, s.Observed)) > settleFor:
		return fail, 0
	case held && !s.settling():
		return s.decideHold(h)
	default:
		return s.decideKind(err)
	}
}

// decidePark is for runs that wait for a credential.
func (s situation) decidePark(h *hold) (verb, time.Duration) {
	switch {
	case s.Step == connections.Open && fault.From(h).Side == fault.SideTracker && s.since(s.Click.At) > parkMost:
		return fail, 0
	case h.reason == credentialReplaced:
		return park, s.spread(parkBriefly)
	default:
		return park, s.spread(parkFor)
	}
}

// decideHold is for the other holds, in the steps that call the tracker. Those that
// tell Productboard go by the kind of the hold's fault.
func (s situation) decideHold(h *hold) (verb, time.Duration) {
	switch h.reason {
	case tenantSuspended:
		return later, suspendedWait
	case trackerFailing:
		if mayExist(s.Record) {
			return later, s.spread(h.wait) // only the tracker can tell
		}
		return fail, 0 // a try would only have the person wait
	case issueMayAppear:
		return later, h.wait
	case credentialRefused, credentialReplaced:
		return s.decidePark(h)
	default:
		return fail, 0
	}
}

// decideKind is for failures of calls, and of the plugin itself.
func (s situation) decideKind(err error) (verb, time.Duration) {
	switch e := fault.From(err); e.Kind {
	case fault.Canceled:
		return later, 0
	case fault.RateLimited:
		most := maxLimitWait
		if errors.Is(err, ratelimit.ErrReservation) {
			most = ratelimit.MaxReservation
		}
		return later, s.spread(limitOf(err, most))
	case fault.Unavailable, fault.Timeout, fault.Conflict, fault.Internal, fault.Intermediary:
		if !s.settling() && s.Attempts+1 >= maxAttempts {
			return fail, 0
		}
		return retry, s.spread(max(backoff(s.Attempts), min(e.RetryAfter, maxLimitWait)))
	case fault.Unauthorized, fault.Forbidden:
		if s.settling() {
			return retry, s.spread(backoff(max(s.Attempts, slowAttempt)))
		}
		return fail, 0
	case fault.Invalid, fault.NotFound, fault.Blocked, fault.Gone:
		return fail, 0
	default:
		return fail, 0
	}
}

// settling reports whether the step at hand tells Productboard.
func (s situation) settling() bool {
	return s.Step == connections.Settle || s.Step == connections.Verify
}

func (s situation) since(ms int64) time.Duration { return time.Duration(s.now-ms) * time.Millisecond }

// late reports whether the push's deadline passes within a wait.
func (s situation) late(wait time.Duration) bool {
	return s.Deadline > 0 && s.now+wait.Milliseconds() >= s.Deadline
}

// spread adds up to a quarter to a delay, so that runs do not come back together.
func (s situation) spread(d time.Duration) time.Duration {
	return d + time.Duration(s.roll*float64(d/4+1))
}

// mayExist reports whether a create was sent whose outcome is not known.
func mayExist(rec connections.Record) bool {
	i := rec.Intent
	return i != nil && (!i.Resolved || i.Sent > 1)
}

// backoff is the wait after a number of counted tries. A person is watching the
// button: after the last wait, about two minutes in all, a sentence serves better.
func backoff(attempts int) time.Duration {
	waits := [...]time.Duration{time.Second, 3 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute}
	return waits[min(attempts, len(waits)-1)]
}

// limitOf is how long a rate limit lasts, at most most, and a second more, since
// schedulers round down.
func limitOf(err error, most time.Duration) time.Duration {
	d := fault.From(err).RetryAfter
	if d <= 0 {
		d = limitWait
	}
	return min(d, most) + time.Second
}

// failureOf is what is kept of an error. An error without a sentence for people
// gets a general one.
func failureOf(err error) connections.Failure {
	f := connections.FailureOf(err)
	if f.Message == "" {
		party := cmp.Or(fault.From(err).Party(), fault.SidePlugin.Name())
		f.Message = "Something went wrong at " + party + ". Try again; if it fails again, ask your admin."
	}
	return f
}

// lastTried begins the sentence of a push that ran out of time.
const lastTried = "Not done within the time a push may take. Last tried: "

// overdueFailure is what the person reads of a push whose run did not return before
// its deadline. last is why the push waited, and nil if it did not.
func overdueFailure(last *connections.Failure) connections.Failure {
	if last != nil && last.Message != "" {
		f := *last
		f.Message = lastTried + f.Message
		return f
	}
	return connections.Failure{Kind: fault.Timeout.String(), Side: fault.SidePlugin,
		Message: "Not done within the time a push may take: working on this item did not come to an end. Shorten its description, or ask your admin to simplify the templates in the integration's settings."}
}
