package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/admin/auth"
	"pushbutton/internal/tenants"
)

// Route is one operation of the API, as data: the HTTP routes, the checks in
// front of them and the OpenAPI document are all made from it. Handle adds
// what it does.
type Route struct {
	Method string
	// Path is below Base, with parameters in braces: "/tenants/{tenant}". One
	// with {tenant} belongs to that tenant; the rest of the names are in
	// pathParams.
	Path string
	// Operation is the OpenAPI operationId, unique, and the audit log's verb.
	Operation string
	Summary   string
	// Description says more, in Markdown; it may be empty.
	Description string
	Tag         string
	// Role is the least role: of the path's tenant, or of the deployment where
	// the path names none. Empty: any valid token will do.
	Role auth.Role
	// Status is that of success; 0 means 200, or 204 where the reply is None.
	Status int
	// IfMatch demands the header If-Match: handlers ask Call.Match.
	IfMatch bool
	// Idempotent lets a caller send an Idempotency-Key. For creates.
	Idempotent bool
	// ReadOnly marks a route that changes nothing although its method is not
	// GET (a check, a preview): it leaves no entry in the audit log.
	ReadOnly bool
	// Gone lets the path's tenant be one that does not exist (any more): the
	// call then has no Scope. For operators alone.
	Gone bool
	// Limit bounds the handler's time; 0 means defaultLimit.
	Limit time.Duration
	// MaxBody bounds the body in bytes, at most by the package's MaxBody, and
	// MaxValues what stands in it, as jsonlimit counts it. 0 means 64 KiB and
	// 2,000 values.
	MaxBody, MaxValues int

	query, body, reply reflect.Type
	run                func(ctx context.Context, c *Call, query, body []byte) (any, error)
}

// None stands for no query, no body, or no reply.
type None struct{}

// Page is one page of a list.
type Page[T any] struct {
	Items []T    `json:"items" doc:"At most as many as asked for. A short page need not be the last."`
	Next  string `json:"next,omitempty" doc:"The cursor of the next page; absent at the end."`
}

// Paging is the query of a list.
type Paging struct {
	Cursor string `json:"cursor,omitempty" max:"1024" doc:"Where to go on: next of the previous page."`
	Limit  int    `json:"limit,omitempty" min:"1" max:"200" default:"50" doc:"The most entries of a page."`
}

// defaultPage is a page's size if the query names none.
const defaultPage = 50

// size is the page's size.
func (p Paging) size() int {
	if p.Limit == 0 {
		return defaultPage
	}
	return p.Limit
}

// offsetOf reads the cursor of a list that goes by number.
func offsetOf(q Paging) (int, error) {
	const furthest = 1 << 30
	if q.Cursor == "" {
		return 0, nil
	}
	offset, err := strconv.Atoi(q.Cursor)
	if err != nil || offset < 0 || offset > furthest {
		return 0, Invalid(FieldError{Field: "query.cursor", Message: "is not one that a page gave"})
	}
	return offset, nil
}

// Handle completes a route: Q is a struct of its query parameters, B of its
// JSON body (or a Patch), R of its reply; each may be None. What f gets has
// been checked against the schemas of Q and B. f reports other mistakes in it
// by Invalid. Its other errors are *fault.Error or *Problem.
func Handle[Q, B, R any](r Route, f func(ctx context.Context, c *Call, query Q, body B) (R, error)) Route {
	r.query, r.body, r.reply = reflect.TypeFor[Q](), reflect.TypeFor[B](), reflect.TypeFor[R]()
	r.run = func(ctx context.Context, c *Call, query, body []byte) (any, error) {
		var q Q
		var b B
		if err := unmarshal(query, &q); err != nil {
			return nil, err
		}
		if err := unmarshal(body, &b); err != nil {
			return nil, err
		}
		return f(ctx, c, q, b)
	}
	return r
}

// unmarshal reads what has been checked already.
func unmarshal(raw []byte, into any) error {
	if len(raw) == 0 {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		p := newProblem(ProblemMalformed, "The request cannot be read.")
		p.Errors = []FieldError{{Field: "body", Message: "cannot be read as what it must be"}}
		p.cause = err
		return p
	}
	return nil
}

func (r Route) has(t reflect.Type) bool { return t != nil && t != reflect.TypeFor[None]() }

// status is that of success.
func (r Route) status() int {
	switch {
	case r.Status != 0:
		return r.Status
	case !r.has(r.reply):
		return http.StatusNoContent
	default:
		return http.StatusOK
	}
}

// params are the names in the path, in their order.
func (r Route) params() []string {
	var out []string
	for part := range strings.SplitSeq(r.Path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			out = append(out, strings.TrimSuffix(name, "}"))
		}
	}
	return out
}

func (r Route) ofTenant() bool { return slices.Contains(r.params(), "tenant") }

// mutates reports whether it may change anything.
func (r Route) mutates() bool { return r.Method != http.MethodGet && !r.ReadOnly }

// Call is one request whose token and role were checked.
type Call struct {
	Identity auth.Identity
	// Tenant is that of the path, read just now, and Scope the store bound to
	// it; both are zero where the path names none.
	Tenant tenants.Tenant
	Scope  tenants.Scope

	params      map[string]string
	ifMatch     []string
	location    string
	integration string
	touched     []string
}

// Param returns a parameter of the path.
func (c *Call) Param(name string) string { return c.params[name] }

// Operator reports whether the caller runs the deployment.
func (c *Call) Operator() bool { return c.Identity.May("", auth.Operator) }

// Match compares If-Match with the stored version: nil if it is one of those
// that the caller named.
func (c *Call) Match(version int64) error {
	if slices.Contains(c.ifMatch, "*") || slices.Contains(c.ifMatch, etag(version)) {
		return nil
	}
	return newProblem(ProblemPreconditionFailed, "It has been changed since it was read.")
}

// Created sets where a new thing is found, below Base.
func (c *Call) Created(format string, args ...any) {
	c.location = Base + fmt.Sprintf(format, args...)
}

// Concerns names the integration that a call is about, for the audit log,
// where it is not in the path.
func (c *Call) Concerns(integration string) { c.integration = integration }

// Touched names a tenant that a call about several tenants has changed, for
// that tenant's audit log.
func (c *Call) Touched(tenant string) { c.touched = append(c.touched, tenant) }

// versioned is a reply with an ETag.
type versioned interface{ version() int64 }

func etag(version int64) string { return fmt.Sprintf(`"%d"`, version) }
