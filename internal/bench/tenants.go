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

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"pushbutton/internal/connections"
	"pushbutton/internal/jobs"
	"pushbutton/internal/pushes"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
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
	askAck    = "click to acknowledged"
	askClick  = "click to connected"
	ofBig     = ", of the big tenant"
)

func queries() map[string]pushes.Query {
	return map[string]pushes.Query{askList: {Limit: 100}, askSearch: {Filter: pushes.Filter{State: connections.Failed, Text: "cannot be reached"}, Limit: 10}}
}

// manyTenants sets up two systems with five small tenants each, stores many
// more and a big one in one of them, and measures lists, searches and clicks on
// both in turn.
func manyTenants(ctx context.Context, o tenantsOptions, server *redisServer, log *slog.Logger, say io.Writer) (r *report, err error) {
	if err := enoughMemory(int64(o.tenants*o.connections+o.big)*bytesGoal + 1<<30); err != nil {
		return nil, err
	}
	other, err := startRedis(ctx, false)
	if err != nil {
		return nil, err
	}
	defer other.stop()
	empty, err := newSystem(ctx, o, other, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, empty.stop()) }()
	full, err := newSystem(ctx, o, server, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, full.stop()) }()
	r = newReport(fmt.Sprintf("%d tenants with %d integrations and %d connections each, and one with %d in one integration; %d rounds of %d clicks (%d a second) and %d of each query, in turn with a system of %d tenants",
		o.tenants, o.integrations, o.connections, o.big, o.rounds, o.clicks, o.rate, o.pages, quiets+1), "on an empty system", "among them all", flatGoal, server)
	places, big, err := generate(ctx, o, full.registry, full.store, r, server, say)
	if err != nil {
		return nil, err
	}
	var without, with []figures
	for i := range o.rounds + 1 {
		fmt.Fprintf(say, "bench: round %d of %d on each system; 0 warms up\n", i, o.rounds)
		a, err := empty.round(ctx, o, empty.small, nil)
		if err != nil {
			return nil, err
		}
		b, err := full.round(ctx, o, places, big)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			without, with = append(without, a), append(with, b)
		}
	}
	flat(r, without, with)
	return r, nil
}

// system is a stage with what lists and stores its tenants.
type system struct {
	*stage
	store    *connections.Store
	registry *tenants.Store
	desks    *pushes.Service
	small    []place // of the tenants that click
}

func newSystem(ctx context.Context, o tenantsOptions, server *redisServer, log *slog.Logger) (*system, error) {
	stage, err := newStage(ctx, server, (o.rounds+1)*o.clicks, log)
	if err != nil {
		return nil, err
	}
	s := &system{stage: stage, store: connections.NewStore(server.client, connections.Timing{})}
	keys, err := s.cfg.Keyring()
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.registry = tenants.NewStore(server.client, keys)
	s.desks = &pushes.Service{Records: s.store, Tenants: s.registry, Queue: jobs.NewQueue(server.client), Log: log} // no tracker is asked
	for i := range quiets {
		c := s.columns[quiet(i)]
		s.small = append(s.small, place{c.tenant, c.own})
		if err := fill(ctx, s.store, s.small[i], o.connections/o.integrations); err != nil {
			return nil, errors.Join(err, s.stop())
		}
	}
	return s, nil
}

// place is an integration with connections.
type place struct{ tenant, integration string }

