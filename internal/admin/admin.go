// Package admin is the admin API: everything that an admin of a tenant or an
// operator of the deployment does over HTTP, under /admin/v1.
//
// A route is data (Route). The frame here checks the token, the role, the
// tenant, the headers, the query and the body before a handler sees anything.
// It answers every failure as a problem (RFC 9457). Each group of routes is a
// file with a constructor that takes the small interfaces it needs.
//
// What must not live here: what the operations do (register, connections,
// tenants), the tokens' cryptography (auth), Redis.
package admin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"pushbutton/internal/admin/audit"
	"pushbutton/internal/admin/auth"
	"pushbutton/internal/admin/idempotency"
	"pushbutton/internal/admin/schema"
	"pushbutton/internal/fault"
	"pushbutton/internal/telemetry"
	"pushbutton/internal/tenants"
)

// Base is where the API lies.
const Base = "/admin/v1"

// Limits of a request.
const (
	// MaxBody is the most that any route's body may be, in bytes.
	MaxBody = 1 << 20
	// defaultBody and defaultValues bound the body of a route that names no
	// bounds of its own, in bytes and in values as jsonlimit counts them.
	defaultBody   = 64 << 10
	defaultValues = 2000
	// settingsBody and settingsValues bound those with the settings of an
	// integration or the authorities of a tenant, and applyValues the values of
	// a declaration.
	settingsBody   = 512 << 10
	settingsValues = 10_000
	applyValues    = 50_000
	// defaultLimit bounds a handler's time.
	defaultLimit = 10 * time.Second
	// answerTime is added to a handler's time for writing the answer.
	answerTime = 5 * time.Second
)

// Verifier verifies bearer tokens; *auth.Verifier does.
type Verifier interface {
	Verify(ctx context.Context, token string) (auth.Identity, error)
}

// Gate lets a call with a key through or rejects it at once (fault.RateLimited,
// with the time to wait); *ratelimit.Limiter made by ratelimit.NewGate is one.
type Gate interface {
	Wait(ctx context.Context, key string) error
}

// RateLimit bounds how many requests are taken: of one token, and of all tokens
// of a tenant, or of all operators'.
type RateLimit struct{ Token, Tenant Gate }

// Memory gives a request the memory that memory.Take counts; *memory.Budget does.
type Memory interface {
	Begin(ctx context.Context, tenant string) (counted context.Context, end func())
}

// unbounded is a Memory that counts nothing.
type unbounded struct{}

func (unbounded) Begin(ctx context.Context, _ string) (counted context.Context, end func()) {
	return ctx, func() {}
}

// Tenants binds the store to a tenant; *tenants.Store does.
type Tenants interface {
	Tenant(id string) tenants.Scope
}

// Options are what an API can do without.
type Options struct {
	// RateLimit bounds how many requests are taken; no gate: without bound.
	RateLimit RateLimit
	// Memory bounds the memory that bodies, and the runs that they ask for, may
	// take; nil: without bound.
	Memory Memory
	// Log is where each request leaves a line; nil: nowhere.
	Log *slog.Logger
}

// API is the admin API. It is safe for concurrent use.
type API struct {
	verifier Verifier
	tenants  Tenants
	audit    *audit.Log
	answers  *idempotency.Store
	limit    RateLimit
	memory   Memory
	log      *slog.Logger
	echo     *echo.Echo
	schemas  *schema.Set
	routes   []Route
	document []byte
}

