package wire

import "pushbutton/internal/fault"

// Unreadable is the error of a driver whose tracker said yes (2xx) in words
// that cannot be understood. It is Unsure: a create may well have happened.
func Unreadable(op string, err error) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.Unavailable, Unsure: true, Err: err}
}

// Sure returns the error of a read. A read changes nothing, however it fails. So a
// read on the way to a create must not make its outcome unknown.
func Sure(err error) *fault.Error {
	e := *fault.From(err)
	e.Unsure = false
	return &e
}
