package actions

import (
	"context"
	"iter"
	"log/slog"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/telemetry"
	"pushbutton/internal/tenants"
)

// Buttons is the part of Productboard's API that the search for stale progress needs.
type Buttons interface {
	SearchConnections(ctx context.Context, integrationID string, filter pbapi.ConnectionFilter) iter.Seq2[pbapi.Connection, error]
	PutConnection(ctx context.Context, integrationID, entityID string, state pbapi.ConnectionState) error
}

// Rechecks is the part of the records that the search for stale progress needs;
// connections.Store has it.
type Rechecks interface {
	Get(ctx context.Context, key connections.Key) (connections.Record, error)
	Recheck(ctx context.Context, key connections.Key) (*connections.Task, error)
}

// StaleProgress finds buttons that Productboard shows in progress although
// nobody works on them, and settles them. Productboard processed an answer very
// late, or the click's record was lost with its Redis. Make it with
// NewStaleProgress.
type StaleProgress struct {
	integrations func(ctx context.Context) iter.Seq2[tenants.Integration, error]
	buttons      func(in tenants.Integration) Buttons
	records      Rechecks
	queue        Queue
	log          *slog.Logger
	opts         StaleProgressOptions
}

// StaleProgressOptions holds what a StaleProgress can do without.
type StaleProgressOptions struct {
	// Observe is told what was done about each button: "read back" or "error".
	Observe func(done string)
}

// NewStaleProgress makes a StaleProgress. integrations lists every integration of
// every tenant, and buttons opens the Productboard of one. opts may be nil.
func NewStaleProgress(integrations func(ctx context.Context) iter.Seq2[tenants.Integration, error], buttons func(in tenants.Integration) Buttons,
	records Rechecks, queue Queue, log *slog.Logger, opts *StaleProgressOptions) *StaleProgress {
	s := &StaleProgress{integrations: integrations, buttons: buttons, records: records, queue: queue, log: log}
	if opts != nil {
		s.opts = *opts
	}
	return s
}

// StaleEvery is the time between two searches.
const StaleEvery = 5 * time.Minute

// Search looks at every integration once. What fails is logged: the next
// search is not far.
func (s *StaleProgress) Search(ctx context.Context) {
	for in, err := range s.integrations(ctx) {
		if err == nil && in.ProductboardID != "" && !in.Disabled && (in.Reconnect == nil || in.Reconnect.Side != fault.SideProductboard) {
			err = s.integration(ctx, in)
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.log.WarnContext(ctx, "search for stale progress", telemetry.KeyTenant, in.Tenant, telemetry.KeyIntegration, in.ID, telemetry.KeyError, err)
		}
	}
}

func (s *StaleProgress) integration(ctx context.Context, in tenants.Integration) error {
	buttons := s.buttons(in)
	filter := pbapi.ConnectionFilter{States: []pbapi.StateName{pbapi.StateProgress}}
	for c, err := range buttons.SearchConnections(ctx, in.ProductboardID, filter) {
		if err != nil {
			return err
		}
		if err := s.settle(ctx, in, buttons, c.EntityID); err != nil {
			return err
		}
	}
	return nil
}

func (s *StaleProgress) settle(ctx context.Context, in tenants.Integration, buttons Buttons, entity string) error {
	key := connections.Key{Tenant: in.Tenant, Integration: in.ID, Entity: entity}
	rec, err := s.records.Get(ctx, key)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		// A click is recorded before it is answered: this one is lost.
		s.note(ctx, key, "error")
		return buttons.PutConnection(ctx, in.ProductboardID, entity, pbapi.ConnectionState{State: pbapi.StateError,
			Message: "The push plugin has no record of this push. Push again."})
	}
	if err != nil || rec.Step != connections.Idle {
		return err
	}
	task, err := s.records.Recheck(ctx, key)
	if err != nil || task == nil {
		return err
	}
	s.note(ctx, key, "read back")
	return s.queue.Enqueue(ctx, *task)
}

func (s *StaleProgress) note(ctx context.Context, key connections.Key, done string) {
	s.log.WarnContext(ctx, "a button stayed in progress with no run under way", key.LogAttr(), telemetry.KeyDone, done)
	if s.opts.Observe != nil {
		s.opts.Observe(done)
	}
}
