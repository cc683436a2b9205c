// Package admintest checks what an admin API promises about who may do what.
// Walk tries every route with every role, in the caller's own tenant and in
// another one.
//
// What must not live here: anything the program itself needs; only tests
// import this package.
package admintest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"pushbutton/internal/admin/auth"
)

// Subject is an admin API and a world to try it in.
type Subject struct {
	Handler http.Handler
	// Base is where the API lies, and Document its OpenAPI document.
	Base     string
	Document []byte
	// Registered lists what is really served, as "METHOD /path" with
	// parameters in braces.
	Registered []string
	// Token makes a token; an operator's if the tenant is empty.
	Token func(tenant string, role auth.Role) string
	// Own and Other are two tenants with the same things in them.
	Own, Other Place
	// Snapshot returns everything that is kept of a tenant, but for its audit
	// log, so that a change is seen.
	Snapshot func(tenant string) string
	// Open lists the operations that any valid token may use, and Viewers
	// those that a viewer may use although their method is not GET.
	Open, Viewers []string
}

// Place is a tenant with what the paths can name in it.
type Place struct {
	Tenant string
	// Params are the parameters of a path by their names, except "tenant".
	Params map[string]string
}

type operation struct {
	method, path string
	ID           string    `json:"operationId"`
	Role         auth.Role `json:"x-role"`
}

func (o operation) ofTenant() bool { return strings.Contains(o.path, "{tenant}") }

// walk is one run.
type walk struct {
	Subject
	found []string
}

func (w *walk) say(format string, args ...any) {
	w.found = append(w.found, fmt.Sprintf(format, args...))
}

// Walk returns everything that is not as it has to be; none if all is right.
func Walk(ctx context.Context, s Subject) []string {
	w := &walk{Subject: s}
	var doc struct {
		Paths map[string]map[string]operation `json:"paths"`
	}
	if err := json.Unmarshal(s.Document, &doc); err != nil {
		return []string{"the document cannot be read: " + err.Error()}
	}
	var all []operation
	served := map[string]bool{}
	for _, r := range s.Registered {
		served[r] = true
	}
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(doc.Paths[path])) {
			op := doc.Paths[path][method]
			op.method, op.path = strings.ToUpper(method), path
			all = append(all, op)
			if key := op.method + " " + s.Base + path; served[key] {
				delete(served, key)
			} else {
				w.say("%s is in the document and is not served", key)
			}
		}
	}
	for _, r := range slices.Sorted(maps.Keys(served)) {
		w.say("%s is served and not in the document", r)
	}
	// What an operator may do comes last: it may take the world down.
	before := s.Snapshot(s.Other.Tenant)
	for _, op := range all {
		w.withoutToken(ctx, op)
		w.tenants(ctx, op)
	}
	if s.Snapshot(s.Other.Tenant) != before {
		w.say("something of the other tenant was changed")
	}
	for _, op := range all {
		w.operator(ctx, op)
	}
	return w.found
}

// withoutToken sends no token, and tokens that are none.
func (w *walk) withoutToken(ctx context.Context, op operation) {
	for _, token := range []string{"", "x", "a.b.c"} {
		if got := w.do(ctx, op, token, w.Own, w.Own); got.status != http.StatusUnauthorized {
			w.say("%s %s answers %d to the token %q", op.method, op.path, got.status, token)
		}
	}
}

// tenants are viewers and admins of one tenant.
func (w *walk) tenants(ctx context.Context, op operation) {
	for _, role := range []auth.Role{auth.Viewer, auth.Admin} {
		token := w.Token(w.Own.Tenant, role)
		own := w.do(ctx, op, token, w.Own, w.Own)
		switch {
		case slices.Contains(w.Open, op.ID):
			if own.status != http.StatusOK {
				w.say("%s %s answers %d to any valid token", op.method, op.path, own.status)
			}
			continue
		case !op.ofTenant() || op.Role == auth.Operator || !w.may(op, role):
			if own.status != http.StatusForbidden {
				w.say("%s %s answers %d to the role %s", op.method, op.path, own.status, role)
			}
		case own.denied():
			w.say("%s %s denies the role %s: %d", op.method, op.path, role, own.status)
		}
		if op.ofTenant() {
			w.others(ctx, op, role, token)
		}
	}
}

