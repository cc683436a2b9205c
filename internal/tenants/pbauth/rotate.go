package pbauth

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

const (
	// resealTries bounds the tries for tokens that are renewed meanwhile.
	resealTries = 10
	// maxFlows bounds the sign-ins of one integration that are under way, and
	// maxTenantFlows those of a tenant, about 700 bytes each. The oldest gives
	// way to a new one, and whoever had it begins again.
	maxFlows, maxTenantFlows = 10, 100
)

// flowKey lists the sign-ins of an integration that are under way, for a
// rotation to find them: a list that ends with the last of them.
func flowKey(tenant, integration string) string {
	return "pb:{t:" + tenant + "}:oauth:begun:" + integration
}

// tenantFlowKey lists those of all of a tenant's integrations.
func tenantFlowKey(tenant string) string { return "pb:{t:" + tenant + "}:oauth:begun" }

// begin stores what is kept of a Start. It is listed first: an entry may lead
// nowhere, but nothing that is sealed is hidden.
func (a *Auth) begin(ctx context.Context, in tenants.Integration, key, raw string) error {
	if err := a.store.Announce(ctx); err != nil {
		return err
	}
	for list, most := range map[string]int64{flowKey(in.Tenant, in.ID): maxFlows, tenantFlowKey(in.Tenant): maxTenantFlows} {
		if err := a.list(ctx, list, key, most); err != nil {
			return redisdb.Fault("start connection", err)
		}
	}
	if err := a.rdb.Set(ctx, key, raw, stateLife).Err(); err != nil {
		return redisdb.Fault("start connection", err)
	}
	return nil
}

// list puts a sign-in on a list, and ends those that it has no room for.
func (a *Auth) list(ctx context.Context, list, key string, most int64) error {
	var over *redis.StringSliceCmd
	_, err := a.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.LPush(ctx, list, key)
		over = p.LRange(ctx, list, most, -1)
		p.LTrim(ctx, list, 0, most-1)
		p.Expire(ctx, list, stateLife)
		return nil
	})
	if err != nil {
		return err
	}
	for _, old := range over.Val() { // one by one: on a Cluster they are apart
		if err := a.rdb.Del(ctx, old).Err(); err != nil {
			return err
		}
	}
	return nil
}

// sealing reads and writes a document's sealed texts.
type sealing struct {
	keys *secret.Keyring
	used map[string]bool
	errs []error
}

func (a *Auth) sealing() *sealing { return &sealing{keys: a.keys, used: map[string]bool{}} }

// reseal returns the same text sealed with the first key.
func (s *sealing) reseal(sealed, where string) string {
	if sealed == "" {
		return ""
	}
	id, _, _ := strings.Cut(sealed, ":")
	s.used[id] = true
	if id == s.keys.First() {
		return sealed
	}
	plain, err := s.keys.Open(sealed, where)
	if err == nil {
		sealed, err = s.keys.Seal(plain, where)
	}
	s.errs = append(s.errs, err)
	return sealed
}

// older are the keys but the first that were met.
func (s *sealing) older() map[string]bool {
	delete(s.used, s.keys.First())
	return s.used
}

func (a *Auth) resealSession(s *sealing, tenant, integration, doc string) string {
	var d document
	if err := json.Unmarshal([]byte(doc), &d); err != nil {
		s.errs = append(s.errs, errors.New("its tokens cannot be read"))
		return doc
	}
	d.Access = s.reseal(d.Access, bound(tenant, integration, boundAccess))
	d.Refresh = s.reseal(d.Refresh, bound(tenant, integration, boundRefresh))
	raw, err := json.Marshal(d)
	s.errs = append(s.errs, err)
	return string(raw)
}

func (a *Auth) resealFlow(s *sealing, tenant, integration, doc string) string {
	var b pendingFlow
	if err := json.Unmarshal([]byte(doc), &b); err != nil {
		s.errs = append(s.errs, errors.New("a sign-in cannot be read"))
		return doc
	}
	b.Verifier = s.reseal(b.Verifier, bound(tenant, integration, boundVerifier))
	raw, err := json.Marshal(b)
	s.errs = append(s.errs, err)
	return string(raw)
}

