package connections

import (
	"context"

	"pushbutton/internal/redisdb"
)

// parked is the index of what waits for a credential, beside those by state.
const parked State = "parked"

// RejectClick records a click whose push cannot be done now, and why. The button
// shows the reason, and the push counts as failed. A push that is under way goes
// on.
func (s *Store) RejectClick(ctx context.Context, key Key, by Person, why Failure) (Record, *Task, error) {
	return s.click(ctx, "reject_click", key, arguments{Name: cut(by.Name, maxPersonText), Email: cut(by.Email, maxPersonText), Failure: &why, Note: why.note()})
}

// Wake lets up to limit pushes of an integration go on that were parked. more
// reports whether there may be others.
func (s *Store) Wake(ctx context.Context, tenant, integration string, limit int) (tasks []Task, more bool, err error) {
	entities, err := s.rdb.ZRange(ctx, indexKey(tenant, integration, parked), 0, int64(limit)-1).Result()
	if err != nil {
		return nil, false, redisdb.Fault("wake", err)
	}
	for _, entity := range entities {
		key := Key{Tenant: tenant, Integration: integration, Entity: entity}
		out, err := s.do(ctx, "wake", key, arguments{})
		if err != nil {
			if unreadable, serr := s.markUnreadable(ctx, key); unreadable && serr == nil {
				continue
			}
			return tasks, true, err
		}
		if w := out.task(key); w != nil {
			tasks = append(tasks, *w)
		}
	}
	return tasks, len(entities) == limit, nil
}
