package admin

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"pushbutton/internal/admin/auth"
	"pushbutton/internal/fault"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

// applyLimit bounds one declaration. For each integration both sides are asked,
// several at a time, and new ones are registered one after the other.
const applyLimit = 10 * time.Minute

// ApplyRequest declares integrations of several tenants.
type ApplyRequest struct {
	Tenants  []ApplyTenant `json:"tenants" min:"1" max:"10000"`
	Recreate bool          `json:"recreate,omitempty" doc:"Create integrations again that Productboard does not have any more. The buttons that they had are gone."`
}

// ApplyTenant is a tenant and those of its integrations that are declared.
type ApplyTenant struct {
	ID           string              `json:"id" min:"1" max:"63" pattern:"^[a-z0-9-]+$" doc:"One that does not exist is created."`
	Integrations []IntegrationCreate `json:"integrations" max:"1000" doc:"Other integrations of the tenant stay as they are."`
}

// ApplyTenantRequest declares integrations of the path's tenant.
type ApplyTenantRequest struct {
	Integrations []IntegrationCreate `json:"integrations" max:"1000" doc:"Other integrations of the tenant stay as they are."`
	Recreate     bool                `json:"recreate,omitempty" doc:"Create integrations again that Productboard does not have any more. The buttons that they had are gone."`
}

// ApplyReport reports what became of a declaration.
type ApplyReport struct {
	Integrations []ApplyResult `json:"integrations" doc:"The declared ones in their order, then those of the same tenants that were not declared."`
}

// ApplyResult reports what became of one integration.
type ApplyResult struct {
	Tenant         string   `json:"tenant"`
	Name           string   `json:"name"`
	State          string   `json:"state" enum:"created,updated,unchanged,failed,skipped,pending,not_declared" doc:"skipped: it was fine itself, but another one failed its check. pending: stored; authorise the plugin, then register it. not_declared: nothing was done."`
	ID             string   `json:"id,omitempty"`
	ActionURL      string   `json:"actionUrl,omitempty"`
	ProductboardID string   `json:"productboardId,omitempty"`
	Changes        []string `json:"changes,omitempty" doc:"What was changed, in a few words."`
	Caveat         string   `json:"caveat,omitempty" doc:"What the target's settings cannot promise."`
	Warning        string   `json:"warning,omitempty" doc:"Says that the tracker's credential ends soon."`
	Webhook        string   `json:"webhook,omitempty" doc:"What became of the tracker's webhook. Absent: it is as it was."`
}

// states are a result's states on the wire.
func states() map[register.State]string {
	return map[register.State]string{
		register.Created: "created", register.Updated: "updated", register.Unchanged: "unchanged", register.Failed: "failed",
		register.Skipped: "skipped", register.Pending: "pending", register.LeftAlone: "not_declared",
	}
}

// ApplyRoutes are the routes that carry declarations out.
func ApplyRoutes(r Registrar) []Route {
	const tag, text = "Integrations", "Creates and changes what differs from the declaration. Sending it a second time changes nothing. Everything is checked before anything is written. If it fails, the problem's report says what became of each integration."
	h := applyRoutes{r}
	return []Route{
		Handle(Route{Method: http.MethodPost, Path: "/apply", Operation: "apply", Tag: tag, Role: auth.Operator, Idempotent: true, Limit: applyLimit, MaxBody: MaxBody, MaxValues: applyValues,
			Summary: "Declare tenants and integrations", Description: text}, h.all),
		Handle(Route{Method: http.MethodPost, Path: "/tenants/{tenant}/apply", Operation: "applyTenant", Tag: tag, Role: auth.Admin, Idempotent: true, Limit: applyLimit, MaxBody: MaxBody, MaxValues: applyValues,
			Summary: "Declare a tenant's integrations", Description: text}, h.one),
	}
}

type applyRoutes struct{ r Registrar }

func (h applyRoutes) all(ctx context.Context, c *Call, _ None, body ApplyRequest) (ApplyReport, error) {
	d := declaration{declared: register.Declaration{Recreate: body.Recreate}}
	seen := map[string]bool{}
	for i, t := range body.Tenants {
		at := fmt.Sprintf("tenants[%d].", i)
		if seen[t.ID] {
			d.wrong = append(d.wrong, FieldError{Field: at + "id", Message: "is declared twice"})
		}
		seen[t.ID] = true
		d.add(at, t.ID, t.Integrations)
	}
	return h.apply(ctx, c, d)
}

func (h applyRoutes) one(ctx context.Context, c *Call, _ None, body ApplyTenantRequest) (ApplyReport, error) {
	d := declaration{declared: register.Declaration{Recreate: body.Recreate}}
	d.add("", c.Tenant.ID, body.Integrations)
	return h.apply(ctx, c, d)
}

