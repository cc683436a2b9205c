package tenants

import (
	"context"
	"time"

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

// refresher can look whether what it remembers is still so; Cache can.
type refresher interface {
	Refresh(ctx context.Context, id string) (Integration, error)
}

// Authenticate finds the integration that a callback is addressed to and
// checks the Authorization value that it carries, in constant time. A wrong or
// missing one is fault.Unauthorized without a word on which part was wrong.
// While the value is being replaced the former one is as good; a value that is
// not known may be newer than what is remembered, which then is read again.
func Authenticate(ctx context.Context, integrations ByID, id, authorization string) (Integration, error) {
	integration, err := integrations.ByID(ctx, id)
	if err != nil {
		return Integration{}, err
	}
	if integration.accepts(authorization) {
		return integration, nil
	}
	if r, ok := integrations.(refresher); ok {
		integration, err = r.Refresh(ctx, id)
		if err != nil {
			return Integration{}, err
		}
		if integration.accepts(authorization) {
			return integration, nil
		}
	}
	return Integration{}, fault.New(fault.Unauthorized, "authenticate callback", "The Authorization header is missing or wrong.")
}

func (in Integration) accepts(authorization string) bool {
	current := in.ActionAuth.Equal(authorization) && !in.ActionAuth.Empty()
	former := in.Former.accepts(authorization, time.Now())
	return current || former
}
