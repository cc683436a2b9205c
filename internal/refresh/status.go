package refresh

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"pushbutton/internal/redisdb"
)

// Status is what is known of an integration's sweeps.
type Status struct {
	// Ended is when the last one was over, or stopped; zero: none was.
	Ended time.Time
	// Stopped is what it stopped at, for people; empty: it read everything.
	Stopped string
}

// Status returns what is known of an integration's sweeps.
func (s *Schedule) Status(ctx context.Context, tenant, integration string) (Status, error) {
	all, err := s.Statuses(ctx, tenant, []string{integration})
	if err != nil {
		return Status{}, err
	}
	return all[0], nil
}

// Statuses returns what is known of the sweeps of a tenant's integrations, in
// their order. It is zero where there was no sweep or the record cannot be read.
func (s *Schedule) Statuses(ctx context.Context, tenant string, integrations []string) ([]Status, error) {
	out := make([]Status, len(integrations))
	if len(integrations) == 0 {
		return out, nil
	}
	names := make([]string, len(integrations))
	for i, in := range integrations {
		names[i] = Claim{Tenant: tenant, Integration: in}.name()
	}
	docs, err := s.rdb.HMGet(ctx, progressKey, names...).Result()
	if err != nil {
		return nil, redisdb.Fault("read sweeps", err)
	}
	for i, doc := range docs {
		var p progress
		if text, ok := doc.(string); ok && json.Unmarshal([]byte(text), &p) == nil {
			out[i] = Status{Ended: millis(p.Ended), Stopped: p.Stopped}
		}
	}
	return out, nil
}

// Behind counts the integrations whose sweep was due longer than late ago and that
// no process sweeps.
func (s *Schedule) Behind(ctx context.Context, late time.Duration) (int64, error) {
	const op = "count late sweeps"
	now, err := s.rdb.Time(ctx).Result()
	if err != nil {
		return 0, redisdb.Fault(op, err)
	}
	n, err := s.rdb.ZCount(ctx, dueKey, "-inf", "("+strconv.FormatInt(now.Add(-late).UnixMilli(), 10)).Result()
	if err != nil {
		return 0, redisdb.Fault(op, err)
	}
	return n, nil
}
