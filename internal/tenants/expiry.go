package tenants

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
)

// ExpiryWarning is how long ahead of a credential's end is warned.
const ExpiryWarning = 14 * 24 * time.Hour

// expiryKey lists the credentials that have an end: a sorted set by the time in
// ms. It is made from the integrations and follows them. An entry that a crash
// has left wrong is corrected when the credential's end is stored again, at the
// latest after the next daily question.
const expiryKey = "pb:expiry"

// Expiry is when a credential ends.
type Expiry struct {
	At time.Time

	// of names the credential; the store sets it.
	of string
}

// Soon reports whether it is time to warn, or past it.
func (e Expiry) Soon(now time.Time) bool {
	return !e.At.IsZero() && !now.Before(e.At.Add(-ExpiryWarning))
}

// SetExpiry notes when the credential of a side ends, as the integration has
// it now; zero: it has no end, or nobody tells. It stores nothing.
func (in *Integration) SetExpiry(side fault.Side, at time.Time) {
	in.Expires = maps.Clone(in.Expires) // what is read may be shared
	if at.IsZero() {
		delete(in.Expires, side)
		return
	}
	if in.Expires == nil {
		in.Expires = map[fault.Side]Expiry{}
	}
	in.Expires[side] = Expiry{At: at.UTC()}
}

// expires is what is still true of the ends that the integration carries.
func (in Integration) expires() map[fault.Side]Expiry {
	var out map[fault.Side]Expiry
	for side, e := range in.Expires {
		current := in.credentialOf(side)
		if e.At.IsZero() || (e.of != "" && e.of != current) {
			continue
		}
		if out == nil {
			out = map[fault.Side]Expiry{}
		}
		out[side] = Expiry{At: e.At, of: current}
	}
	return out
}

// markedExpiry is an Expiry as it stands in Redis.
type markedExpiry struct {
	Side fault.Side `json:"side"`
	At   time.Time  `json:"at"`
	Of   string     `json:"of"`
}

func encodeExpiry(expires map[fault.Side]Expiry) []markedExpiry {
	var out []markedExpiry
	for _, side := range slices.Sorted(maps.Keys(expires)) {
		out = append(out, markedExpiry{Side: side, At: expires[side].At, Of: expires[side].of})
	}
	return out
}

func decodeExpiry(marked []markedExpiry) map[fault.Side]Expiry {
	var out map[fault.Side]Expiry
	for _, m := range marked {
		if out == nil {
			out = map[fault.Side]Expiry{}
		}
		out[m.Side] = Expiry{At: m.At, of: m.Of}
	}
	return out
}

// SetExpiry stores when the credential of a side ends, as it is in used; zero:
// it has no end. It is false where that was known, or where the credential has
// been replaced meanwhile.
func (s *Store) SetExpiry(ctx context.Context, used Integration, side fault.Side, at time.Time) (bool, error) {
	of := used.credentialOf(side)
	var last Integration
	set, err := s.amend(ctx, used.Tenant, used.ID, func(in *Integration) bool {
		last = *in
		if in.credentialOf(side) != of || in.expires()[side].At.Equal(at) {
			return false
		}
		in.SetExpiry(side, at)
		return true
	})
	if err == nil && !set {
		err = s.indexExpiry(ctx, last) // it may be an entry that is wrong
	}
	return set, err
}

// Expiring counts the credentials that end before a time, or have ended and
// are in use all the same.
func (s *Store) Expiring(ctx context.Context, before time.Time) (int64, error) {
	n, err := s.rdb.ZCount(ctx, expiryKey, "-inf", "("+strconv.FormatInt(before.UnixMilli(), 10)).Result()
	if err != nil {
		return 0, redisdb.Fault("count expiring", err)
	}
	return n, nil
}

// indexExpiry makes the index say of an integration what it says itself.
func (s *Store) indexExpiry(ctx context.Context, in Integration) error {
	expires := in.expires()
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, side := range []fault.Side{fault.SideProductboard, fault.SideTracker} {
			member := in.ID + "/" + string(side)
			if e, ok := expires[side]; ok {
				p.ZAdd(ctx, expiryKey, redis.Z{Score: float64(e.At.UnixMilli()), Member: member})
			} else {
				p.ZRem(ctx, expiryKey, member)
			}
		}
		return nil
	})
	if err != nil {
		return redisdb.Fault("index expiry", err)
	}
	return nil
}
