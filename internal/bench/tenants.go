package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"pushbutton/internal/connections"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
)

// tenantsOptions are how much is stored and how often it is asked for.
type tenantsOptions struct {
	tenants, integrations int
	connections           int // of each tenant, over its integrations
	rounds                int
	clicks, rate          int
	pages                 int // lists and searches a round
}

// flatGoal is by how much everything may take longer than on an empty system.
const flatGoal = 2.0

var errNotFlat = errors.New("what is asked for takes longer beside many tenants than the goal allows")

// figures is what one round took, by what was asked for, in milliseconds.
type figures map[string]outcome

func asked() []string {
	return []string{"list, newest 100", "search, errors of a day", "click, acknowledged", "click, connected"}
}

// manyTenants measures lists, searches and clicks on a system with five small
// tenants, stores many more, and measures the same again.
func manyTenants(ctx context.Context, o tenantsOptions, server *redisServer, log *slog.Logger, out, say io.Writer) (err error) {
	s, err := newStage(ctx, server, (2*o.rounds+1)*o.clicks, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	store := connections.NewStore(server.client, connections.Timing{})
	places := make([]place, 0, quiets)
	for i := range quiets {
		c := s.columns[quiet(i)]
		places = append(places, place{c.tenant, c.own})
		if err := fill(ctx, store, places[i], o.connections/o.integrations); err != nil {
			return err
		}
	}
	if _, err := s.clicks(ctx, o.clicks, o.rate); err != nil { // connects, and fills the caches
		return err
	}
	fmt.Fprintf(say, "bench: %d rounds on a system of %d tenants\n", o.rounds, quiets+1)
	empty, err := s.rounds(ctx, o, store, places)
	if err != nil {
		return err
	}
	more, err := generate(ctx, o, s, store, server, out, say)
	if err != nil {
		return err
	}
	fmt.Fprintf(say, "bench: %d rounds beside them\n", o.rounds)
	full, err := s.rounds(ctx, o, store, more)
	if err != nil {
		return err
	}
	return flat(empty, full, out)
}

// place is an integration with connections.
type place struct{ tenant, integration string }

// rounds measures a few times; lists and searches are of random places, clicks
// of the quiet tenants.
func (s *stage) rounds(ctx context.Context, o tenantsOptions, store *connections.Store, places []place) ([]figures, error) {
	var all []figures
	for range o.rounds {
		f := figures{}
		now := time.Now()
		for what, q := range map[string]connections.Query{
			"list, newest 100":        {Limit: 100},
			"search, errors of a day": {State: connections.Failed, From: now.Add(-48 * time.Hour), To: now.Add(-24 * time.Hour), Limit: 100},
		} {
			var took outcome
			for range o.pages {
				p := places[rand.IntN(len(places))]
				q.Integration = p.integration
				start := time.Now()
				if _, err := store.List(ctx, p.tenant, q); err != nil {
					return nil, err
				}
				took.latencies = append(took.latencies, ms(time.Since(start)))
			}
			f[what] = took
		}
		r, err := s.clicks(ctx, o.clicks, o.rate)
		if err != nil {
			return nil, err
		}
		f["click, acknowledged"], f["click, connected"] = r.ack, r.whole
		all = append(all, f)
	}
	return all, nil
}

// flat prints the table and tells whether the goal was met.
func flat(empty, full []figures, out io.Writer) error {
	fmt.Fprintf(out, "\n  %-26s %-24s %-24s %s\n", "", "empty p50 / p99, ms", "full p50 / p99, ms", fmt.Sprintf("ratio of p99 (goal %.0f), of rounds", flatGoal))
	var err error
	for _, what := range asked() {
		var e50, e99, f50, f99, ratios []float64
		for i := range empty {
			a, b := empty[i][what], full[i][what]
			e50, e99 = append(e50, a.quantile(.5)), append(e99, a.quantile(.99))
			f50, f99 = append(f50, b.quantile(.5)), append(f99, b.quantile(.99))
			ratios = append(ratios, b.quantile(.99)/a.quantile(.99))
		}
		ratio, verdict := median(f99)/median(e99), ""
		if ratio > flatGoal {
			verdict, err = "  MISSED", errNotFlat
		}
		fmt.Fprintf(out, "  %-26s %-24s %-24s %s%s\n", what, fmt.Sprintf("%.2f / %.2f", median(e50), median(e99)), fmt.Sprintf("%.2f / %.2f", median(f50), median(f99)), fmt.Sprintf("%.2f (%s)", ratio, spread(ratios, "%.2f")), verdict)
	}
	return err
}

// generate stores tenants, integrations and connections through the stores
// themselves, and prints what each takes in Redis.
func generate(ctx context.Context, o tenantsOptions, s *stage, store *connections.Store, server *redisServer, out, say io.Writer) ([]place, error) {
	before, err := server.memory(ctx)
	if err != nil {
		return nil, err
	}
	places, err := declare(ctx, o, s, server, say)
	if err != nil {
		return nil, err
	}
	declared, err := server.memory(ctx)
	if err != nil {
		return nil, err
	}
	each := o.connections / o.integrations
	said := newProgress(say, "connections", int64(each*len(places)))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for _, p := range places {
		group.Go(func() error {
			defer said.add(int64(each))
			return fill(gctx, store, p, each)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	filled, err := server.memory(ctx)
	if err != nil {
		return nil, err
	}
	n := float64(each * len(places))
	fmt.Fprintf(out, "%d tenants with %d integrations and %d connections each: %.0f connections\n", o.tenants, o.integrations, o.connections, n)
	fmt.Fprintf(out, "  %-34s %.0f\n  %-34s %.0f\n  %-34s %.1f MB\n", "bytes per connection", float64(filled-declared)/n,
		fmt.Sprintf("bytes per tenant with %d integrations", o.integrations), float64(declared-before)/float64(o.tenants), "Redis in all", float64(filled)/(1<<20))
	return places, nil
}

// declare makes tenants with their integrations.
func declare(ctx context.Context, o tenantsOptions, s *stage, server *redisServer, say io.Writer) ([]place, error) {
	keys, err := s.cfg.Keyring()
	if err != nil {
		return nil, err
	}
	registry := tenants.NewStore(server.client, keys)
	said := newProgress(say, "integrations", int64(o.tenants*o.integrations))
	places := make([]place, o.tenants*o.integrations)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for t := range o.tenants {
		group.Go(func() error {
			id := fmt.Sprintf("tenant-%05d", t)
			if _, err := registry.CreateTenant(ctx, id); err != nil {
				return err
			}
			for i := range o.integrations {
				in, err := registry.Tenant(id).Create(ctx, tenants.Integration{
					ID: tenants.NewID(), Name: fmt.Sprintf("Column %d", i), Type: "com.example." + id, ProductboardID: uuid.NewString(), ButtonLabel: "Push",
					ActionAuth: tenants.NewActionAuth(), Productboard: tenants.APIToken(secret.New(strings.Repeat("t", 200))), Answer: tenants.AnswerV2,
					Target: tenants.TargetConfig{Type: "redmine", Settings: map[string]any{"url": "https://redmine.example.com", "project": "push", "tracker": "Feature"},
						Credentials: map[string]secret.String{"apiKey": secret.New(strings.Repeat("k", 40))}},
				})
				if err != nil {
					return err
				}
				places[t*o.integrations+i] = place{id, in.ID}
				said.add(1)
			}
			return nil
		})
	}
	return places, group.Wait()
}

// fill stores n connections of an integration: one of twenty in error, the
// others connected, spread over the last hundred days.
func fill(ctx context.Context, store *connections.Store, p place, n int) error {
	now := time.Now()
	entries := make([]connections.Entry, n)
	for i := range entries {
		at := now.Add(-time.Duration(rand.Int64N(int64(100 * 24 * time.Hour))))
		r := connections.Record{State: connections.Connected, Generation: 1, Epoch: 1, Run: 3,
			Click: connections.Click{At: at.UnixMilli(), Name: "Jane Doe", Email: "jane.doe@example.com"}}
		if i%20 == 0 {
			r.State = connections.Failed
			r.Failure = &connections.Failure{Kind: "unavailable", Side: "Redmine", Message: "Redmine cannot be reached or is not working. Push again in a while. If it stays so, tell the people who run Redmine."}
		} else {
			id := strconv.Itoa(10_000 + i)
			r.Intent = &connections.Intent{At: at.UnixMilli(), Sent: 1}
			r.Issue = &targets.Issue{ID: id, Key: "#" + id, URL: "https://redmine.example.com/issues/" + id, Title: "An improvement that somebody wishes for", Status: "In Progress", Progress: targets.Started}
		}
		entries[i] = connections.Entry{Key: connections.Key{Tenant: p.tenant, Integration: p.integration, Entity: uuid.NewString()}, Record: r, Changed: at}
	}
	return store.Import(ctx, entries)
}

// memory is what Redis has in use, in bytes.
func (s *redisServer) memory(ctx context.Context) (int64, error) {
	info, err := s.client.Info(ctx, "memory").Result()
	if err != nil {
		return 0, fmt.Errorf("ask for memory: %w", err)
	}
	_, rest, _ := strings.Cut(info, "used_memory:")
	number, _, _ := strings.Cut(rest, "\r")
	return strconv.ParseInt(number, 10, 64)
}
