// Package pushes is what the people who look after a tenant see of its buttons and
// do about them: lists, timelines, retries, resets, links to issues that exist,
// unlinks, refreshes. The admin API and the commands both use it.
//
// Every change is made as a click makes it: by a transition of the record, whose
// task goes into the queue.
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
	Observe(ctx context.Context, readings []connections.Reading, reset bool) ([]*connections.Task, error)
}

// Tenants binds the store of integrations to a tenant; *tenants.Store does.
type Tenants interface {
	Tenant(id string) tenants.Scope
}

// Queue takes tasks for workers.
type Queue interface {
	Enqueue(ctx context.Context, task connections.Task) error
}

// Tracker finds issues by what people call them, and reads them by their ids;
// *targets.Target does.
type Tracker interface {
	Resolve(ctx context.Context, name string) (issue targets.Issue, supported bool, err error)
	Read(ctx context.Context, id string) (issue targets.Issue, supported bool, err error)
}

// Service looks after the buttons of every tenant. It is safe for concurrent use.
// Make it with New.
type Service struct {
	records Records
	tenants Tenants
	queue   Queue
	tracker func(ctx context.Context, in tenants.Integration) (Tracker, error)
	log     *slog.Logger
	sweep   func(ctx context.Context, tenant, integration string) error
}

// New makes a Service. tracker opens the tracker's side of an integration. sweep
// has all buttons of an integration compared with their issues soon.
func New(records Records, owners Tenants, queue Queue, tracker func(ctx context.Context, in tenants.Integration) (Tracker, error),
	sweep func(ctx context.Context, tenant, integration string) error, log *slog.Logger) *Service {
	return &Service{records: records, tenants: owners, queue: queue, tracker: tracker, sweep: sweep, log: log}
}

// Scope is the service as one tenant sees it: nothing of another tenant can be
// reached through it.
type Scope struct {
	service *Service
	tenant  string
}

// Tenant binds the service to a tenant. It does not check that the tenant exists.
func (s *Service) Tenant(id string) Scope { return Scope{service: s, tenant: id} }

// Push is one button, as people are shown it.
type Push struct {
	Key connections.Key
	// Integration is the integration's name; empty if it is gone.
	Integration string
	State       connections.State
	// Step is what is left to do, Idle if nothing is.
	Step connections.Step
	// Clicked is when the latest push began, and By who clicked. Both are zero if the
	// button was never pushed.
	Clicked time.Time
	By      connections.Person
	// Changed is when the button last changed what it shows, or was clicked to.
	Changed time.Time
	// Attempts is the number of counted tries of the push under way.
	Attempts int
	Issue    *targets.Issue
	// Failure is why the button shows an error. LastFailure is why a push under way
	// waits.
	Failure, LastFailure *connections.Failure
	// Marker is the handle by which its issue is found again in the tracker.
	Marker targets.Marker
}

// Detail is one button with its timeline, oldest event first.
type Detail struct {
	Push
	Timeline []connections.Event
}

func pushOf(e connections.Entry, integration string) Push {
	r := e.Record
	p := Push{Key: e.Key, Integration: integration, State: r.State, Step: r.Step, By: connections.Person{Name: r.Click.Name, Email: r.Click.Email},
		Changed: e.Changed, Attempts: r.Attempts, Issue: r.Issue, Failure: r.Failure, LastFailure: r.LastFailure, Marker: r.Marker(e.Key)}
	if r.Click.At != 0 {
		p.Clicked = connections.Millis(r.Click.At)
	}
	return p
}

// The names of the fields that can be wrong, as in the admin API.
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

// Message returns the sentence that a person may read.
func (e *FieldError) Message() string { return e.Err.Public }

// Unwrap returns the fault.
func (e *FieldError) Unwrap() error { return e.Err }

// UnknownIntegration is the error where a name is not an integration's.
func UnknownIntegration() error {
	return invalidField(FieldIntegration, "is neither the id nor the name of an integration of this tenant")
}

func invalidField(field, message string) error {
	return &FieldError{Field: field, Err: fault.New(fault.Invalid, "pushes", message)}
}

// Get reads one button with its timeline: fault.NotFound where there is none.
func (s Scope) Get(ctx context.Context, integration, entity string) (Detail, error) {
	key := s.key(integration, entity)
	e, err := s.service.records.Entry(ctx, key)
	if err != nil {
		return Detail{}, err
	}
	name := ""
	in, err := s.service.tenants.Tenant(s.tenant).Integration(ctx, integration)
	switch {
	case err == nil:
		name = in.Name
	case fault.KindOf(err) != fault.NotFound: // the record outlives an integration that is being deleted
		return Detail{}, err
	}
	events, err := s.service.records.History(ctx, key)
	return Detail{Push: pushOf(e, name), Timeline: events}, err
}

func (s Scope) key(integration, entity string) connections.Key {
	return connections.Key{Tenant: s.tenant, Integration: integration, Entity: entity}
}
