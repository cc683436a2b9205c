package refresh

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/tenants"
)

// engine is what a Sweeper and a Follower have in common: both read issues of an
// integration and have the records take what changed.
type engine struct {
	integrations tenants.ByID
	tenants      tenants.ByTenant
	peers        Peers
	records      Records
	queue        Queue
	reconnects   Reconnects
	log          *slog.Logger
	opts         Options
	// renewEvery is how often a claim is renewed; tests shorten it.
	renewEvery time.Duration
	// pause waits; tests replace it.
	pause func(ctx context.Context, d time.Duration) error
}

func newEngine(integrations tenants.ByID, all tenants.ByTenant, peers Peers, records Records, queue Queue, reconnects Reconnects, log *slog.Logger, opts *Options) engine {
	e := engine{integrations: integrations, tenants: all, peers: peers, records: records, queue: queue, reconnects: reconnects, log: log,
		renewEvery: hold / 3, pause: pause}
	if opts != nil {
		e.opts = *opts
	}
	return e
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// obstacle is why an integration's issues are not read.
type obstacle struct {
	// never says that nobody wants them read. reason is, for people, what is in the
	// way for a while.
	never  bool
	reason string
}

// reader returns what reads an integration's issues, or what is in the way. An
// error means that Redis could not be used.
func (e *engine) reader(ctx context.Context, tenant, integration string) (*reader, obstacle, error) {
	in, err := e.integrations.ByID(ctx, integration)
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return nil, obstacle{never: true}, nil
	case err != nil:
		return nil, obstacle{}, err
	case in.Disabled || in.Refresh.Off || !in.Deleting.IsZero() || in.Tenant != tenant:
		return nil, obstacle{never: true}, nil
	}
	if in.Reconnect != nil {
		return nil, obstacle{reason: "a credential has to be repaired"}, nil
	}
	owner, err := e.tenants.Tenant(ctx, in.Tenant)
	if err != nil {
		return nil, obstacle{}, err
	}
	if owner.Halted() {
		return nil, obstacle{reason: "the tenant is suspended"}, nil
	}
	target, err := e.peers.Target(ctx, in)
	if err != nil {
		return nil, obstacle{reason: fault.From(err).Public}, nil //nolint:nilerr // it is the obstacle
	}
	return &reader{engine: e, in: in, target: target}, obstacle{}, nil
}

var errLost = errors.New("another process has the claim")

// keep renews a claim until end is called: a page can take far longer than the
// hold. The context ends if another process gets the claim all the same.
func (e *engine) keep(ctx context.Context, renew func(ctx context.Context) (lost bool)) (kept context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		ticker := time.NewTicker(e.renewEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if renew(ctx) {
				cancel(errLost)
			}
		}
	})
	return ctx, func() {
		cancel(nil)
		group.Wait()
	}
}
