package admin

import (
	"context"
	"net/http"
	"time"

	"pushbutton/internal/admin/auth"
	"pushbutton/internal/admin/deletion"
	"pushbutton/internal/tenants"
)

// Deletions deletes tenants; *deletion.Deleter does.
type Deletions interface {
	Begin(ctx context.Context, t tenants.Tenant, j deletion.Job) (deletion.Job, error)
	Get(ctx context.Context, tenant string) (deletion.Job, error)
}

// TenantDelete asks for a tenant's deletion.
type TenantDelete struct {
	Confirm        string `json:"confirm" max:"63" doc:"The tenant's id, once more."`
	AtProductboard bool   `json:"atProductboard,omitempty" doc:"Also delete its integrations at Productboard, with every button, for good. Otherwise they stay there and do nothing."`
}

// TenantDeletion is how far a tenant's deletion is.
type TenantDeletion struct {
	Tenant         string     `json:"tenant"`
	AtProductboard bool       `json:"atProductboard"`
	Requested      time.Time  `json:"requested"`
	Done           bool       `json:"done" doc:"The tenant is gone."`
	Finished       *time.Time `json:"finished,omitempty"`
	Integrations   int        `json:"integrations" doc:"Integrations that are gone."`
	Left           int        `json:"left" doc:"Integrations that are not gone yet, as far as is known."`
	Connections    int64      `json:"connections" doc:"Buttons' records that are gone."`
	Problem        string     `json:"problem,omitempty" doc:"Why the latest try failed. The next one follows within five minutes."`
}

func wireDeletion(j deletion.Job) TenantDeletion {
	out := TenantDeletion{Tenant: j.Tenant, AtProductboard: j.AtProductboard, Requested: j.Requested, Done: j.Done(),
		Integrations: j.Integrations, Left: j.Left, Connections: j.Connections, Problem: j.Problem}
	if j.Done() {
		out.Finished = &j.Finished
	}
	return out
}

// DeletionRoutes are the routes of a tenant's deletion.
func DeletionRoutes(deletions Deletions) []Route {
	const tag, path = "Tenants", "/tenants/{tenant}/deletion"
	return []Route{
		Handle(Route{Method: http.MethodPost, Path: path, Operation: "deleteTenant", Tag: tag, Role: auth.Operator, Status: http.StatusAccepted, IfMatch: true,
			Summary:     "Delete a tenant with all that belongs to it",
			Description: "The tenant takes no more clicks at once. The rest happens in the background and survives restarts. Issues in trackers stay. There is no way back. The request can be sent again, for example without `atProductboard` if Productboard does not take the credential any more. The deployment's audit log keeps an entry of the tenant."},
			func(ctx context.Context, c *Call, _ None, in TenantDelete) (TenantDeletion, error) {
				if err := c.Match(c.Tenant.Version); err != nil {
					return TenantDeletion{}, err
				}
				if in.Confirm != c.Tenant.ID {
					return TenantDeletion{}, Invalid(FieldError{Field: "confirm", Message: "must be the tenant's id"})
				}
				j, err := deletions.Begin(ctx, c.Tenant, deletion.Job{AtProductboard: in.AtProductboard, Subject: c.Identity.Subject, Token: c.Identity.TokenID})
				c.Created("/tenants/%s/deletion", c.Tenant.ID)
				return wireDeletion(j), err
			}),
		Handle(Route{Method: http.MethodGet, Path: path, Operation: "getTenantDeletion", Tag: tag, Role: auth.Operator, Gone: true,
			Summary: "Show the progress of a tenant's deletion", Description: "Also for 30 days after its end."},
			func(ctx context.Context, c *Call, _, _ None) (TenantDeletion, error) {
				j, err := deletions.Get(ctx, c.Param("tenant"))
				return wireDeletion(j), err
			}),
	}
}
