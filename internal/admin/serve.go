package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"pushbutton/internal/admin/auth"
	"pushbutton/internal/admin/idempotency"
	"pushbutton/internal/admin/schema"
	"pushbutton/internal/fault"
	"pushbutton/internal/telemetry"
	"pushbutton/internal/tenants"
)

const (
	mediaJSON  = "application/json"
	mediaPatch = "application/merge-patch+json"
)

// shape describes the input of a route; body is nil if it takes none.
type shape struct{ query, body *schema.Schema }

// serve makes the Echo handler of a route: everything that is the same for
// all of them, in its order.
func (a *API) serve(r Route) echo.HandlerFunc {
	in := shape{query: &schema.Schema{Type: schema.Types{"object"}, AdditionalProperties: false}}
	if r.has(r.query) {
		in.query = a.schemas.Inline(r.query)
	}
	if r.has(r.body) {
		in.body = a.schemas.Resolve(a.schemas.Of(r.body))
	}
	return func(c echo.Context) error {
		start := time.Now()
		call := &Call{Identity: identity(c), params: pathValues(r, c)}
		err := a.handle(r, in, c, call)
		a.report(c, r, call, err, time.Since(start))
		return err
	}
}

func (a *API) handle(r Route, in shape, c echo.Context, call *Call) error {
	limit := r.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	_ = http.NewResponseController(c.Response()).SetWriteDeadline(time.Now().Add(limit + answerTime)) // a recorder in a test has none
	ctx, cancel := context.WithTimeout(c.Request().Context(), limit)
	defer cancel()
	if err := a.permit(ctx, r, call); err != nil {
		a.countDenied(ctx, r, c, call, err)
		return err
	}
	ctx, end := a.memory.Begin(ctx, call.Tenant.ID)
	defer end()
	query, body, err := a.read(ctx, r, in, c, call)
	if err != nil {
		return err
	}
	do := func() (idempotency.Answer, error) { return a.perform(ctx, r, c, call, query, body) }
	key := c.Request().Header.Get(headerKey)
	if r.Idempotent && key != "" {
		return a.once(ctx, r, c, call, key, append(query, body...), limit, do)
	}
	answer, err := do()
	if err != nil {
		return err
	}
	return write(c, answer)
}

// perform carries a call out, with its entry in the audit log around it.
func (a *API) perform(ctx context.Context, r Route, c echo.Context, call *Call, query, body []byte) (idempotency.Answer, error) {
	end := func(error) {}
	if r.mutates() {
		var err error
		if end, err = a.record(ctx, r, c, call); err != nil {
			return idempotency.Answer{}, err
		}
	}
	reply, err := invoke(ctx, r, call, query, body)
	end(err)
	if err != nil {
		return idempotency.Answer{}, err
	}
	return render(r, call, reply)
}

// invoke runs the handler. A panic is a failure like others.
func invoke(ctx context.Context, r Route, call *Call, query, body []byte) (reply any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &fault.Error{Op: r.Operation, Kind: fault.Internal, Side: fault.SidePlugin, Err: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	reply, err = r.run(ctx, call, query, body)
	return reply, outcome(r, err)
}

func pathValues(r Route, c echo.Context) map[string]string {
	out := map[string]string{}
	for _, name := range r.params() {
		value := c.Param(name)
		if c.Request().URL.RawPath != "" {
			if plain, err := url.PathUnescape(value); err == nil {
				value = plain
			}
		}
		out[name] = value
	}
	return out
}

// permit checks the role and binds the call to the path's tenant. Whoever may
// not see a tenant gets the answer of a tenant that does not exist.
func (a *API) permit(ctx context.Context, r Route, call *Call) error {
	if !r.ofTenant() {
		if r.Role != "" && !call.Identity.May("", r.Role) {
			return newProblem(ProblemRole, "This needs the role "+string(auth.Operator)+".")
		}
		return nil
	}
	id := call.params["tenant"]
	missing := fault.New(fault.NotFound, "find tenant", "The tenant does not exist.")
	if !tenants.ValidTenantID(id) || !call.Operator() && call.Identity.Tenant != id {
		return missing
	}
	if !call.Identity.May(id, r.Role) {
		return newProblem(ProblemRole, "This needs the role "+string(r.Role)+".")
	}
	if r.Gone {
		return nil
	}
	scope := a.tenants.Tenant(id)
	t, err := scope.Get(ctx)
	if err != nil {
		return err
	}
	call.Tenant, call.Scope = t, scope
	return nil
}

// read checks headers, query and body against the route, and returns the two as
// JSON. What is wrong with any of them is told at once.
func (a *API) read(ctx context.Context, r Route, in shape, c echo.Context, call *Call) (query, body []byte, err error) {
	req := c.Request()
	if r.IfMatch {
		for tag := range strings.SplitSeq(req.Header.Get("If-Match"), ",") {
			if tag = strings.TrimSpace(tag); tag != "" {
				call.ifMatch = append(call.ifMatch, tag)
			}
		}
		if len(call.ifMatch) == 0 {
			return nil, nil, newProblem(ProblemPreconditionRequired, "")
		}
	}
	var wrong []FieldError
	if r.Idempotent && !validKey(req.Header.Values(headerKey)) {
		wrong = append(wrong, FieldError{Field: "header." + headerKey, Message: "has 1 to 255 visible ASCII characters and is given once"})
	}
	query, bad := a.readQuery(in.query, req.URL.Query())
	wrong = append(wrong, bad...)
	if in.body != nil {
		var more []FieldError
		if body, more, err = a.readBody(ctx, r, in.body, c); err != nil {
			return nil, nil, err
		}
		wrong = append(wrong, more...)
	}
	if len(wrong) > 0 {
		return nil, nil, Invalid(wrong...)
	}
	return query, body, nil
}

// readQuery turns the query into the JSON object that its struct says.
func (a *API) readQuery(sch *schema.Schema, values url.Values) ([]byte, []FieldError) {
	object := map[string]any{}
	var wrong []FieldError
	for name, all := range values {
		if len(all) > 1 {
			wrong = append(wrong, FieldError{Field: "query." + name, Message: "is given more than once"})
		}
		object[name] = typed(sch.Properties[name], all[0])
	}
	wrong = append(wrong, a.schemas.Check(sch, object, "query")...)
	raw, err := json.Marshal(object)
	if err != nil {
		wrong = append(wrong, FieldError{Field: "query", Message: "cannot be read"})
	}
	return raw, wrong
}

// typed reads a query's text as the type that it must have; what is not of
// it stays text, which the check then refuses.
func typed(sch *schema.Schema, text string) any {
	if sch == nil || len(sch.Type) == 0 {
		return text
	}
	switch sch.Type[0] {
	case "integer":
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return json.Number(strconv.FormatInt(n, 10))
		}
	case "boolean":
		if text == "true" || text == "false" {
			return text == "true"
		}
	}
	return text
}

