package register

import (
	"context"

	"pushbutton/internal/tenants"
)

// PointsElsewhere reports whether Productboard was last told another address, or
// another secret, than this deployment's: after a move, or while a new secret
// was not told yet. One that is not registered points nowhere.
func (r *Registrar) PointsElsewhere(in tenants.Integration) bool {
	return in.ProductboardID != "" && in.Deleting.IsZero() && in.Registered != r.digest(in)
}

// Repoint tells Productboard this deployment's address for every integration
// of a tenant that points elsewhere; each is probed by it. It can be called
// again. The error joins all failures; each is also in the report.
func (r *Registrar) Repoint(ctx context.Context, tenant string) (Report, error) {
	var elsewhere []tenants.Integration
	err := eachIntegration(ctx, r.store.Tenant(tenant), func(in tenants.Integration) {
		if r.PointsElsewhere(in) {
			elsewhere = append(elsewhere, in)
		}
	})
	if err != nil {
		return Report{}, err
	}
	var report Report
	for _, in := range elsewhere {
		_, result, err := r.Register(ctx, tenant, in.ID, false)
		if err != nil && result.Err == nil { // it went before it was looked at
			result = Result{Tenant: tenant, Name: in.Name, ID: in.ID, State: Failed, Err: describe(tenant+"/"+in.Name, err)}
		}
		report.Integrations = append(report.Integrations, result)
	}
	return report, report.Err()
}
