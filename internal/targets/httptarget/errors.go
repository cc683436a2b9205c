package httptarget

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// kind is the meaning that a description assigns to a refusal.
type kind struct {
	name   string
	kind   fault.Kind
	unsure bool
}

func kinds() []kind {
	return []kind{
		{"invalid", fault.Invalid, false}, {"unauthorized", fault.Unauthorized, false}, {"forbidden", fault.Forbidden, false},
		{"notFound", fault.NotFound, false}, {"conflict", fault.Conflict, false}, {"rateLimited", fault.RateLimited, false},
		{"unavailable", fault.Unavailable, false}, {"unknown", fault.Unavailable, true},
	}
}

func kindNames() []string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}

func kindNamed(name string) (kind, bool) {
	at := slices.IndexFunc(kinds(), func(k kind) bool { return k.name == name })
	if at < 0 {
		return kind{}, false
	}
	return kinds()[at], true
}

// refusals is how a tracker says what is wrong.
type refusals struct {
	message            []*path
	plain              bool
	code, when, status *path
	kinds              map[string]string // by code
	statuses           map[string]string // by HTTP status
	// gone are codes and messages by which the tracker says that it has no such
	// issue, or noBody.
	gone        []string
	retryPath   *path
	retryHeader string
}

// verdict says what an answer to a request means; nil: it is good. doc is the
// answer's document, nil where it is not JSON.
func (d *driver) verdict(req *request, r outbound.Reply, doc any, usual *fault.Error) *fault.Error {
	verdict := usual
	code := d.errors.code.text(doc)
	switch {
	case verdict == nil && req.missing.isTruthy(doc):
		return &fault.Error{Kind: fault.NotFound, Err: &absentError{own: true}}
	case verdict == nil && req.op == targets.OpCreate && d.mapping.names(at(req, doc)):
		return nil // complaints beside an issue do not undo it
	case verdict == nil && (d.errors.when.isTruthy(doc) || req.refuse.isTruthy(doc)):
		verdict = d.errors.inside(doc, r.Header)
	case verdict == nil:
		return nil
	}
	message := d.message(doc, r)
	if e := wire.Foreign(d.name, r, d.recognises(r, message, code)); e != nil {
		return e
	}
	d.errors.override(verdict, d.errors.statuses[strconv.Itoa(r.Status)])
	for _, known := range []string{code, message} {
		for c, name := range d.errors.kinds {
			if known != "" && strings.EqualFold(c, known) {
				d.errors.override(verdict, name)
			}
		}
	}
	if verdict.RetryAfter == 0 {
		verdict.RetryAfter = d.errors.retryAfter(doc, r.Header, time.Now())
	}
	verdict.Ref = d.mask(r.Header.Get("X-Request-Id"))
	if verdict.Kind == fault.NotFound {
		verdict.Err = &absentError{gone: d.errors.saysGone(r, message, code), own: message != "" || code != "", cause: verdict.Err}
	}
	if message != "" && (verdict.Kind == fault.Invalid || verdict.Kind == fault.Forbidden || verdict.Kind == fault.Conflict) && !redirect(r.Status) {
		verdict.Public = d.sentence(message)
	}
	if verdict.Kind == fault.Invalid && text.SaysTooLong(message) {
		verdict.Err = &targets.TooLongError{Limit: text.StatedLimit(message, text.MinStated), Message: message, Err: cmp.Or(verdict.Err, error(verdict.Kind))}
	}
	return verdict
}

// absentError is a refusal by which the tracker does not return something.
type absentError struct {
	// gone is set if error.gone lists what it says, own if it says anything.
	gone, own bool
	cause     error
}

func (e *absentError) Error() string {
	if e.cause == nil {
		return "there is no such issue"
	}
	return e.cause.Error()
}

func (e *absentError) Unwrap() error { return e.cause }

// noBody stands in error.gone for an answer without a body.
const noBody = "(empty)"

// saysGone reports whether a refusal is one that error.gone lists.
func (f *refusals) saysGone(r outbound.Reply, message, code string) bool {
	return slices.ContainsFunc(f.gone, func(word string) bool {
		if word == noBody {
			return len(bytes.TrimSpace(r.Body)) == 0
		}
		return strings.EqualFold(word, message) || strings.EqualFold(word, code)
	})
}