func (a *API) readBody(ctx context.Context, r Route, sch *schema.Schema, c echo.Context) (body []byte, wrong []FieldError, err error) {
	req := c.Request()
	if req.ContentLength == 0 && len(sch.Required) == 0 && r.Method != http.MethodPatch {
		return []byte("{}"), nil, nil
	}
	media, _, err := mime.ParseMediaType(req.Header.Get(echo.HeaderContentType))
	allowed := []string{mediaJSON}
	if r.Method == http.MethodPatch {
		allowed = append(allowed, mediaPatch)
	}
	if err != nil || !slices.Contains(allowed, media) {
		return nil, nil, newProblem(ProblemMediaType, "Send "+allowed[len(allowed)-1]+".")
	}
	raw, err := a.receive(ctx, r, c)
	if err != nil {
		return nil, nil, err
	}
	value, err := schema.Parse(raw)
	if err != nil {
		return nil, nil, malformed("The body is not JSON.", "is not JSON: "+syntax(err), err)
	}
	return raw, a.schemas.Check(sch, value, ""), nil
}

func malformed(detail, message string, cause error) *Problem {
	p := newProblem(ProblemMalformed, detail)
	p.Errors, p.cause = []FieldError{{Field: "body", Message: message}}, cause
	return p
}

// syntax says where a text stops being JSON, without repeating any of it.
func syntax(err error) string {
	var at *json.SyntaxError
	switch {
	case errors.As(err, &at):
		return "stopped at byte " + strconv.FormatInt(at.Offset, 10)
	case errors.Is(err, io.EOF):
		return "it is empty"
	default:
		return "it ends too early, or something follows it"
	}
}

// outcome turns a lost race into what the caller's If-Match asked about.
func outcome(r Route, err error) error {
	if r.IfMatch && errors.Is(err, tenants.ErrStale) {
		p := newProblem(ProblemPreconditionFailed, "It has been changed since it was read.")
		p.cause = err
		return p
	}
	return err
}

// render makes the answer of a reply.
func render(r Route, call *Call, reply any) (idempotency.Answer, error) {
	out := idempotency.Answer{Status: r.status(), Header: map[string]string{}}
	if v, ok := reply.(versioned); ok {
		out.Header["ETag"] = etag(v.version())
	}
	if call.location != "" {
		out.Header[echo.HeaderLocation] = call.location
	}
	if !r.has(r.reply) {
		return out, nil
	}
	if raw, ok := reply.(json.RawMessage); ok {
		out.Body = raw
		return out, nil
	}
	raw, err := json.Marshal(reply)
	if err != nil {
		return out, fault.Wrap(fault.Internal, r.Operation, err)
	}
	out.Body = append(raw, '\n')
	return out, nil
}

func write(c echo.Context, a idempotency.Answer) error {
	for name, value := range a.Header {
		c.Response().Header().Set(name, value)
	}
	if len(a.Body) == 0 {
		return c.NoContent(a.Status)
	}
	return c.Blob(a.Status, mediaJSON, a.Body)
}

// report writes the one line per request.
func (a *API) report(c echo.Context, r Route, call *Call, err error, took time.Duration) {
	result, level := "ok", slog.LevelInfo
	attrs := []slog.Attr{
		slog.String(telemetry.KeyOperation, r.Operation), slog.String(telemetry.KeySubject, call.Identity.Subject), slog.String(telemetry.KeyToken, call.Identity.TokenID),
		slog.String(telemetry.KeyTenant, call.Tenant.ID), slog.Float64(telemetry.KeyMillis, float64(took.Microseconds())/1000),
	}
	if err != nil {
		result, level = problemOf(err).Type.Name(), slog.LevelWarn
		attrs = append(attrs, slog.Any(telemetry.KeyError, err))
	}
	a.log.LogAttrs(c.Request().Context(), level, "admin", append(attrs, slog.String(telemetry.KeyOutcome, result))...)
}
