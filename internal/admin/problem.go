package admin

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"pushbutton/internal/admin/schema"
	"pushbutton/internal/fault"
)

// problemMedia is the media type of RFC 9457.
const problemMedia = "application/problem+json"

// FieldError is one field that is wrong.
type FieldError = schema.FieldError

// Problem is every failure's answer (RFC 9457). It is an error, so that a
// handler can return one.
type Problem struct {
	Type     ProblemType  `json:"type" doc:"The problem type; docs/problems.md lists all of them."`
	Title    string       `json:"title" doc:"The problem type in a few words."`
	Status   int          `json:"status" doc:"The HTTP status."`
	Detail   string       `json:"detail,omitempty" doc:"What happened this time, for people."`
	Instance string       `json:"instance" doc:"The request's id, as in the header X-Request-Id and in the plugin's log."`
	Side     fault.Side   `json:"side,omitempty" enum:"plugin,productboard,tracker" doc:"Who has to act, where it is not the caller. plugin is this deployment, with its Redis."`
	Errors   []FieldError `json:"errors,omitempty" doc:"Every field that is wrong."`
	Report   *ApplyReport `json:"report,omitempty" doc:"For a declaration that failed, or was carried out in part: what became of each integration."`

	retryAfter time.Duration
	cause      error
}

// Error implements error, for the log.
func (p *Problem) Error() string {
	var s strings.Builder
	s.WriteString(string(p.Type) + ": " + p.Detail)
	for _, e := range p.Errors {
		s.WriteString("; " + e.Field + " " + e.Message)
	}
	return s.String()
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.cause }

// Kind returns what the problem's type means as a kind of failure, for clients.
func (p *Problem) Kind() fault.Kind {
	for _, t := range problemTypes() {
		if t.Type == p.Type {
			return t.kind
		}
	}
	return fault.Internal
}

// Invalid is the problem of fields that are wrong in a way that only a
// handler can see.
func Invalid(wrong ...FieldError) *Problem {
	p := newProblem(ProblemValidation, "")
	p.Errors = wrong
	return p
}

// retryDefault is the Retry-After of a failure that names no time.
const retryDefault = 5 * time.Second

// problemOf makes a problem of any error. Only what is meant for people is in
// it; the cause stays in the log.
func problemOf(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	e := fault.From(err)
	p = newProblem(typeOf(e.Kind), e.Public)
	p.Side, p.cause, p.retryAfter = e.Side, err, e.RetryAfter
	switch e.Kind {
	case fault.RateLimited, fault.Unavailable, fault.Canceled:
		if p.retryAfter <= 0 {
			p.retryAfter = retryDefault
		}
	default:
	}
	if e.Kind == fault.NotFound && (e.Side == fault.SideProductboard || e.Side == fault.SideTracker) {
		p.Status = http.StatusFailedDependency // what is missing is the peer's
	}
	return p
}
