// Package pushes is what people who look after a tenant see of its buttons and
// do about them: lists, the timeline of one, a push again, a reset, a link to
// an issue that exists, an unlink. The admin API and the commands both go
// through it.
//
// Everything is done as a click would do it: a transition of the record, and
// the work that it brought goes into the queue.
//
// What must not live here: HTTP, printing, the transitions themselves
// (connections), what a worker does (actions).
package pushes

import (
	"context"
	"log/slog"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
)

// Records keeps the buttons; *connections.Store does.
type Records interface {
	List(ctx context.Context, tenant string, q connections.Query) (connections.Page, error)
	Entry(ctx context.Context, key connections.Key) (connections.Entry, error)
	History(ctx context.Context, key connections.Key) ([]connections.Event, error)
	Push(ctx context.Context, key connections.Key, by connections.Person) (connections.Record, *connections.Task, error)
	Retry(ctx context.Context, key connections.Key, by connections.Person) (began bool, task *connections.Task, err error)
	Reset(ctx context.Context, key connections.Key) (connections.Record, *connections.Task, error)
	Link(ctx context.Context, key connections.Key, issue targets.Issue) (connections.Record, *connections.Task, error)
	Unlink(ctx context.Context, key connections.Key) (connections.Record, *connections.Task, error)
}

// Tenants binds the store of integrations to a tenant; *tenants.Store does.
type Tenants interface {
	Tenant(id string) tenants.Scope
}

// Queue takes work that a worker has to do.
type Queue interface {
	Enqueue(ctx context.Context, task connections.Task) error
}

// Tracker finds issues by what people call them; *targets.Target does.
type Tracker interface {
	Resolve(ctx context.Context, name string) (issue targets.Issue, supported bool, err error)
}

// Service looks after the buttons of every tenant. All fields are needed. It
// is safe for concurrent use.
type Service struct {
	Records Records
	Tenants Tenants
	Queue   Queue
	// Tracker opens the tracker's side of an integration.
	Tracker func(ctx context.Context, in tenants.Integration) (Tracker, error)
	Log     *slog.Logger
}

// Desk is the service as one tenant sees it: nothing of another tenant can be
// reached through it.
type Desk struct {
	s      *Service
	tenant string
}

// Tenant binds the service to a tenant. It does not look whether there is one.
func (s *Service) Tenant(id string) Desk { return Desk{s: s, tenant: id} }

// Push is one button, as people are shown it.
type Push struct {
	Key connections.Key
	// Integration is the integration's name; empty if it is gone.
	Integration string
	State       connections.State
	// ToDo is what is left to do, Idle if nothing is.
	ToDo connections.Step
	// Clicked is when its latest push began and By who clicked; zero if it was
	// never pushed.
	Clicked time.Time
	By      connections.Person
	// Changed is when the button last changed what it shows, or was clicked to.
	Changed time.Time
	// Attempts counts the tries of the push under way that count.
	Attempts int
	Issue    *targets.Issue
	// Failure is why it shows an error, Waiting why a push under way waits.
	Failure, Waiting *connections.Failure
	// Marker is the handle by which its issue is found again in the tracker.
	Marker targets.Marker
}

// Detail is one button with all that is remembered of it, oldest first.
type Detail struct {
	Push
	Timeline []connections.Event
}

func pushOf(e connections.Entry, integration string) Push {
	r := e.Record
	p := Push{Key: e.Key, Integration: integration, State: r.State, ToDo: r.Step, By: connections.Person{Name: r.Click.Name, Email: r.Click.Email},
		Changed: e.Changed, Attempts: r.Attempts, Issue: r.Issue, Failure: r.Failure, Waiting: r.Waiting, Marker: r.Marker(e.Key)}
	if r.Click.At != 0 {
		p.Clicked = connections.Millis(r.Click.At)
	}
	return p
}

// The names of what a caller can get wrong, as in the admin API.
const (
	FieldIntegration = "integration"
	FieldState       = "state"
	FieldKind        = "kind"
	FieldCursor      = "cursor"
	FieldTo          = "to"
	FieldText        = "text"
	FieldIssue       = "issue"
)

// FieldError is a request with a field that is wrong. It wraps a *fault.Error
// whose Public text says what is wrong with it.
type FieldError struct {
	Field string
	Err   *fault.Error
}

// Error implements error.
func (e *FieldError) Error() string { return e.Field + ": " + e.Err.Error() }

// Message is what a person may read.
func (e *FieldError) Message() string { return e.Err.Public }

// Unwrap gives the fault.
func (e *FieldError) Unwrap() error { return e.Err }

func wrong(field, message string) error {
	return &FieldError{Field: field, Err: fault.New(fault.Invalid, "pushes", message)}
}

// Get reads one button with its timeline: fault.NotFound where there is none.
func (d Desk) Get(ctx context.Context, integration, entity string) (Detail, error) {
	key := d.key(integration, entity)
	e, err := d.s.Records.Entry(ctx, key)
	if err != nil {
		return Detail{}, err
	}
	name := ""
	in, err := d.s.Tenants.Tenant(d.tenant).Integration(ctx, integration)
	switch {
	case err == nil:
		name = in.Name
	case fault.KindOf(err) != fault.NotFound: // one whose integration is just being deleted has a record still
		return Detail{}, err
	}
	events, err := d.s.Records.History(ctx, key)
	return Detail{Push: pushOf(e, name), Timeline: events}, err
}

func (d Desk) key(integration, entity string) connections.Key {
	return connections.Key{Tenant: d.tenant, Integration: integration, Entity: entity}
}
