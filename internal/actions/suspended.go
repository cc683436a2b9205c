package actions

import (
	"context"
	"errors"

	"pushbutton/internal/fault"
	"pushbutton/internal/tenants"
)

// checkSuspended returns a hold if nothing may be done for a tenant. A tenant that
// does not exist is not suspended: its integrations do not exist either, and that is
// the better reason.
func checkSuspended(ctx context.Context, all tenants.ByTenant, id string) error {
	t, err := all.Tenant(ctx, id)
	switch {
	case errors.Is(err, fault.NotFound):
		return nil
	case err != nil:
		return err
	case !t.Halted():
		return nil
	}
	return &hold{reason: tenantSuspended, err: fault.New(fault.Unavailable, "perform", "This workspace is suspended in the push plugin.")}
}
