package admin

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/admin/schema"
	"pushbutton/internal/fault"
)

// ProblemType begins every problem's type; its name follows.
const ProblemType = "urn:pushbutton:problem:"

// problemMedia is the media type of RFC 9457.
const problemMedia = "application/problem+json"

// FieldError is one field that is wrong.
type FieldError = schema.FieldError

// Problem is every failure's answer (RFC 9457). It is an error, so that a
// handler can return one.
type Problem struct {
	Type     string       `json:"type" doc:"The problem type; docs/problems.md lists all of them."`
	Title    string       `json:"title" doc:"The problem type in a few words."`
	Status   int          `json:"status" doc:"The HTTP status."`
	Detail   string       `json:"detail,omitempty" doc:"What happened this time, for people."`
	Instance string       `json:"instance" doc:"The request's id, as in the header X-Request-Id and in the plugin's log."`
	Side     fault.Side   `json:"side,omitempty" enum:"plugin,productboard,tracker" doc:"Who has to act, where it is not the caller. plugin is this deployment, with its Redis."`
	Errors   []FieldError `json:"errors,omitempty" doc:"Every field that is wrong."`
	Report   *ApplyReport `json:"report,omitempty" doc:"Of a declaration that was not carried out, or not as a whole: what became of each integration."`

	retryAfter time.Duration
	cause      error
}

// Error implements error, for the log.
func (p *Problem) Error() string {
	s := p.Type + ": " + p.Detail
	for _, e := range p.Errors {
		s += "; " + e.Field + " " + e.Message
	}
	return s
}

// Unwrap gives the cause.
func (p *Problem) Unwrap() error { return p.cause }

// Kind is what a problem's type means as a kind of failure, for clients.
func (p *Problem) Kind() fault.Kind {
	name := strings.TrimPrefix(p.Type, ProblemType)
	switch name {
	case sortNoToken().name:
		return fault.Unauthorized
	case sortNotAllowed().name:
		return fault.Forbidden
	case sortPrecondition().name, sortKeyReused().name, sortKeyRunning().name, sortKeyDropped().name:
		return fault.Conflict
	case sortMalformed().name, sortMethod().name, sortTooLarge().name, sortMedia().name, sortValidation().name, sortNoPrecondition().name:
		return fault.Invalid
	}
	for _, kind := range fault.Kinds() {
		if sortOf(kind).name == name {
			return kind
		}
	}
	return fault.Internal
}

// sort is one sort of problem, stable for as long as this version of the API.
type sort struct {
	name, title string
	status      int
	// meaning is for the documentation: when it comes, and what to do.
	meaning string
}

// The sorts that no fault.Kind stands for.
func sortMalformed() sort {
	return sort{"malformed", "The request cannot be read", http.StatusBadRequest, "The body is not JSON, has more values or levels than the route takes, or a header or the address cannot be read. Mend the request."}
}
func sortNoToken() sort {
	return sort{"token", "A valid bearer token is needed", http.StatusUnauthorized, "The token is missing, expired, revoked, or not for this deployment. It is looked at before anything else, so every address answers so. Get a new token."}
}
func sortNotAllowed() sort {
	return sort{"role", "The token's role does not allow this", http.StatusForbidden, "The token is good, but this needs a higher role: viewer < admin of the tenant < operator of the deployment."}
}
func sortMethod() sort {
	return sort{"method-not-allowed", "This address does not take this method", http.StatusMethodNotAllowed, "The header Allow lists the methods that it takes."}
}
func sortTooLarge() sort {
	return sort{"too-large", "The body is too large", http.StatusRequestEntityTooLarge, "A body has at most " + strconv.Itoa(defaultBody) + " bytes, that of an integration or a tenant " + strconv.Itoa(settingsBody) + ", a declaration to apply " + strconv.Itoa(MaxBody) + ". `detail` says how many."}
}
func sortMedia() sort {
	return sort{"media-type", "The body's media type is not taken", http.StatusUnsupportedMediaType, "Send application/json, and application/merge-patch+json for PATCH."}
}
func sortValidation() sort {
	return sort{"validation", "Some fields are wrong", http.StatusUnprocessableEntity, "`errors` names every field that is wrong, unknown ones included. Nothing was changed."}
}
func sortNoPrecondition() sort {
	return sort{"precondition-required", "If-Match is needed", http.StatusPreconditionRequired, "Read the thing first and send its ETag in If-Match, so that nobody's change is lost. `*` takes any version."}
}
func sortPrecondition() sort {
	return sort{"precondition-failed", "It was changed meanwhile", http.StatusPreconditionFailed, "The ETag in If-Match is not the stored one. Read again, decide again."}
}
func sortKeyReused() sort {
	return sort{"idempotency-conflict", "The Idempotency-Key was used for another request", http.StatusConflict, "The same key came with another body, query or address within 24 hours. Use a new key for a new request."}
}
func sortKeyRunning() sort {
	return sort{"idempotency-in-progress", "A request with this Idempotency-Key is still running", http.StatusConflict, "Wait for as long as Retry-After says and send the same request again: its answer is then the first one's."}
}
func sortKeyDropped() sort {
	return sort{"idempotency-answered", "It was carried out, and its answer is not kept", http.StatusConflict, "A request with this Idempotency-Key was carried out within the last 24 hours, and its answer was too large to be kept. Read what there is now."}
}

