package tenants

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
	"pushbutton/internal/secret"
)

// Keys in Redis. Everything of one tenant shares a hash tag, so that it lies on
// one node of a Redis Cluster and changes atomically. Two indexes lie
// elsewhere: all tenants, and the tenant of an integration. An entry of either
// is written before what it leads to and removed after it. A crash in between
// leaves an entry that leads nowhere, which readers skip. It never hides
// anything.
const tenantsKey = "pb:tenants"

func tenantKey(tenant string) string       { return "pb:{t:" + tenant + "}:tenant" }
func integrationsKey(tenant string) string { return "pb:{t:" + tenant + "}:integrations" }
func namesKey(tenant string) string        { return "pb:{t:" + tenant + "}:names" }
func ownerKey(integration string) string   { return "pb:owner:" + integration }

// Store keeps tenants and integrations in Redis. It is safe for concurrent
// use, also by several processes. Its errors are *fault.Error; where Redis
// itself failed, their peer is Redis.
type Store struct {
	rdb    redis.UniversalClient
	script *redis.Script
	keys   *secret.Keyring
	now    func() time.Time

	mu       sync.Mutex
	watchers []watcher
	tell     []func(ctx context.Context, b Broken)
	// beside keep sealed texts apart from the records.
	beside []Sealed
	// announced is when the key that seals was last put into the index of
	// keys.
	announced time.Time
}

// watcher is told of what the store changes: of an integration by its id, or
// of a tenant by its own.
type watcher struct{ integration, tenant func(id string) }

// NewStore makes a Store that seals credentials with keys.
func NewStore(rdb redis.UniversalClient, keys *secret.Keyring) *Store {
	return &Store{rdb: rdb, script: redis.NewScript(changeLua), keys: keys, now: time.Now}
}

// watch makes the store tell of everything that it changes.
func (s *Store) watch(w watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers = append(s.watchers, w)
}

func (s *Store) changed(tenant, integration string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.watchers {
		if integration == "" {
			w.tenant(tenant)
		} else {
			w.integration(integration)
		}
	}
}

func notFound(op, what string) error { return fault.New(fault.NotFound, op, what+" does not exist.") }

// Tenants lists tenants by id, at most limit (MaxPage if that is less or
// limit is 0) of those after the cursor; an empty cursor starts, an empty next
// ends. A page may hold fewer than limit and not be the last. A tenant that
// cannot be read is left out, and is in Broken.
func (s *Store) Tenants(ctx context.Context, after string, limit int) (page []Tenant, next string, err error) {
	const op = "list tenants"
	ids, next, err := s.tenantIDs(ctx, op, after, limit)
	if err != nil || len(ids) == 0 {
		return nil, "", err
	}
	replies := make([]*redis.StringCmd, len(ids))
	_, err = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			replies[i] = p.Get(ctx, tenantKey(id))
		}
		return nil
	})
	var answered redis.Error
	if err != nil && !errors.As(err, &answered) { // what Redis says of one is told below
		return nil, "", redisdb.Fault(op, err)
	}
	for i, reply := range replies {
		t, err := decodeTenant(op, reply)
		switch {
		case errors.Is(err, fault.NotFound): // an entry that leads nowhere
		case errors.Is(err, ErrBroken):
			s.report(ctx, Broken{Tenant: ids[i]})
		case err != nil:
			return nil, "", err
		default:
			page = append(page, t)
		}
	}
	return page, next, nil
}

// tenantIDs lists the ids of Tenants, those of broken ones too.
func (s *Store) tenantIDs(ctx context.Context, op, after string, limit int) (ids []string, next string, err error) {
	limit = pageSize(limit)
	from := "-"
	if after != "" {
		from = "(" + after
	}
	ids, err = s.rdb.ZRangeByLex(ctx, tenantsKey, &redis.ZRangeBy{Min: from, Max: "+", Count: int64(limit)}).Result()
	if err != nil {
		return nil, "", redisdb.Fault(op, err)
	}
	if len(ids) == limit {
		next = ids[len(ids)-1]
	}
	return ids, next, nil
}

func pageSize(limit int) int {
	if limit <= 0 || limit > MaxPage {
		return MaxPage
	}
	return limit
}

func decodeTenant(op string, reply *redis.StringCmd) (Tenant, error) {
	raw, err := reply.Bytes()
	if errors.Is(err, redis.Nil) {
		return Tenant{}, notFound(op, "The tenant")
	}
	if redis.HasErrorPrefix(err, "WRONGTYPE") {
		return Tenant{}, brokenFault(op, "The tenant", err)
	}
	if err != nil {
		return Tenant{}, redisdb.Fault(op, err)
	}
	var t Tenant
	if err := json.Unmarshal(raw, &t); err != nil {
		return Tenant{}, brokenFault(op, "The tenant", err)
	}
	if t.ID == "" {
		return Tenant{}, brokenFault(op, "The tenant", errors.New("it has no id"))
	}
	return t, nil
}

// ByID reads an integration by its id alone, for callbacks, which name no
// tenant: two round trips. Cache is the quick way.
func (s *Store) ByID(ctx context.Context, id string) (Integration, error) {
	tenant, err := s.owner(ctx, id)
	if err != nil {
		return Integration{}, err
	}
	return s.Tenant(tenant).Integration(ctx, id)
}

// owner returns whose an integration is. It never changes.
func (s *Store) owner(ctx context.Context, id string) (string, error) {
	const op = "find integration"
	if !ValidIntegrationID(id) {
		return "", notFound(op, "The integration")
	}
	tenant, err := s.rdb.Get(ctx, ownerKey(id)).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return "", notFound(op, "The integration")
	case err != nil:
		return "", redisdb.Fault(op, err)
	}
	return tenant, nil
}
