package admin

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"pushbutton/internal/admin/auth"
	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/tenants"
)

// TenantStore keeps tenants; *tenants.Store does. Everything of one tenant
// goes through Call.Scope.
type TenantStore interface {
	AddTenant(ctx context.Context, t tenants.Tenant) (tenants.Tenant, error)
	Tenants(ctx context.Context, after string, limit int) (page []tenants.Tenant, next string, err error)
}

// Shares keeps what a tenant may use of the deployment; *connections.Store
// does.
type Shares interface {
	SetLimits(ctx context.Context, tenant string, l connections.TenantLimits) error
	Usage(ctx context.Context, tenant string) (connections.Usage, error)
	Defaults() connections.TenantLimits
}

// TenantLimits are a tenant's limits on the wire.
type TenantLimits struct {
	MaxInFlight  int `json:"maxInFlight,omitempty" min:"0" max:"100000000" doc:"Pushes in flight at once; 0 or absent: the deployment's default, as for all limits."`
	MaxQueued    int `json:"maxQueued,omitempty" min:"0" max:"100000000" doc:"Pushes that may wait before clicks are rejected."`
	Connections  int `json:"connections,omitempty" min:"0" max:"100000000" doc:"Buttons that have a record."`
	PerSecond    int `json:"perSecond,omitempty" min:"0" max:"100000000" doc:"Pushes that may begin in a second."`
	Integrations int `json:"integrations,omitempty" min:"0" max:"1000" doc:"Integrations."`
}

// TenantSettings are what can be set of a tenant.
type TenantSettings struct {
	Name   string       `json:"name,omitempty" max:"255" doc:"What people call it."`
	Limits TenantLimits `json:"limits,omitzero" doc:"What it may use at most. Only an operator can change them."`
	CA     string       `json:"ca,omitempty" max:"65536" doc:"Certificate authorities (PEM) that its trackers' certificates may also be signed by."`
}

// TenantCreate is a new tenant.
type TenantCreate struct {
	ID string `json:"id" min:"1" max:"63" pattern:"^[a-z0-9-]+$" doc:"Chosen by the caller, for good."`
	TenantSettings
}

// TenantSuspension says why and since when a tenant is suspended.
type TenantSuspension struct {
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since"`
}

// Tenant is a tenant on the wire.
type Tenant struct {
	ID string `json:"id"`
	TenantSettings
	Suspended *TenantSuspension `json:"suspended,omitempty" doc:"Present while it is suspended: clicks get an error, and queued pushes wait."`
	Deleting  time.Time         `json:"deleting,omitzero" doc:"Since when it is being deleted."`
	CreatedAt time.Time         `json:"createdAt"`
	UpdatedAt time.Time         `json:"updatedAt"`
	Version   int64             `json:"version" doc:"Rises with every change; the ETag."`
}

func (t Tenant) version() int64 { return t.Version }

func wireTenant(t tenants.Tenant) Tenant {
	out := Tenant{ID: t.ID, TenantSettings: settingsOf(t), Deleting: t.Deleting, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt, Version: t.Version}
	if t.Suspended != nil {
		out.Suspended = &TenantSuspension{Reason: t.Suspended.Reason, Since: t.Suspended.Since}
	}
	return out
}

func settingsOf(t tenants.Tenant) TenantSettings {
	return TenantSettings{Name: t.Name, Limits: TenantLimits(t.Limits), CA: t.CA}
}

// set puts settings into a tenant and returns what is wrong with them.
func (s TenantSettings) set(t *tenants.Tenant) error {
	t.Name, t.Limits, t.CA = s.Name, tenants.TenantLimits(s.Limits), s.CA
	var wrong []FieldError
	for _, w := range t.Check() {
		wrong = append(wrong, FieldError{Field: w.Field, Message: w.Message})
	}
	if len(wrong) > 0 {
		return Invalid(wrong...)
	}
	return nil
}

// TenantUsage counts what a tenant uses, with the limits that hold for it.
type TenantUsage struct {
	InFlight    int64        `json:"inFlight" doc:"Pushes in flight."`
	Queued      int64        `json:"queued" doc:"Pushes that wait."`
	Connections int64        `json:"connections" doc:"Buttons that have a record."`
	Limits      TenantLimits `json:"limits" doc:"The tenant's own, or the deployment's."`
}

