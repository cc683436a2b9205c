package outbound

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/fault"
)

// ErrRequestTooLarge is in the chain of every error for a reply with the status
// 413: the peer, or a proxy before it, takes no request of that size.
var ErrRequestTooLarge = errors.New("the request is too large")

// StatusError is in the chain of every error that FromStatus makes: a reply's
// status outside 2xx.
type StatusError int

// Error implements error.
func (e StatusError) Error() string { return fmt.Sprintf("HTTP status %d", int(e)) }

// maxRetryAfter is the longest Retry-After of a peer that we honour.
const maxRetryAfter = 24 * time.Hour

// FromStatus classifies a reply by its status alone; nil means success (2xx).
// A status that leaves open whether the request was carried out is Unsure: every
// 5xx except a 503 with a Retry-After, and 408.
func FromStatus(status int, h http.Header) *fault.Error {
	if status >= 200 && status < 300 {
		return nil
	}
	e := &fault.Error{Kind: fault.Unavailable, RetryAfter: RetryAfter(h, time.Now()), Err: StatusError(status)}
	switch {
	case status >= 300 && status < 400:
		e.Kind = fault.Invalid
		e.Err = fmt.Errorf("%w: redirects are not followed", StatusError(status))
	case status == http.StatusUnauthorized:
		e.Kind = fault.Unauthorized
	case status == http.StatusForbidden:
		e.Kind = fault.Forbidden
	case status == http.StatusNotFound, status == http.StatusGone:
		e.Kind = fault.NotFound
	case status == http.StatusConflict:
		e.Kind = fault.Conflict
	case status == http.StatusRequestTimeout:
		e.Kind, e.Unsure = fault.Timeout, true
	case status == http.StatusTooManyRequests:
		e.Kind = fault.RateLimited
	case status >= 400 && status < 500:
		e.Kind = fault.Invalid
	case status == http.StatusServiceUnavailable && h.Get("Retry-After") != "":
		// The peer refused before it looked.
	case status == http.StatusGatewayTimeout:
		e.Kind, e.Unsure = fault.Timeout, true
	default:
		e.Unsure = true
	}
	return e
}

// RetryAfter reads Retry-After, in seconds or as an HTTP date (RFC 9110,
// section 10.2.3). It is 0 where there is none or it cannot be read, and at
// most a day.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	var d time.Duration
	if secs, err := strconv.ParseFloat(v, 64); err == nil {
		if secs > maxRetryAfter.Seconds() {
			return maxRetryAfter
		}
		d = time.Duration(secs * float64(time.Second))
	} else if at, err := http.ParseTime(v); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), maxRetryAfter)
}
