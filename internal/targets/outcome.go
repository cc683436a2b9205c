package targets

import (
	"errors"

	"pushbutton/internal/fault"
)

// Outcome is what the end of a create says about the issue.
type Outcome uint8

// The outcomes of a create.
const (
	// OutcomeUnknown: the issue may exist. Look it up by its marker, for as
	// long as Traits.Consistency asks for; never send again blindly.
	OutcomeUnknown Outcome = iota
	// OutcomeDone: the issue exists and its id is known.
	OutcomeDone
	// OutcomeNotDone: no issue was made; sending again is safe.
	OutcomeNotDone
)

// String returns the outcome's stable name, as used in logs and metrics.
func (o Outcome) String() string {
	switch o {
	case OutcomeDone:
		return "done"
	case OutcomeNotDone:
		return "not_done"
	case OutcomeUnknown:
		return "unknown"
	default:
		return "unknown"
	}
}

// OutcomeOf reads a create's outcome from its error. It is the only place
// that decides this:
//
//   - no error: done;
//   - a *fault.Error that is not Unsure: not done (the request never left, or
//     the tracker's answer shows that it refused);
//   - a *fault.Error that is Unsure: unknown (the connection broke or time ran
//     out after the request left, a 5xx, a 2xx whose body cannot be read);
//   - an error that nobody classified, such as a bare context error: unknown.
func OutcomeOf(err error) Outcome {
	if err == nil {
		return OutcomeDone
	}
	var e *fault.Error
	if errors.As(err, &e) && !e.Unsure {
		return OutcomeNotDone
	}
	return OutcomeUnknown
}
