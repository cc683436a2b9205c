package admin

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"pushbutton/internal/fault"
)

// ProblemType is the type of a problem (RFC 9457): a URN that never changes
// within this version of the API.
type ProblemType string

// ProblemPrefix begins every problem type; its name follows.
const ProblemPrefix = "urn:pushbutton:problem:"

// Name returns the type without its prefix.
func (t ProblemType) Name() string { return strings.TrimPrefix(string(t), ProblemPrefix) }

// The problem types that belong to HTTP and to this API.
const (
	ProblemMalformed             ProblemType = ProblemPrefix + "malformed"
	ProblemToken                 ProblemType = ProblemPrefix + "token"
	ProblemRole                  ProblemType = ProblemPrefix + "role"
	ProblemMethodNotAllowed      ProblemType = ProblemPrefix + "method-not-allowed"
	ProblemIdempotencyConflict   ProblemType = ProblemPrefix + "idempotency-conflict"
	ProblemIdempotencyInProgress ProblemType = ProblemPrefix + "idempotency-in-progress"
	ProblemIdempotencyAnswered   ProblemType = ProblemPrefix + "idempotency-answered"
	ProblemPreconditionFailed    ProblemType = ProblemPrefix + "precondition-failed"
	ProblemTooLarge              ProblemType = ProblemPrefix + "too-large"
	ProblemMediaType             ProblemType = ProblemPrefix + "media-type"
	ProblemValidation            ProblemType = ProblemPrefix + "validation"
	ProblemPreconditionRequired  ProblemType = ProblemPrefix + "precondition-required"
)

// The problem types that each stand for a fault.Kind.
const (
	ProblemInvalid      ProblemType = ProblemPrefix + "invalid"
	ProblemUnauthorized ProblemType = ProblemPrefix + "unauthorized"
	ProblemForbidden    ProblemType = ProblemPrefix + "forbidden"
	ProblemNotFound     ProblemType = ProblemPrefix + "not-found"
	ProblemGone         ProblemType = ProblemPrefix + "gone"
	ProblemIntermediary ProblemType = ProblemPrefix + "intermediary"
	ProblemConflict     ProblemType = ProblemPrefix + "conflict"
	ProblemRateLimited  ProblemType = ProblemPrefix + "rate-limited"
	ProblemUnavailable  ProblemType = ProblemPrefix + "unavailable"
	ProblemTimeout      ProblemType = ProblemPrefix + "timeout"
	ProblemCanceled     ProblemType = ProblemPrefix + "canceled"
	ProblemBlocked      ProblemType = ProblemPrefix + "blocked"
	ProblemInternal     ProblemType = ProblemPrefix + "internal"
)

// problemType is one row of the table of problem types.
type problemType struct {
	Type   ProblemType
	status int
	// kind is what the type means to a client as a kind of failure.
	kind fault.Kind
	// ofKind marks the type that answers every failure of that kind. A peer's
	// failure says nothing about the caller's token, so it is never 401 or 403.
	ofKind bool
	title  string
	// advice says when the problem comes and what to do about it.
	advice string
}

