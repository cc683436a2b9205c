package hooks

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
)

// MaxRoute bounds a route in bytes, and MaxPerRoute the integrations that one route
// leads to.
const (
	MaxRoute    = 200
	MaxPerRoute = 100
)

// Ref names an integration.
type Ref struct{ Tenant, Integration string }

func (r Ref) member() string { return r.Tenant + "/" + r.Integration }

// Routes says which integrations are told what an app's one webhook tells
// (targets.Kind.SharedHook). An entry is a guess: whoever reads it asks the
// integration whether it has the route still. It is safe for concurrent use.
type Routes struct {
	rdb redis.UniversalClient
	add *redis.Script
}

// addRoute adds ARGV[1] to the set KEYS[1], unless that has ARGV[2] members.
const addRoute = `
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then return 1 end
if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
return redis.call('SADD', KEYS[1], ARGV[1])`

// NewRoutes makes Routes.
func NewRoutes(rdb redis.UniversalClient) *Routes {
	return &Routes{rdb: rdb, add: redis.NewScript(addRoute)}
}

func routeKey(kind, route string) string { return "pb:{hooks}:route:" + kind + ":" + route }

func badRoute(route string) bool { return route == "" || len(route) > MaxRoute }

func validRoute(op, route string) error {
	if badRoute(route) {
		return fault.Wrap(fault.Internal, op, fmt.Errorf("a route of %d bytes", len(route)))
	}
	return nil
}

// AddRoute leads a route of a kind of tracker to an integration; again is harmless.
// A route with MaxPerRoute others is fault.Conflict.
func (r *Routes) AddRoute(ctx context.Context, kind, route string, to Ref) error {
	const op = "add route of webhooks"
	if err := validRoute(op, route); err != nil {
		return err
	}
	added, err := r.add.Run(ctx, r.rdb, []string{routeKey(kind, route)}, to.member(), MaxPerRoute).Int()
	switch {
	case err != nil:
		return redisdb.Fault(op, err)
	case added == 0:
		return &fault.Error{Op: op, Kind: fault.Conflict, Side: fault.SidePlugin, Err: errors.New("the route is full"),
			Public: fmt.Sprintf("%d integrations are told by the same webhook already. Remove one of them, or let sweeps alone keep this one's buttons true (hooks: off).", MaxPerRoute)}
	}
	return nil
}

// RemoveRoute undoes AddRoute; one that does not exist is no error.
func (r *Routes) RemoveRoute(ctx context.Context, kind, route string, to Ref) error {
	const op = "remove route of webhooks"
	if err := validRoute(op, route); err != nil {
		return err
	}
	return redisdb.Fault(op, r.rdb.SRem(ctx, routeKey(kind, route), to.member()).Err())
}

// ByRoute lists where a route leads, at most MaxPerRoute, in no order. The route may
// come from outside.
func (r *Routes) ByRoute(ctx context.Context, kind, route string) ([]Ref, error) {
	const op = "find route of webhooks"
	if badRoute(route) {
		return nil, nil // nobody has such a route
	}
	members, err := r.rdb.SMembers(ctx, routeKey(kind, route)).Result()
	if err != nil {
		return nil, redisdb.Fault(op, err)
	}
	refs := make([]Ref, 0, len(members))
	for _, m := range members {
		if tenant, integration, ok := strings.Cut(m, "/"); ok {
			refs = append(refs, Ref{Tenant: tenant, Integration: integration})
		}
	}
	return refs, nil
}