// stored reads an integration's session and its sign-ins under way.
func (a *Auth) stored(ctx context.Context, tenant, integration string) (session string, signIns map[string]string, err error) {
	session, err = a.rdb.HGet(ctx, sessionKey(tenant, integration), "doc").Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", nil, redisdb.Fault("read tokens", err)
	}
	keys, err := a.rdb.LRange(ctx, flowKey(tenant, integration), 0, maxFlows-1).Result()
	if err != nil {
		return "", nil, redisdb.Fault("read tokens", err)
	}
	signIns = map[string]string{}
	for _, key := range slices.Compact(keys) {
		raw, err := a.rdb.Get(ctx, key).Result()
		switch {
		case errors.Is(err, redis.Nil): // finished, or over
		case err != nil:
			return "", nil, redisdb.Fault("read tokens", err)
		default:
			signIns[key] = raw
		}
	}
	return session, signIns, nil
}

// SealedWith implements tenants.Sealed.
func (a *Auth) SealedWith(ctx context.Context, tenant, integration string) (map[string]bool, error) {
	session, signIns, err := a.stored(ctx, tenant, integration)
	if err != nil {
		return nil, err
	}
	s := a.sealing()
	if session != "" {
		a.resealSession(s, tenant, integration, session)
	}
	for _, raw := range signIns {
		a.resealFlow(s, tenant, integration, raw)
	}
	return s.used, nil // also of what cannot be opened
}

// Reseal implements tenants.Sealed. Tokens are replaced only if they are still,
// byte for byte, what was read. So a renewal that runs meanwhile is not undone,
// and its lock and the record's life stay as they are.
func (a *Auth) Reseal(ctx context.Context, tenant, integration string) (changed bool, older map[string]bool, err error) {
	for range resealTries {
		session, signIns, err := a.stored(ctx, tenant, integration)
		if err != nil {
			return changed, nil, err
		}
		s := a.sealing()
		verdict := "done"
		if session != "" {
			next := a.resealSession(s, tenant, integration, session)
			if err := errors.Join(s.errs...); err != nil {
				return changed, s.older(), fault.Wrap(fault.Internal, "seal tokens anew", err)
			}
			if len(s.older()) > 0 {
				if verdict, err = a.replace(ctx, tenant, integration, next, session); err != nil {
					return changed, s.older(), err
				}
				changed = changed || verdict == "done"
			}
		}
		for key, raw := range signIns {
			one := a.sealing()
			next := a.resealFlow(one, tenant, integration, raw)
			if len(one.older()) == 0 || errors.Join(one.errs...) != nil {
				continue // it is over in ten minutes, or begun again
			}
			// Only where it still is: a sign-in can be finished once.
			if err := a.rdb.SetArgs(ctx, key, next, redis.SetArgs{Mode: "XX", KeepTTL: true}).Err(); err != nil && !errors.Is(err, redis.Nil) {
				return changed, nil, redisdb.Fault("seal tokens anew", err)
			}
			changed = true
		}
		if verdict == "done" {
			return changed, nil, nil
		}
	}
	return changed, nil, errors.New("its tokens are renewed all the time; rotate again")
}

func (a *Auth) replace(ctx context.Context, tenant, integration, doc, expected string) (string, error) {
	if err := a.store.Announce(ctx); err != nil {
		return "", err
	}
	reply, err := a.script.Run(ctx, a.rdb, []string{sessionKey(tenant, integration)}, "reseal", "", 0, doc, expected).StringSlice()
	if err != nil {
		return "", redisdb.Fault("seal tokens anew", err)
	}
	if len(reply) != 2 {
		return "", &fault.Error{Op: "seal tokens anew", Kind: fault.Internal, Err: errors.New("unexpected reply")}
	}
	return reply[0], nil
}