// problemTypes is the table of all problem types. The answers, docs/problems.md
// and the OpenAPI document are made from it.
func problemTypes() []problemType {
	return []problemType{
		{ProblemMalformed, http.StatusBadRequest, fault.Invalid, false, "The request cannot be read",
			"The body is not JSON, has more values or levels than the route takes, or a header or the address cannot be read. Mend the request."},
		{ProblemToken, http.StatusUnauthorized, fault.Unauthorized, false, "A valid bearer token is needed",
			"The token is missing, expired, revoked, or not for this deployment. It is looked at before anything else, so every address answers so. Get a new token."},
		{ProblemRole, http.StatusForbidden, fault.Forbidden, false, "The token's role does not allow this",
			"The token is good, but this needs a higher role: viewer < admin of the tenant < operator of the deployment."},
		{ProblemMethodNotAllowed, http.StatusMethodNotAllowed, fault.Invalid, false, "This address does not take this method",
			"The header Allow lists the methods that it takes."},
		{ProblemIdempotencyConflict, http.StatusConflict, fault.Conflict, false, "The Idempotency-Key was used for another request",
			"The same key came with another body, query or address within 24 hours. Use a new key for a new request."},
		{ProblemIdempotencyInProgress, http.StatusConflict, fault.Conflict, false, "A request with this Idempotency-Key is still running",
			"Wait for as long as Retry-After says and send the same request again: its answer is then the first one's."},
		{ProblemIdempotencyAnswered, http.StatusConflict, fault.Conflict, false, "It was carried out, and its answer is not kept",
			"A request with this Idempotency-Key was carried out within the last 24 hours, and its answer was too large to be kept. Read what there is now."},
		{ProblemPreconditionFailed, http.StatusPreconditionFailed, fault.Conflict, false, "It was changed meanwhile",
			"The ETag in If-Match is not the stored one. Read again, decide again."},
		{ProblemTooLarge, http.StatusRequestEntityTooLarge, fault.Invalid, false, "The body is too large",
			"A body has at most " + strconv.Itoa(defaultBody) + " bytes, that of an integration or a tenant " + strconv.Itoa(settingsBody) + ", a declaration to apply " + strconv.Itoa(MaxBody) + ". `detail` says how many."},
		{ProblemMediaType, http.StatusUnsupportedMediaType, fault.Invalid, false, "The body's media type is not taken",
			"Send application/json, and application/merge-patch+json for PATCH."},
		{ProblemValidation, http.StatusUnprocessableEntity, fault.Invalid, false, "Some fields are wrong",
			"`errors` names every field that is wrong, unknown ones included. Nothing was changed."},
		{ProblemPreconditionRequired, http.StatusPreconditionRequired, fault.Invalid, false, "If-Match is needed",
			"Read the thing first and send its ETag in If-Match, so that nobody's change is lost. `*` takes any version."},
		{ProblemInvalid, http.StatusUnprocessableEntity, fault.Invalid, true, "It was understood and refused",
			"Something in the request, or in what is configured, cannot be accepted; `detail` says what."},
		{ProblemUnauthorized, http.StatusFailedDependency, fault.Unauthorized, true, "A stored or given credential was refused",
			"Productboard or the tracker (see `side`) does not take the credential. Renew it there and update the integration."},
		{ProblemForbidden, http.StatusFailedDependency, fault.Forbidden, true, "A credential lacks a permission",
			"Productboard or the tracker (see `side`) takes the credential but does not allow this with it."},
		{ProblemNotFound, http.StatusNotFound, fault.NotFound, true, "There is nothing here",
			"The thing does not exist, or belongs to another tenant: the two cannot be told apart."},
		{ProblemGone, http.StatusUnprocessableEntity, fault.Gone, true, "The tracker deleted the issue",
			"The tracker says that it had the issue and has it no more. Unlink, and push again for a new one."},
		{ProblemIntermediary, http.StatusServiceUnavailable, fault.Intermediary, true, "Something in front of the peer answered",
			"A proxy, firewall or outage page answered in place of Productboard or the tracker (see `side`). Try again; if it stays so, check the address."},
		{ProblemConflict, http.StatusConflict, fault.Conflict, true, "It conflicts with what is there",
			"For example a name that is taken, or a limit that is reached; `detail` says what."},
		{ProblemRateLimited, http.StatusTooManyRequests, fault.RateLimited, true, "There were too many requests",
			"Wait for as long as Retry-After says."},
		{ProblemUnavailable, http.StatusServiceUnavailable, fault.Unavailable, true, "It cannot be done at the moment",
			"Redis, Productboard or the tracker (see `side`) cannot be reached. Try again."},
		{ProblemTimeout, http.StatusGatewayTimeout, fault.Timeout, true, "It took too long",
			"Somebody (see `side`) did not answer in time. Whether it was done is open: read first, then try again."},
		{ProblemCanceled, http.StatusServiceUnavailable, fault.Canceled, true, "It was given up",
			"The plugin is shutting down, or the request was cut off. Try again."},
		{ProblemBlocked, http.StatusUnprocessableEntity, fault.Blocked, true, "The address may not be reached",
			"The plugin's egress rules do not allow it; the operator can (PLUGIN_OUTBOUND_ALLOW)."},
		{ProblemInternal, http.StatusInternalServerError, fault.Internal, true, "Something went wrong on the plugin's side",
			"The log has the cause under the request's id."},
	}
}

// typeOf returns the problem type that stands for a fault's kind.
func typeOf(kind fault.Kind) ProblemType {
	for _, t := range problemTypes() {
		if t.ofKind && t.kind == kind {
			return t.Type
		}
	}
	return ProblemInternal
}

// newProblem makes a problem of one of the constants above.
func newProblem(of ProblemType, detail string) *Problem {
	for _, t := range problemTypes() {
		if t.Type == of {
			return &Problem{Type: t.Type, Title: t.title, Status: t.status, Detail: detail}
		}
	}
	return newProblem(ProblemInternal, detail)
}

// ProblemTable renders the problem types as a Markdown table, for the
// documentation.
func ProblemTable() string {
	var b strings.Builder
	b.WriteString("| Status | Type | Title | When, and what to do |\n| --- | --- | --- | --- |\n")
	for _, t := range sortedProblemTypes() {
		fmt.Fprintf(&b, "| %d | `%s` | %s | %s |\n", t.status, t.Type, t.title, t.advice)
	}
	return b.String()
}

// problemTypeList names the problem types in a sentence, for the OpenAPI
// document.
func problemTypeList() string {
	var parts []string
	for _, t := range sortedProblemTypes() {
		parts = append(parts, fmt.Sprintf("%d `%s`", t.status, t.Type.Name()))
	}
	return "The types: " + strings.Join(parts, ", ") + ", each after `" + ProblemPrefix + "`."
}

func sortedProblemTypes() []problemType {
	return slices.SortedFunc(slices.Values(problemTypes()), func(a, b problemType) int {
		return cmp.Or(cmp.Compare(a.status, b.status), cmp.Compare(a.Type, b.Type))
	})
}
