package tenants

import (
	"context"

	"pushbutton/internal/fault"
)

// ByID finds an integration by the last segment of its action path. A missing
// one is fault.NotFound.
type ByID interface {
	ByID(ctx context.Context, id string) (Integration, error)
}

// ByTenant finds a tenant by its id. A missing one is fault.NotFound.
type ByTenant interface {
	Tenant(ctx context.Context, id string) (Tenant, error)
}

// Authenticate finds the integration that a callback is addressed to and
// checks the Authorization value that it carries, in constant time. A wrong or
// missing one is fault.Unauthorized without a word on which part was wrong.
func Authenticate(ctx context.Context, integrations ByID, id, authorization string) (Integration, error) {
	integration, err := integrations.ByID(ctx, id)
	if err != nil {
		return Integration{}, err
	}
	if integration.ActionAuth.Empty() || !integration.ActionAuth.Equal(authorization) {
		return Integration{}, fault.New(fault.Unauthorized, "authenticate callback", "The Authorization header is missing or wrong.")
	}
	return integration, nil
}
