package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/jobs"
	"pushbutton/internal/pushes"
	"pushbutton/internal/tenants"
)

// tenantsOptions are how much is stored and how often it is asked for.
type tenantsOptions struct {
	tenants, integrations int
	connections           int // of each tenant, over its integrations
	big                   int // of one more tenant, in one integration
	rounds                int
	clicks, rate          int
	pages                 int // lists and searches a round
	pings                 int // a round
}

const (
	// flatGoal is by how much everything may take longer than on an empty
	// system.
	flatGoal = 2.0
	// bytesGoal is what an idle connection may cost.
	bytesGoal = 600
	bigTenant = "big"
)

// figures is what one round took, by what was asked for, in milliseconds.
type figures map[string]outcome

// What is asked for. Both queries find as many in a small integration as in a
// big one.
const (
	askList   = "list: the 100 before a moment"
	askSearch = "search: 10 errors by a text before a moment"
	askPing   = "PING"
	askAck    = "click to acknowledged"
	askClick  = "click to connected"
	ofBig     = ", of the big tenant"
)

func queries() map[string]pushes.Query {
	return map[string]pushes.Query{askList: {Limit: 100}, askSearch: {Filter: pushes.Filter{State: connections.Failed, Text: "cannot be reached"}, Limit: 10}}
}

// manyTenants sets up three systems with five small tenants each, stores many
// more and a big one in one of them, and measures lists, searches and clicks on
// all in turn. The Redis of the third holds as much memory in keys of nobody's:
// what a machine does to a big process is not the tenants' doing.
func manyTenants(ctx context.Context, o tenantsOptions, server *redisServer, log *slog.Logger, say io.Writer) (r *report, err error) {
	if err := enoughMemory(2*int64(o.tenants*o.connections+o.big)*bytesGoal + 1<<30); err != nil {
		return nil, err
	}
	var all [3]*system
	for i := range all {
		on := server
		if i != full {
			if on, err = startRedis(ctx, false); err != nil {
				return nil, err
			}
			defer on.stop()
		}
		if all[i], err = newSystem(ctx, o, on, log); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, all[i].stop()) }()
	}
	r = newReport(fmt.Sprintf("%d tenants with %d integrations and %d connections each, and one with %d in one integration; %d rounds of %d clicks (%d a second) and %d of each query, in turn with systems of %d tenants",
		o.tenants, o.integrations, o.connections, o.big, o.rounds, o.clicks, o.rate, o.pages, quiets+1), "on an empty system", "among them all", flatGoal, server)
	if all[full].places, all[full].big, err = generate(ctx, o, all[full], r, say); err != nil {
		return nil, err
	}
	if err := ballast(ctx, all[full].server, all[heavy].server, say); err != nil {
		return nil, err
	}
	var took [3][]figures
	for i := range o.rounds + 1 {
		fmt.Fprintf(say, "bench: round %d of %d on each system; 0 warms up\n", i, o.rounds)
		for which, s := range all {
			f, err := s.round(ctx, o)
			if err != nil {
				return nil, err
			}
			if i > 0 {
				took[which] = append(took[which], f)
			}
		}
	}
	flat(r, took)
	return r, nil
}

// The systems.
const (
	full = iota
	empty
	heavy // empty, with a Redis as big as the full one's
)

// system is a fixture with what lists and stores its tenants.
type system struct {
	*fixture
	server   *redisServer
	store    *connections.Store
	registry *tenants.Store
	pushes   *pushes.Service
	places   []place // that are listed and searched
	big      []place // likewise, apart; none where there is none
}

func newSystem(ctx context.Context, o tenantsOptions, server *redisServer, log *slog.Logger) (*system, error) {
	fixture, err := newFixture(ctx, server, (o.rounds+1)*o.clicks, log)
	if err != nil {
		return nil, err
	}
	s := &system{fixture: fixture, server: server, store: connections.NewStore(server.client, connections.Timing{})}
	keys, err := s.cfg.Keyring()
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.registry = tenants.NewStore(server.client, keys)
	s.pushes = pushes.New(s.store, s.registry, jobs.NewQueue(server.client), nil, nil, log) // no tracker is asked
	for i := range quiets {
		c := s.columns[quiet(i)]
		s.places = append(s.places, place{c.tenant, c.own})
		if err := fill(ctx, s.store, s.places[i], o.connections/o.integrations); err != nil {
			return nil, errors.Join(err, s.stop())
		}
	}
	return s, nil
}

// place is an integration with connections.
type place struct{ tenant, integration string }

