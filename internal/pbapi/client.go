// Package pbapi speaks Productboard's REST API v2: requests, wire structs,
// authentication, pages and errors, as published in its OpenAPI 3.1 files of
// 2026-08 (plugin integrations and entities).
//
// Every address is built from the configured base and checked ids; one that a
// body names is never followed, since it would be handed the token. Nothing is
// sent twice, with one exception: a request that got a 401 is sent once more
// with a new token. Whether and when to try again is up to the caller, and the
// error says what the caller needs to know for that.
//
// What must not live here: anything about us (our records, our queue, what a
// push means), and what a tracker wants.
package pbapi

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/secret"
)

// TokenSource returns the bearer token to send now. A source whose tokens expire
// renews them ahead of time; it is asked before every request.
type TokenSource interface {
	Token(ctx context.Context) (secret.String, error)
}

// Renewer is a TokenSource that can give another token than one that
// Productboard rejected. Renewable is false where the rejected one was the only
// one.
type Renewer interface {
	Renewable() bool
	Renew(ctx context.Context, rejected secret.String) (secret.String, error)
}

// StaticToken is the source of a token that never changes, such as an API
// token.
func StaticToken(s secret.String) TokenSource { return staticToken{s} }

type staticToken struct{ token secret.String }

func (s staticToken) Token(context.Context) (secret.String, error) { return s.token, nil }

// RateLimiter keeps all processes together below Productboard's limit of 50 requests
// per second and access token. The key is the token's fingerprint.
type RateLimiter interface {
	// Wait returns when the next request may be sent.
	Wait(ctx context.Context, key string) error
	// Limited says that nothing may be sent for d: Productboard answered 429,
	// or said that nothing is left of the current window.
	Limited(ctx context.Context, key string, d time.Duration) error
}

// background marks a context; see InBackground.
type background struct{}

// InBackground marks calls that nobody waits for. A RateLimiter can have them give
// way to others.
func InBackground(ctx context.Context) context.Context {
	return context.WithValue(ctx, background{}, true)
}

// IsInBackground reports whether InBackground marked the context of a call.
func IsInBackground(ctx context.Context) bool {
	marked, _ := ctx.Value(background{}).(bool)
	return marked
}

// NoRateLimit returns a RateLimiter that never waits.
func NoRateLimit() RateLimiter { return noRateLimit{} }

type noRateLimit struct{}

func (noRateLimit) Wait(context.Context, string) error                   { return nil }
func (noRateLimit) Limited(context.Context, string, time.Duration) error { return nil }

// Client knows where Productboard is. It is safe for concurrent use.
type Client struct {
	base    string
	http    *outbound.Client
	limiter RateLimiter
}

// New makes a Client for a base address such as
// https://api.productboard.com/v2. Plain http is accepted for a simulator on
// the operator's own network: the address comes from configuration only.
func New(base string, http *outbound.Client, limiter RateLimiter) (*Client, error) {
	u, err := url.Parse(base)
	switch {
	case err != nil:
		return nil, errors.New("the Productboard address is not a URL") // the cause would print it
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("the Productboard address must begin with https:// (or http:// for a simulator)")
	case u.Hostname() == "":
		return nil, errors.New("the Productboard address names no host")
	case u.User != nil:
		return nil, errors.New("the Productboard address must hold no user name or password")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(base, "#"):
		return nil, errors.New("the Productboard address must end with its path, such as /v2")
	case http == nil || limiter == nil:
		return nil, errors.New("an HTTP client and a rate limiter are needed")
	}
	return &Client{base: strings.TrimRight(u.String(), "/"), http: http, limiter: limiter}, nil
}

// As makes the Session that sends requests with these tokens.
func (c *Client) As(tokens TokenSource) *Session {
	return &Session{client: c, tokens: tokens}
}

// Session is a Client together with the credential of one workspace. It is
// safe for concurrent use. The errors of its methods are *fault.Error.
type Session struct {
	client *Client
	tokens TokenSource
}

// ownFault is a failure before anything was sent: of the token source, or of
// the limiter. What the room it comes from said of it stays.
func ownFault(r request, err error) error {
	var ferr *fault.Error
	if errors.As(err, &ferr) {
		own := *ferr // it may be shared: one refresh can fail for many
		explain(&own, r)
		return &own
	}
	ferr = fault.Wrap(fault.Internal, r.op, err)
	ferr.Side = fault.SidePlugin
	explain(ferr, r)
	return ferr
}

// invalidRequest is the failure of a request that is not worth sending.
func invalidRequest(op, public string) *fault.Error {
	ferr := fault.New(fault.Invalid, op, public)
	ferr.Side = fault.SidePlugin
	return ferr
}
