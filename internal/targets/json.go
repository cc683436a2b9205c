package targets

import (
	"encoding/json"
	"errors"
	"net/http"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
)

// What drivers of trackers that speak JSON have in common. Credential, path
// and the meaning of refusals are the driver's own.

// JSONCall makes a call that wants JSON, and sends body as JSON unless it is
// nil. The driver adds its credential and its Refine. A body that is no JSON
// is fault.Internal, and nothing was sent.
func JSONCall(op, method, url string, body any) (outbound.Call, error) {
	call := outbound.Call{Op: op, Method: method, URL: url, Header: http.Header{"Accept": {"application/json"}}}
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

// ReadJSON ends a read: it decodes what outbound.Client.Send gave into out
// (nil: that there was an answer is enough). The error is Sure; an answer that
// does not fit is what stranger makes of it (see Stranger).
func ReadJSON(op string, reply outbound.Reply, err error, out any, stranger func(op string, err error) *fault.Error) error {
	if err != nil {
		return Sure(err)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(reply.Body, out); err != nil {
		return stranger(op, err)
	}
	return nil
}

// WroteJSON ends a write: it decodes what outbound.Client.Send returned into
// out. Without an out only a web page is an error, since no tracker confirms
// anything with one. An answer that does not fit is Unreadable.
func WroteJSON(op string, reply outbound.Reply, err error, out any) error {
	if err != nil {
		return err
	}
	if out == nil {
		if WebPage(reply) {
			return confirmedByPage(op)
		}
		return nil
	}
	if err := json.Unmarshal(reply.Body, out); err != nil {
		return Unreadable(op, err)
	}
	return nil
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
