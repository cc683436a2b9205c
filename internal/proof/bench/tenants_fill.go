package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
)

// generate stores tenants, integrations and connections through the stores
// themselves, and tells what each takes in Redis.
func generate(ctx context.Context, o tenantsOptions, s *system, r *report, say io.Writer) (places, big []place, err error) {
	registry, store, server := s.registry, s.store, s.server
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
			r.Failure = &connections.Failure{Kind: "unavailable", Side: fault.SideTracker, Message: "Redmine cannot be reached or is not working. Push again in a while. If it stays so, tell the people who run Redmine."}
		} else {
			id := strconv.Itoa(10_000 + i)
			r.Issue = &targets.Issue{ID: id, Key: "#" + id, URL: "https://redmine.acme-corporation.example/issues/" + id, Title: fmt.Sprintf("Customers can export report %d as a spreadsheet", i), Status: "In Progress", Progress: targets.Started}
		}
		entries[i] = connections.Entry{Key: connections.Key{Tenant: p.tenant, Integration: p.integration, Entity: uuid.NewString()}, Record: r, Changed: at}
	}
	return store.Import(ctx, entries)
}

// ballast fills a Redis until it holds as much as another.
func ballast(ctx context.Context, like, server *redisServer, say io.Writer) error {
	want, _, err := like.memory(ctx)
	if err != nil {
		return err
	}
	const batch = 2000
	said := newProgress(say, "MB in keys of nobody's", want>>20)
	value := strings.Repeat("x", 400)
	for n, had := 0, int64(0); ; n++ {
		used, _, err := server.memory(ctx)
		if err != nil || used >= want {
			return err
		}
		said.add(used>>20 - had)
		had = used >> 20
		_, err = server.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := range 10 {
				pairs := make([]any, 0, 2*batch)
				for k := range batch {
					pairs = append(pairs, fmt.Sprintf("ballast:%d:%d:%d", n, i, k), value)
				}
				p.MSet(ctx, pairs...)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("fill a Redis: %w", err)
		}
	}
}
