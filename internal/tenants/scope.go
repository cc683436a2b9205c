package tenants

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
)

//go:embed change.lua
var changeLua string

// The verdicts of change.lua.
const (
	changeDone     = "done"
	changeNoTenant = "no tenant"
	changeTaken    = "name taken"
	changeFull     = "full"
	changeMissing  = "missing"
	changeVersion  = "version"
	changeInUse    = "in use"
)

// Scope is the store as one tenant sees it: whatever id it is given, nothing
// of another tenant can be reached through it.
type Scope struct {
	store  *Store
	tenant string
}

// Tenant binds the store to a tenant. It does not check that there is one.
func (s *Store) Tenant(id string) Scope { return Scope{store: s, tenant: id} }

// Get reads the tenant itself.
func (h Scope) Get(ctx context.Context) (Tenant, error) {
	return decodeTenant("get tenant", h.store.rdb.Get(ctx, tenantKey(h.tenant)))
}

// Integration reads an integration by id.
func (h Scope) Integration(ctx context.Context, id string) (Integration, error) {
	const op = "get integration"
	raw, err := h.store.rdb.HGet(ctx, integrationsKey(h.tenant), id).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return Integration{}, notFound(op, "The integration")
	case err != nil:
		return Integration{}, redisdb.Fault(op, err)
	}
	return h.store.decode(h.tenant, raw)
}

// ByName reads an integration by its name.
func (h Scope) ByName(ctx context.Context, name string) (Integration, error) {
	const op = "get integration"
	id, err := h.store.rdb.HGet(ctx, namesKey(h.tenant), name).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return Integration{}, notFound(op, "The integration")
	case err != nil:
		return Integration{}, redisdb.Fault(op, err)
	}
	return h.Integration(ctx, id)
}

