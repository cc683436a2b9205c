package admin

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"pushbutton/internal/admin/audit"
	"pushbutton/internal/admin/auth"
)

// AuditLog is the log that the routes read; *audit.Log implements it.
type AuditLog interface {
	List(ctx context.Context, log string, q audit.Query) (entries []audit.Entry, next string, err error)
	Denials(ctx context.Context, log string, offset, limit int) ([]audit.Denial, error)
}

// AuditDenial counts the calls of one operation that one caller was denied.
type AuditDenial struct {
	AuditEntry
	First time.Time `json:"first" doc:"When the first of them came. The other fields are those of the latest."`
	Count int64     `json:"count" doc:"How many they are."`
}

// AuditEntry is an entry of the audit log on the wire.
type AuditEntry struct {
	At          time.Time `json:"at"`
	Request     string    `json:"request" doc:"The request's id, as in the plugin's log."`
	Subject     string    `json:"subject" doc:"The sub of the caller's token."`
	Token       string    `json:"token" doc:"The jti of that token."`
	Role        string    `json:"role" doc:"The token's roles, comma-separated."`
	Operation   string    `json:"operation" doc:"The operationId in this document."`
	Path        string    `json:"path" doc:"The path of the request, below /admin/v1."`
	Tenant      string    `json:"tenant,omitempty"`
	Integration string    `json:"integration,omitempty"`
	Created     string    `json:"created,omitempty" doc:"The path of what was created."`
	Outcome     string    `json:"outcome" doc:"ok, or the name of the problem type that it ended with, or unknown if the process died meanwhile."`
}

// AuditQuery is the query of the audit log's list.
type AuditQuery struct {
	From time.Time `json:"from,omitzero" doc:"Only what was added at this time or later."`
	To   time.Time `json:"to,omitzero" doc:"Only what was added at this time or before."`
	Paging
}

// AuditRoutes are the routes of the audit log.
func AuditRoutes(log AuditLog) []Route {
	const tag = "Audit"
	const retention = "Every call that was meant to change something, and was allowed to, the latest first. A tenant's log keeps its latest 10,000 entries, the deployment's 100,000, none longer than 400 days."
	list := func(ctx context.Context, which string, q AuditQuery) (Page[AuditEntry], error) {
		found, next, err := log.List(ctx, which, audit.Query{From: q.From, To: q.To, Cursor: q.Cursor, Limit: q.size()})
		page := Page[AuditEntry]{Items: []AuditEntry{}, Next: next}
		for _, e := range found {
			page.Items = append(page.Items, AuditEntry(e))
		}
		return page, err
	}
	const denials = "Calls that were meant to change something and that the token's role or tenant did not allow. They are counted by subject and operation, the latest first. The 1,000 latest of these pairs are kept, none longer than 400 days. They are in the log of the token's tenant, or of the deployment for an operator's."
	listDenials := func(ctx context.Context, which string, q Paging) (Page[AuditDenial], error) {
		page := Page[AuditDenial]{Items: []AuditDenial{}}
		offset, err := offsetOf(q)
		if err != nil {
			return page, err
		}
		found, err := log.Denials(ctx, which, offset, q.size())
		for _, r := range found {
			page.Items = append(page.Items, AuditDenial{AuditEntry(r.Entry), r.First, r.Count})
		}
		if len(found) == q.size() {
			page.Next = strconv.Itoa(offset + len(found))
		}
		return page, err
	}
	return []Route{
		Handle(Route{Method: http.MethodGet, Path: "/audit/denied", Operation: "listDenied", Tag: tag, Role: auth.Operator,
			Summary: "List what operators were denied", Description: denials},
			func(ctx context.Context, _ *Call, q Paging, _ None) (Page[AuditDenial], error) {
				return listDenials(ctx, audit.Deployment, q)
			}),
		Handle(Route{Method: http.MethodGet, Path: "/tenants/{tenant}/audit/denied", Operation: "listTenantDenied", Tag: tag, Role: auth.Admin,
			Summary: "List what a tenant's tokens were denied", Description: denials},
			func(ctx context.Context, c *Call, q Paging, _ None) (Page[AuditDenial], error) {
				return listDenials(ctx, c.Tenant.ID, q)
			}),
		Handle(Route{Method: http.MethodGet, Path: "/audit", Operation: "listAudit", Tag: tag, Role: auth.Operator,
			Summary: "List what was done to the deployment", Description: retention},
			func(ctx context.Context, _ *Call, q AuditQuery, _ None) (Page[AuditEntry], error) {
				return list(ctx, audit.Deployment, q)
			}),
		Handle(Route{Method: http.MethodGet, Path: "/tenants/{tenant}/audit", Operation: "listTenantAudit", Tag: tag, Role: auth.Admin,
			Summary: "List what was done to a tenant", Description: retention},
			func(ctx context.Context, c *Call, q AuditQuery, _ None) (Page[AuditEntry], error) {
				return list(ctx, c.Tenant.ID, q)
			}),
	}
}
