// Package wire is what drivers make of a tracker's answers: calls in JSON, how
// their answers are read, and the errors for answers that are wrong.
//
// What must not live here: one tracker's JSON and its words.
package wire

import (
	"encoding/json"
	"errors"
	"net/http"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
)

// Answer is what a driver wants to have read of an answer that may be more than
// outbound.One allows. Drivers pass it where they pass the pointer alone
// otherwise.
type Answer struct {
	Into  any
	Bound outbound.Bound
}

// List is the Answer for a list of at most n things without long texts.
func List(into any, n int) Answer { return Answer{Into: into, Bound: outbound.Items(n)} }

// Expect lets a call read its answer into out: a pointer, an Answer, or nil for
// nothing.
func Expect(call *outbound.Call, out any) {
	answer, ok := out.(Answer)
	if !ok {
		answer.Into = out
	}
	call.Into, call.Bound = answer.Into, answer.Bound
}

// Part is the value of one member of an answer: it is decoded into Into, and
// Found says whether it was there and not null.
type Part struct {
	Into  any
	Found bool
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *Part) UnmarshalJSON(raw []byte) error {
	if p.Found = string(raw) != "null"; !p.Found || p.Into == nil {
		return nil
	}
	return json.Unmarshal(raw, p.Into)
}

// JSONCall makes a call that wants JSON, reads the answer into out (see
// Expect), and sends body as JSON unless it is nil. The driver adds its
// credential and its Refine. A body that is no JSON is fault.Internal, and
// nothing was sent.
func JSONCall(op, method, url string, body, out any) (outbound.Call, error) {
	call := outbound.Call{Op: op, Method: method, URL: url, Header: http.Header{"Accept": {"application/json"}}}
	Expect(&call, out)
	if body == nil {
		return call, nil
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return outbound.Call{}, &fault.Error{Op: op, Kind: fault.Internal, Err: err}
	}
	call.Header.Set("Content-Type", "application/json")
	call.Body = raw
	return call, nil
}

// EndRead ends a read with the error that it ended with, nil for none. The
// result is Sure; an answer that does not fit is what stranger makes of it (see
// Stranger).
func EndRead(op string, err error, stranger func(op string, err error) *fault.Error) error {
	var unreadable *outbound.UnreadableError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unreadable):
		return stranger(op, unreadable.Unwrap())
	default:
		return Sure(err)
	}
}

// EndWrite ends a write with what outbound.Client.Send returned. Where the
// answer was not read into anything only a web page is an error, since no
// tracker confirms anything with one. An answer that does not fit is
// Unreadable.
func EndWrite(op string, reply outbound.Reply, err error, out any) error {
	var unreadable *outbound.UnreadableError
	switch {
	case errors.As(err, &unreadable):
		return Unreadable(op, unreadable.Unwrap())
	case err != nil:
		return err
	case out == nil && WebPage(reply):
		return confirmedByPage(op)
	default:
		return nil
	}
}

// confirmedByPage is the error of a write that a web page claims to confirm.
func confirmedByPage(op string) *fault.Error {
	return Unreadable(op, errors.New("the answer is a web page"))
}

// Stranger is the error of a read that brought something else than what the
// tracker sends: another program lives at the address, or stands in front of
// it. settings names those that make up the address.
func Stranger(op, tracker, settings string, err error) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.Intermediary, Err: err,
		Public: "The address does not answer as " + tracker + " does. Ask your admin to check " + settings + "."}
}