// New assembles the API from the groups' routes and adds the OpenAPI document's
// own. Every call that changes something leaves an entry in log. The answers to
// requests with an Idempotency-Key are kept in answers. The options may be nil. The
// error is a mistake in the table of routes.
func New(verifier Verifier, store Tenants, log *audit.Log, answers *idempotency.Store, routes []Route, opts *Options) (*API, error) {
	if opts == nil {
		opts = &Options{}
	}
	a := &API{verifier: verifier, tenants: store, audit: log, answers: answers, limit: opts.RateLimit, memory: opts.Memory, log: opts.Log,
		echo: echo.New(), schemas: schema.NewSet()}
	if a.memory == nil {
		a.memory = unbounded{}
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.routes = append(a.routes, routes...)
	a.routes = append(a.routes, a.documentRoute())
	var err error
	if a.document, err = a.makeDocument(); err != nil {
		return nil, err
	}
	e := a.echo
	e.HideBanner, e.HidePort = true, true
	e.Logger.SetOutput(discard{})
	e.HTTPErrorHandler = a.fail
	e.Pre(a.begin, a.authenticate)
	for _, r := range a.routes {
		e.Add(r.Method, Base+echoPath(r), a.serve(r))
	}
	return a, nil
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func echoPath(r Route) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(r.Path)
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.echo.ServeHTTP(w, r) }

// Routes lists the routes of the table.
func (a *API) Routes() []Route { return a.routes }

// Document is the OpenAPI 3.1 document, as it is served.
func (a *API) Document() []byte { return a.document }

// Registered lists what is really served, as "METHOD /path" with parameters
// in braces, so that a test can hold it against the document.
func (a *API) Registered() []string {
	var out []string
	for _, r := range a.echo.Routes() {
		parts := strings.Split(r.Path, "/")
		for i, p := range parts {
			if name, ok := strings.CutPrefix(p, ":"); ok {
				parts[i] = "{" + name + "}"
			}
		}
		out = append(out, r.Method+" "+strings.Join(parts, "/"))
	}
	return out
}

const identityKey = "identity"

func identity(c echo.Context) auth.Identity {
	id, _ := c.Get(identityKey).(auth.Identity)
	return id
}

// begin gives the request its id, keeps answers out of caches, and turns a
// panic into a problem.
func (a *API) begin(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		id := uuid.NewString()
		head := c.Response().Header()
		head.Set(echo.HeaderXRequestID, id)
		head.Set("Cache-Control", "no-store")
		head.Set("X-Content-Type-Options", "nosniff")
		req := c.Request()
		ctx := telemetry.WithAttrs(req.Context(), slog.String(telemetry.KeyRequest, id))
		c.SetRequest(req.WithContext(ctx))
		defer func() {
			if r := recover(); r != nil {
				err = &fault.Error{Op: "admin API", Kind: fault.Internal, Err: fmt.Errorf("panic: %v\n%s", r, debug.Stack())}
			}
		}()
		return next(c)
	}
}

// authenticate stands before the router: without a valid token nothing can be
// learned, not even which addresses there are.
func (a *API) authenticate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		scheme, token, _ := strings.Cut(c.Request().Header.Get(echo.HeaderAuthorization), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			token = ""
		}
		id, err := a.verifier.Verify(c.Request().Context(), strings.TrimSpace(token))
		switch {
		case errors.Is(err, fault.Unauthorized):
			a.log.InfoContext(c.Request().Context(), "invalid token", telemetry.KeyError, err)
			challenge := `Bearer realm="pushbutton"`
			if token != "" {
				challenge += `, error="invalid_token"`
			}
			c.Response().Header().Set(echo.HeaderWWWAuthenticate, challenge)
			return newProblem(ProblemToken, "")
		case err != nil:
			return err
		}
		c.Set(identityKey, id)
		if err := a.admit(c.Request().Context(), id); err != nil {
			return err
		}
		return next(c)
	}
}

// admit rejects what is too much of one token, or of one tenant's.
func (a *API) admit(ctx context.Context, id auth.Identity) error {
	sum := sha256.Sum256([]byte(id.Tenant + "\x00" + id.TokenID))
	for _, one := range []struct {
		gate      Gate
		key, what string
	}{
		{a.limit.Token, hex.EncodeToString(sum[:16]), "This token sends more requests than are taken of one."},
		{a.limit.Tenant, "tenant:" + id.Tenant, "The tenant's tokens together send more requests than are taken."},
	} {
		if one.gate == nil {
			continue
		}
		err := one.gate.Wait(ctx, one.key)
		switch {
		case errors.Is(err, fault.RateLimited):
			p := newProblem(ProblemRateLimited, one.what+" Wait for as long as Retry-After says.")
			p.retryAfter, p.cause = max(fault.From(err).RetryAfter, time.Second), err
			return p
		case err != nil:
			return err
		}
	}
	return nil
}

// fail answers every failure as a problem.
func (a *API) fail(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	p := *problemOf(routing(err))
	p.Instance = "urn:uuid:" + c.Response().Header().Get(echo.HeaderXRequestID)
	if p.Status == http.StatusInternalServerError {
		a.log.ErrorContext(c.Request().Context(), "admin request failed", telemetry.KeyError, err)
	}
	if p.retryAfter > 0 {
		c.Response().Header().Set("Retry-After", fmt.Sprint(int64((p.retryAfter+time.Second-1)/time.Second)))
	}
	c.Response().Header().Set(echo.HeaderContentType, problemMedia)
	if err := c.JSON(p.Status, p); err != nil {
		a.log.DebugContext(c.Request().Context(), "the problem could not be answered", telemetry.KeyError, err)
	}
}

// routing translates what Echo itself says.
func routing(err error) error {
	var routed *echo.HTTPError
	if !errors.As(err, &routed) {
		return err
	}
	switch {
	case routed.Code == http.StatusMethodNotAllowed:
		return newProblem(ProblemMethodNotAllowed, "")
	case routed.Code >= 400 && routed.Code < 500:
		return fault.New(fault.NotFound, "route", "There is nothing at this address.")
	default:
		return err
	}
}
