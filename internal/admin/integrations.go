package admin

import (
	"context"
	"net/http"
	"time"

	"pushbutton/internal/admin/auth"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

// Registrar registers integrations; *register.Registrar does.
type Registrar interface {
	ActionURL(integration string) string
	Apply(ctx context.Context, declaration register.Declaration) (register.Report, error)
	Create(ctx context.Context, tenant string, want tenants.Integration) (tenants.Integration, register.Result, error)
	Register(ctx context.Context, tenant, id string, recreate bool) (tenants.Integration, register.Result, error)
	Patch(ctx context.Context, tenant, id string, change func(*tenants.Integration) error, sent ...string) (tenants.Integration, register.Result, error)
	RotateActionSecret(ctx context.Context, tenant, id string, may func(tenants.Integration) error) (tenants.Integration, register.Result, error)
	Delete(ctx context.Context, tenant, id string, d register.Deletion) error
	Check(ctx context.Context, tenant, id string) ([]register.Finding, error)
	PreviewOf(ctx context.Context, tenant, id, entity string) (targets.Preview, error)
	TakeOver(ctx context.Context, tenant, productboardID string, want tenants.Integration) (register.Takeover, error)
}

// Sweep is what is known of the sweeps over an integration's issues.
type Sweep struct {
	// Ended is when the last one ended or stopped; zero: there was none.
	Ended time.Time
	// Stopped is what it stopped at, for people.
	Stopped string
}

// Sweeps knows when the issues of integrations were last read.
type Sweeps interface {
	// Sweeps returns one for each of a tenant's integrations, in their order.
	Sweeps(ctx context.Context, tenant string, integrations []string) ([]Sweep, error)
}

// Limits of what waits for others: both sides are asked, and Productboard
// probes us meanwhile.
const (
	integrationLimit = time.Minute
	deletionLimit    = 10 * time.Minute
)

// Paths of integrations.
const (
	integrationsPath = "/tenants/{tenant}/integrations"
	integrationPath  = integrationsPath + "/{integration}"
)

// IntegrationRoutes are the routes of integrations.
func IntegrationRoutes(r Registrar, sweeps Sweeps) []Route {
	const tag = "Integrations"
	h := integrationRoutes{r, sweeps}
	return []Route{
		Handle(Route{Method: http.MethodPost, Path: integrationsPath, Operation: "createIntegration", Tag: tag, Role: auth.Admin,
			Status: http.StatusCreated, Idempotent: true, Limit: integrationLimit, MaxBody: settingsBody, MaxValues: settingsValues,
			Summary:     "Create an integration",
			Description: "Checks both sides, then registers the column at Productboard, which probes this plugin meanwhile. With an OAuth application it is stored only: authorise the plugin, then register it."}, h.create),
		Handle(Route{Method: http.MethodGet, Path: integrationsPath, Operation: "listIntegrations", Tag: tag, Role: auth.Viewer,
			Summary: "List integrations by name"}, h.list),
		Handle(Route{Method: http.MethodPost, Path: integrationsPath + "/import", Operation: "importIntegration", Tag: tag, Role: auth.Admin,
			Status: http.StatusCreated, Idempotent: true, Limit: integrationLimit, MaxBody: settingsBody, MaxValues: settingsValues,
			Summary:     "Take over an integration that was created elsewhere",
			Description: "The plugin finds it at Productboard by its id. Name, type, button and whether it is enabled stay as they are. From then on Productboard calls this plugin. Connected buttons are linked to their issues as far as these can be found by their address."}, h.takeOver),
		Handle(Route{Method: http.MethodGet, Path: integrationPath, Operation: "getIntegration", Tag: tag, Role: auth.Viewer,
			Summary: "Get an integration"}, h.get),
		Handle(Route{Method: http.MethodPatch, Path: integrationPath, Operation: "updateIntegration", Tag: tag, Role: auth.Admin, IfMatch: true, Limit: integrationLimit, MaxBody: settingsBody, MaxValues: settingsValues,
			Summary:     "Change an integration",
			Description: "A JSON merge patch (RFC 7396). What is changed is checked first. With a setting that leads to another scheme, host or port, send the credentials that go there as well. What Productboard knows is changed there too. A new credential for an integration that needs a reconnect lets waiting pushes go on."}, h.update),
		Handle(Route{Method: http.MethodDelete, Path: integrationPath, Operation: "deleteIntegration", Tag: tag, Role: auth.Admin, Limit: deletionLimit,
			Summary:     "Delete an integration",
			Description: "Productboard deletes the column and every button in it, for good. Issues stay in the tracker. If the request is cut short, the same request finishes it."}, h.remove),
		Handle(Route{Method: http.MethodPost, Path: integrationPath + "/register", Operation: "registerIntegration", Tag: tag, Role: auth.Admin, Limit: integrationLimit,
			Summary: "Register an integration that Productboard does not have", Description: "Use it after the plugin was authorised, after a create that was cut short, or, with recreate, after the integration was deleted there."}, h.register),
		Handle(Route{Method: http.MethodPost, Path: integrationPath + "/enable", Operation: "enableIntegration", Tag: tag, Role: auth.Admin, Limit: integrationLimit,
			Summary: "Enable an integration", Description: "Productboard probes this plugin first."}, h.enable(true)),
		Handle(Route{Method: http.MethodPost, Path: integrationPath + "/disable", Operation: "disableIntegration", Tag: tag, Role: auth.Admin, Limit: integrationLimit,
			Summary: "Disable an integration", Description: "Its column is hidden; its buttons and issues stay as they are."}, h.enable(false)),
		Handle(Route{Method: http.MethodPost, Path: integrationPath + "/rotate-action-secret", Operation: "rotateActionSecret", Tag: tag, Role: auth.Admin, Limit: integrationLimit,
			Summary: "Replace the secret that Productboard sends", Description: "The old one is accepted until shortly after Productboard has the new one. If the request is cut short, the same request finishes it."}, h.rotate),
		Handle(Route{Method: http.MethodPost, Path: integrationPath + "/check", Operation: "checkIntegration", Tag: tag, Role: auth.Admin, ReadOnly: true, Limit: integrationLimit,
			Summary:     "Check an integration",
			Description: "Checks Productboard's credential and permissions, whether Productboard reaches this plugin, the tracker's credentials, its required fields, and the egress rules. Creates nothing."}, h.check),
		Handle(Route{Method: http.MethodPost, Path: integrationPath + "/preview", Operation: "previewIssue", Tag: tag, Role: auth.Viewer, ReadOnly: true, Limit: integrationLimit,
			Summary: "Show the issue that a push would create", Description: "Creates nothing."}, h.preview),
	}
}

// integrationRoutes are the handlers.
type integrationRoutes struct {
	r      Registrar
	sweeps Sweeps
}

func (h integrationRoutes) wire(in tenants.Integration) Integration {
	return wireIntegration(in, h.r.ActionURL(in.ID))
}

// reply is the reply to a change.
func (h integrationRoutes) reply(in tenants.Integration, res register.Result, err error, kind tenants.AuthKind) (Integration, error) {
	if err != nil {
		return Integration{}, integrationProblem(err, kind)
	}
	out := h.wire(in)
	out.Changes, out.Caveat, out.Webhook = res.Changes, res.Caveat, res.Webhook
	return out, nil
}

func (h integrationRoutes) create(ctx context.Context, c *Call, _ None, body IntegrationCreate) (Integration, error) {
	want := tenants.Integration{Type: body.Type}
	if wrong := body.set(&want); len(wrong) > 0 {
		return Integration{}, Invalid(wrong...)
	}
	in, res, err := h.r.Create(ctx, c.Tenant.ID, want)
	if err == nil {
		c.Created("/tenants/%s/integrations/%s", c.Tenant.ID, in.ID)
		c.Concerns(in.ID)
	}
	return h.reply(in, res, err, want.Productboard.Kind)
}

func (h integrationRoutes) list(ctx context.Context, c *Call, q Paging, _ None) (Page[Integration], error) {
	found, next, err := c.Scope.Integrations(ctx, q.Cursor, q.size())
	if err != nil {
		return Page[Integration]{}, err
	}
	items, err := h.withSweeps(ctx, c.Tenant.ID, found...)
	return Page[Integration]{Items: items, Next: next}, err
}

func (h integrationRoutes) get(ctx context.Context, c *Call, _, _ None) (Integration, error) {
	in, err := c.Scope.Integration(ctx, c.Param("integration"))
	if err != nil {
		return Integration{}, err
	}
	items, err := h.withSweeps(ctx, c.Tenant.ID, in)
	if err != nil {
		return Integration{}, err
	}
	return items[0], nil
}

// withSweeps returns integrations with what is known of their sweeps.
func (h integrationRoutes) withSweeps(ctx context.Context, tenant string, found ...tenants.Integration) ([]Integration, error) {
	ids := make([]string, len(found))
	for i, in := range found {
		ids[i] = in.ID
	}
	sweeps, err := h.sweeps.Sweeps(ctx, tenant, ids)
	if err != nil {
		return nil, err
	}
	items := make([]Integration, len(found))
	for i, in := range found {
		items[i] = h.wire(in)
		items[i].Refresh.LastSweep, items[i].Refresh.Stopped = sweeps[i].Ended, sweeps[i].Stopped
	}
	return items, nil
}

func (h integrationRoutes) update(ctx context.Context, c *Call, _ None, patch Merge[IntegrationSettings]) (Integration, error) {
	var kind tenants.AuthKind
	in, res, err := h.r.Patch(ctx, c.Tenant.ID, c.Param("integration"), func(in *tenants.Integration) error {
		if err := c.Match(in.Version); err != nil {
			return err
		}
		desired, err := patch.Apply(SettingsOf(*in))
		if err != nil {
			return err
		}
		if wrong := desired.set(in); len(wrong) > 0 {
			return Invalid(wrong...)
		}
		kind = in.Productboard.Kind
		return nil
	}, patch.Names("target", "credentials")...)
	return h.reply(in, res, err, kind)
}

// IntegrationDelete confirms a deletion.
type IntegrationDelete struct {
	Confirm            string `json:"confirm" max:"255" doc:"The integration's name, so that nothing is deleted by mistake."`
	KeepAtProductboard bool   `json:"keepAtProductboard,omitempty" doc:"Delete here only. The column stays and its buttons do nothing. This is for a workspace that cannot be reached any more."`
}

func (h integrationRoutes) remove(ctx context.Context, c *Call, q IntegrationDelete, _ None) (None, error) {
	err := h.r.Delete(ctx, c.Tenant.ID, c.Param("integration"), register.Deletion{Confirm: q.Confirm, KeepAtProductboard: q.KeepAtProductboard})
	if err = integrationProblem(err, ""); err != nil {
		if p, ok := err.(*Problem); ok { //nolint:errorlint // integrationProblem made it just now
			for i := range p.Errors {
				if p.Errors[i].Field == register.FieldConfirm {
					p.Errors[i].Field = "query." + register.FieldConfirm
				}
			}
		}
	}
	return None{}, err
}

// IntegrationRegister says how to register.
type IntegrationRegister struct {
	Recreate bool `json:"recreate,omitempty" doc:"Create it again if Productboard does not have it any more. The buttons that it had are gone."`
}

func (h integrationRoutes) register(ctx context.Context, c *Call, _ None, body IntegrationRegister) (Integration, error) {
	in, res, err := h.r.Register(ctx, c.Tenant.ID, c.Param("integration"), body.Recreate)
	return h.reply(in, res, err, in.Productboard.Kind)
}

func (h integrationRoutes) enable(on bool) func(ctx context.Context, c *Call, _, _ None) (Integration, error) {
	return func(ctx context.Context, c *Call, _, _ None) (Integration, error) {
		var kind tenants.AuthKind
		in, res, err := h.r.Patch(ctx, c.Tenant.ID, c.Param("integration"), func(in *tenants.Integration) error {
			in.Disabled, kind = !on, in.Productboard.Kind
			return nil
		})
		return h.reply(in, res, err, kind)
	}
}

func (h integrationRoutes) rotate(ctx context.Context, c *Call, _, _ None) (Integration, error) {
	var kind tenants.AuthKind
	in, res, err := h.r.RotateActionSecret(ctx, c.Tenant.ID, c.Param("integration"), func(in tenants.Integration) error {
		kind = in.Productboard.Kind
		return nil
	})
	return h.reply(in, res, err, kind)
}

func (h integrationRoutes) check(ctx context.Context, c *Call, _, _ None) (CheckReport, error) {
	found, err := h.r.Check(ctx, c.Tenant.ID, c.Param("integration"))
	return wireFindings(found), err
}

func (h integrationRoutes) preview(ctx context.Context, c *Call, _ None, body PreviewRequest) (IssuePreview, error) {
	preview, err := h.r.PreviewOf(ctx, c.Tenant.ID, c.Param("integration"), body.Entity)
	return wirePreview(preview), err
}

// ImportedButtons counts the buttons of an integration that was taken over.
type ImportedButtons struct {
	Connected int `json:"connected"`
	Progress  int `json:"progress"`
	Error     int `json:"error"`
	Linked    int `json:"linked" doc:"The connected ones whose issue was found and recorded. A push of another one opens a new issue."`
}

// ImportedIntegration is an integration that was taken over.
type ImportedIntegration struct {
	Integration
	Buttons ImportedButtons `json:"buttons"`
}

func (h integrationRoutes) takeOver(ctx context.Context, c *Call, _ None, body IntegrationImport) (ImportedIntegration, error) {
	// Name and label are Productboard's; what stands for them here is not looked at.
	full := IntegrationSettings{Name: "-", ButtonLabel: "-", Answer: body.Answer, OnUnlink: body.OnUnlink, Refresh: body.Refresh, Hooks: body.Hooks, Productboard: body.Productboard, Target: body.Target}
	var want tenants.Integration
	if wrong := full.set(&want); len(wrong) > 0 {
		return ImportedIntegration{}, Invalid(wrong...)
	}
	takeover, err := h.r.TakeOver(ctx, c.Tenant.ID, body.ProductboardID, want)
	in, err := h.reply(takeover.Integration, takeover.Result, err, want.Productboard.Kind)
	if err != nil {
		return ImportedIntegration{}, err
	}
	c.Created("/tenants/%s/integrations/%s", c.Tenant.ID, in.ID)
	c.Concerns(in.ID)
	return ImportedIntegration{in, ImportedButtons{Connected: takeover.Buttons[pbapi.StateConnected], Progress: takeover.Buttons[pbapi.StateProgress],
		Error: takeover.Buttons[pbapi.StateError], Linked: takeover.Linked}}, nil
}