// sortOf is the sort that stands for a fault's kind. A failure of a peer is
// no failure of the caller's token, so it never reads as 401 or 403.
func sortOf(kind fault.Kind) sort {
	switch kind {
	case fault.Invalid:
		return sort{"invalid", "It was understood and refused", http.StatusUnprocessableEntity, "Something in the request, or in what is configured, cannot be accepted; `detail` says what."}
	case fault.Unauthorized:
		return sort{"unauthorized", "A stored or given credential was refused", http.StatusFailedDependency, "Productboard or the tracker (see `side`) does not take the credential. Renew it there and update the integration."}
	case fault.Forbidden:
		return sort{"forbidden", "A credential lacks a permission", http.StatusFailedDependency, "Productboard or the tracker (see `side`) takes the credential but does not allow this with it."}
	case fault.NotFound:
		return sort{"not-found", "There is nothing here", http.StatusNotFound, "The thing does not exist, or belongs to another tenant: the two cannot be told apart."}
	case fault.Gone:
		return sort{"gone", "The tracker deleted the issue", http.StatusUnprocessableEntity, "The tracker says that it had the issue and has it no more. Unlink, and push again for a new one."}
	case fault.Intermediary:
		return sort{"intermediary", "Something in front of the peer answered", http.StatusServiceUnavailable, "A proxy, firewall or outage page answered in place of Productboard or the tracker (see `side`). Try again; if it stays so, check the address."}
	case fault.Conflict:
		return sort{"conflict", "It conflicts with what is there", http.StatusConflict, "For example a name that is taken, or a limit that is reached; `detail` says what."}
	case fault.RateLimited:
		return sort{"rate-limited", "There were too many requests", http.StatusTooManyRequests, "Wait for as long as Retry-After says."}
	case fault.Unavailable:
		return sort{"unavailable", "It cannot be done at the moment", http.StatusServiceUnavailable, "Redis, Productboard or the tracker (see `side`) cannot be reached. Try again."}
	case fault.Timeout:
		return sort{"timeout", "It took too long", http.StatusGatewayTimeout, "Somebody (see `side`) did not answer in time. Whether it was done is open: read first, then try again."}
	case fault.Canceled:
		return sort{"canceled", "It was given up", http.StatusServiceUnavailable, "The plugin is shutting down, or the request was cut off. Try again."}
	case fault.Blocked:
		return sort{"blocked", "The address may not be reached", http.StatusUnprocessableEntity, "The plugin's egress rules do not allow it; the operator can (PLUGIN_OUTBOUND_ALLOW)."}
	case fault.Internal:
		return sort{"internal", "Something went wrong on the plugin's side", http.StatusInternalServerError, "The log has the cause under the request's id."}
	default:
		return sortOf(fault.Internal)
	}
}

// sorts lists every sort, for the documentation and the OpenAPI document.
func sorts() []sort {
	out := []sort{sortMalformed(), sortNoToken(), sortNotAllowed(), sortMethod(), sortKeyReused(), sortKeyRunning(), sortKeyDropped(), sortPrecondition(), sortTooLarge(), sortMedia(), sortValidation(), sortNoPrecondition()}
	for _, k := range fault.Kinds() {
		out = append(out, sortOf(k))
	}
	return out
}

func (s sort) problem(detail string) *Problem {
	return &Problem{Type: ProblemType + s.name, Title: s.title, Status: s.status, Detail: detail}
}

// Invalid is the problem of fields that are wrong in a way that only a
// handler can see.
func Invalid(wrong ...FieldError) *Problem {
	p := sortValidation().problem("")
	p.Errors = wrong
	return p
}

// retryDefault is what Retry-After says where nobody named a time.
const retryDefault = 5 * time.Second

// problemOf makes a problem of any error. Only what is meant for people is in
// it; the cause stays in the log.
func problemOf(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	e := fault.From(err)
	p = sortOf(e.Kind).problem(e.Public)
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

// ProblemTable renders every sort of problem as a Markdown table, for the
// documentation.
func ProblemTable() string {
	var b strings.Builder
	b.WriteString("| Status | Type | Title | When, and what to do |\n| --- | --- | --- | --- |\n")
	for _, s := range sortedSorts() {
		fmt.Fprintf(&b, "| %d | `%s%s` | %s | %s |\n", s.status, ProblemType, s.name, s.title, s.meaning)
	}
	return b.String()
}

func sortedSorts() []sort {
	return slices.SortedFunc(slices.Values(sorts()), func(a, b sort) int {
		return cmp.Or(cmp.Compare(a.status, b.status), cmp.Compare(a.name, b.name))
	})
}
