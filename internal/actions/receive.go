// Package actions is what a click does. Receiver verifies it, records it, queues a
// task and answers at once. Performer does the runs.
//
// What must not live here: the button's transitions (connections), how tasks are
// queued (jobs), any tracker's or Productboard's wire format beyond reading the
// notification.
package actions

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/telemetry"
	"pushbutton/internal/tenants"
)

// Clicks records clicks; connections.Store does.
type Clicks interface {
	Push(ctx context.Context, key connections.Key, by connections.Person) (connections.Record, *connections.Task, error)
	Unlink(ctx context.Context, key connections.Key) (connections.Record, *connections.Task, error)
	RejectClick(ctx context.Context, key connections.Key, by connections.Person, why connections.Failure) (connections.Record, *connections.Task, error)
	Dismiss(ctx context.Context, key connections.Key) (connections.Record, *connections.Task, error)
}

// Queue takes tasks for workers. Queuing the same run twice must be harmless.
type Queue interface {
	Enqueue(ctx context.Context, task connections.Task) error
}

// The limits of a click.
const (
	// MaxBody bounds a notification in bytes.
	MaxBody = 64 << 10
	// recordTimeout bounds the recording.
	recordTimeout = 1200 * time.Millisecond
	// answerTimeout bounds all of it. Productboard waits 5 s, and a person should
	// learn within 2 s that a push could not be taken.
	answerTimeout = 1500 * time.Millisecond
)

// Receiver is the front door for clicks. Make it with NewReceiver.
type Receiver struct {
	integrations tenants.ByID
	tenants      tenants.ByTenant
	clicks       Clicks
	queue        Queue
	log          *slog.Logger
	opts         ReceiverOptions
}

// ReceiverOptions holds what a Receiver can do without.
type ReceiverOptions struct {
	// Observe is told of every answered click.
	Observe func(trigger, outcome string, took time.Duration)
}

// NewReceiver makes a Receiver. opts may be nil.
func NewReceiver(integrations tenants.ByID, owners tenants.ByTenant, clicks Clicks, queue Queue, log *slog.Logger, opts *ReceiverOptions) *Receiver {
	r := &Receiver{integrations: integrations, tenants: owners, clicks: clicks, queue: queue, log: log}
	if opts != nil {
		r.opts = *opts
	}
	return r
}

// Request is one action notification as it came in.
type Request struct {
	Integration   string // last segment of the path
	Authorization string
	ContentType   string
	Body          []byte
}

// Answer is what the button shows next, and the shape Productboard wants it in.
type Answer struct {
	State pbapi.ConnectionState
	Shape tenants.AnswerShape
}

// Receive handles one click. Errors are *fault.Error: Invalid for what is
// wrong with the request (a *RequestError inside names the place), NotFound,
// Unauthorized, and Unavailable while the click cannot be recorded.
func (r *Receiver) Receive(ctx context.Context, req Request) (Answer, error) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	integration, err := tenants.Authenticate(ctx, r.integrations, req.Integration, req.Authorization)
	if err != nil {
		r.report(ctx, integration, click{}, start, "", err)
		return Answer{}, err
	}
	click, err := parse(req, integration.ProductboardID)
	if err != nil {
		r.report(ctx, integration, click, start, "", err)
		return Answer{}, err
	}
	state, err := r.apply(ctx, integration, click)
	r.report(ctx, integration, click, start, state.State, err)
	return Answer{State: state, Shape: integration.Answer}, err
}

