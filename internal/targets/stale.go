package targets

import (
	"context"
	"errors"
)

// remedy is what may turn a refusal into a success.
type remedy uint8

const (
	noRemedy remedy = iota
	lookUpAgain
	leaveLabelsOut
)

// remediableError marks a refusal that created nothing and has a remedy.
type remediableError struct {
	remedy remedy
	err    error
}

func (e *remediableError) Error() string { return e.err.Error() }
func (e *remediableError) Unwrap() error { return e.err }

// Stale marks a refusal that a driver traces to what it or Target remembers:
// the tracker names a label, a milestone or a project that is no longer there.
// The driver has forgotten its part. Target then looks everything up again and
// asks once more, unless the issue may exist already.
func Stale(err error) error {
	if err == nil {
		return nil
	}
	return &remediableError{lookUpAgain, err}
}

// LabelsRefused marks a refusal of the draft's labels, as fresh as they are.
// Target then asks once more without them and names them in the description: a
// label never fails a push.
func LabelsRefused(err error) error {
	if err == nil {
		return nil
	}
	return &remediableError{leaveLabelsOut, err}
}

// remedyOf returns noRemedy for an unsure refusal: the issue may exist.
func remedyOf(err error) remedy {
	var refused *remediableError
	if !errors.As(err, &refused) || OutcomeOf(err) != OutcomeNotDone {
		return noRemedy
	}
	return refused.remedy
}

// send completes a draft and hands it to do, and applies each remedy once.
func (t *Target) send(ctx context.Context, desired Draft, do func(context.Context, Draft) (Issue, error)) (Issue, error) {
	issue, err := t.attempt(ctx, desired, do)
	if remedyOf(err) == lookUpAgain && tooLong(err) == nil {
		t.fields.Forget()
		t.people.forget()
		issue, err = t.attempt(ctx, desired, do)
	}
	if remedyOf(err) == leaveLabelsOut && len(desired.Labels) > 0 {
		desired = t.fit(desired) // named as they would have been sent
		desired = desired.WithoutLabels(t.traits.Name, desired.Labels...)
		issue, err = t.attempt(ctx, desired, do)
	}
	shorter, cut := t.shorter(ctx, desired, err)
	if cut {
		issue, err = t.attempt(ctx, shorter, do)
	}
	return issue, t.explainLength(err, cut)
}

func (t *Target) attempt(ctx context.Context, desired Draft, do func(context.Context, Draft) (Issue, error)) (Issue, error) {
	draft, err := t.complete(ctx, desired)
	if err != nil {
		return Issue{}, err
	}
	if draft.BMPOnly {
		draft = draft.bmp(t.traits.Name)
	}
	return do(ctx, draft)
}
