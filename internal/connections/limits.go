package connections

import (
	"context"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
)

// TenantLimits are a tenant's fair share. In the limits of one tenant zero means
// the deployment's own; in those of the deployment it means the default.
type TenantLimits struct {
	// MaxInFlight is how many slots the tenant has: how many runs are in flight
	// at once; default 20. Runs that only tell a person may go a quarter beyond.
	MaxInFlight int
	// MaxQueued bounds the backlog; a push beyond it is rejected. Default
	// 100,000. Read-backs that wait for their date count as well.
	MaxQueued int
	// MaxConnections bounds the records; a push that would need another one is
	// rejected. Default 1,000,000.
	MaxConnections int
	// PushesPerSecond is how many pushes a second may begin. Those beyond wait;
	// as many as come in a second may come at once. Default 50.
	PushesPerSecond int
}

const (
	// maxPassed bounds how many slots one transition passes on.
	maxPassed = 4
	// maxScan is how many runs of a backlog are scanned for one that may begin,
	// behind those whose tracker takes no calls. Of those the first
	// maxScanClosed are asked whether they call it at all. A run farther back
	// waits for the rescuer.
	maxScan, maxScanClosed = 1000, 20
)

func (l TenantLimits) withDefaults() TenantLimits {
	set := func(n *int, def int) {
		if *n <= 0 {
			*n = def
		}
	}
	set(&l.MaxInFlight, 20)
	set(&l.MaxQueued, 100_000)
	set(&l.MaxConnections, 1_000_000)
	set(&l.PushesPerSecond, 50)
	return l
}

// Defaults are the limits of tenants that have none of their own.
func (s *Store) Defaults() TenantLimits { return s.limits }

// SetLimits gives a tenant limits of its own; zero fields take them away
// again. They hold from the next transition on. Negative ones are
// fault.Invalid.
func (s *Store) SetLimits(ctx context.Context, tenant string, l TenantLimits) error {
	const op = "set limits"
	if !validPart(tenant) {
		return fault.New(fault.Invalid, op, "There can be no tenant of this name.")
	}
	if min(l.MaxInFlight, l.MaxQueued, l.MaxConnections, l.PushesPerSecond) < 0 {
		return fault.New(fault.Invalid, op, "A limit cannot be negative.")
	}
	keys, argv, err := request("limits", Key{Tenant: tenant},
		arguments{MaxInFlight: l.MaxInFlight, MaxQueued: l.MaxQueued, MaxConnections: l.MaxConnections, PushesPerSecond: l.PushesPerSecond})
	if err != nil {
		return err
	}
	if err := s.scripts["limits"].Run(ctx, s.rdb, keys, argv...).Err(); err != nil {
		return redisdb.Fault(op, err)
	}
	return nil
}

// ForgetTenant removes what is kept of a tenant beside its records, which
// DeleteIntegration removes.
func (s *Store) ForgetTenant(ctx context.Context, tenant string) error {
	if err := s.rdb.Del(ctx, accountKey(tenant)).Err(); err != nil {
		return redisdb.Fault("forget tenant", err)
	}
	return nil
}

// Usage is how much of its limits a tenant has used.
type Usage struct {
	// InFlight counts the runs that hold a slot, Queued those of the backlog,
	// which wait for a slot or for their date.
	InFlight, Queued int64
	// Connections counts the stored records.
	Connections int64
}

// Usage reads what a tenant has of its limits.
func (s *Store) Usage(ctx context.Context, tenant string) (Usage, error) {
	var slots, backlog *redis.IntCmd
	var n *redis.StringCmd
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		slots, backlog, n = p.SCard(ctx, slotsKey(tenant)), p.ZCard(ctx, backlogKey(tenant)), p.HGet(ctx, accountKey(tenant), "n")
		return nil
	})
	if err != nil && !isNil(err) {
		return Usage{}, redisdb.Fault("read usage", err)
	}
	count, err := n.Int64()
	if err != nil && !isNil(err) {
		return Usage{}, redisdb.Fault("read usage", err)
	}
	return Usage{InFlight: slots.Val(), Queued: backlog.Val(), Connections: count}, nil
}