// apply records the click. That is one round trip to Redis, and nothing else happens
// before the answer. Queue must not wait for Redis.
func (r *Receiver) apply(ctx context.Context, in tenants.Integration, c click) (pbapi.ConnectionState, error) {
	if in.Disabled && c.trigger == pbapi.TriggerPush {
		return pbapi.ConnectionState{State: pbapi.StateError,
			Message: "This integration is switched off in the push plugin. Ask your admin to enable it."}, nil
	}
	t, err := r.tenant(ctx, in)
	switch {
	case err != nil:
		return pbapi.ConnectionState{}, notRecorded(err)
	case t.Importing != "":
		// A record created now would keep out the one that is being imported.
		return pbapi.ConnectionState{}, notRecorded(errors.New("the tenant is being imported"))
	case c.trigger == pbapi.TriggerPush && t.Halted():
		return pbapi.ConnectionState{State: pbapi.StateError,
			Message: "Your workspace is suspended in the push plugin. Ask your admin, or the plugin's operator."}, nil
	}
	key := connections.Key{Tenant: in.Tenant, Integration: in.ID, Entity: c.entity}
	rctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	record, task, err := r.record(rctx, in, key, c)
	if e := fault.From(err); err != nil && e.Kind == fault.RateLimited {
		// A limit of the tenant is reached, and only the button can say so.
		return pbapi.ConnectionState{State: pbapi.StateError, Message: e.Public}, nil
	}
	if errors.Is(err, connections.ErrUnreadable) {
		r.log.ErrorContext(ctx, "click on a record that cannot be read", key.LogAttr(), telemetry.KeyError, err)
		return pbapi.ConnectionState{State: pbapi.StateError,
			Message: "What was stored of this button cannot be read. Ask the plugin's admin to reset it; an issue that was made stays in the tracker."}, nil
	}
	if err != nil {
		return pbapi.ConnectionState{}, notRecorded(err)
	}
	if task != nil {
		if err := r.queue.Enqueue(ctx, *task); err != nil {
			// The click is durable; the rescuer queues it within seconds. The queue
			// has logged it, with one line for many.
			r.log.DebugContext(ctx, "click recorded but not queued", key.LogAttr(), telemetry.KeyError, err)
		}
	}
	if why := rejection(in, c); why != nil {
		// Also for a push that is under way: it goes on by itself, but not now.
		return connections.Button(connections.Record{State: connections.Failed, Failure: why}), nil
	}
	return connections.Button(record), nil
}

// tenant returns the integration's tenant, mostly from memory. It returns the zero
// value where there is none.
func (r *Receiver) tenant(ctx context.Context, in tenants.Integration) (tenants.Tenant, error) {
	t, err := r.tenants.Tenant(ctx, in.Tenant)
	if errors.Is(err, fault.NotFound) { // then the integration is about to go as well
		return tenants.Tenant{}, nil
	}
	return t, err
}

// rejection returns why a push cannot be done now, and nil if it can. A credential
// does not work, as the integration's record, which is in memory, says.
func rejection(in tenants.Integration, c click) *connections.Failure {
	if in.Reconnect == nil || c.trigger != pbapi.TriggerPush {
		return nil
	}
	return &connections.Failure{Message: in.Reconnect.Reason, Kind: fault.Unauthorized.String(), Side: in.Reconnect.Side}
}

func notRecorded(err error) error {
	return &fault.Error{Op: "record click", Kind: fault.Unavailable, Side: fault.SidePlugin, Err: err,
		Public: "The push could not be recorded. Try again in a minute."}
}

func (r *Receiver) record(ctx context.Context, in tenants.Integration, key connections.Key, c click) (connections.Record, *connections.Task, error) {
	if why := rejection(in, c); why != nil {
		return r.clicks.RejectClick(ctx, key, c.by, *why)
	}
	switch c.trigger {
	case pbapi.TriggerUnlink:
		return r.clicks.Unlink(ctx, key)
	case pbapi.TriggerDismiss:
		return r.clicks.Dismiss(ctx, key)
	default:
		return r.clicks.Push(ctx, key, c.by)
	}
}

// report writes the one line per click.
func (r *Receiver) report(ctx context.Context, in tenants.Integration, c click, start time.Time, state pbapi.StateName, err error) {
	took := time.Since(start)
	outcome, level := string(state), slog.LevelInfo
	attrs := []slog.Attr{
		slog.String(telemetry.KeyTenant, in.Tenant), slog.String(telemetry.KeyIntegration, in.ID), slog.String(telemetry.KeyEntity, c.entity),
		slog.String(telemetry.KeyTrigger, c.name()), slog.Float64(telemetry.KeyMillis, float64(took.Microseconds())/1000),
	}
	if err != nil {
		outcome, level = fault.KindOf(err).String(), slog.LevelWarn
		attrs = append(attrs, slog.Any(telemetry.KeyError, err))
	}
	attrs = append(attrs, slog.String(telemetry.KeyOutcome, outcome))
	r.log.LogAttrs(ctx, level, "action", attrs...)
	if r.opts.Observe != nil {
		r.opts.Observe(c.name(), outcome, took)
	}
}
