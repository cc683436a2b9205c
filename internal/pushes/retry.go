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

// Retried is what became of one call of RetryFailed.
type Retried struct {
	// Retried counts the pushes that were pushed again.
	Retried int
	// Skipped are the integrations whose pushes were passed over.
	Skipped []Skipped
	// Next is where the next call has to go on; empty: nothing is left.
	Next string
}

// Skipped is an integration that takes no pushes at the moment.
type Skipped struct {
	Integration, Name string
	// Err says why: what Retry would say of each of its pushes.
	Err error
}

// RetryFailed pushes again what failed and the query lets through, at most
// Limit (0: DefaultPage, more than MaxRetry: MaxRetry) of them. Its State is
// always error. Called with the cursor that it gave it goes on, and what fails
// again meanwhile is not retried once more: it is newer than the cursor. A
// call that is repeated finds what it has retried no longer failed.
//
// Integrations that take no pushes are passed over and told. A tenant that may
// have no more pushes waiting ends the call early; the next one is the error
// (fault.RateLimited) until there is room again.
func (d Desk) RetryFailed(ctx context.Context, q Query) (Retried, error) {
	q.State = connections.Failed
	q.Limit = min(q.Limit, MaxRetry)
	if q.Limit <= 0 {
		q.Limit = DefaultPage
	}
	r := retrying{d: d, left: q.Limit, may: map[string]error{}}
	next, err := d.scan(ctx, q, r.one)
	if err != nil && r.out.Retried > 0 && errors.Is(err, fault.RateLimited) {
		next, err = r.last.String(), nil
	}
	r.out.Next = next
	return r.out, err
}

// retrying is one call of RetryFailed.
type retrying struct {
	d    Desk
	left int
	// may is what pushable says of an integration, asked once.
	may  map[string]error
	last cursor
	out  Retried
}

func (r *retrying) one(ctx context.Context, in tenants.Integration, p Push) (more bool, err error) {
	refusal, asked := r.may[in.ID]
	if !asked {
		refusal = r.d.pushable(ctx, in)
		if kind := fault.KindOf(refusal); refusal != nil && kind != fault.Conflict && kind != fault.Unauthorized {
			return false, refusal
		}
		r.may[in.ID] = refusal
		if refusal != nil {
			r.out.Skipped = append(r.out.Skipped, Skipped{Integration: in.ID, Name: in.Name, Err: refusal})
		}
	}
	if refusal != nil {
		return true, nil //nolint:nilerr // it is told in Skipped
	}
	began, task, err := r.d.s.Records.Retry(ctx, p.Key, clicker(p.By.Name, p.By.Email))
	if err != nil {
		return false, err
	}
	r.last = cursor{in.ID, connections.Entry{Key: p.Key, Changed: p.Changed}.After()}
	r.d.s.enqueue(ctx, task)
	if began {
		r.out.Retried++
		r.left--
	}
	return r.left > 0, nil
}
