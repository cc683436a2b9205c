// Package templates runs templates that admins wrote: Go's text/template and
// html/template within a budget of steps and bytes, and within a context. It
// has the functions for texts that all templates can call, and puts rich text
// back where a template wrote it.
//
// Go's packages run a template to its end, however far that is. So this one
// rewrites the parsed tree: every list of nodes begins by paying for its nodes,
// and every function pays for what it reads and makes.
//
// What must not live here: what templates see, and which settings they stand in.
package templates

import (
	"context"
	"errors"
	"fmt"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets/text"
)

// What the templates that share a Budget may do. A push's own text takes about
// a thousand steps and a few times its length in bytes.
const (
	// MaxSteps bounds the nodes that are evaluated: fields, functions, pieces of
	// text. Each turn of a loop counts its nodes again.
	MaxSteps = 100_000
	// MaxBytes bounds the bytes that functions read and make, and that are
	// written. Four forms of a text of 1.5 MB fit, which is the longest that
	// Productboard has.
	MaxBytes = 32 << 20
)

// Budget is what is left to the templates of one item, of one request or of
// one description that is checked. It is not safe for concurrent use.
type Budget struct {
	ctx          context.Context
	steps, bytes int
	err          error
}

// NewBudget returns a full budget, which ends with the context.
func NewBudget(ctx context.Context) *Budget { return &Budget{ctx: ctx} }

// Steps returns how many steps were asked for, at most one list of nodes more
// than MaxSteps.
func (b *Budget) Steps() int { return b.steps }

// Bytes returns how many bytes were asked for.
func (b *Budget) Bytes() int { return b.bytes }

// Err returns why nothing is left: an *ExceededError, or an error that is the
// context's. It is nil while something is left.
func (b *Budget) Err() error { return b.err }

// Charge pays for bytes that are read or made.
func (b *Budget) Charge(bytes int) error { return b.pay(0, bytes) }

// Afford returns an error if so many bytes are not left. A function asks it
// before it makes a text that is much longer than its arguments.
func (b *Budget) Afford(bytes int) error {
	if bytes > MaxBytes-b.bytes {
		return b.pay(0, bytes)
	}
	return b.pay(0, 0)
}

// pay takes from the budget. Once it has failed it fails with the same error.
func (b *Budget) pay(steps, bytes int) error {
	if b.err != nil {
		return b.err
	}
	b.steps += steps
	b.bytes = min(b.bytes+bytes, MaxBytes+1)
	switch {
	case !bounded:
	case b.ctx.Err() != nil:
		b.err = ended(b.ctx)
	case b.steps > MaxSteps:
		b.err = &ExceededError{limit: fmt.Sprintf("it takes more than %d,000 steps", MaxSteps/1000)}
	case b.bytes > MaxBytes:
		b.err = &ExceededError{limit: fmt.Sprintf("it works through more than %d MB of text", MaxBytes>>20)}
	}
	return b.err
}

// ended is the error of a context that has ended: both what it is and why.
func ended(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, ctx.Err()) {
		return cause
	}
	return fmt.Errorf("%w: %w", ctx.Err(), cause)
}

// ExceededError says that a template did more than its budget allows. It is
// the template that has to change: the same item fails again.
type ExceededError struct{ limit string }

// Error is a sentence that goes after a template's name.
func (e *ExceededError) Error() string { return "does too much: " + e.limit }

// Fault is the error of the template in a setting ("settings.title"). Only the
// template can change that.
func (e *ExceededError) Fault(op, setting string) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.Invalid, Side: fault.SidePlugin, Err: e,
		Public: fmt.Sprintf("The template in %s %s. Ask your admin to shorten it: %s.", text.Cut(setting, 80), e, Advice)}
}

// Advice is what to do about an ExceededError.
const Advice = "use fewer loops, and fewer functions over long texts"