// TenantRoutes are the routes of tenants.
func TenantRoutes(store TenantStore, shares Shares) []Route {
	const tag, one = "Tenants", "/tenants/{tenant}"
	return []Route{
		Handle(Route{Method: http.MethodPost, Path: "/tenants", Operation: "createTenant", Tag: tag, Role: auth.Operator, Status: http.StatusCreated, Idempotent: true, MaxBody: settingsBody,
			Summary: "Create a tenant"},
			func(ctx context.Context, c *Call, _ None, in TenantCreate) (Tenant, error) {
				t := tenants.Tenant{ID: in.ID}
				if err := in.set(&t); err != nil {
					return Tenant{}, err
				}
				t, err := store.AddTenant(ctx, t)
				if err != nil {
					return Tenant{}, err
				}
				c.Created("/tenants/%s", in.ID)
				return wireTenant(t), share(ctx, shares, t)
			}),
		Handle(Route{Method: http.MethodGet, Path: "/tenants", Operation: "listTenants", Tag: tag, Role: auth.Operator,
			Summary: "List tenants by id"},
			func(ctx context.Context, _ *Call, q Paging, _ None) (Page[Tenant], error) {
				found, next, err := store.Tenants(ctx, q.Cursor, q.size())
				page := Page[Tenant]{Items: []Tenant{}, Next: next}
				for _, t := range found {
					page.Items = append(page.Items, wireTenant(t))
				}
				return page, err
			}),
		Handle(Route{Method: http.MethodGet, Path: one, Operation: "getTenant", Tag: tag, Role: auth.Viewer,
			Summary: "Get a tenant"},
			func(_ context.Context, c *Call, _, _ None) (Tenant, error) { return wireTenant(c.Tenant), nil }),
		Handle(Route{Method: http.MethodPatch, Path: one, Operation: "updateTenant", Tag: tag, Role: auth.Admin, IfMatch: true, MaxBody: settingsBody,
			Summary: "Change a tenant's settings", Description: "A JSON merge patch (RFC 7396)."},
			func(ctx context.Context, c *Call, _ None, patch Merge[TenantSettings]) (Tenant, error) {
				t, err := updateTenant(ctx, c, patch)
				if err != nil {
					return Tenant{}, err
				}
				return wireTenant(t), share(ctx, shares, t)
			}),
		Handle(Route{Method: http.MethodGet, Path: one + "/usage", Operation: "getTenantUsage", Tag: tag, Role: auth.Viewer,
			Summary: "Show what a tenant uses of its limits"},
			func(ctx context.Context, c *Call, _, _ None) (TenantUsage, error) {
				u, err := shares.Usage(ctx, c.Tenant.ID)
				return TenantUsage{InFlight: u.InFlight, Queued: u.Queued, Connections: u.Connections, Limits: inForce(c.Tenant.Limits, shares.Defaults())}, err
			}),
		Handle(Route{Method: http.MethodPost, Path: one + "/suspend", Operation: "suspendTenant", Tag: tag, Role: auth.Operator,
			Summary: "Suspend a tenant", Description: "Clicks get an error that says so, and queued pushes wait. Other processes notice within 5 s."},
			func(ctx context.Context, c *Call, _ None, in TenantSuspend) (Tenant, error) {
				return setSuspension(ctx, c, &tenants.Suspension{Reason: in.Reason, Since: time.Now().UTC()})
			}),
		Handle(Route{Method: http.MethodPost, Path: one + "/resume", Operation: "resumeTenant", Tag: tag, Role: auth.Operator,
			Summary: "Resume a suspended tenant", Description: "Queued pushes go on within half a minute."},
			func(ctx context.Context, c *Call, _, _ None) (Tenant, error) { return setSuspension(ctx, c, nil) }),
	}
}

// TenantSuspend says why a tenant is suspended.
type TenantSuspend struct {
	Reason string `json:"reason" min:"1" max:"500" doc:"Why, for whoever reads the tenant."`
}

func updateTenant(ctx context.Context, c *Call, patch Merge[TenantSettings]) (tenants.Tenant, error) {
	if err := c.Match(c.Tenant.Version); err != nil {
		return tenants.Tenant{}, err
	}
	settings, err := patch.Apply(settingsOf(c.Tenant))
	if err != nil {
		return tenants.Tenant{}, err
	}
	t := c.Tenant
	if tenants.TenantLimits(settings.Limits) != t.Limits && !c.Operator() {
		return tenants.Tenant{}, newProblem(ProblemRole, "Only an operator can change limits.")
	}
	if err := settings.set(&t); err != nil {
		return tenants.Tenant{}, err
	}
	return c.Scope.UpdateTenant(ctx, t)
}

// share puts a tenant's limits into force where pushes are counted. They are
// stored by then: any later change of the tenant tries again.
func share(ctx context.Context, shares Shares, t tenants.Tenant) error {
	l := t.Limits
	err := shares.SetLimits(ctx, t.ID, connections.TenantLimits{MaxInFlight: l.MaxInFlight, MaxQueued: l.MaxQueued, MaxConnections: l.Connections, PushesPerSecond: l.PerSecond})
	if err != nil {
		return &fault.Error{Op: "set limits", Kind: fault.Unavailable, Side: fault.SidePlugin, Peer: "Redis", Err: err, Public: "The tenant is stored, but its limits are not in force yet. Read it and change it again."}
	}
	return nil
}

// inForce are the limits that hold where some are the defaults.
func inForce(l tenants.TenantLimits, defaults connections.TenantLimits) TenantLimits {
	return TenantLimits{MaxInFlight: cmp.Or(l.MaxInFlight, defaults.MaxInFlight), MaxQueued: cmp.Or(l.MaxQueued, defaults.MaxQueued),
		Connections: cmp.Or(l.Connections, defaults.MaxConnections), PerSecond: cmp.Or(l.PerSecond, defaults.PushesPerSecond),
		Integrations: cmp.Or(l.Integrations, tenants.MaxIntegrations)}
}

// setSuspension suspends or resumes. A change of something else meanwhile
// does not keep it from being done.
func setSuspension(ctx context.Context, c *Call, to *tenants.Suspension) (Tenant, error) {
	t, err := c.Scope.Alter(ctx, func(t *tenants.Tenant) { t.Suspended = to })
	return wireTenant(t), err
}