// declaration is a register.Declaration with the places in the body where its
// integrations stand, in their order.
type declaration struct {
	declared register.Declaration
	places   []string
	wrong    []FieldError
}

func (d *declaration) add(at, tenant string, declared []IntegrationCreate) {
	t := register.DesiredTenant{ID: tenant}
	seen := map[string]bool{}
	for i, one := range declared {
		place := fmt.Sprintf("%sintegrations[%d].", at, i)
		in := tenants.Integration{Type: one.Type}
		for _, w := range one.set(&in) {
			d.wrong = append(d.wrong, FieldError{Field: place + w.Field, Message: w.Message})
		}
		// As a file has them, so that the two ways are one declaration.
		in.Name, in.ButtonLabel = one.Name, one.ButtonLabel
		if in.Target.Settings == nil {
			in.Target.Settings = map[string]any{}
		}
		if seen[in.Name] {
			d.wrong = append(d.wrong, FieldError{Field: place + "name", Message: "is declared twice in this tenant"})
		}
		seen[in.Name] = true
		t.Integrations = append(t.Integrations, register.Desired{Integration: in})
		d.places = append(d.places, place)
	}
	d.declared.Tenants = append(d.declared.Tenants, t)
}

// kinds are those of the integrations' credentials for Productboard.
func (d *declaration) kinds() []tenants.AuthKind {
	var out []tenants.AuthKind
	for _, t := range d.declared.Tenants {
		for _, w := range t.Integrations {
			out = append(out, w.Integration.Productboard.Kind)
		}
	}
	return out
}

func (h applyRoutes) apply(ctx context.Context, c *Call, d declaration) (ApplyReport, error) {
	if len(d.wrong) > 0 {
		return ApplyReport{}, Invalid(d.wrong...)
	}
	done, err := h.r.Apply(ctx, d.declared)
	out := wireReport(done)
	touched := map[string]bool{}
	for _, res := range done.Integrations {
		if changed(res.State) && res.Tenant != c.Tenant.ID && !touched[res.Tenant] {
			touched[res.Tenant] = true
			c.Touched(res.Tenant)
		}
	}
	if err != nil {
		return ApplyReport{}, d.problem(done, out, err)
	}
	return out, nil
}

func changed(s register.State) bool {
	return s == register.Created || s == register.Updated || s == register.Pending
}

func wireReport(done register.Report) ApplyReport {
	out := ApplyReport{Integrations: []ApplyResult{}}
	names := states()
	for _, res := range done.Integrations {
		if res.Name == "" {
			continue // a failure that belongs to no integration
		}
		out.Integrations = append(out.Integrations, ApplyResult{Tenant: res.Tenant, Name: res.Name, State: names[res.State], ID: res.ID,
			ActionURL: res.ActionURL, ProductboardID: res.ProductboardID, Changes: res.Changes, Caveat: res.Caveat, Warning: res.Warning, Webhook: res.Webhook})
	}
	return out
}

// Report is the report as the services have it, without the errors.
func (a ApplyReport) Report() register.Report {
	var out register.Report
	back := map[string]register.State{}
	for state, name := range states() {
		back[name] = state
	}
	for _, res := range a.Integrations {
		out.Integrations = append(out.Integrations, register.Result{Tenant: res.Tenant, Name: res.Name, State: back[res.State], ID: res.ID,
			ActionURL: res.ActionURL, ProductboardID: res.ProductboardID, Changes: res.Changes, Caveat: res.Caveat, Warning: res.Warning, Webhook: res.Webhook})
	}
	return out
}

// problem is the problem of a declaration that was not carried out as a whole.
func (d *declaration) problem(done register.Report, report ApplyReport, err error) error {
	t, kinds := newProblemBuilder(), d.kinds()
	written := 0
	for i, res := range done.Integrations {
		if changed(res.State) {
			written++
		}
		if i < len(d.places) {
			t.add(d.places[i], res.Problems, kinds[i])
		} else if res.Err != nil && !t.typed {
			errs := t.problem.Errors
			t.problem, t.typed = problemOf(res.Err), true
			t.problem.Errors = errs
		}
	}
	p := t.problem
	p.Report, p.cause = &report, err
	p.Detail = fmt.Sprintf("Of the %d declared integrations, %d were changed.", len(d.places), written)
	if unsure(done) {
		p.Detail += " What failed may have been done all the same: apply again in a minute, and it is settled."
	}
	return p
}

func unsure(done register.Report) bool {
	for _, res := range done.Integrations {
		for _, p := range res.Problems {
			if fault.IsUnsure(p.Err) {
				return true
			}
		}
	}
	return false
}
