package httptarget

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/templates"
	"pushbutton/internal/targets/wire"
)

// get sends a request that changes nothing, and reads the answer. Its error is
// never Unsure, whatever it is a part of.
func (d *driver) get(ctx context.Context, r *request, data any) (any, error) {
	doc, err := d.send(ctx, r, data, "")
	if err != nil {
		sure := *fault.From(err)
		sure.Unsure = false
		return nil, &sure
	}
	if r.expect != nil && !r.expect.isTruthy(doc) {
		return nil, d.unexpected(r.op, errors.New("expect selects nothing in the answer"))
	}
	return doc, nil
}

// send makes a request of its templates and sends it. The document is nil
// where the answer is not JSON: what needs one says so.
func (d *driver) send(ctx context.Context, r *request, data any, id string) (any, error) {
	call, err := d.call(ctx, r, data)
	if err != nil {
		return nil, d.notSent(r.op, err)
	}
	if d.signer != nil {
		if id == "" {
			id = uuid.NewString()
		}
		d.signer.sign(call.Header, id, time.Now(), call.Body)
	}
	var doc any
	call.Refine = func(reply outbound.Reply, usual *fault.Error) *fault.Error {
		doc, _ = decode(reply.Body)
		return d.verdict(r, reply, doc, usual)
	}
	reply, err := d.http.Send(ctx, call)
	if err != nil {
		return nil, err
	}
	if wire.WebPage(reply) && r.op != targets.OpCreate {
		return nil, &fault.Error{Op: r.op, Kind: fault.Intermediary, Unsure: true, Err: &pageError{},
			Public: d.name + " answered with a web page. Something stands in front of it, or the address is another's. Push again in a while, or ask your admin to check the integration's settings (" + settingOf(r.op) + ")."}
	}
	return doc, nil
}

// notSent is the error of a request that was not made, and so not sent.
func (d *driver) notSent(op string, err error) *fault.Error {
	if ended := fault.Wrap(fault.Invalid, op, err); ended.Kind != fault.Invalid {
		return ended
	}
	exceeded, bad := (*templates.ExceededError)(nil), (*templateError)(nil)
	if errors.As(err, &exceeded) && errors.As(err, &bad) {
		return exceeded.Fault(op, bad.setting)
	}
	return &fault.Error{Op: op, Kind: fault.Invalid, Err: err,
		Public: fmt.Sprintf("%s: the request cannot be made of this item (%s). Ask your admin to correct the integration's settings.", d.name, d.mask(templateMessage(err)))}
}

// call fills the templates of a request in, which share one budget.
func (d *driver) call(ctx context.Context, r *request, data any) (outbound.Call, error) {
	call := outbound.Call{Op: r.op, Method: r.method, Header: http.Header{}, Bound: outbound.Bound{Bytes: maxAnswer, Values: maxValues}}
	filled, bad := r.fill(templates.NewBudget(ctx), data)
	if len(bad) > 0 {
		return call, bad[0]
	}
	call.URL = filled.url
	if filled.body != "" {
		call.Body = []byte(filled.body)
		call.Header.Set("Content-Type", r.contentType)
	}
	call.Header.Set("Accept", "application/json")
	for i, h := range r.headers {
		call.Header.Set(h.name, filled.headers[i])
	}
	return call, nil
}

// pageError is the cause where a web page came in place of the answer.
type pageError struct{}

func (*pageError) Error() string { return "the answer is a web page" }

// unexpected is a good answer that is not as described.
func (d *driver) unexpected(op string, err error) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.Invalid, Err: err,
		Public: d.name + " does not answer as described. Ask your admin to compare the integration's settings (" + settingOf(op) + ") with what it sends."}
}

// settingOf names the setting behind an operation, for a message.
func settingOf(op string) string {
	if op == targets.OpReadMany {
		return setReadMany
	}
	return strings.ReplaceAll(op, " issue", "")
}