// recognises reports whether a refusal's body may be the tracker's own. Where
// the description says how errors look, anything else is a stranger's.
func (d *driver) recognises(r outbound.Reply, message, code string) bool {
	if wire.WebPage(r) {
		return false
	}
	described := len(d.errors.message) > 0 || d.errors.code != nil || d.errors.plain
	return !described || message != "" || code != ""
}

func redirect(status int) bool { return status >= 300 && status < 400 }

// inside is the verdict on a refusal whose own status is 2xx.
func (f *refusals) inside(doc any, h http.Header) *fault.Error {
	if status, err := strconv.Atoi(f.status.text(doc)); err == nil && status >= 300 && status < 600 {
		return outbound.FromStatus(status, h)
	}
	return &fault.Error{Kind: fault.Invalid}
}

func (f *refusals) override(verdict *fault.Error, name string) {
	if k, ok := kindNamed(name); ok {
		verdict.Kind, verdict.Unsure = k.kind, k.unsure
	}
}

// retryAfter reads how long to wait, as seconds or as a Unix time.
func (f *refusals) retryAfter(doc any, h http.Header, now time.Time) time.Duration {
	const epoch = 1e9 // no tracker asks for thirty years
	text := f.retryPath.text(doc)
	if text == "" && f.retryHeader != "" {
		text = h.Get(f.retryHeader)
	}
	if secs, err := strconv.ParseFloat(text, 64); err == nil && secs > epoch {
		text = strconv.FormatFloat(secs-float64(now.Unix()), 'f', 0, 64)
	}
	return outbound.RetryAfter(http.Header{"Retry-After": {text}}, now)
}

// message is the tracker's own message, without credentials; "" if there is none.
func (d *driver) message(doc any, r outbound.Reply) string {
	for _, p := range d.errors.message {
		var all []string
		for _, n := range p.nodes(doc) {
			if s := scalar(n); s != "" && !slices.Contains(all, s) && len(all) < 5 {
				all = append(all, s)
			}
		}
		if len(all) > 0 {
			return d.mask(text.Title(strings.Join(all, ", "), maxMessage))
		}
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	message := strings.TrimSpace(string(r.Body[:min(len(r.Body), 4*maxMessage)]))
	if d.errors.plain && err == nil && media == "text/plain" && message != "" && !strings.HasPrefix(message, "<") {
		return d.mask(text.Title(message, maxMessage))
	}
	return ""
}

const maxMessage = 300

// sentence returns what the person who clicked reads of a refusal.
func (d *driver) sentence(message string) string {
	tail := " Ask your admin to change that in " + d.name + " or in the integration's settings."
	what := strings.TrimRight(text.Title(message, text.MaxPublic-len(d.name)-len(": .")-len(tail)), ".")
	if !strings.HasSuffix(what, "…") {
		what += "."
	}
	return d.name + ": " + what + tail
}

// unknown is the error for an id that no issue of the tracker can have.
func (d *driver) unknown(op, id string) *fault.Error {
	return wire.UnknownID(op, d.name, d.issueNamed(id))
}

func (d *driver) issueNamed(id string) string { return "the issue " + text.Title(id, 30) }

// explain looks closer at an issue that the tracker does not return. Its place
// is proven by the description's check; without one nothing is ever gone.
func (d *driver) explain(ctx context.Context, op, id string, err error) error {
	absent := &absentError{}
	_ = errors.As(err, &absent)
	return wire.Absence{Op: op, Tracker: d.name, Issue: d.issueNamed(id), Account: "the integration's account", Own: absent.gone,
		CheckPlace: func(ctx context.Context) error {
			if len(d.checks) == 0 || absent.own && !absent.gone {
				return &fault.Error{Kind: fault.NotFound} // it may be hidden as well
			}
			return d.Check(ctx)
		}}.Explain(ctx, err)
}

// mask takes out of a text what the credentials are, and what was made of them.
func (d *driver) mask(s string) string {
	return d.masked.Hide(s)
}