// round measures once; lists and searches are of random places, and of the big
// tenant's if there are any, clicks of the quiet tenants.
func (s *system) round(ctx context.Context, o tenantsOptions) (figures, error) {
	f := figures{}
	var err error
	if f[askPing], err = s.server.pings(ctx, o.pings); err != nil {
		return nil, err
	}
	for what, q := range queries() {
		if f[what], err = pages(ctx, s.pushes, s.places, q, o.pages); err != nil {
			return nil, err
		}
		if len(s.big) == 0 {
			continue
		}
		if f[what+ofBig], err = pages(ctx, s.pushes, s.big, q, o.pages); err != nil {
			return nil, err
		}
	}
	r, err := s.clicks(ctx, o.clicks, o.rate)
	if err != nil {
		return nil, err
	}
	if r.late > 0 {
		return nil, fmt.Errorf("%d clicks were not connected within %s", r.late, patience)
	}
	f[askAck], f[askClick] = r.ack, r.whole
	return f, nil
}

// pages asks n times, as the admin API does, for what comes before some moment
// of the last days.
func pages(ctx context.Context, service *pushes.Service, places []place, q pushes.Query, n int) (took outcome, err error) {
	for range n {
		p := places[rand.IntN(len(places))]
		q.Integration, q.To = p.integration, time.Now().Add(-rand.N(days/10)) //nolint:gosec // no secret
		start := time.Now()
		page, err := service.Tenant(p.tenant).List(ctx, q)
		if err != nil {
			return outcome{}, err
		}
		if len(page.Pushes) == 0 {
			return outcome{}, fmt.Errorf("nothing was found in %s", p.integration)
		}
		took.latencies = append(took.latencies, ms(time.Since(start)))
	}
	return took, nil
}

// flat compares the rounds; the big tenant's pages have to be as fast as small
// ones on the empty system.
func flat(r *report, took [3][]figures) {
	of := func(which int, what string) (out []outcome) {
		for _, f := range took[which] {
			out = append(out, f[what])
		}
		return out
	}
	for _, what := range []string{askList, askSearch, askAck, askClick} {
		r.compare(what, of(empty, what), of(full, what), 0)
	}
	for _, what := range []string{askList, askSearch} {
		r.compare(what+ofBig, of(empty, what), of(full, what+ofBig), 0)
	}
	for _, what := range []string{askList, askSearch, askAck, askClick} {
		r.compare(what+"; empty, with a Redis as big", of(heavy, what), of(full, what), 0)
	}
	for which, name := range [...]string{full: "among them all", empty: "the empty system's", heavy: "as big, with keys of nobody's"} {
		var p99 []float64
		for _, o := range of(which, askPing) {
			p99 = append(p99, o.quantile(.99))
		}
		r.fact(fact{Name: "PING of an idle Redis, p99, " + name, Value: 1000 * median(p99), Unit: "us"})
	}
}

// pings asks for nothing, n times, 2 ms apart.
func (s *redisServer) pings(ctx context.Context, n int) (took outcome, err error) {
	for range n {
		if err := wait(ctx, 2*time.Millisecond); err != nil {
			return outcome{}, err
		}
		start := time.Now()
		if err := s.client.Ping(ctx).Err(); err != nil {
			return outcome{}, fmt.Errorf("ping: %w", err)
		}
		took.latencies = append(took.latencies, ms(time.Since(start)))
	}
	return took, nil
}

// memory is what Redis has in use and what is resident of it, in bytes.
func (s *redisServer) memory(ctx context.Context) (used, resident int64, err error) {
	info, err := s.client.InfoMap(ctx, "memory").Result()
	if err != nil {
		return 0, 0, fmt.Errorf("ask for memory: %w", err)
	}
	if used, err = strconv.ParseInt(info["Memory"]["used_memory"], 10, 64); err != nil {
		return 0, 0, fmt.Errorf("ask for memory: %w", err)
	}
	if resident, err = strconv.ParseInt(info["Memory"]["used_memory_rss"], 10, 64); err != nil {
		return 0, 0, fmt.Errorf("ask for memory: %w", err)
	}
	return used, resident, nil
}

// enoughMemory fails where the machine has less than need available, before
// minutes are spent; where that cannot be told it does not.
func enoughMemory(need int64) error {
	raw, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return nil //nolint:nilerr // not on this system
	}
	_, rest, ok := strings.Cut(string(raw), "MemAvailable:")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kib, err := strconv.ParseInt(number, 10, 64)
	if ok && err == nil && kib<<10 < need {
		return fmt.Errorf("this needs about %d MB of memory and %d are available; fewer tenants need less: -number", need>>20, kib>>10)
	}
	return nil
}
