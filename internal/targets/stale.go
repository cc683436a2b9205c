package targets

import (
	"context"
	"errors"
)

// staleError marks a refusal that something remembered may have caused.
type staleError struct{ err error }

func (e *staleError) Error() string { return e.err.Error() }
func (e *staleError) Unwrap() error { return e.err }

// Stale marks a refusal that a driver traces to what it or Target remembers:
// the tracker names a label, a milestone or a project that is no longer there.
// The driver has forgotten its part. Target then looks everything up again and
// asks once more, unless the issue may exist already.
func Stale(err error) error {
	if err == nil {
		return nil
	}
	return &staleError{err}
}

// send completes a draft and hands it to do. After a Stale refusal it forgets
// what was looked up and does both again, once. An unsure refusal is final: the
// issue may exist.
func (t *Target) send(ctx context.Context, wanted Draft, do func(context.Context, Draft) (Issue, error)) (Issue, error) {
	issue, err := t.attempt(ctx, wanted, do)
	var stale *staleError
	if !errors.As(err, &stale) || OutcomeOf(err) != OutcomeNotDone {
		return issue, err
	}
	t.fields.Forget()
	t.people.forget()
	return t.attempt(ctx, wanted, do)
}

func (t *Target) attempt(ctx context.Context, wanted Draft, do func(context.Context, Draft) (Issue, error)) (Issue, error) {
	draft, err := t.complete(ctx, wanted)
	if err != nil {
		return Issue{}, err
	}
	return do(ctx, draft)
}