// may is the policy, told apart from the routes' own table where it can be: a
// viewer changes nothing, whatever the table says.
func (w *walk) may(op operation, role auth.Role) bool {
	if role == auth.Viewer && op.method != http.MethodGet && !slices.Contains(w.Viewers, op.ID) {
		return false
	}
	return auth.Identity{Tenant: "x", Roles: []auth.Role{role}}.May("x", op.Role)
}

// others tries another tenant's path, which must read like that of a tenant
// that does not exist, and another tenant's things below the own path.
func (w *walk) others(ctx context.Context, op operation, role auth.Role, token string) {
	nobody := w.do(ctx, op, token, Place{Tenant: "nobody", Params: w.Own.Params}, w.Own)
	other := w.do(ctx, op, token, w.Other, w.Other)
	if other.status != http.StatusNotFound || other.text != nobody.text {
		w.say("%s %s tells the role %s of another tenant: %d %s", op.method, op.path, role, other.status, other.text)
	}
	if !strings.Contains(op.path, "{integration}") || !w.may(op, role) {
		return
	}
	got := w.do(ctx, op, token, Place{Tenant: w.Own.Tenant, Params: w.Other.Params}, w.Own)
	if got.status < 400 || op.method == http.MethodGet && got.status != http.StatusNotFound {
		w.say("%s %s answers %d to the role %s for another tenant's integration", op.method, op.path, got.status, role)
	}
}

func (w *walk) operator(ctx context.Context, op operation) {
	token := w.Token("", auth.Operator)
	for _, place := range []Place{w.Own, w.Other} {
		if got := w.do(ctx, op, token, place, place); got.status == http.StatusUnauthorized || got.status == http.StatusForbidden {
			w.say("%s %s refuses an operator: %d", op.method, op.path, got.status)
		}
	}
}

type result struct {
	status int
	// text is the answer without what is different each time.
	text string
}

func (r result) denied() bool {
	return r.status == http.StatusUnauthorized || r.status == http.StatusForbidden || r.status == http.StatusNotFound && strings.Contains(r.text, "The tenant does not exist.")
}

// do sends a request that is as right as it can be without knowing the route.
func (w *walk) do(ctx context.Context, op operation, token string, at, rest Place) result {
	path := op.path
	for part := range strings.SplitSeq(op.path, "/") {
		name := strings.Trim(part, "{}")
		if name == part {
			continue
		}
		value := at.Params[name]
		if name == "tenant" {
			value = at.Tenant
		} else if value == "" {
			value = rest.Params[name]
		}
		if value == "" {
			w.say("%s %s has the parameter %s, of which there is no example", op.method, op.path, name)
			value = "none"
		}
		path = strings.Replace(path, part, value, 1)
	}
	var req *http.Request
	if op.method == http.MethodGet {
		req = httptest.NewRequestWithContext(ctx, op.method, w.Base+path, nil)
	} else {
		req = httptest.NewRequestWithContext(ctx, op.method, w.Base+path, strings.NewReader("{}"))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("If-Match", "*")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	rec := httptest.NewRecorder()
	w.Handler.ServeHTTP(rec, req)
	if rec.Code >= http.StatusInternalServerError && rec.Code != http.StatusServiceUnavailable && rec.Code != http.StatusGatewayTimeout {
		w.say("%s %s fails: %d %s", op.method, op.path, rec.Code, rec.Body.String())
	}
	return result{rec.Code, stable(rec.Body.Bytes())}
}

// stable takes out of an answer what names the request.
func stable(raw []byte) string {
	var m map[string]any
	if json.Unmarshal(raw, &m) != nil {
		return string(raw)
	}
	delete(m, "instance")
	text, err := json.Marshal(m)
	if err != nil {
		return string(raw)
	}
	return string(text)
}
