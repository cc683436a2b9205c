package server

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"

	"pushbutton/internal/actions"
	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/telemetry"
)

// statusOf is the one map from a kind to a status.
func statusOf(kind fault.Kind) int {
	switch kind {
	case fault.Invalid:
		return http.StatusBadRequest
	case fault.Unauthorized:
		return http.StatusUnauthorized
	case fault.Forbidden, fault.Blocked:
		return http.StatusForbidden
	case fault.NotFound, fault.Gone:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.RateLimited:
		return http.StatusTooManyRequests
	case fault.Unavailable, fault.Timeout, fault.Canceled, fault.Intermediary:
		return http.StatusServiceUnavailable
	case fault.Internal:
		return http.StatusInternalServerError
	default:
		return http.StatusInternalServerError
	}
}

// entryOf is a kind in Productboard's words (plugin-integrations.openapi.json,
// the examples of its error replies).
func entryOf(kind fault.Kind) pbapi.ErrorEntry {
	switch statusOf(kind) {
	case http.StatusBadRequest:
		return pbapi.ErrorEntry{Code: "request.invalid", Title: "Request invalid", Detail: "The request cannot be understood."}
	case http.StatusUnauthorized:
		return pbapi.ErrorEntry{Code: "auth.invalid", Title: "Invalid authentication", Detail: "The Authorization header is missing or wrong."}
	case http.StatusForbidden:
		return pbapi.ErrorEntry{Code: "auth.accessDenied", Title: "Access denied", Detail: "This is not allowed."}
	case http.StatusNotFound:
		return pbapi.ErrorEntry{Code: "resource.notFound", Title: "Not found", Detail: "There is nothing at this address."}
	case http.StatusConflict:
		return pbapi.ErrorEntry{Code: "resource.conflict", Title: "Conflict", Detail: "Somebody changed the same thing at the same time."}
	case http.StatusTooManyRequests:
		return pbapi.ErrorEntry{Code: "rate.limitExceeded", Title: "Rate limit exceeded", Detail: "There were too many requests."}
	case http.StatusServiceUnavailable:
		return pbapi.ErrorEntry{Code: "service.unavailable", Title: "Service unavailable", Detail: "The request cannot be served now. Try again in a minute."}
	default:
		return pbapi.ErrorEntry{Code: "internal.serverError", Title: "Internal server error", Detail: "Something went wrong on the plugin's side."}
	}
}

// errorHandler answers every failure in Productboard's shape. Only
// fault.Error.Public is ever shown; the cause stays in the log.
func errorHandler(log *slog.Logger) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		if c.Response().Committed {
			return
		}
		status, entry := describe(err)
		if status == http.StatusInternalServerError {
			log.ErrorContext(c.Request().Context(), "request failed", telemetry.KeyError, err)
		}
		if status == http.StatusServiceUnavailable {
			c.Response().Header().Set("Retry-After", "5")
		}
		body := pbapi.ErrorBody{ID: c.Response().Header().Get(echo.HeaderXRequestID), Errors: []pbapi.ErrorEntry{entry}}
		if err := c.JSON(status, body); err != nil {
			log.DebugContext(c.Request().Context(), "the error could not be answered", telemetry.KeyError, err)
		}
	}
}

func describe(err error) (int, pbapi.ErrorEntry) {
	if routed, ok := errors.AsType[*echo.HTTPError](err); ok {
		if routed.Code == http.StatusMethodNotAllowed {
			return routed.Code, pbapi.ErrorEntry{Code: "route.methodNotAllowed", Title: "Method not allowed", Detail: "This address does not take this method."}
		}
		kind := fault.Internal
		if routed.Code >= 400 && routed.Code < 500 {
			kind = fault.NotFound
		}
		return statusOf(kind), entryOf(kind)
	}
	e := fault.From(err)
	entry := entryOf(e.Kind)
	if e.Public != "" {
		entry.Detail = e.Public
	}
	var where *actions.RequestError
	if errors.As(err, &where) && where.Pointer != "" {
		entry.Source = &pbapi.ErrorSource{Pointer: where.Pointer}
	}
	return statusOf(e.Kind), entry
}
