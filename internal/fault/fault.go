// Package fault is the closed set of ways in which something can fail.
//
// Every error that crosses a room's border is, or wraps, an *Error: its Kind
// decides what happens next (retry, wait, stop, which HTTP status), its Side
// says who has to act, and its Public text is all that a person who clicks a
// button may ever read. The cause is kept for the log and never shown.
//
// What must not live here: HTTP, Redis, or a tracker's vocabulary.
package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Kind says what sort of failure it was. The set is closed: a switch over it
// is expected to name every kind.
type Kind uint8

// The kinds. Internal is the zero value, so that an error nobody classified
// counts as ours.
const (
	// Internal is our own mistake, or anything nobody classified.
	Internal Kind = iota
	// Invalid is a request the other side understood and refused: it fails
	// again until somebody changes the data or the settings.
	Invalid
	// Unauthorized is a credential that is missing, wrong, expired or revoked.
	Unauthorized
	// Forbidden is a good credential without the permission.
	Forbidden
	// NotFound is a thing that does not exist or is not visible to us.
	NotFound
	// Conflict is a change that lost against another one.
	Conflict
	// RateLimited is a refusal for now; RetryAfter says how long.
	RateLimited
	// Unavailable is a peer that cannot be reached or says it cannot serve.
	Unavailable
	// Timeout is a peer that did not answer in the time it was given.
	Timeout
	// Canceled is work given up by our own side: shutdown or a lost lease.
	Canceled
	// Blocked is an address that the egress rules do not allow.
	Blocked
	// Gone is a thing that the peer had and has deleted. The peer said so in its own
	// words, while place and credential were known to work. A mere 404 is NotFound.
	Gone
	// Intermediary is an answer that the peer did not write: a proxy, firewall,
	// login or outage page between us and it (RFC 9110, section 3.7).
	Intermediary
)

// names is every kind's stable name, in the order of the constants.
func names() []string {
	return []string{"internal", "invalid", "unauthorized", "forbidden", "not_found", "conflict", "rate_limited",
		"unavailable", "timeout", "canceled", "blocked", "gone", "intermediary"}
}

// String returns the kind's stable name, as used in logs and metrics.
func (k Kind) String() string {
	if all := names(); int(k) < len(all) {
		return all[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Error makes a Kind usable as the target of errors.Is.
func (k Kind) Error() string { return k.String() }

// Kinds lists every kind, for tests that walk all of them.
func Kinds() []Kind {
	out := make([]Kind, len(names()))
	for i := range out {
		out[i] = Kind(i)
	}
	return out
}

// Transient reports whether trying the same thing again later can help without
// anybody changing anything.
func (k Kind) Transient() bool {
	switch k {
	case RateLimited, Unavailable, Timeout, Canceled, Conflict, Internal, Intermediary:
		return true
	case Invalid, Unauthorized, Forbidden, NotFound, Blocked, Gone:
		return false
	default:
		return false
	}
}

// Error is a classified failure.
type Error struct {
	// Op names the operation, in a few words ("create issue").
	Op string
	// Kind decides what happens next.
	Kind Kind
	// Side is who has to act. It is set where the failure meets the plugin: pbapi,
	// pbauth and targets.Target set that of their peer, and failures of our own are
	// made with SidePlugin. Empty: the caller itself.
	Side Side
	// Peer is the name of who failed, for people and the log: "Redmine",
	// "Redis", "token issuer". Empty: Side's own name will do.
	Peer string
	// Public is the sentence that a person who clicks may read. It holds no secret,
	// no address with a credential and no stack. Empty: the reader builds a sentence
	// from Kind and Party.
	Public string
	// RetryAfter is the least time to wait, where the other side named one.
	RetryAfter time.Duration
	// Unsure is set when the other side may have carried the request out and we
	// cannot know. A create must then be looked up, and never sent again blindly.
	Unsure bool
	// Ref is the other side's reference for support (a request id).
	Ref string
	// Err is the cause, for the log only.
	Err error
}

// Error returns the operation, the kind and the cause, for logs.
func (e *Error) Error() string {
	s := e.Op
	if s != "" {
		s += ": "
	}
	if party := e.Party(); party != "" {
		s += party + ": "
	}
	s += e.Kind.String()
	if e.Ref != "" {
		s += " (ref " + e.Ref + ")"
	}
	switch {
	case e.Err != nil:
		s += ": " + e.Err.Error()
	case e.Public != "":
		s += ": " + e.Public
	}
	return s
}

// Unwrap returns both the cause and the kind, so that errors.Is works for
// either.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// New returns an Error of a kind with the text that a person may read.
func New(kind Kind, op, public string) *Error {
	return &Error{Op: op, Kind: kind, Public: public}
}

// Wrap classifies a cause. A context that ended is Canceled or Timeout
// whatever kind was asked for. It returns nil for a nil cause.
func Wrap(kind Kind, op string, err error) *Error {
	if err == nil {
		return nil
	}
	switch {
	case errors.Is(err, context.Canceled):
		kind = Canceled
	case errors.Is(err, context.DeadlineExceeded):
		kind = Timeout
	}
	return &Error{Op: op, Kind: kind, Err: err}
}

// From finds the outermost *Error in a chain; an unclassified error becomes
// Internal, an ended context Canceled or Timeout. It returns nil for nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return Wrap(Internal, "", err)
}

// KindOf returns the kind of any error. Do not ask for nil; it is Internal.
func KindOf(err error) Kind {
	if e := From(err); e != nil {
		return e.Kind
	}
	return Internal
}

// IsUnsure reports whether the failed request may have been carried out.
func IsUnsure(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Unsure
}