// Integrations lists integrations by name, at most limit (MaxPage if that is
// less or limit is 0) of those after the cursor; an empty cursor starts, an
// empty next ends. One that cannot be read is left out, and is in Broken.
func (h Scope) Integrations(ctx context.Context, after string, limit int) (page []Integration, next string, err error) {
	const op = "list integrations"
	limit = pageSize(limit)
	ids, err := h.store.rdb.HGetAll(ctx, namesKey(h.tenant)).Result() // at most MaxIntegrations
	if err != nil {
		return nil, "", redisdb.Fault(op, err)
	}
	var names []string
	for name := range ids {
		if name > after {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) > limit {
		names = names[:limit]
		next = names[limit-1]
	}
	if len(names) == 0 {
		return nil, "", nil
	}
	fields := make([]string, len(names))
	for i, name := range names {
		fields[i] = ids[name]
	}
	raws, err := h.store.rdb.HMGet(ctx, integrationsKey(h.tenant), fields...).Result()
	if err != nil {
		return nil, "", redisdb.Fault(op, err)
	}
	for i, raw := range raws {
		text, ok := raw.(string)
		if !ok {
			continue // deleted since its name was read
		}
		in, err := h.store.decode(h.tenant, text)
		if err != nil {
			h.store.report(ctx, Broken{Tenant: h.tenant, Integration: fields[i]})
			continue
		}
		page = append(page, in)
	}
	return page, next, nil
}

// Create stores a new integration. ID must come from NewID; Tenant, Version and
// the times are set here. The error is fault.NotFound if there is no such
// tenant. It is fault.Conflict if the name is taken or the tenant's limit is
// reached (MaxIntegrations where it has none of its own).
func (h Scope) Create(ctx context.Context, in Integration) (Integration, error) {
	const op = "create integration"
	if !ValidIntegrationID(in.ID) || in.Name == "" {
		return Integration{}, &fault.Error{Op: op, Kind: fault.Internal, Err: errors.New("an id and a name are needed")}
	}
	in.Tenant, in.Version = h.tenant, 1
	in.CreatedAt = h.store.now().UTC()
	in.UpdatedAt = in.CreatedAt
	raw, err := h.store.encode(in)
	if err != nil {
		return Integration{}, err
	}
	if err := h.store.rdb.Set(ctx, ownerKey(in.ID), h.tenant, 0).Err(); err != nil {
		return Integration{}, redisdb.Fault(op, err)
	}
	if err := h.change(ctx, op, "create", in, raw); err != nil {
		// Whether Redis carried it out is open if Redis failed: only a refusal
		// makes the entry useless for sure.
		if fault.From(err).Side == "" {
			_ = h.store.rdb.Del(ctx, ownerKey(in.ID)).Err()
		}
		return Integration{}, err
	}
	if len(in.Expires) > 0 {
		_ = h.store.indexExpiry(ctx, in) // else when it is next asked for
	}
	return in, nil
}

// Update replaces an integration. Its Version must be the stored one, or it
// is fault.Conflict with ErrStale; a new name that is taken is fault.Conflict.
func (h Scope) Update(ctx context.Context, in Integration) (Integration, error) {
	const op = "update integration"
	before := in.Version
	in.Tenant = h.tenant
	in.Version++
	in.UpdatedAt = h.store.now().UTC()
	raw, err := h.store.encode(in)
	if err != nil {
		return Integration{}, err
	}
	in.Version = before
	if err := h.change(ctx, op, "update", in, raw); err != nil {
		return Integration{}, err
	}
	in.Version++
	_ = h.store.indexExpiry(ctx, in) // else when it is next asked for
	return in, nil
}

// Delete removes an integration. Its Version must be the stored one, or it is
// fault.Conflict with ErrStale.
func (h Scope) Delete(ctx context.Context, id string, version int64) error {
	const op = "delete integration"
	if err := h.change(ctx, op, "delete", Integration{ID: id, Version: version}, nil); err != nil {
		return err
	}
	if err := h.store.rdb.Del(ctx, ownerKey(id)).Err(); err != nil {
		return redisdb.Fault(op, err)
	}
	return h.store.indexExpiry(ctx, Integration{ID: id})
}

// DeleteTenant removes the tenant, which must have no integration left, or it
// is fault.Conflict.
func (h Scope) DeleteTenant(ctx context.Context) error {
	const op = "delete tenant"
	if err := h.change(ctx, op, "drop", Integration{}, nil); err != nil {
		return err
	}
	if err := h.store.rdb.ZRem(ctx, tenantsKey, h.tenant).Err(); err != nil {
		return redisdb.Fault(op, err)
	}
	// A new tenant of this id may have been made since; its entry stays.
	exists, err := h.store.rdb.Exists(ctx, tenantKey(h.tenant)).Result()
	if err == nil && exists > 0 {
		err = h.store.rdb.ZAdd(ctx, tenantsKey, redis.Z{Member: h.tenant}).Err()
	}
	if err != nil {
		return redisdb.Fault(op, err)
	}
	return nil
}

// change runs change.lua: one atomic step within the tenant's keys. The cache
// is told in any case, since the outcome can be unknown.
func (h Scope) change(ctx context.Context, op, verb string, in Integration, raw []byte) error {
	ctx, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	if raw != nil {
		if err := h.store.announce(ctx); err != nil {
			return err
		}
	}
	keys := []string{tenantKey(h.tenant), integrationsKey(h.tenant), namesKey(h.tenant)}
	verdict, err := h.store.script.Run(ctx, h.store.rdb, keys, verb, in.ID, in.Name, in.Version, raw, MaxIntegrations).Text()
	h.store.changed(h.tenant, in.ID)
	if err != nil {
		return redisdb.Fault(op, err)
	}
	switch verdict {
	case changeDone:
		return nil
	case changeNoTenant:
		return notFound(op, "The tenant")
	case changeMissing:
		return notFound(op, "The integration")
	case changeTaken:
		return fault.New(fault.Conflict, op, "The tenant has an integration of this name already.")
	case changeFull:
		return fault.New(fault.Conflict, op, "The tenant has as many integrations as it may have.")
	case changeVersion:
		return stale(op, "The integration")
	case changeInUse:
		return fault.New(fault.Conflict, op, "The tenant still has integrations.")
	default:
		return &fault.Error{Op: op, Kind: fault.Internal, Err: fmt.Errorf("unexpected verdict %q", verdict)}
	}
}
