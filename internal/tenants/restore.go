package tenants

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
)

// Restore stores an integration as it stood in another deployment, or here
// before it was deleted: with its id, version and times, sealed with this
// store's key. One that the tenant has already is left as it is, so that
// Restore can be repeated. The error is fault.Conflict if another tenant has
// one of this id, or if Create would say so. It is fault.NotFound if there is
// no such tenant.
func (h Scope) Restore(ctx context.Context, in Integration) error {
	const op = "restore integration"
	if !ValidIntegrationID(in.ID) || in.Name == "" || in.Version < 1 {
		return fault.New(fault.Invalid, op, "The integration has no id, name or version.")
	}
	owner, err := h.store.Holder(ctx, in.ID)
	switch {
	case err != nil:
		return err
	case owner == h.tenant:
		return nil
	case owner != "":
		return fault.New(fault.Conflict, op, "Another tenant has an integration of this id.")
	}
	in.Tenant = h.tenant
	raw, err := h.store.encode(in)
	if err != nil {
		return err
	}
	if in.Reconnect != nil {
		if err := h.store.listReconnect(ctx, in.ID, in.Reconnect.Since); err != nil {
			return err
		}
	}
	if err := h.store.rdb.Set(ctx, ownerKey(in.ID), h.tenant, 0).Err(); err != nil {
		return redisdb.Fault(op, err)
	}
	if err := h.change(ctx, op, "create", in, raw); err != nil || len(in.Expires) == 0 {
		return err
	}
	_ = h.store.indexExpiry(ctx, in) // else when it is next asked for
	return nil
}

// Fits reports whether an integration could be stored as it is: fault.Invalid if
// it is larger than MaxRecord. Whoever writes several things asks before the
// first.
func (s *Store) Fits(in Integration) error {
	_, err := s.encode(in)
	return err
}

// Holder returns which tenant has an integration; empty if none does.
func (s *Store) Holder(ctx context.Context, integration string) (tenant string, err error) {
	const op = "find integration"
	tenant, err = s.owner(ctx, integration)
	if errors.Is(err, fault.NotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	// The index may lead nowhere, see ownerKey.
	there, err := s.rdb.HExists(ctx, integrationsKey(tenant), integration).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", redisdb.Fault(op, err)
	}
	if !there {
		return "", nil
	}
	return tenant, nil
}
