package tenants

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
)

// reconnectKey lists the integrations that were put into needs_reconnect and
// whose waiting runs have not been resumed yet. It is a sorted set by the time
// in ms. An entry is written before the mark itself.
const reconnectKey = "pb:reconnect"

// changeTries bounds how often a small change of an integration is tried
// again because somebody else changed it meanwhile.
const changeTries = 5

// NeedReconnect marks an integration: the credential of a side, as it is in
// used, does not work. Of many callers that find out at once, one marks and
// gets true. It is false as well if the credential has been replaced meanwhile.
func (s *Store) NeedReconnect(ctx context.Context, used Integration, side fault.Side, reason string) (bool, error) {
	failed := used.credentialOf(side)
	if err := s.listReconnect(ctx, used.ID, s.now()); err != nil {
		return false, err
	}
	return s.amend(ctx, used.Tenant, used.ID, func(in *Integration) bool {
		if in.reconnect() != nil || in.credentialOf(side) != failed {
			return false
		}
		in.Reconnect = &Reconnect{Side: side, Reason: reason, Since: s.now().UTC()}
		return true
	})
}

func (s *Store) listReconnect(ctx context.Context, integration string, since time.Time) error {
	if err := s.rdb.ZAddNX(ctx, reconnectKey, redis.Z{Score: float64(since.UnixMilli()), Member: integration}).Err(); err != nil {
		return redisdb.Fault("need reconnect", err)
	}
	return nil
}

// Reconnected clears the mark of a side, whose credential was seen to work. It
// is false if there was none.
func (s *Store) Reconnected(ctx context.Context, tenant, integration string, side fault.Side) (bool, error) {
	return s.amend(ctx, tenant, integration, func(in *Integration) bool {
		if in.Reconnect == nil || in.Reconnect.Side != side {
			return false
		}
		in.Reconnect = nil
		return true
	})
}

// amend changes an integration as it is stored now; change reports whether there
// is anything to change.
func (s *Store) amend(ctx context.Context, tenant, id string, change func(*Integration) bool) (bool, error) {
	scope := s.Tenant(tenant)
	for try := 1; ; try++ {
		in, err := scope.Integration(ctx, id)
		if err != nil {
			return false, err
		}
		if !change(&in) {
			return false, nil
		}
		_, err = scope.Update(ctx, in)
		if errors.Is(err, fault.Conflict) && try < changeTries {
			continue
		}
		return err == nil, err
	}
}

// Reconnecting lists the ids of integrations that were marked, the oldest
// first: those that still are, and those for which Resumed was not called.
func (s *Store) Reconnecting(ctx context.Context) ([]string, error) {
	ids, err := s.rdb.ZRange(ctx, reconnectKey, 0, -1).Result()
	if err != nil {
		return nil, redisdb.Fault("list needs_reconnect", err)
	}
	return ids, nil
}

// Resumed takes an integration off that list, once all that waited goes on.
func (s *Store) Resumed(ctx context.Context, integration string) error {
	if err := s.rdb.ZRem(ctx, reconnectKey, integration).Err(); err != nil {
		return redisdb.Fault("resume", err)
	}
	return nil
}
