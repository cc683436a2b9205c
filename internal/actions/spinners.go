package actions

import (
	"context"
	"iter"
	"log/slog"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/tenants"
)

// Buttons is what the search for spinners needs of Productboard.
type Buttons interface {
	SearchConnections(ctx context.Context, integrationID string, filter pbapi.ConnectionFilter) iter.Seq2[pbapi.Connection, error]
	PutConnection(ctx context.Context, integrationID, entityID string, state pbapi.ConnectionState) error
}

// Idle is what the search for spinners needs of the records.
type Idle interface {
	Get(ctx context.Context, key connections.Key) (connections.Record, error)
	Recheck(ctx context.Context, key connections.Key) (*connections.Work, error)
}

// Spinners finds buttons that Productboard shows in progress although nobody
// works on them, and settles them: an answer that was processed very late, or
// a click whose record was lost with its Redis.
type Spinners struct {
	// Integrations lists every integration of every tenant.
	Integrations func(ctx context.Context) iter.Seq2[tenants.Integration, error]
	Buttons      func(in tenants.Integration) Buttons
	Records      Idle
	Queue        Queue
	// Turn tells whether it is this process' turn to search; others wait for
	// the next time.
	Turn func(ctx context.Context) bool
	Log  *slog.Logger
	// Observe, if set, is told what was done about a spinner: "read back" or
	// "error".
	Observe func(done string)
}

// spinnersEvery is how often is searched.
const spinnersEvery = 5 * time.Minute

// Run searches at once and then every five minutes, until the context ends.
func (s *Spinners) Run(ctx context.Context) {
	tick := time.NewTicker(spinnersEvery)
	defer tick.Stop()
	for {
		if s.Turn(ctx) {
			s.Search(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Search looks at every integration once. What fails is logged: the next
// search is not far.
func (s *Spinners) Search(ctx context.Context) {
	for in, err := range s.Integrations(ctx) {
		if err == nil && in.ProductboardID != "" && !in.Disabled && (in.Reconnect == nil || in.Reconnect.Side != fault.SideProductboard) {
			err = s.integration(ctx, in)
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.Log.WarnContext(ctx, "search for spinning buttons", "tenant", in.Tenant, "integration", in.ID, "error", err)
		}
	}
}

func (s *Spinners) integration(ctx context.Context, in tenants.Integration) error {
	buttons := s.Buttons(in)
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

func (s *Spinners) settle(ctx context.Context, in tenants.Integration, buttons Buttons, entity string) error {
	key := connections.Key{Tenant: in.Tenant, Integration: in.ID, Entity: entity}
	rec, err := s.Records.Get(ctx, key)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		// A click is recorded before it is answered: this one is lost.
		s.note(ctx, key, "error")
		return buttons.PutConnection(ctx, in.ProductboardID, entity, pbapi.ConnectionState{State: pbapi.StateError,
			Message: "The push plugin has no record of this push. Push again."})
	}
	if err != nil || rec.Step != connections.Idle {
		return err
	}
	work, err := s.Records.Recheck(ctx, key)
	if err != nil || work == nil {
		return err
	}
	s.note(ctx, key, "read back")
	return s.Queue.Enqueue(ctx, *work)
}

func (s *Spinners) note(ctx context.Context, key connections.Key, done string) {
	s.Log.WarnContext(ctx, "a button span for no reason", "connection", key.String(), "done", done)
	if s.Observe != nil {
		s.Observe(done)
	}
}
