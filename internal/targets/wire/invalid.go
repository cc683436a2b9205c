package wire

import (
	"fmt"

	"pushbutton/internal/fault"
)

// Invalid returns the error for settings or a text that the tracker cannot
// take. The sentence is for the person who clicked.
func Invalid(op, format string, args ...any) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.Invalid, Public: fmt.Sprintf(format, args...)}
}
