package admin

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"pushbutton/internal/admin/audit"
	"pushbutton/internal/admin/auth"
	"pushbutton/internal/admin/idempotency"
	"pushbutton/internal/fault"
	"pushbutton/internal/telemetry"
)

const (
	headerKey      = "Idempotency-Key"
	headerReplayed = "Idempotency-Replayed"
	// endLimit bounds what is written down after a handler, whose own time may
	// be over.
	endLimit = 2 * time.Second
	// claimMargin is how much longer than its handler a request may hold its
	// Idempotency-Key.
	claimMargin = 10 * time.Second
)

// validKey reports whether there is no key, or one that can be used.
func validKey(values []string) bool {
	if len(values) == 0 {
		return true
	}
	key := values[0]
	return len(values) == 1 && key != "" && len(key) <= idempotency.MaxKey &&
		!strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' })
}

// once carries a request out unless its key shows that this was done before:
// then it repeats that answer. A failure is not remembered, so that the request
// can be retried.
func (a *API) once(ctx context.Context, r Route, c echo.Context, call *Call, key string, request []byte, limit time.Duration, do func() (idempotency.Answer, error)) error {
	// A key belongs to its caller: the same text from another caller is another
	// key.
	scope := idempotency.Scope{Owner: call.Identity.Tenant, Use: strings.Join([]string{call.Identity.Subject, r.Operation, call.Tenant.ID}, "\x00")}
	request = append([]byte(c.Request().URL.Path+"\x00"), request...)
	claim, earlier, err := a.answers.Begin(ctx, scope, key, request, limit+claimMargin)
	switch {
	case errors.Is(err, idempotency.ErrReused):
		return newProblem(ProblemIdempotencyConflict, "")
	case errors.Is(err, idempotency.ErrRunning):
		p := newProblem(ProblemIdempotencyInProgress, "")
		p.retryAfter = time.Second
		return p
	case errors.Is(err, idempotency.ErrDropped):
		return newProblem(ProblemIdempotencyAnswered, "")
	case err != nil:
		return err
	case earlier != nil:
		c.Response().Header().Set(headerReplayed, "true")
		return write(c, *earlier)
	}
	answer, err := do()
	ectx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endLimit)
	defer cancel()
	if err != nil {
		if rerr := claim.Release(ectx); rerr != nil {
			a.log.WarnContext(ctx, "an idempotency key is held until it expires", telemetry.KeyError, rerr)
		}
		return err
	}
	if derr := claim.Done(ectx, answer); derr != nil {
		a.log.WarnContext(ctx, "an answer could not be remembered for its idempotency key", telemetry.KeyError, derr)
	}
	return write(c, answer)
}

func entryOf(r Route, c echo.Context, call *Call) audit.Entry {
	return audit.Entry{
		At: time.Now().UTC(), Request: c.Response().Header().Get(echo.HeaderXRequestID),
		Subject: call.Identity.Subject, Token: call.Identity.TokenID, Role: rolesOf(call.Identity),
		Operation: r.Operation, Path: strings.TrimPrefix(c.Request().URL.Path, Base),
		Tenant: call.Tenant.ID, Integration: call.params["integration"],
	}
}

func rolesOf(id auth.Identity) string {
	names := make([]string, len(id.Roles))
	for i, r := range id.Roles {
		names[i] = string(r)
	}
	return strings.Join(names, ",")
}

// logsOf are the audit logs of a route: the tenant's, and the deployment's for
// what only an operator can do.
func logsOf(r Route, call *Call) []string {
	switch {
	case !r.ofTenant() || call.Tenant.ID == "":
		return []string{audit.Deployment}
	case r.Role == auth.Operator:
		return []string{audit.Deployment, call.Tenant.ID}
	default:
		return []string{call.Tenant.ID}
	}
}

// record notes in the audit log that a call is about to change something, and
// returns a function that notes how it ended. If the first note fails, nothing
// is done. If the second fails, the log says later that the outcome is unknown.
func (a *API) record(ctx context.Context, r Route, c echo.Context, call *Call) (end func(error), err error) {
	open, err := a.audit.Begin(ctx, entryOf(r, c, call), logsOf(r, call)...)
	if err != nil {
		return nil, err
	}
	return func(err error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endLimit)
		defer cancel()
		open.Also(call.touched...)
		if err := open.End(ctx, resultOf(err), call.integration, strings.TrimPrefix(call.location, Base)); err != nil {
			a.log.ErrorContext(ctx, "an audit entry could not be ended", telemetry.KeyOperation, r.Operation, telemetry.KeyError, err)
		}
	}, nil
}

func resultOf(err error) string {
	if err == nil {
		return audit.Done
	}
	return problemOf(err).Type.Name()
}

// countDenied counts a call that was not allowed, beside the caller's own audit
// log. It must not fill anybody else's log, nor push anything out of one.
func (a *API) countDenied(ctx context.Context, r Route, c echo.Context, call *Call, err error) {
	var p *Problem
	denied := errors.As(err, &p) && p.Type == ProblemRole
	foreign := r.ofTenant() && !call.Operator() && call.params["tenant"] != call.Identity.Tenant && errors.Is(err, fault.NotFound)
	if !r.mutates() || !denied && !foreign {
		return
	}
	e := entryOf(r, c, call)
	e.Outcome = resultOf(err)
	if err := a.audit.CountDenied(ctx, e, call.Identity.Tenant); err != nil {
		a.log.WarnContext(ctx, "a denied call could not be counted", telemetry.KeyOperation, r.Operation, telemetry.KeyError, err)
	}
}
