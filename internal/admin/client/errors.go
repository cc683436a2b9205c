package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/admin"
	"pushbutton/internal/fault"
)

// maxRetryAfter bounds what is believed of Retry-After, in seconds.
const maxRetryAfter = 3600

// Error is a failure as a person who runs a command reads it. Below it is a
// *fault.Error, and below that, if the server answered a problem, an
// *admin.Problem with its type and the fields that are wrong.
type Error struct{ fault *fault.Error }

// Error is one sentence or more, without the token.
func (e *Error) Error() string { return e.fault.Public }

// Unwrap returns the fault.
func (e *Error) Unwrap() error { return e.fault }

// Problem returns the problem that the server answered; nil if err is no such answer.
func Problem(err error) *admin.Problem {
	if p, ok := errors.AsType[*admin.Problem](err); ok {
		return p
	}
	return nil
}

// unreachable is a request without an answer.
func (c *Client) unreachable(r request, err error) error {
	f := fault.Wrap(fault.Unavailable, r.op, err)
	f.Side, f.Peer = fault.SidePlugin, "the server"
	var dial *net.OpError
	sent := !errors.As(err, &dial) || dial.Op != "dial"
	f.Unsure = sent && r.method != http.MethodGet
	cause := err
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		cause = wrapped.Err // without the address, which is told anyway
	}
	switch f.Kind { //nolint:exhaustive // Wrap makes no other
	case fault.Canceled:
		f.Public = "It was given up."
	case fault.Timeout:
		f.Public = fmt.Sprintf("The server at %s did not answer in time.", c.server)
	default:
		f.Public = fmt.Sprintf("The server at %s cannot be reached: %s. Check --server, and that `plugin serve` or `plugin api` runs there.", c.server, cause)
	}
	if f.Unsure {
		f.Public += " Whether it was done is open: run the command again."
	}
	return &Error{f}
}

// foreign is the error of an answer that does not come from the admin API.
func (c *Client) foreign(r request, resp *http.Response, what string) error {
	return &Error{&fault.Error{Op: r.op, Kind: fault.Unavailable, Side: fault.SidePlugin, Peer: "the server", Unsure: r.method != http.MethodGet,
		Public: fmt.Sprintf("What answers at %s is not this plugin's admin API, or not all of it: %s (status %d). Check --server, and that a key for tokens (PLUGIN_ADMIN_JWT_KEY or another) is set there, without which the API is off.", c.server, what, resp.StatusCode)}}
}

// failure makes an error of an answer that is no success.
func (c *Client) failure(r request, resp *http.Response, raw []byte) error {
	if resp.StatusCode < http.StatusBadRequest {
		where := "elsewhere"
		if u, err := resp.Location(); err == nil {
			where = "to " + u.Scheme + "://" + u.Host
		}
		return c.foreign(r, resp, "it redirects "+where+", where the token was not sent")
	}
	p := &admin.Problem{}
	if media(resp) != "application/problem+json" || json.Unmarshal(raw, p) != nil || !strings.HasPrefix(string(p.Type), admin.ProblemPrefix) {
		return c.foreign(r, resp, "it answers something else than a problem")
	}
	p.Status = resp.StatusCode
	f := &fault.Error{Op: r.op, Kind: p.Kind(), Side: p.Side, Ref: p.Instance, Err: p, RetryAfter: retryAfter(resp)}
	f.Public = c.sentence(p)
	return &Error{f}
}

func retryAfter(resp *http.Response) time.Duration {
	n, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(min(n, maxRetryAfter)) * time.Second
}

// sentence says what a problem means for whoever runs a command.
func (c *Client) sentence(p *admin.Problem) string {
	if p.Kind() == fault.Unauthorized && p.Status == http.StatusUnauthorized {
		return fmt.Sprintf("The server at %s does not take the token: it has expired, was revoked, or is not for this deployment. Make a new one with `plugin token`, or get one from whoever signs them, and give it in PLUGIN_ADMIN_TOKEN.", c.server)
	}
	parts := []string{p.Title + "."}
	if p.Detail != "" {
		parts = []string{p.Detail}
	}
	for _, e := range p.Errors {
		parts = append(parts, e.Field+": "+e.Message)
	}
	text := strings.Join(parts, "\n")
	if p.Status >= http.StatusInternalServerError && p.Instance != "" {
		text += " (" + p.Instance + " in the server's log)"
	}
	return text
}
