// Package httptarget pushes to any HTTP API by a description: requests as
// templates, and where an issue's parts stand in the answers as JSONPaths.
// An admin writes the description into the integration's settings, or takes
// one that ships in config/targets.
//
// What a description gives decides what the tracker can do. Without a look-up
// a lost answer may make a second issue; Traits.Caveat says so.
//
// What must not live here: anything about a particular tracker.
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
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/templates"
	"pushbutton/internal/targets/wire"
)

// A description does not tell how much an answer is, so that these hold for
// every one: bytes, and values as jsonlimit counts them.
const (
	maxAnswer = 4 << 20
	maxValues = 20_000
)

// driver is a description that was read.
type driver struct {
	http    *outbound.Client
	name    string
	errors  refusals
	mapping mapping
	limits  targets.Limits
	writer  writer
	fields  []targets.FieldInfo
	signer  *signer
	masked  secret.Mask

	consistency time.Duration
	lookup      targets.Lookup

	checks []*request
	create *request
	finder *finder
	// These are nil where the description has none; shut closes.
	read, update, comment, shut *request
}

// Addresses implements targets.Addressed.
func (d *driver) Addresses() []settings.Address {
	var out []settings.Address
	add := func(path string, r *request) {
		if r != nil && r.url != nil {
			out = append(out, settings.Address{Path: "settings." + path + "." + reqURL, URL: r.url.origin, Credentials: d.sent(r)})
		}
	}
	for i, r := range d.checks {
		add(fmt.Sprintf("%s[%d]", setCheck, i), r)
	}
	add(setCreate, d.create)
	if d.finder != nil {
		add(setFind, d.finder.request)
	}
	add(setRead, d.read)
	add(setUpdate, d.update)
	add(setComment, d.comment)
	add(setClose, d.shut)
	return out
}

// sent names the credentials that a request carries, or is signed with; never
// nil.
func (d *driver) sent(r *request) []string {
	names := secretsOf(r.url.tmpl)
	for _, h := range r.headers {
		names = append(names, secretsOf(h.value)...)
	}
	if d.signer != nil {
		names = append(names, credSigning)
	}
	return append([]string{}, names...)
}

// Parts implements targets.Composite.
func (d *driver) Parts() []any {
	var parts []any
	for _, p := range []struct {
		there bool
		part  any
	}{
		{d == nil || d.finder != nil, duplicates{d}}, {d == nil || d.read != nil, reader{d}}, {d == nil || d.update != nil, updater{d}},
		{d == nil || d.comment != nil, commenter{d}}, {d == nil || d.shut != nil, closer{d}},
	} {
		if p.there {
			parts = append(parts, p.part)
		}
	}
	return parts
}

// Traits implements targets.Driver.
func (d *driver) Traits() targets.Traits {
	t := targets.Traits{Name: d.name, Limits: d.limits, Lookup: d.lookup, Consistency: d.consistency}
	var caveats []string
	if d.lookup == targets.LookupNone {
		caveats = append(caveats, "the description has no look-up (find): if an answer of "+d.name+" is lost, the push is sent again and may make a second issue")
	}
	if len(d.checks) == 0 {
		caveats = append(caveats, "it has no check: wrong credentials show with the first push")
	}
	t.Caveat = strings.Join(caveats, "; ")
	return t
}

// ListFields implements targets.FieldLister: a description takes what the
// settings map.
func (d *driver) ListFields(context.Context) ([]targets.FieldInfo, error) { return d.fields, nil }

