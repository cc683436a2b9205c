package outbound

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"pushbutton/internal/fault"
	"pushbutton/internal/limits/jsonlimit"
	"pushbutton/internal/limits/memory"
)

// Bound is the largest reply that a call accepts. The zero value is One.
type Bound struct {
	// Bytes bounds the body, unpacked. Values bounds the values of a JSON body, as
	// jsonlimit counts them: a value of a few bytes takes hundreds in memory.
	Bytes  int64
	Values int
}

// What the bounds are made of. A value here is one of jsonlimit's.
const (
	oneBytes    = 256 << 10
	oneValues   = 4000
	itemBytes   = 8 << 10
	itemValues  = 200
	charBytes   = 6 // a character that JSON escapes
	maxRefusal  = 64 << 10
	firstBuffer = 4 << 10
)

// The memory that a reply takes, in bytes. A buffer that doubles holds the body
// twice for a moment. A value was measured as an element of a growing list of
// structs of 128 bytes.
const (
	byteWeight  = 2
	valueWeight = 400
	// freeBytes is how much of a body is read before memory is taken for it.
	freeBytes = 64 << 10
)

func weight(bytes int64, values int) int64 { return bytes*byteWeight + int64(values)*valueWeight }

// One is the bound of a reply with one thing: an issue, a project, an account.
// It is 256 KiB with 4,000 values.
func One() Bound { return Bound{Bytes: oneBytes, Values: oneValues} }

// Items is the bound of a list of n things without long texts: 8 KiB and 200
// values for each, above what One allows.
func Items(n int) Bound {
	return Bound{Bytes: oneBytes + int64(n)*itemBytes, Values: oneValues + n*itemValues}
}

// WithTexts adds room for n texts of up to chars characters each, however they
// are escaped.
func (b Bound) WithTexts(n, chars int) Bound {
	b.Bytes += int64(n) * charBytes * int64(chars)
	return b
}

// refusals is the bound of every reply that is no success, whatever its call
// expects: only a few sentences of it are read.
func refusals() Bound { return Bound{Bytes: maxRefusal, Values: oneValues} }

// OversizeError is in the chain of the error for a success whose body is larger
// than its call accepts.
type OversizeError struct {
	// What is "bytes", or what jsonlimit counts, and Limit how many there may
	// be.
	What  string
	Limit int64
}

func (e *OversizeError) Error() string {
	return fmt.Sprintf("the reply has more than %d %s", e.Limit, e.What)
}

// UnreadableError is in the chain of the error for a success whose body does not
// decode into Call.Into.
type UnreadableError struct{ cause error }

func (e *UnreadableError) Error() string { return "the reply cannot be read: " + e.cause.Error() }
func (e *UnreadableError) Unwrap() error { return e.cause }

// receive reads a reply within its bound, judges it and decodes it.
func (c *Client) receive(ctx context.Context, call Call, resp *http.Response) (Reply, *fault.Error) {
	reply := Reply{Status: resp.StatusCode, Header: resp.Header}
	verdict := FromStatus(resp.StatusCode, resp.Header)
	bound := call.Bound
	if bound == (Bound{}) {
		bound = One()
	}
	if verdict != nil {
		bound = refusals()
	}
	if !bounded {
		bound = Bound{Bytes: 32 << 20, Values: 1 << 30}
	}
	var taken int64
	body, err := read(resp.Body, bound.Bytes, func() error {
		taken = weight(bound.Bytes, 0)
		return memory.Take(ctx, taken)
	})
	reply.Body = body
	if err != nil {
		ferr := readFault(ctx, call.Op, err)
		if verdict != nil && !verdict.Unsure {
			ferr.Unsure = false // the status alone says that nothing was done
		}
		return reply, ferr
	}
	values, at, oversize := bound.measure(body)
	memory.Give(ctx, taken) // a Hold that has some must not wait for more
	if verdict == nil && oversize == nil {
		if err := memory.Take(ctx, weight(int64(len(body)), values)); err != nil {
			return reply, readFault(ctx, call.Op, err)
		}
	}
	switch {
	case oversize == nil:
	case verdict != nil || call.Bound == (Bound{}) && call.Into == nil:
		reply.Body = body[:at] // cut, it is no JSON any more, and never empty
	default:
		reply.Body = nil
		return reply, &fault.Error{Op: call.Op, Kind: fault.Unavailable, Unsure: true, Err: oversize}
	}
	if call.Refine != nil {
		verdict = call.Refine(reply, verdict)
	}
	switch {
	case verdict != nil && reply.Status == http.StatusRequestEntityTooLarge:
		verdict.Err = errors.Join(ErrRequestTooLarge, verdict.Err)
	case verdict == nil && call.Into != nil:
		if err := json.Unmarshal(reply.Body, call.Into); err != nil {
			return reply, &fault.Error{Op: call.Op, Kind: fault.Unavailable, Unsure: true, Err: &UnreadableError{cause: err}}
		}
	}
	return reply, verdict
}

// readFault classifies a reply that was not read to its end.
func readFault(ctx context.Context, op string, err error) *fault.Error {
	if full, ok := errors.AsType[*fault.Error](err); ok { // there was no memory for it
		own := *full
		own.Op, own.Unsure = op, true
		return &own
	}
	return transportFault(ctx, op, err, true)
}

// measure counts the values of a body, and returns an *OversizeError and where
// the body exceeds the bound if it does.
func (b Bound) measure(body []byte) (values, at int, err error) {
	if int64(len(body)) > b.Bytes {
		return 0, int(b.Bytes), &OversizeError{What: "bytes", Limit: b.Bytes}
	}
	if text := bytes.TrimLeft(body, " \t\r\n"); len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return 0, 0, nil // not JSON, or a single value
	}
	values, err = jsonlimit.Limits{Values: b.Values}.Scan(body)
	if exceeded, ok := errors.AsType[*jsonlimit.ExceededError](err); ok {
		return values, exceeded.At, &OversizeError{What: exceeded.What, Limit: int64(exceeded.Limit)}
	}
	return values, 0, nil
}

// read reads at most one byte more than the limit, and asks before it keeps more
// than freeBytes. A buffer that doubles costs twice the body; io.ReadAll's costs
// five times that.
func read(r io.Reader, limit int64, ask func() error) ([]byte, error) {
	asked := limit <= freeBytes
	r = io.LimitReader(r, limit+1)
	body := make([]byte, 0, min(firstBuffer, limit+1))
	for {
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return body, err
		case len(body) == cap(body):
			if !asked && len(body) >= freeBytes {
				if err := ask(); err != nil {
					return body, err
				}
				asked = true
			}
			grown := make([]byte, len(body), min(2*int64(cap(body)), limit+1)+1)
			copy(grown, body)
			body = grown
		}
	}
}
