package pushes

import (
	"context"
	"errors"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/tenants"
)

// MaxRetry bounds how many pushes one call of RetryFailed pushes again.
const MaxRetry = 200

// RetryResult is the result of one call of RetryFailed.
type RetryResult struct {
	// Retried counts the pushes that were pushed again.
	Retried int
	// Skipped lists the integrations whose pushes were passed over.
	Skipped []Skipped
	// Next is the cursor for the next call. It is empty if nothing is left.
	Next string
}

// Skipped is an integration that takes no pushes at the moment.
type Skipped struct {
	Integration, Name string
	// Err says why. Retry would return it for each of the integration's pushes.
	Err error
}

// RetryFailed retries the failed pushes that the query lets through, at most Limit
// of them (0: DefaultPage, more than MaxRetry: MaxRetry). The query's State is
// always error. Called with Next of the call before, it goes on there. A push that
// fails again meanwhile is not retried a second time, since it is newer than the
// cursor. A call that is repeated finds that what it retried is no longer failed.
//
// Integrations that take no pushes are passed over and listed in Skipped. A tenant
// whose backlog is full ends the call early. The next call returns
// fault.RateLimited until there is room.
func (s Scope) RetryFailed(ctx context.Context, q Query) (RetryResult, error) {
	q.State = connections.Failed
	q.Limit = min(q.Limit, MaxRetry)
	if q.Limit <= 0 {
		q.Limit = DefaultPage
	}
	r := bulkRetry{scope: s, left: q.Limit, rejections: map[string]error{}}
	next, err := s.scan(ctx, q, r.one)
	if err != nil && r.out.Retried > 0 && errors.Is(err, fault.RateLimited) {
		next, err = r.last.String(), nil
	}
	r.out.Next = next
	return r.out, err
}

// bulkRetry is one call of RetryFailed.
type bulkRetry struct {
	scope Scope
	left  int
	// rejections holds what checkPushable returned for each integration.
	rejections map[string]error
	last       cursor
	out        RetryResult
}

func (r *bulkRetry) one(ctx context.Context, in tenants.Integration, p Push) (more bool, err error) {
	rejection, known := r.rejections[in.ID]
	if !known {
		rejection = r.scope.checkPushable(ctx, in)
		if kind := fault.KindOf(rejection); rejection != nil && kind != fault.Conflict && kind != fault.Unauthorized {
			return false, rejection
		}
		r.rejections[in.ID] = rejection
		if rejection != nil {
			r.out.Skipped = append(r.out.Skipped, Skipped{Integration: in.ID, Name: in.Name, Err: rejection})
		}
	}
	if rejection != nil {
		return true, nil //nolint:nilerr // it is in Skipped
	}
	began, task, err := r.scope.service.records.Retry(ctx, p.Key, clicker(p.By.Name, p.By.Email))
	if err != nil {
		return false, err
	}
	r.last = cursor{in.ID, connections.Entry{Key: p.Key, Changed: p.Changed}.After()}
	r.scope.service.enqueue(ctx, task)
	if began {
		r.out.Retried++
		r.left--
	}
	return r.left > 0, nil
}
