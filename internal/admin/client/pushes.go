package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/admin"
	"pushbutton/internal/fault"
	"pushbutton/internal/pushes"
)

// changeLimit is more than the server takes to ask a tracker for an issue, or
// to push many again.
const changeLimit = 75 * time.Second

// TenantIDs lists the tenants that the token is good for, by id: an operator's
// all of them.
func (c *Client) TenantIDs(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var who admin.Whoami
		if err := c.do(ctx, request{op: "ask whose the token is", method: http.MethodGet, path: "/whoami"}, &who); err != nil {
			yield("", err)
			return
		}
		if who.Tenant != "" {
			yield(who.Tenant, nil)
			return
		}
		query := url.Values{"limit": {strconv.Itoa(pushes.MaxPage)}}
		for {
			var page admin.Page[admin.Tenant]
			if err := c.do(ctx, request{op: "list tenants", method: http.MethodGet, path: "/tenants", query: query}, &page); err != nil {
				yield("", err)
				return
			}
			for _, t := range page.Items {
				if !yield(t.ID, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			query.Set("cursor", page.Next)
		}
	}
}

// Scope looks after one tenant's pushes on the server. Its methods and errors are
// those of pushes.Scope: a *pushes.FieldError names a field.
type Scope struct {
	c      *Client
	tenant string
}

// Pushes binds the client to a tenant. It does not ask whether there is one.
func (c *Client) Pushes(tenant string) Scope { return Scope{c: c, tenant: tenant} }

func (s Scope) path(parts ...string) string {
	var path strings.Builder
	path.WriteString("/tenants/" + url.PathEscape(s.tenant))
	for _, part := range parts {
		path.WriteString("/" + url.PathEscape(part))
	}
	return path.String()
}

// List returns a page of the tenant's buttons.
func (s Scope) List(ctx context.Context, q pushes.Query) (pushes.Page, error) {
	var page admin.Page[admin.Connection]
	err := s.c.do(ctx, request{op: "list pushes", method: http.MethodGet, path: s.path("connections"), query: listQuery(q)}, &page)
	out := pushes.Page{Next: page.Next}
	for _, one := range page.Items {
		out.Pushes = append(out.Pushes, one.Push(s.tenant))
	}
	return out, fieldError(err)
}

func listQuery(q pushes.Query) url.Values {
	out := url.Values{}
	for name, value := range map[string]string{"integration": q.Integration, "entity": q.Entity, "state": string(q.State), "kind": q.Kind,
		"text": q.Text, "cursor": q.Cursor, "from": moment(q.From), "to": moment(q.To)} {
		if value != "" {
			out.Set(name, value)
		}
	}
	if q.Limit > 0 {
		out.Set("limit", strconv.Itoa(min(q.Limit, pushes.MaxPage)))
	}
	return out
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}

// Get reads one button with its timeline.
func (s Scope) Get(ctx context.Context, integration, entity string) (pushes.Detail, error) {
	var found admin.ConnectionDetail
	err := s.c.do(ctx, request{op: "show push", method: http.MethodGet, path: s.path("integrations", integration, "connections", entity)}, &found)
	if err != nil {
		return pushes.Detail{}, err
	}
	return found.Detail(s.tenant), nil
}

// RetryFailed pushes again what failed and the query lets through.
func (s Scope) RetryFailed(ctx context.Context, q pushes.Query) (pushes.RetryResult, error) {
	body := admin.ConnectionRetry{Cursor: q.Cursor, Limit: min(max(q.Limit, 0), pushes.MaxRetry), ConnectionFilter: admin.ConnectionFilter{
		Integration: q.Integration, Entity: q.Entity, Kind: q.Kind, From: q.From, To: q.To, Text: q.Text}}
	var done admin.ConnectionsRetried
	err := s.c.do(ctx, request{op: "retry pushes", method: http.MethodPost, path: s.path("connections", "retry"), body: body, create: true, limit: changeLimit}, &done)
	return done.Report(), fieldError(err)
}

// Retry pushes again.
func (s Scope) Retry(ctx context.Context, integration, entity string) (pushes.Push, error) {
	return s.change(ctx, integration, entity, "retry", nil)
}

// Reset has the button show initial again.
func (s Scope) Reset(ctx context.Context, integration, entity string) (pushes.Push, error) {
	return s.change(ctx, integration, entity, "reset", nil)
}

// Unlink unlinks the button from its issue.
func (s Scope) Unlink(ctx context.Context, integration, entity string) (pushes.Push, error) {
	return s.change(ctx, integration, entity, "unlink", nil)
}

// Link connects the button to an issue that exists.
func (s Scope) Link(ctx context.Context, integration, entity, issue string) (pushes.Push, error) {
	return s.change(ctx, integration, entity, "link", admin.ConnectionLink{Issue: issue})
}

// Refresh compares the button with its issue.
func (s Scope) Refresh(ctx context.Context, integration, entity string) (pushes.RefreshResult, error) {
	var done admin.ConnectionRefreshed
	err := s.c.do(ctx, request{op: "refresh", method: http.MethodPost, path: s.path("integrations", integration, "connections", entity, "refresh"), limit: changeLimit}, &done)
	return done.Result(s.tenant), err
}

// RefreshIntegration has all buttons of an integration, named by its id or name,
// compared with their issues.
func (s Scope) RefreshIntegration(ctx context.Context, integration string) error {
	in, err := s.integration(ctx, integration)
	if err != nil {
		return err
	}
	return s.c.do(ctx, request{op: "refresh", method: http.MethodPost, path: s.path("integrations", in.ID, "refresh")}, nil)
}

func (s Scope) change(ctx context.Context, integration, entity, verb string, body any) (pushes.Push, error) {
	var changed admin.Connection
	err := s.c.do(ctx, request{op: verb, method: http.MethodPost, path: s.path("integrations", integration, "connections", entity, verb), body: body, limit: changeLimit}, &changed)
	if err != nil {
		return pushes.Push{}, fieldError(err)
	}
	return changed.Push(s.tenant), nil
}

// fieldError returns err as pushes.Scope returns it where one field is wrong.
func fieldError(err error) error {
	p := Problem(err)
	if p == nil || len(p.Errors) != 1 {
		return err
	}
	f := *fault.From(err)
	f.Public = p.Errors[0].Message
	return &pushes.FieldError{Field: strings.TrimPrefix(p.Errors[0].Field, "query."), Err: &f}
}
