package pbauth

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
	"pushbutton/internal/tenants"
)

const (
	// tendBatch bounds how many sessions one Tend looks at, tendAgain is when
	// one that could not be refreshed is looked at again.
	tendBatch = 50
	tendAgain = time.Minute
)

// Tend refreshes the sessions that have to be refreshed. One kind had its
// refresh cut short, and the grace is not over yet. The other has not been used
// for half of its refresh token's life. dead is called for each that
// Productboard rejects. Any number of processes may tend.
func (a *Auth) Tend(ctx context.Context, dead func(in tenants.Integration, err error)) error {
	members, err := a.rdb.ZRangeByScore(ctx, dueKey, &redis.ZRangeBy{
		Min: "-inf", Max: strconv.FormatInt(a.opts.Now().UnixMilli(), 10), Count: tendBatch,
	}).Result()
	if err != nil {
		return redisdb.Fault("tend sessions", err)
	}
	var errs []error
	for _, member := range members {
		if err := a.tend(ctx, member, dead); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (a *Auth) tend(ctx context.Context, member string, dead func(in tenants.Integration, err error)) error {
	done := func() error {
		if err := a.rdb.ZRem(ctx, dueKey, member).Err(); err != nil {
			return redisdb.Fault("tend sessions", err)
		}
		return nil
	}
	tenant, id := splitDue(member)
	in, err := a.store.Tenant(tenant).Integration(ctx, id)
	switch {
	case errors.Is(err, fault.NotFound), err == nil && in.Productboard.Kind != tenants.AuthOAuth:
		return done()
	case err != nil:
		return err
	}
	p, err := a.current(ctx, in)
	if err != nil {
		return err
	}
	if p.refresh.Empty() {
		return done()
	}
	_, err = a.renew(ctx, in, p.access)
	if errors.Is(err, fault.Unauthorized) {
		dead(in, err)
		return done()
	}
	if err != nil {
		return errors.Join(err, a.due(ctx, in, a.opts.Now().Add(tendAgain)))
	}
	return nil
}