// Check implements targets.Driver.
func (d *driver) Check(ctx context.Context) error {
	for _, r := range d.checks {
		if err := d.ask(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// ask sends one of the check's requests.
func (d *driver) ask(ctx context.Context, r *request) error {
	_, err := d.get(ctx, r, checkData{})
	if err == nil || r.says == "" || fault.KindOf(err) != fault.Invalid && fault.KindOf(err) != fault.NotFound {
		return err
	}
	e := *fault.From(err)
	e.Public = d.name + ": " + r.says
	return &e
}

// Find implements targets.Driver. Without a look-up nothing is ever found.
func (d *driver) Find(ctx context.Context, marker targets.Marker) (*targets.Issue, error) {
	if d.finder == nil {
		return nil, nil
	}
	all, err := d.findAll(ctx, marker)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

// Create implements targets.Driver.
func (d *driver) Create(ctx context.Context, draft targets.Draft) (targets.Issue, error) {
	doc, err := d.send(ctx, d.create, d.wish(draft), string(draft.Marker))
	if err != nil {
		return targets.Issue{}, err
	}
	if d.create.expect != nil && !d.create.expect.holds(doc) {
		return targets.Issue{}, wire.Unreadable(d.create.op, errors.New("the answer is not as create.expect says"))
	}
	made, err := d.mapping.issue(parts(ctx), at(d.create, doc), "", string(draft.Marker))
	if err != nil {
		return targets.Issue{}, wire.Unreadable(d.create.op, err)
	}
	made = d.completed(ctx, made)
	if made.Title == "" {
		made.Title = draft.Title
	}
	return made, nil
}

// completed reads what an answer did not tell of an issue. That it cannot be
// read takes nothing from what is known.
func (d *driver) completed(ctx context.Context, i targets.Issue) targets.Issue {
	if d.read == nil || i.Status != "" && i.Title != "" {
		return i
	}
	if whole, err := d.readIssue(ctx, i.ID); err == nil {
		return whole
	}
	return i
}

func (d *driver) readIssue(ctx context.Context, id string) (targets.Issue, error) {
	if !d.mapping.known(id) {
		return targets.Issue{}, d.unknown(d.read.op, id)
	}
	doc, err := d.get(ctx, d.read, issueData{id})
	if err != nil {
		return targets.Issue{}, d.explain(ctx, d.read.op, id, err)
	}
	i, err := d.mapping.issue(parts(ctx), at(d.read, doc), id, "")
	if err != nil {
		return targets.Issue{}, d.odd(d.read.op, err)
	}
	return i, nil
}

// change sends a request about an issue that is known by its id. A refusal
// that leaves open what became of the issue has it read.
func (d *driver) change(ctx context.Context, r *request, id string, data any) (any, error) {
	if !d.mapping.known(id) {
		return nil, d.unknown(r.op, id)
	}
	doc, err := d.send(ctx, r, data, "")
	var page *pageError
	absent := &absentError{}
	switch {
	case errors.As(err, &page) && d.read == nil && r.expect == nil:
		err = nil // whoever takes the request may confirm it with a page
	case err == nil && r.expect != nil && !r.expect.holds(doc):
		err = wire.Unreadable(r.op, errors.New("the answer is not as expect says"))
	case err != nil && fault.KindOf(err) == fault.NotFound && d.read != nil && (!errors.As(err, &absent) || !absent.gone):
		if _, why := d.readIssue(ctx, id); why != nil {
			return doc, wire.Sure(why)
		}
	}
	return doc, d.explain(ctx, r.op, id, err)
}

// pageError is the cause where a web page came in place of the answer.
type pageError struct{}

func (*pageError) Error() string { return "the answer is a web page" }

// at is the issue in an answer.
func at(r *request, doc any) any {
	if r.at == nil {
		return doc
	}
	return r.at.first(doc)
}

// get sends a request that changes nothing, and reads the answer. Its error is
// never Unsure, whatever it is a part of.
func (d *driver) get(ctx context.Context, r *request, data any) (any, error) {
	doc, err := d.send(ctx, r, data, "")
	if err != nil {
		sure := *fault.From(err)
		sure.Unsure = false
		return nil, &sure
	}
	if r.expect != nil && !r.expect.holds(doc) {
		return nil, d.odd(r.op, errors.New("expect selects nothing in the answer"))
	}
	return doc, nil
}

// odd is a good answer that is not as described.
func (d *driver) odd(op string, err error) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.Invalid, Err: err,
		Public: d.name + " does not answer as described. Ask your admin to compare the integration's settings (" + strings.ReplaceAll(op, " issue", "") + ") with what it sends."}
}

// send makes a request of its templates and sends it. The document is nil
// where the answer is not JSON: what needs one says so.
func (d *driver) send(ctx context.Context, r *request, data any, id string) (any, error) {
	call, err := d.call(ctx, r, data)
	if err != nil {
		return nil, d.unmade(r.op, err)
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
			Public: d.name + " answered with a web page. Something stands in front of it, or the address is another's. Push again in a while, or ask your admin to check the integration's settings (" + strings.ReplaceAll(r.op, " issue", "") + ")."}
	}
	return doc, nil
}

// unmade is the error of a request that was not made, and so not sent.
func (d *driver) unmade(op string, err error) *fault.Error {
	if ended := fault.Wrap(fault.Invalid, op, err); ended.Kind != fault.Invalid {
		return ended
	}
	exceeded, bad := (*templates.ExceededError)(nil), (*templateError)(nil)
	if errors.As(err, &exceeded) && errors.As(err, &bad) {
		return exceeded.Fault(op, bad.setting)
	}
	return &fault.Error{Op: op, Kind: fault.Invalid, Err: err,
		Public: fmt.Sprintf("%s: the request cannot be made of this item (%s). Ask your admin to correct the integration's settings.", d.name, d.mask(said(err)))}
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
