package targets

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets/text"
)

// maxRef bounds the other side's reference in an error, in characters.
const maxRef = 100

// run carries out one operation: bounds it, survives its panic, classifies
// its error and informs the observer.
func (t *Target) run(ctx context.Context, op string, do func(context.Context) error) error {
	start := time.Now()
	err := t.runWithin(ctx, op, do)
	t.shareRateLimit(ctx, err)
	if t.opts.Observe != nil {
		t.opts.Observe(Observation{Type: t.opts.Type, Op: op, Duration: time.Since(start), Outcome: OutcomeOf(err), Err: err})
	}
	return err
}

func (t *Target) runWithin(ctx context.Context, op string, do func(context.Context) error) error {
	if err := context.Cause(ctx); err != nil {
		return t.fault(op, fault.Wrap(fault.Canceled, "", err)) // nothing was sent
	}
	limit := t.opts.Timeout
	if op == OpCheck {
		limit = t.opts.CheckTimeout
	}
	own, cancel := context.WithTimeoutCause(ctx, limit, &timeoutError{tracker: t.traits.Name, op: op, limit: limit})
	defer cancel()
	err := recoverPanic(own, do)
	if err == nil {
		return nil
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("the caller's own deadline passed: %w", err)
	}
	return t.fault(op, err)
}

// timeoutError is the cause of a context that this room's own limit ended.
type timeoutError struct {
	tracker, op string
	limit       time.Duration
}

func (e *timeoutError) Error() string {
	return fmt.Sprintf("%s did not finish %q within this plugin's limit of %s", e.tracker, e.op, e.limit)
}

func (e *timeoutError) Unwrap() error { return context.DeadlineExceeded }

// recoverPanic calls do and turns its panic into an unsure error. An error that nobody
// classified after the context had ended gets the context's cause, which says
// whose limit it was.
func recoverPanic(ctx context.Context, do func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &fault.Error{Kind: fault.Internal, Unsure: true, Err: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	err = do(ctx)
	if classified := (*fault.Error)(nil); err != nil && ctx.Err() != nil && !errors.As(err, &classified) {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return err
}

// fault returns an error in its final form. It is called exactly once per failed
// operation.
func (t *Target) fault(op string, err error) *fault.Error {
	inner := fault.From(err)
	out := *inner
	out.Unsure = OutcomeOf(err) == OutcomeUnknown
	if err.Error() != inner.Error() {
		out.Err = err // what was wrapped around it is for the log
	}
	if out.Op == "" || out.Op == op {
		out.Op = op
	} else {
		out.Op = op + ": " + out.Op
	}
	if op == OpCheck || op == OpFind || op == OpRead || op == OpReadMany || op == OpResolve || op == OpPreview || op == OpExpires || op == OpPublic {
		out.Unsure = false // nothing was to be changed
	}
	out.Blame(fault.SideTracker, t.traits.Name)
	// The sentence needs the tracker's name. outbound, which refuses an address
	// before anything is sent, does not know it.
	if out.Public == "" || out.Kind == fault.Blocked {
		out.Public = publicFor(&out, t.traits.Name)
	}
	out.Public = text.Cut(text.OneLine(t.mask(out.Public)), text.MaxPublic)
	out.Ref = text.Cut(text.OneLine(t.mask(out.Ref)), maxRef)
	if out.Err != nil {
		if text := out.Err.Error(); t.mask(text) != text {
			out.Err = &maskedError{text: t.mask(text), kind: out.Kind}
		}
	}
	return &out
}

// maskedError stands for a cause whose text held a credential. It does not
// unwrap to that cause: somebody would print it.
type maskedError struct {
	text string
	kind fault.Kind
}

func (e *maskedError) Error() string { return e.text }
func (e *maskedError) Unwrap() error { return e.kind }

func (t *Target) mask(s string) string {
	return t.opts.secrets.Hide(s)
}
