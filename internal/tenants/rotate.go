package tenants

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
)

const (
	// rotateBatch is how many integrations are read at once: at MaxRecord each
	// they take some 16 MB.
	rotateBatch = 64
	// rotatePasses bounds the passes: processes that still seal with an older
	// key would keep it busy for ever.
	rotatePasses = 3
	// resealTries bounds the tries for one integration that others change at
	// the same time.
	resealTries = 10
)

// Rotated is the outcome of a rotation.
type Rotated struct {
	Tenants, Integrations int64
	// Resealed counts the integrations whose texts got the first key.
	Resealed int64
	// Older counts, by key id, the integrations that the last pass found sealed
	// with another key than the first. A process that is configured otherwise
	// wrote them since, or they are among Broken.
	Older map[string]int64
	// Broken holds, for at most 20 integrations that could not be re-sealed,
	// which and why.
	Broken []error
	// BrokenCount counts all of them.
	BrokenCount int64
}

// maxBroken bounds how many failures are reported one by one.
const maxBroken = 20

// Rotate seals every credential of every tenant with the keyring's first key,
// while everything runs. An integration is replaced only if it is still, byte
// for byte, what was read. Neither its content nor its version changes. It can
// be stopped and started at any time. What is sealed with the first key already
// is only read. progress is told now and then how far this pass is. The error
// is Redis' or the context's.
func (s *Store) Rotate(ctx context.Context, progress func(Rotated)) (Rotated, error) {
	resealed := int64(0)
	for pass := 1; ; pass++ {
		r := Rotated{Older: map[string]int64{}, Resealed: resealed}
		last := pass == rotatePasses
		before := resealed
		err := s.eachRaw(ctx, func(tenant, id, raw string) error {
			r.Integrations++
			return r.count(tenant, id)(s.resealAll(ctx, tenant, id, raw))
		}, func(tenants int64) {
			r.Tenants = tenants
			progress(r)
		})
		resealed = r.Resealed
		if err != nil || resealed == before || last {
			return r, err
		}
	}
}

// count notes what became of one integration; its error is Redis'.
func (r *Rotated) count(tenant, id string) func(changed bool, older map[string]bool, err error) error {
	return func(changed bool, older map[string]bool, err error) error {
		switch {
		case storeFailed(err):
			return err
		case err != nil:
			r.BrokenCount++
			if len(r.Broken) < maxBroken {
				r.Broken = append(r.Broken, fmt.Errorf("%s/%s: %w", tenant, id, err))
			}
		case changed:
			r.Resealed++
		}
		for key := range older {
			r.Older[key]++
		}
		return nil
	}
}

// resealAll re-seals one integration and what is kept of it apart. older names
// the keys that are left in any of it.
func (s *Store) resealAll(ctx context.Context, tenant, id, raw string) (changed bool, older map[string]bool, err error) {
	changed, older, err = s.reseal(ctx, tenant, id, raw)
	for _, texts := range s.sealedApart() {
		also, left, kerr := texts.Reseal(ctx, tenant, id)
		if storeFailed(kerr) {
			return changed, older, kerr
		}
		changed, err = changed || also, errors.Join(err, kerr)
		for key := range left {
			if older == nil {
				older = map[string]bool{}
			}
			older[key] = true
		}
	}
	return changed, older, err
}

// reseal re-seals one integration. older names the keys that are left in it.
func (s *Store) reseal(ctx context.Context, tenant, id, raw string) (changed bool, older map[string]bool, err error) {
	for range resealTries {
		in, keys, err := s.unseal(tenant, raw)
		delete(keys, s.keys.First())
		if err != nil || len(keys) == 0 {
			return false, keys, err
		}
		doc, err := s.encode(in)
		if err != nil {
			return false, keys, err
		}
		verdict, err := s.Tenant(tenant).replace(ctx, in, doc, raw)
		switch {
		case err != nil:
			return false, keys, err
		case verdict == changeDone:
			return true, nil, nil
		case verdict != changeVersion:
			return false, nil, nil // deleted meanwhile
		}
		raw, err = s.rdb.HGet(ctx, integrationsKey(tenant), id).Result()
		if errors.Is(err, redis.Nil) {
			return false, nil, nil
		}
		if err != nil {
			return false, keys, redisdb.Fault("rotate keys", err)
		}
	}
	return false, nil, errors.New("it is changed all the time; rotate again")
}

// replace puts doc where raw stands.
func (h Scope) replace(ctx context.Context, in Integration, doc []byte, raw string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	if err := h.store.announce(ctx); err != nil {
		return "", err
	}
	keys := []string{tenantKey(h.tenant), integrationsKey(h.tenant), namesKey(h.tenant)}
	verdict, err := h.store.script.Run(ctx, h.store.rdb, keys, "reseal", in.ID, in.Name, in.Version, doc, MaxIntegrations, raw).Text()
	if err != nil {
		return "", redisdb.Fault("rotate keys", err)
	}
	return verdict, nil
}

// eachRaw calls do for every stored integration as it stands in Redis, in
// batches, and done after each tenant with how many there were.
func (s *Store) eachRaw(ctx context.Context, do func(tenant, id, raw string) error, done func(tenants int64)) error {
	seen := int64(0)
	for after := ""; ; {
		ids, next, err := s.tenantIDs(ctx, "list tenants", after, MaxPage)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := s.eachRawOf(ctx, id, do); err != nil {
				return err
			}
			seen++
			done(seen)
		}
		if next == "" {
			return nil
		}
		after = next
	}
}

func (s *Store) eachRawOf(ctx context.Context, tenant string, do func(tenant, id, raw string) error) error {
	const op = "read integrations"
	ids, err := s.rdb.HKeys(ctx, integrationsKey(tenant)).Result() // at most MaxIntegrations
	if err != nil {
		return redisdb.Fault(op, err)
	}
	for len(ids) > 0 {
		batch := ids[:min(rotateBatch, len(ids))]
		ids = ids[len(batch):]
		raws, err := s.rdb.HMGet(ctx, integrationsKey(tenant), batch...).Result()
		if err != nil {
			return redisdb.Fault(op, err)
		}
		for i, raw := range raws {
			text, ok := raw.(string)
			if !ok {
				continue // deleted since
			}
			if err := do(tenant, batch[i], text); err != nil {
				return err
			}
		}
	}
	return nil
}

// storeFailed reports whether Redis failed, as opposed to one integration that
// cannot be read.
func storeFailed(err error) bool {
	f := fault.From(err)
	return f != nil && f.Side == fault.SidePlugin && f.Kind != fault.Internal
}
