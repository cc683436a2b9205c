package pushes

import (
	"context"
	"errors"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/telemetry"
	"pushbutton/internal/tenants"
)

// admin stands for the person who clicked where that person is unknown.
const admin = "admin"

// Retry pushes again, which is as safe as a click. An issue that exists is found and
// not created a second time, and a push under way goes on as it is. The error is
// fault.NotFound for a button that nobody has pushed or linked. It is
// fault.Conflict or fault.Unauthorized, with the reason, where a click would be
// rejected.
func (s Scope) Retry(ctx context.Context, integration, entity string) (Push, error) {
	return s.change(ctx, integration, entity, true, func(in tenants.Integration, e connections.Entry) (connections.Record, *connections.Task, error) {
		if err := s.checkPushable(ctx, in); err != nil {
			return connections.Record{}, nil, err
		}
		return s.service.records.Push(ctx, e.Key, clicker(e.Record.Click.Name, e.Record.Click.Email))
	})
}

func clicker(name, email string) connections.Person {
	if name == "" && email == "" {
		return connections.Person{Name: admin}
	}
	return connections.Person{Name: name, Email: email}
}

// Reset has the button show initial, whatever it shows at Productboard and whether
// or not it has a record. The issue stays as it is, and the next push gets one of its
// own.
func (s Scope) Reset(ctx context.Context, integration, entity string) (Push, error) {
	return s.change(ctx, integration, entity, false, func(_ tenants.Integration, e connections.Entry) (connections.Record, *connections.Task, error) {
		return s.service.records.Reset(ctx, e.Key)
	})
}

// Unlink does what unlinking at Productboard does. The button shows initial, and the
// issue is treated as the integration's OnUnlink says.
func (s Scope) Unlink(ctx context.Context, integration, entity string) (Push, error) {
	return s.change(ctx, integration, entity, true, func(_ tenants.Integration, e connections.Entry) (connections.Record, *connections.Task, error) {
		return s.service.records.Unlink(ctx, e.Key)
	})
}

// Link connects the button to an issue that exists, by its key or its page's address.
// An issue that it was connected to before stays as it is. The error is a *FieldError
// for an issue that the tracker does not show, or that is not the integration's.
func (s Scope) Link(ctx context.Context, integration, entity, issue string) (Push, error) {
	return s.change(ctx, integration, entity, false, func(in tenants.Integration, e connections.Entry) (connections.Record, *connections.Task, error) {
		found, err := s.service.resolve(ctx, in, issue)
		if err != nil {
			return connections.Record{}, nil, err
		}
		return s.service.records.Link(ctx, e.Key, found)
	})
}

// LinkNew is Link for an integration that was just taken over from another program,
// and whose buttons have no records.
func (s *Service) LinkNew(ctx context.Context, in tenants.Integration, entity, issue string) error {
	found, err := s.resolve(ctx, in, issue)
	if err != nil {
		return err
	}
	_, task, err := s.records.Link(ctx, connections.Key{Tenant: in.Tenant, Integration: in.ID, Entity: entity}, found)
	s.enqueue(ctx, task)
	return err
}

// resolve asks the tracker for an issue.
func (s *Service) resolve(ctx context.Context, in tenants.Integration, name string) (targets.Issue, error) {
	tracker, err := s.tracker(ctx, in)
	if err != nil {
		return targets.Issue{}, err
	}
	issue, supported, err := tracker.Resolve(ctx, name)
	if err != nil {
		e := fault.From(err)
		if e.Kind == fault.NotFound || e.Kind == fault.Invalid {
			return targets.Issue{}, &FieldError{Field: FieldIssue, Err: e}
		}
		return targets.Issue{}, err
	}
	if !supported {
		return targets.Issue{}, invalidField(FieldIssue, "This tracker's issues cannot be found by their key or address.")
	}
	return issue, nil
}

// change makes one change of a button. It checks first that the button can be
// changed, and then queues the task that the transition returned.
func (s Scope) change(ctx context.Context, integration, entity string, known bool, transition func(tenants.Integration, connections.Entry) (connections.Record, *connections.Task, error)) (Push, error) {
	key := s.key(integration, entity)
	in, err := s.service.tenants.Tenant(s.tenant).Integration(ctx, integration)
	if err != nil {
		return Push{}, err
	}
	e, err := s.service.records.Entry(ctx, key)
	switch {
	case !known && (errors.Is(err, fault.NotFound) || errors.Is(err, connections.ErrUnreadable)) && key.Valid():
		e = connections.Entry{Key: key}
	case err != nil:
		return Push{}, err
	}
	if err := checkRegistered(in); err != nil {
		return Push{}, err
	}
	_, task, err := transition(in, e)
	if err != nil {
		return Push{}, err
	}
	s.service.enqueue(ctx, task)
	if e, err = s.service.records.Entry(ctx, key); err != nil {
		return Push{}, err
	}
	return pushOf(e, in.Name), nil
}

// checkRegistered rejects changes of which Productboard could not be told.
func checkRegistered(in tenants.Integration) error {
	switch {
	case !in.Deleting.IsZero():
		return fault.New(fault.Conflict, "pushes", "The integration is being deleted.")
	case in.ProductboardID == "":
		return fault.New(fault.Conflict, "pushes", "The integration is not registered at Productboard yet.")
	}
	return nil
}

// checkPushable returns the reason for which a click would be rejected, and nil if
// there is none.
func (s Scope) checkPushable(ctx context.Context, in tenants.Integration) error {
	const op = "pushes"
	if err := checkRegistered(in); err != nil {
		return err
	}
	if in.Disabled {
		return fault.New(fault.Conflict, op, "The integration is disabled. Enable it first.")
	}
	if r := in.Reconnect; r != nil {
		return &fault.Error{Op: op, Kind: fault.Unauthorized, Side: r.Side, Public: r.Reason}
	}
	t, err := s.service.tenants.Tenant(s.tenant).Get(ctx)
	if err != nil {
		return err
	}
	if t.Halted() {
		return fault.New(fault.Conflict, op, "The tenant is suspended.")
	}
	return nil
}

// enqueueTimeout bounds the queuing of a task that is recorded. It does not end with
// the request, so that the task is queued even if the request is over.
const enqueueTimeout = 2 * time.Second

// enqueue queues the task that a transition returned. If that fails, the rescuer
// queues it within seconds.
func (s *Service) enqueue(ctx context.Context, task *connections.Task) {
	if task == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), enqueueTimeout)
	defer cancel()
	if err := s.queue.Enqueue(ctx, *task); err != nil {
		s.log.WarnContext(ctx, "recorded but not queued", task.Key.LogAttr(), telemetry.KeyError, err)
	}
}