// round measures once; lists and searches are of random places, and of the big
// tenant's if there are any, clicks of the quiet tenants.
func (s *system) round(ctx context.Context, o tenantsOptions, places, big []place) (figures, error) {
	f := figures{}
	for what, q := range queries() {
		var err error
		if f[what], err = pages(ctx, s.desks, places, q, o.pages); err != nil {
			return nil, err
		}
		if len(big) == 0 {
			continue
		}
		if f[what+ofBig], err = pages(ctx, s.desks, big, q, o.pages); err != nil {
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
func pages(ctx context.Context, desks *pushes.Service, places []place, q pushes.Query, n int) (took outcome, err error) {
	for range n {
		p := places[rand.IntN(len(places))]
		q.Integration, q.To = p.integration, time.Now().Add(-rand.N(days/10)) //nolint:gosec // no secret
		start := time.Now()
		page, err := desks.Tenant(p.tenant).List(ctx, q)
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
func flat(r *report, empty, full []figures) {
	of := func(all []figures, what string) (out []outcome) {
		for _, f := range all {
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
}

// generate stores tenants, integrations and connections through the stores
// themselves, and tells what each takes in Redis.
func generate(ctx context.Context, o tenantsOptions, registry *tenants.Store, store *connections.Store, r *report, server *redisServer, say io.Writer) (places, big []place, err error) {
	before, _, err := server.memory(ctx)
	if err != nil {
		return nil, nil, err
	}
	if places, err = declare(ctx, o, registry, say); err != nil {
		return nil, nil, err
	}
	if big, err = declareOne(ctx, registry, bigTenant, 1); err != nil {
		return nil, nil, err
	}
	declared, _, err := server.memory(ctx)
	if err != nil {
		return nil, nil, err
	}
	each := o.connections / o.integrations
	n := each*len(places) + o.big
	said := newProgress(say, "connections", int64(n))
	begun := time.Now()
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for _, p := range places {
		group.Go(func() error {
			defer said.add(int64(each))
			return fill(gctx, store, p, each)
		})
	}
	for left := o.big; left > 0; left -= bigPart {
		part := min(left, bigPart)
		group.Go(func() error {
			defer said.add(int64(part))
			return fill(gctx, store, big[0], part)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	took := time.Since(begun)
	filled, resident, err := server.memory(ctx)
	if err != nil {
		return nil, nil, err
	}
	r.fact(fact{Name: "connections", Value: float64(n)})
	r.fact(fact{Name: "bytes per connection", Value: float64(filled-declared) / float64(n), Goal: bytesGoal})
	r.fact(fact{Name: fmt.Sprintf("bytes per tenant with its %d integrations, without connections", o.integrations), Value: float64(declared-before) / float64(o.tenants)})
	r.fact(fact{Name: "Redis in all, used", Value: float64(filled) / (1 << 20), Unit: "MB"})
	r.fact(fact{Name: "Redis in all, resident", Value: float64(resident) / (1 << 20), Unit: "MB"})
	r.fact(fact{Name: "connections imported a second", Value: float64(n) / took.Seconds()})
	return places, big, nil
}

// bigPart is how many of the big tenant's connections are made at once.
const bigPart = 500

// declare makes tenants with their integrations.
func declare(ctx context.Context, o tenantsOptions, registry *tenants.Store, say io.Writer) ([]place, error) {
	said := newProgress(say, "integrations", int64(o.tenants*o.integrations))
	places := make([]place, o.tenants*o.integrations)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for t := range o.tenants {
		group.Go(func() error {
			made, err := declareOne(ctx, registry, fmt.Sprintf("tenant-%05d", t), o.integrations)
			copy(places[t*o.integrations:], made)
			said.add(int64(len(made)))
			return err
		})
	}
	return places, group.Wait()
}

// declareOne makes a tenant with n integrations.
func declareOne(ctx context.Context, registry *tenants.Store, id string, n int) ([]place, error) {
	if _, err := registry.CreateTenant(ctx, id); err != nil {
		return nil, err
	}
	made := make([]place, 0, n)
	for i := range n {
		in, err := registry.Tenant(id).Create(ctx, tenants.Integration{
			ID: tenants.NewID(), Name: fmt.Sprintf("Column %d", i), Type: "com.example." + id, ProductboardID: uuid.NewString(), ButtonLabel: "Push",
			ActionAuth: tenants.NewActionAuth(), Productboard: tenants.APIToken(secret.New(strings.Repeat("t", 200))), Answer: tenants.AnswerV2,
			Target: tenants.TargetConfig{Type: "redmine", Settings: map[string]any{"url": "https://redmine.example.com", "project": "push", "tracker": "Feature"},
				Credentials: map[string]secret.String{"apiKey": secret.New(strings.Repeat("k", 40))}},
		})
		if err != nil {
			return nil, err
		}
		made = append(made, place{id, in.ID})
	}
	return made, nil
}

// days is over how long the connections are spread.
const days = 100 * 24 * time.Hour

// fill stores n connections of an integration, as pushes leave them: one of
// twenty in error, the others connected, spread over the last hundred days.
func fill(ctx context.Context, store *connections.Store, p place, n int) error {
	now := time.Now()
	entries := make([]connections.Entry, n)
	for i := range entries {
		at := now.Add(-rand.N(days)) //nolint:gosec // no secret
		r := connections.Record{State: connections.Connected, Generation: 1, Epoch: 1, Run: 3,
			Click: connections.Click{At: at.UnixMilli(), Name: "Jane Margaret Doe", Email: "jane.doe@acme-corporation.example"}}
		if i%20 == 0 {
			r.State = connections.Failed
			r.Intent = &connections.Intent{At: at.UnixMilli(), Sent: 1, Resolved: true}
			r.Failure = &connections.Failure{Kind: "unavailable", Side: "Redmine", Message: "Redmine cannot be reached or is not working. Push again in a while. If it stays so, tell the people who run Redmine."}
		} else {
			id := strconv.Itoa(10_000 + i)
			r.Issue = &targets.Issue{ID: id, Key: "#" + id, URL: "https://redmine.acme-corporation.example/issues/" + id, Title: fmt.Sprintf("Customers can export report %d as a spreadsheet", i), Status: "In Progress", Progress: targets.Started}
		}
		entries[i] = connections.Entry{Key: connections.Key{Tenant: p.tenant, Integration: p.integration, Entity: uuid.NewString()}, Record: r, Changed: at}
	}
	return store.Import(ctx, entries)
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
