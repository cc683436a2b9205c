package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"pushbutton/internal/connections"
	"pushbutton/internal/jobs"
	"pushbutton/internal/targets/memtarget"
)

// fairnessOptions are the measure of a neighbour's noise.
type fairnessOptions struct {
	waiting int // pushes of the noisy tenant
	rounds  int
	clicks  int // of all quiet tenants, a round
	rate    int // a second
}

const (
	// fairGoal is by how much another tenant's clicks may take longer.
	fairGoal = 1.5
	// knownItems is how many of the noisy tenant's items Productboard knows:
	// more are not begun while this runs, and a hundred thousand would only fill
	// the memory.
	knownItems = 1000
)

// noises are what can be wrong with a neighbour's tracker.
func noises() []noise {
	all := func(f memtarget.Fault) memtarget.Faults {
		return memtarget.Faults{Random: []memtarget.Chance{{On: memtarget.OpCreate, P: 1, Fault: f}, {On: memtarget.OpFind, P: 1, Fault: f}, {On: memtarget.OpOther, P: 1, Fault: f}}}
	}
	return []noise{
		{"answers in 5 s", all(memtarget.Fault{Effect: memtarget.EffectSlow, DelayMS: 5000})},
		{"never answers", all(memtarget.Fault{Effect: memtarget.EffectHold})},
		{"limits us for 60 s each", all(memtarget.Fault{Effect: memtarget.EffectStatus, Status: 429, RetryAfter: 60})},
	}
}

type noise struct {
	name   string
	faults memtarget.Faults
}

// fairness measures, for each noise, the quiet tenants' clicks before, while and
// after the noisy tenant's pushes wait.
func fairness(ctx context.Context, o fairnessOptions, server *redisServer, log *slog.Logger, say io.Writer) (*report, error) {
	r := newReport(fmt.Sprintf("%d tenants click, %d a second in all, %d rounds of %d; a neighbour has %d pushes waiting", quiets, o.rate, o.rounds, o.clicks, o.waiting),
		"idle", "beside the neighbour", fairGoal, server)
	for _, n := range noises() {
		if err := oneNoise(ctx, o, n, r, server, log, say); err != nil {
			return nil, fmt.Errorf("%s: %w", n.name, err)
		}
	}
	return r, nil
}

// oneNoise measures the idle system before and after, since a shared machine
// drifts.
func oneNoise(ctx context.Context, o fairnessOptions, n noise, r *report, server *redisServer, log *slog.Logger, say io.Writer) error {
	before, beside, err := besideNoise(ctx, o, n, server, log, say)
	if err != nil {
		return err
	}
	fmt.Fprintf(say, "bench: %s: the other %d rounds on the idle system\n", n.name, o.rounds-len(before))
	after, err := onIdle(ctx, o, server, o.rounds-len(before), log)
	if err != nil {
		return err
	}
	late := int64(0)
	whole := func(rounds []round) (all []outcome) {
		for _, one := range rounds {
			all, late = append(all, one.whole), late+one.late
		}
		return all
	}
	idle, loud := whole(append(before, after...)), whole(beside)
	one := r.compare("click to connected; its tracker "+n.name, idle, loud, late)
	fmt.Fprintf(say, "bench: %s: p99 %.1f ms idle, %.1f beside it: %.2f times, %d late\n", n.name, one.BaseP99, one.P99, one.Ratio, late)
	return nil
}

// fresh is a new system over an empty Redis, whose connections are made and
// whose caches are filled.
func fresh(ctx context.Context, o fairnessOptions, server *redisServer, rounds, more int, log *slog.Logger) (*fixture, error) {
	if err := server.client.FlushAll(ctx).Err(); err != nil {
		return nil, err
	}
	warm := o.clicks / 4
	s, err := newFixture(ctx, server, warm+rounds*o.clicks+more, log)
	if err != nil {
		return nil, err
	}
	if _, err := s.clicks(ctx, warm, o.rate); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func onIdle(ctx context.Context, o fairnessOptions, server *redisServer, rounds int, log *slog.Logger) (all []round, err error) {
	s, err := fresh(ctx, o, server, rounds, 0, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	return s.many(ctx, rounds, o)
}

// besideNoise measures half of the rounds on the idle system, and all of them
// while the neighbour's pushes wait.
func besideNoise(ctx context.Context, o fairnessOptions, n noise, server *redisServer, log *slog.Logger, say io.Writer) (idle, beside []round, err error) {
	rounds := o.rounds / 2
	s, err := fresh(ctx, o, server, rounds+o.rounds, knownItems, log)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	fmt.Fprintf(say, "bench: %s: %d of %d rounds on the idle system\n", n.name, rounds, o.rounds)
	if idle, err = s.many(ctx, rounds, o); err != nil {
		return nil, nil, err
	}
	if err := s.noisy.SetFaults(n.faults); err != nil {
		return nil, nil, err
	}
	store, err := s.load(ctx, o.waiting, s.next+o.rounds*o.clicks, server, say)
	if err != nil {
		return nil, nil, err
	}
	fmt.Fprintf(say, "bench: %s: %d rounds beside it\n", n.name, o.rounds)
	if beside, err = s.many(ctx, o.rounds, o); err != nil {
		return nil, nil, err
	}
	usage, err := store.Usage(ctx, noisyTenant)
	if err != nil {
		return nil, nil, err
	}
	fmt.Fprintf(say, "bench: %s: the neighbour has %d in flight and %d waiting at the end\n", n.name, usage.InFlight, usage.Queued)
	return idle, beside, nil
}

func (s *fixture) many(ctx context.Context, rounds int, o fairnessOptions) ([]round, error) {
	var all []round
	for range rounds {
		r, err := s.clicks(ctx, o.clicks, o.rate)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// load records the noisy tenant's pushes as its clicks would, and queues what
// may begin. The first are of items that Productboard knows, from an item on.
func (s *fixture) load(ctx context.Context, n, from int, server *redisServer, say io.Writer) (*connections.Store, error) {
	store, queue := connections.NewStore(server.client, connections.Timing{Deadline: s.cfg.PushDeadline}), jobs.NewQueue(server.client)
	// As many as shall wait, and as many read-backs.
	if err := store.SetLimits(ctx, noisyTenant, connections.TenantLimits{MaxQueued: 2 * n}); err != nil {
		return nil, err
	}
	entities := s.box.Productboard.Entities()[from:]
	said := newProgress(say, "the neighbour clicks", int64(n))
	group, ctx := errgroup.WithContext(ctx)
	const clickers = 16
	for c := range clickers {
		group.Go(func() error {
			for i := c; i < n; i += clickers {
				key := connections.Key{Tenant: noisyTenant, Integration: s.columns[noisyTenant].own, Entity: uuid.NewString()}
				if i < len(entities) {
					key.Entity = entities[i].ID
				}
				_, work, err := store.Push(ctx, key, connections.Person{Name: "Joe", Email: "joe@example.com"})
				if err == nil && work != nil {
					err = queue.Enqueue(ctx, *work)
				}
				if err != nil {
					return err
				}
				said.add(1)
			}
			return nil
		})
	}
	return store, group.Wait()
}
