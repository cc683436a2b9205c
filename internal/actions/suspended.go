package actions

import (
	"context"
	"errors"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/tenants"
)

// suspendedWait is how long a suspended tenant's run waits at a time: about how
// late it goes on after the tenant is resumed.
const suspendedWait = 30 * time.Second

// suspended reports whether nothing may be done for a tenant, and why. A tenant
// that does not exist is not suspended: its integrations do not exist either, and
// that is the better reason.
func suspended(ctx context.Context, all tenants.ByTenant, id string) (reason error, halted bool, err error) {
	if all == nil {
		return nil, false, nil
	}
	t, err := all.Tenant(ctx, id)
	switch {
	case errors.Is(err, fault.NotFound):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	case !t.Halted():
		return nil, false, nil
	}
	return fault.New(fault.Unavailable, "perform", "This workspace is suspended in the push plugin."), true, nil
}
